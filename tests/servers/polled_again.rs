//! A response future that is polled after its end panics: it neither stays pending for ever nor ends twice. One that only
//! passes on its inner service's panics as that one does.

use std::{
    any::Any,
    convert::Infallible,
    future::{poll_fn, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Waker},
};

use http::{Request, Response};
use tower::{Layer, Service, service_fn};
use tower_telegram::{
    types::Update,
    webhook::{
        AllowedUpdatesLayer, ParseLayer, ReplyBody, ReplyLayer, SecretTokenLayer, SourceIpLayer,
        TraceUpdatesLayer, UpdateLayer, Webhook,
    },
};

use super::readiness::{call, raw};
use crate::support::{adapter::secret, wire::SECRET};

fn inner<T, R: Default + Send + 'static>()
-> impl Service<Request<T>, Response = R, Error = Infallible, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static {
    service_fn(|_: Request<T>| ready(Ok(R::default())))
}

/// Polls the service's future until it ends, and once more.
async fn panics_when_polled_again<S, Q>(mut service: S, request: Q)
where
    S: Service<Q>,
{
    let is_ready = poll_fn(|cx| service.poll_ready(cx)).await;
    assert!(is_ready.is_ok(), "it gets ready");
    let mut future = Box::pin(service.call(request));
    assert!(future.as_mut().await.is_ok(), "it ends");
    let mut context = Context::from_waker(Waker::noop());
    let again = AssertUnwindSafe(|| future.as_mut().poll(&mut context).map(drop));
    let panic = catch_unwind(again).expect_err("it panics");
    let words = words(&*panic);
    // The futures of the standard library and of tower say it in words of their own.
    assert!(words.contains("polled after complet"), "{words}");
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no words")
}

#[tokio::test]
async fn the_layers_that_read_a_request() {
    let peer = |_: &http::Extensions| Some([149, 154, 160, 0].into());
    let source_ip = SourceIpLayer::new().peer_from(peer);
    let source_ip = source_ip.layer(inner::<_, Response<String>>());
    panics_when_polled_again(source_ip, call()).await;
    let token = SecretTokenLayer::new(secret(SECRET)).layer(inner::<_, Response<String>>());
    panics_when_polled_again(token, call()).await;
    let update = UpdateLayer::new().layer(inner::<_, Response<String>>());
    panics_when_polled_again(update, call()).await;
}

#[tokio::test]
async fn the_layers_above_the_handler() {
    let allowed = AllowedUpdatesLayer::default().layer(inner::<_, Response<String>>());
    panics_when_polled_again(allowed, raw()).await;
    let trace = TraceUpdatesLayer::new().layer(inner::<_, Response<ReplyBody>>());
    panics_when_polled_again(trace, raw()).await;
    let parse = ParseLayer::<Update>::new().layer(inner::<_, Response<String>>());
    panics_when_polled_again(parse, raw()).await;
    let reply = ReplyLayer::new().layer(inner::<_, ()>());
    panics_when_polled_again(reply, raw()).await;
    let reply = ReplyLayer::new().pass_errors().layer(inner::<_, ()>());
    panics_when_polled_again(reply, raw()).await;
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn the_layers_with_a_timer() {
    use std::time::Duration;

    use tower_telegram::webhook::{
        DeadlineLayer, DeliveryLayer, HandlerTimeoutLayer, SequenceLayer,
    };

    let hour = Duration::from_secs(60 * 60);
    let deadline = DeadlineLayer::new(hour).layer(inner::<_, Response<ReplyBody>>());
    panics_when_polled_again(deadline, raw()).await;
    let delivery = DeliveryLayer::new().layer(inner::<_, Response<ReplyBody>>());
    panics_when_polled_again(delivery, raw()).await;
    let sequence = SequenceLayer::new().layer(inner::<_, Response<ReplyBody>>());
    panics_when_polled_again(sequence, raw()).await;
    let limited = HandlerTimeoutLayer::new(hour).layer(inner::<_, Response<ReplyBody>>());
    panics_when_polled_again(limited, raw()).await;
}

#[tokio::test]
async fn a_webhook() {
    let webhook = Webhook::new(secret(SECRET)).service(inner::<Update, ()>());
    panics_when_polled_again(webhook, call()).await;
}

#[cfg(feature = "client")]
#[tokio::test]
async fn a_client_and_its_layers() {
    use tower_telegram::{
        BotToken, Client,
        client::{
            ApiBody, ApiRequest, ApiResponse, BotApi, MigrateChatLayer, RateLimitLayer, RetryLayer,
            TraceCallsLayer,
        },
        methods::GetMe,
    };

    let request = || ApiRequest::new(&GetMe::new()).expect("it can be encoded");
    let api = || service_fn(|_: ApiRequest| ready(Ok::<_, Infallible>(ApiResponse::new("true"))));
    panics_when_polled_again(RetryLayer::new().layer(api()), request()).await;
    panics_when_polled_again(RateLimitLayer::new().layer(api()), request()).await;
    panics_when_polled_again(MigrateChatLayer::new().layer(api()), request()).await;
    panics_when_polled_again(TraceCallsLayer::new().layer(api()), request()).await;

    let http = service_fn(|_: Request<ApiBody>| {
        let body = r#"{"ok":true,"result":true}"#.to_owned();
        ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let token = BotToken::new("1:a").expect("a token");
    let bot = BotApi::telegram(http, &token);
    panics_when_polled_again(bot.clone(), request()).await;
    panics_when_polled_again(Client::from_service(bot), request()).await;
}
