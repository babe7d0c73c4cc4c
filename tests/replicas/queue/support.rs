//! Workers of a queue in Redis, and deliveries to it.

use std::{
    convert::Infallible,
    future::ready,
    sync::{Arc, Mutex},
};

use http::{Request, Response, StatusCode};
use tower::{BoxError, Service, ServiceExt as _, service_fn};
use tower_telegram::{
    Client, IntoReply as _, Reply,
    client::{ApiBody, ApiRequest, BotApi},
    queue::{QueueStatus, Worker},
    redis::RedisQueue,
    webhook::{BotId, RawUpdate, ReplyBody, ReplyLayer},
};

pub(super) use crate::support::queue::{
    AttemptLog, Entry, assert_redelivered_later, done, failed, message, until,
};
use crate::{
    replicas::server::{RedisServer, SECOND},
    support::queue::{KillableWorker, until_count, until_taken},
};

/// The request of a handler.
pub(super) type Asked = Request<RawUpdate>;

/// A client whose calls all succeed, and their methods.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    pub(super) fn client(&self) -> Client {
        let http = service_fn(|_: Request<ApiBody>| {
            let answer = r#"{"ok":true,"result":true}"#;
            ready(Ok::<_, Infallible>(Response::new(answer.to_owned())))
        });
        let token = "4839574812:AAFD39kkdpWt3".parse().unwrap();
        let api = BotApi::telegram(http, &token);
        let calls = self.clone();
        Client::from_service(service_fn(move |call: ApiRequest| {
            calls.0.lock().unwrap().push(call.method().to_owned());
            api.clone().oneshot(call)
        }))
    }

    pub(super) fn methods(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// As a process would make it: with a connection of the runtime it is in.
pub(super) fn queue(server: &RedisServer) -> RedisQueue {
    RedisQueue::new(server.connection(), "bot")
        .lease(SECOND)
        .timeout(SECOND / 2)
}

/// The response to Telegram.
pub(super) async fn deliver(queue: &RedisQueue, update: RawUpdate) -> Response<ReplyBody> {
    let answer = queue.service().oneshot(Request::new(update)).await;
    answer.unwrap_or_else(|never| match never {})
}

/// As often as it takes, and sooner than Telegram would.
pub(super) async fn deliver_until_taken(queue: &RedisQueue, update: RawUpdate) {
    until_taken(|| deliver(queue, update.clone())).await;
}

pub(super) async fn fill(queue: &RedisQueue, updates: impl IntoIterator<Item = RawUpdate>) {
    for update in updates {
        assert_eq!(deliver(queue, update).await.status(), StatusCode::OK);
    }
}

pub(super) async fn status(queue: &RedisQueue) -> QueueStatus {
    queue.status().await.expect("redis runs")
}

pub(super) async fn until_empty(queue: &RedisQueue) {
    until_updates(queue, 0).await;
}

pub(super) async fn until_updates(queue: &RedisQueue, count: usize) {
    until_count(count, || async { status(queue).await.updates }).await;
}

/// The answer that has a reply.
pub(super) async fn replied(reply: Reply) -> Response<ReplyBody> {
    let handler = service_fn(move |_: Request<()>| ready(Ok::<_, Infallible>(reply.clone())));
    let answering = tower::Layer::layer(&ReplyLayer::new(), handler);
    let answer = answering.oneshot(Request::new(())).await;
    answer.unwrap_or_else(|never| match never {})
}

pub(super) fn nothing() -> Reply {
    ().into_reply().expect("nothing is a reply")
}

/// Starts a worker over a connection of its own.
pub(super) fn start<H, F>(server: &RedisServer, handler: H) -> KillableWorker
where
    H: Fn(Asked) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<ReplyBody>, BoxError>> + Send + 'static,
{
    let client = Calls::default().client();
    start_with(
        || queue(server).worker(client).poll_every(SECOND / 200),
        handler,
    )
}

pub(super) fn start_with<H, F>(worker: impl FnOnce() -> Worker, handler: H) -> KillableWorker
where
    H: Fn(Asked) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<ReplyBody>, BoxError>> + Send + 'static,
{
    serve(worker, service_fn(handler))
}

pub(super) fn serve<S>(worker: impl FnOnce() -> Worker, service: S) -> KillableWorker
where
    S: Service<Asked, Response = Response<ReplyBody>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    KillableWorker::start(|stopped| worker().run_until(service, async { drop(stopped.await) }))
}

/// A handler that succeeds at once.
pub(super) fn succeeding(
    log: &AttemptLog,
) -> impl Fn(Asked) -> std::future::Ready<Result<Response<ReplyBody>, BoxError>>
+ Clone
+ Send
+ Sync
+ 'static {
    let log = log.clone();
    move |asked: Asked| {
        let id = asked.body().update_id();
        log.begin(id);
        log.succeed(id);
        ready(Ok(done()))
    }
}

pub(super) fn bot_of(asked: &Asked) -> i64 {
    asked.extensions().get().map_or(0, |&BotId(bot)| bot)
}
