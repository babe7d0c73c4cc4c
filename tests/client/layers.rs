//! F10: the client with layers of other crates above and below it.

use std::{
    error::Error as StdError,
    fmt,
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::Instant,
};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt as _,
    balance::p2c::Balance,
    buffer::Buffer,
    discover::ServiceList,
    layer::util::Identity,
    load::Constant,
    retry::{Policy, RetryLayer as TowerRetryLayer},
    service_fn,
    util::BoxCloneSyncService,
};
use tower_http::{decompression::DecompressionLayer, trace::TraceLayer};
use tower_telegram::{
    Client,
    client::{
        ApiBody, ApiRequest, ApiResponse, BotApi, ErrorKind, MigrateChatLayer, Rate,
        RateLimitLayer, RetryLayer, RetryPolicy,
    },
    methods::{GetMe, SendMessage},
};
use tower_test::mock;

use crate::{reading::gzip::gzip, support::log::Log};

type BoxError = Box<dyn StdError + Send + Sync>;
type Http = BoxCloneSyncService<Request<ApiBody>, Response<String>, BoxError>;

const TOO_MANY: &str = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 3","parameters":{"retry_after":3}}"#;

fn bot_api<S>(http: S) -> BotApi<S> {
    BotApi::telegram(http, &"4839574812:AAFD39kkdpWt3".parse().expect("a token"))
}

/// A Bot API that returns the parameters of each call as its result, after a moment.
fn echo() -> Http {
    BoxCloneSyncService::new(service_fn(async |request: Request<ApiBody>| {
        let sent = request.into_body().collect().await?.to_bytes();
        tokio::time::sleep(Duration::from_millis(1)).await;
        let sent = std::str::from_utf8(&sent)?;
        let answer = format!(r#"{{"ok":true,"result":{sent}}}"#);
        Ok(Response::new(answer))
    }))
}

/// An HTTP client with these responses, and then the last one again and again.
fn answering(answers: &'static [&'static str]) -> (Http, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let http = service_fn(move |_: Request<ApiBody>| {
        let call = count.fetch_add(1, Ordering::Relaxed);
        let answer = answers[call.min(answers.len() - 1)];
        ready(Ok::<_, BoxError>(Response::new(answer.to_owned())))
    });
    (BoxCloneSyncService::new(http), calls)
}

/// An HTTP client that sends each request and never gets a response.
fn silent() -> Http {
    BoxCloneSyncService::new(service_fn(async |request: Request<ApiBody>| {
        request.into_body().collect().await?;
        pending().await
    }))
}

/// A call that the limits count, because of its name.
fn call(chat: i64) -> ApiRequest {
    ApiRequest::raw("sendEcho", &json!({"chat_id": chat})).expect("a call")
}

/// Makes so many calls at once, each of which gets its own result.
async fn works(client: &Client, calls: i64) {
    let mut tasks = JoinSet::new();
    for chat in 1..=calls {
        let client = client.clone();
        tasks.spawn(async move { (chat, client.oneshot(call(chat)).await) });
    }
    while let Some(done) = tasks.join_next().await {
        let (chat, answer) = done.expect("no panic");
        let answer = answer.expect("an answer");
        let sent: Value = serde_json::from_slice(answer.result().expect("a result")).expect("JSON");
        assert_eq!(sent, json!({"chat_id": chat}));
    }
}

fn client<S>(service: S) -> Client
where
    S: Service<ApiRequest, Response = ApiResponse, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + Sync + 'static,
{
    Client::from_service(service)
}

#[tokio::test(start_paused = true)]
async fn f10_towers_retry_above() {
    let (http, calls) = answering(&[TOO_MANY, r#"{"ok":true,"result":{}}"#]);
    let retry = TowerRetryLayer::new(RetryPolicy::new());
    let client = client(retry.layer(bot_api(http)));
    let began = Instant::now();
    assert!(client.oneshot(call(1)).await.is_ok());
    assert_eq!(began.elapsed().as_secs(), 3);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

/// Sends each request twice, as a user's own policy might.
#[derive(Clone)]
struct Twice(usize);

impl<R, E> Policy<Request<ApiBody>, R, E> for Twice {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _: &mut Request<ApiBody>, _: &mut Result<R, E>) -> Option<Self::Future> {
        self.0 += 1;
        (self.0 < 2).then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<ApiBody>) -> Option<Request<ApiBody>> {
        let mut again = Request::new(request.body().try_clone()?);
        *again.uri_mut() = request.uri().clone();
        *again.method_mut() = request.method().clone();
        *again.headers_mut() = request.headers().clone();
        Some(again)
    }
}

#[tokio::test]
async fn f10_towers_retry_below() {
    let (http, calls) = answering(&["bad gateway", r#"{"ok":true,"result":{}}"#]);
    let http = TowerRetryLayer::new(Twice(0)).layer(http);
    assert!(client(bot_api(http)).oneshot(call(1)).await.is_ok());
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

/// The most calls that run at once.
#[derive(Clone, Default)]
struct Crowd {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Crowd {
    fn http(&self) -> Http {
        let crowd = self.clone();
        let echo = echo();
        BoxCloneSyncService::new(service_fn(move |request| {
            let (crowd, echo) = (crowd.clone(), echo.clone());
            async move {
                let now = crowd.now.fetch_add(1, Ordering::Relaxed) + 1;
                crowd.most.fetch_max(now, Ordering::Relaxed);
                let answer = echo.oneshot(request).await;
                crowd.now.fetch_sub(1, Ordering::Relaxed);
                answer
            }
        }))
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn f10_towers_concurrency_limit_above_and_below() {
    let limit = || ServiceBuilder::new().concurrency_limit(3);
    let above = Crowd::default();
    works(&client(limit().service(bot_api(above.http()))), 50).await;
    assert_eq!(above.most(), 3);
    let below = Crowd::default();
    works(&client(bot_api(limit().service(below.http()))), 50).await;
    assert_eq!(below.most(), 3);
}

#[tokio::test(start_paused = true)]
async fn f10_towers_timeout_above_and_below() {
    let timeout = || ServiceBuilder::new().timeout(Duration::from_secs(30));
    works(&client(timeout().service(bot_api(echo()))), 10).await;
    works(&client(bot_api(timeout().service(echo()))), 10).await;

    let above = client(timeout().service(bot_api(silent())));
    let below = client(bot_api(timeout().service(silent())));
    for client in [above, below] {
        let began = Instant::now();
        let error = client.oneshot(call(1)).await.expect_err("no answer");
        assert_eq!(began.elapsed().as_secs(), 30);
        // It may have been sent, so only the caller can decide whether to send it again.
        assert!(
            error.is_retryable() && error.may_have_arrived(),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn f10_towers_buffer_above_and_below() {
    works(&client(Buffer::new(bot_api(echo()), 4)), 50).await;
    works(&client(bot_api(Buffer::new(echo(), 4))), 50).await;
}

#[tokio::test]
async fn f10_towers_load_shed_above_and_below() {
    let shed = || ServiceBuilder::new().load_shed().concurrency_limit(1);
    works(&client(shed().service(bot_api(echo()))), 1).await;
    works(&client(bot_api(shed().service(echo()))), 1).await;

    let above = client(shed().service(bot_api(silent())));
    let below = client(bot_api(shed().service(silent())));
    for (client, above) in [(above, true), (below, false)] {
        let mut first = tokio_test::task::spawn(client.clone().oneshot(call(1)));
        tokio_test::assert_pending!(first.poll());
        let error = client.oneshot(call(2)).await.expect_err("no room");
        assert!(error.is_retryable(), "{error:?}");
        if above {
            assert_eq!(error.kind(), ErrorKind::Layer);
            assert!(!error.may_have_arrived());
        }
    }
}

#[tokio::test]
async fn f10_towers_balance_above_and_below() {
    let apis = [0, 0, 0].map(|load| Constant::new(bot_api(echo()), load));
    let balance = Balance::new(ServiceList::new::<ApiRequest>(apis));
    works(&client(Buffer::new(balance, 4)), 50).await;

    let clients = [0, 0, 0].map(|load| Constant::new(echo(), load));
    let balance = Balance::new(ServiceList::new::<Request<ApiBody>>(clients));
    works(&client(bot_api(Buffer::new(balance, 4))), 50).await;
}

#[tokio::test]
async fn f10_tower_https_trace_below() {
    let http = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .service(echo());
    works(&client(bot_api(http)), 10).await;
}

#[tokio::test]
async fn f10_tower_https_decompression_below() {
    let http = service_fn(async |request: Request<ApiBody>| {
        let accepted = &request.headers()[header::ACCEPT_ENCODING];
        assert_eq!(accepted, "gzip");
        let answer = gzip(br#"{"ok":true,"result":{"chat_id":1}}"#);
        Response::builder()
            .header(header::CONTENT_ENCODING, "gzip")
            .body(http_body_util::Full::new(bytes::Bytes::from(answer)))
    });
    let http = DecompressionLayer::new().layer(http);
    works(&client(bot_api(http)), 1).await;
}

/// All layers of this crate in the usual order.
fn all_of_ours(http: Http) -> Client {
    with_limits(RateLimitLayer::new(), http)
}

fn with_limits(limits: RateLimitLayer, http: Http) -> Client {
    let service = ServiceBuilder::new()
        .layer(MigrateChatLayer::new())
        .layer(limits)
        .layer(RetryLayer::new())
        .service(bot_api(http));
    client(service)
}

#[tokio::test(start_paused = true)]
async fn f10_our_layers_compose() {
    works(&all_of_ours(echo()), 50).await;

    let (http, calls) = answering(&[
        TOO_MANY,
        r#"{"ok":false,"error_code":400,"parameters":{"migrate_to_chat_id":-1005}}"#,
        r#"{"ok":true,"result":{}}"#,
    ]);
    let call = ApiRequest::new(&SendMessage::new(-5, "hi")).expect("a call");
    let began = Instant::now();
    assert!(all_of_ours(http).oneshot(call).await.is_ok());
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    assert_eq!(began.elapsed().as_secs(), 3);

    // In the other order, each attempt counts.
    let (http, calls) = answering(&[TOO_MANY, r#"{"ok":true,"result":{}}"#]);
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new())
        .layer(RateLimitLayer::new())
        .layer(Identity::new())
        .service(bot_api(http));
    let call = ApiRequest::new(&SendMessage::new(5, "hi")).expect("a call");
    assert!(client(service).oneshot(call).await.is_ok());
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f10_a_thousand_tasks_share_one_client() {
    works(&client(bot_api(echo())), 1000).await;
    let quick = Rate::new(300, Duration::from_millis(10));
    let limits = RateLimitLayer::new().overall(quick);
    works(&with_limits(limits, echo()), 1000).await;
}

fn runtime() -> Runtime {
    let mut runtime = Builder::new_current_thread();
    runtime.enable_all().build().expect("a runtime")
}

/// A client that was made in a runtime, or in none, works in another.
#[test]
fn f10_one_client_works_in_two_runtimes() {
    let quick = Rate::new(1, Duration::from_millis(20));
    let limits = RateLimitLayer::new().per_chat(quick).without_overall();
    let clients = [client(bot_api(echo())), with_limits(limits, echo())];
    for client in &clients {
        runtime().block_on(works(client, 20));
        runtime().block_on(works(client, 20));
        // At once, and one after the other.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| runtime().block_on(works(client, 20)));
            }
        });
    }
}

/// Tasks of the runtime in which a connection was made serve it.
#[cfg(feature = "client")]
#[test]
fn f10_the_default_transport_works_in_two_runtimes() {
    let server = runtime();
    let telegram = server.block_on(tower_telegram_test::Telegram::start());
    let telegram = telegram.expect("a server");
    let token = telegram.token().parse().expect("a token");
    let client = Client::with_base_url(&token, telegram.api_url()).expect("a client");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(|| server.block_on(stopped));
        for _ in 0..3 {
            let me = runtime().block_on(client.send(GetMe::new()));
            assert!(me.expect("an answer").is_bot);
        }
        drop(stop);
    });
}

/// The mock panics when it is called before it was ready. It is ready only as often as it is allowed, so that the last
/// call fails if one of these was lost.
async fn calls_the_ready_one<L>(layer: L)
where
    L: Layer<mock::Mock<ApiRequest, ApiResponse>>,
    L::Service: Service<ApiRequest, Response = ApiResponse> + Clone,
    <L::Service as Service<ApiRequest>>::Error: fmt::Debug,
{
    const ROUNDS: u64 = 3;
    let (api, mut calls) = mock::pair();
    let mut service = layer.layer(api);
    calls.allow(2 * ROUNDS);
    let answers = tokio::spawn(async move {
        while let Some((_, respond)) = calls.next_request().await {
            respond.send_response(ApiResponse::new("true"));
        }
    });
    for _ in 0..ROUNDS {
        for call in [
            ApiRequest::new(&SendMessage::new(-5, "hi")),
            ApiRequest::new(&GetMe::new()),
        ] {
            let ready = service.ready().await.expect("it gets ready");
            // It wasn't ready, and allows no other call.
            let clone = ready.clone();
            ready.call(call.expect("a call")).await.expect("an answer");
            drop(clone);
        }
    }
    drop(service);
    answers.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn f10_our_layers_call_the_service_that_was_polled_ready() {
    calls_the_ready_one(RetryLayer::new()).await;
    calls_the_ready_one(RateLimitLayer::new()).await;
    calls_the_ready_one(MigrateChatLayer::new()).await;
    let all = ServiceBuilder::new()
        .layer(MigrateChatLayer::new())
        .layer(RateLimitLayer::new())
        .layer(RetryLayer::new())
        .into_inner();
    calls_the_ready_one(all).await;
}

#[tokio::test]
async fn f10_the_client_calls_the_service_that_was_polled_ready() {
    let (http, mut requests) = mock::pair::<Request<ApiBody>, Response<String>>();
    let mut client = client(bot_api(http));
    requests.allow(0);
    let mut ready = tokio_test::task::spawn(());
    tokio_test::assert_pending!(ready.enter(|cx, _| client.poll_ready(cx)));
    requests.allow(1);
    let answer = tokio::spawn(client.ready().await.expect("it gets ready").call(call(1)));
    let (_, respond) = requests.next_request().await.expect("a request");
    respond.send_response(Response::new(r#"{"ok":true,"result":1}"#.to_owned()));
    assert_eq!(
        answer
            .await
            .expect("no panic")
            .expect("an answer")
            .result()
            .expect("a result"),
        "1"
    );
}

#[tokio::test(start_paused = true)]
async fn f10_a_retry_is_logged_without_the_parameters() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (http, _) = answering(&[TOO_MANY, r#"{"ok":true,"result":{}}"#]);
    let call = ApiRequest::new(&SendMessage::new(4711, "swordfish")).expect("a call");
    assert!(all_of_ours(http).oneshot(call).await.is_ok());
    let text = log.text();
    for said in [
        "WARN",
        "sendMessage",
        "attempt=1",
        "status=429",
        "delay=3",
        "Too Many",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    for unsaid in ["swordfish", "4711", "AAFD39kkdpWt3"] {
        assert!(!text.contains(unsaid), "{unsaid}: {text}");
    }
}
