//! Each layer calls the very service that was polled ready. To call a clone of it instead is the
//! commonest bug of layers: the clone never took its permit, and the one that did never gives it
//! back.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    marker::PhantomData,
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use tower::{Layer, Service, ServiceExt as _};
use tower_telegram::{
    types::Update,
    webhook::{
        AllowedUpdatesLayer, ParseLayer, RawUpdate, ReplyLayer, SecretToken, SecretTokenLayer,
        SecretTokens, SourceIpLayer, UpdateLayer, Webhook, WebhookService, reply,
    },
};

use crate::support::{
    adapter::{AnyBody, Handler, secret},
    wire::{Call, MESSAGE, SECRET},
};

/// A service that keeps count, and won't be called when it isn't ready. A clone isn't.
#[derive(Debug)]
struct Strict<R> {
    ready: bool,
    readied: Arc<AtomicUsize>,
    called: Arc<AtomicUsize>,
    response: PhantomData<fn() -> R>,
}

impl<R> Strict<R> {
    fn new() -> Self {
        Self {
            ready: false,
            readied: Arc::default(),
            called: Arc::default(),
            response: PhantomData,
        }
    }
}

impl<R> Clone for Strict<R> {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            readied: self.readied.clone(),
            called: self.called.clone(),
            response: PhantomData,
        }
    }
}

impl<T, R: Default> Service<Request<T>> for Strict<R> {
    type Response = R;
    type Error = Infallible;
    type Future = Ready<Result<R, Infallible>>;

    /// Ready at the second time of asking.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if mem::replace(&mut self.ready, true) {
            self.readied.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _: Request<T>) -> Self::Future {
        assert!(mem::take(&mut self.ready), "it wasn't polled ready");
        self.called.fetch_add(1, Ordering::Relaxed);
        ready(Ok(R::default()))
    }
}

/// Calls it several times over, and a clone of it, and one that is made after it was readied.
async fn uses_the_ready_one<L, R, T, Q>(layer: L, request: impl Fn() -> Request<Q>)
where
    L: Layer<Strict<R>>,
    L::Service: Service<Request<Q>, Response = Response<T>> + Clone,
    <L::Service as Service<Request<Q>>>::Error: std::fmt::Debug,
    R: Default,
{
    let strict = Strict::<R>::new();
    let mut service = layer.layer(strict.clone());
    for round in 0..3 {
        let service = service.ready().await.expect("it gets ready");
        let mut clone = service.clone();
        let response = service.call(request()).await.expect("an answer");
        assert_eq!(response.status(), 200);
        let clone = clone.ready().await.expect("it gets ready");
        let response = clone.call(request()).await.expect("an answer");
        assert_eq!(response.status(), 200);
        let counts = [&strict.readied, &strict.called].map(|c| c.load(Ordering::Relaxed));
        assert_eq!(counts, [2 * (round + 1); 2], "readied and called");
    }
}

pub(super) fn raw() -> Request<RawUpdate> {
    let raw = RawUpdate::from_bytes(Bytes::from_static(MESSAGE.as_bytes()));
    Request::new(raw.expect("an update"))
}

pub(super) fn call() -> Request<AnyBody> {
    Call::new(MESSAGE).request()
}

#[tokio::test]
async fn secret_token_layer_calls_the_service_that_was_polled_ready() {
    let layer = SecretTokenLayer::new(secret(SECRET));
    uses_the_ready_one::<_, Response<String>, _, _>(layer, call).await;
}

#[tokio::test]
async fn source_ip_layer_calls_the_service_that_was_polled_ready() {
    let telegram = std::net::IpAddr::from([149, 154, 160, 0]);
    let layer = SourceIpLayer::new().peer_from(move |_| Some(telegram));
    uses_the_ready_one::<_, Response<String>, _, _>(layer, call).await;
}

#[tokio::test]
async fn update_layer_calls_the_service_that_was_polled_ready() {
    uses_the_ready_one::<_, Response<String>, _, _>(UpdateLayer::new(), call).await;
    // Also when the body doesn't come at once.
    let chunked = || Call::new(MESSAGE).chunked(7).request();
    uses_the_ready_one::<_, Response<String>, _, _>(UpdateLayer::new(), chunked).await;
}

#[tokio::test]
async fn allowed_updates_layer_calls_the_service_that_was_polled_ready() {
    uses_the_ready_one::<_, Response<String>, _, _>(AllowedUpdatesLayer::default(), raw).await;
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn sequence_layer_calls_the_service_that_was_polled_ready() {
    use tower_telegram::webhook::SequenceLayer;

    uses_the_ready_one::<_, Response<String>, _, _>(SequenceLayer::new(), raw).await;
    let no_key = SequenceLayer::by(|_| None::<i64>);
    uses_the_ready_one::<_, Response<String>, _, _>(no_key, raw).await;
    let broken = SequenceLayer::new().layer(Broken);
    assert_eq!(broken.oneshot(raw()).await.expect_err("broken"), "broken");
}

#[tokio::test]
async fn parse_layer_calls_the_service_that_was_polled_ready() {
    uses_the_ready_one::<_, Response<String>, _, _>(ParseLayer::<Update>::new(), raw).await;
}

#[tokio::test]
async fn reply_layer_calls_the_service_that_was_polled_ready() {
    uses_the_ready_one::<_, (), _, _>(ReplyLayer::new().pass_errors(), raw).await;
    uses_the_ready_one::<_, (), _, _>(ReplyLayer::new(), raw).await;
}

#[tokio::test]
async fn the_webhook_calls_the_service_that_was_polled_ready() {
    let webhook = Webhook::new(secret(SECRET));
    let layer = tower::layer::layer_fn(move |inner: Strict<()>| webhook.clone().service(inner));
    // An update that is redelivered isn't handled again.
    let ids = AtomicUsize::new(1);
    let next = || {
        let id = ids.fetch_add(1, Ordering::Relaxed);
        Call::new(format!(r#"{{"update_id":{id},"message":{{}}}}"#)).request()
    };
    uses_the_ready_one::<_, (), _, _>(layer, next).await;
}

/// A service that can't get ready any more.
#[derive(Clone, Debug)]
struct Broken;

impl<T> Service<Request<T>> for Broken {
    type Response = Response<String>;
    type Error = &'static str;
    type Future = Ready<Result<Response<String>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Err("broken"))
    }

    fn call(&mut self, _: Request<T>) -> Self::Future {
        ready(Err("called all the same"))
    }
}

#[tokio::test]
async fn an_inner_service_that_wont_get_ready_is_the_layers_error() {
    let secret = SecretTokenLayer::new(secret(SECRET)).layer(Broken);
    assert_eq!(secret.oneshot(call()).await.expect_err("broken"), "broken");
    let peer = |_: &http::Extensions| Some([149, 154, 160, 0].into());
    let source = SourceIpLayer::new().peer_from(peer).layer(Broken);
    assert_eq!(source.oneshot(call()).await.expect_err("broken"), "broken");
    let update = UpdateLayer::new().layer(Broken);
    assert_eq!(update.oneshot(call()).await.expect_err("broken"), "broken");
    let allowed = AllowedUpdatesLayer::default().layer(Broken);
    assert_eq!(allowed.oneshot(raw()).await.expect_err("broken"), "broken");
    let parse = ParseLayer::<Update>::new().layer(Broken);
    assert_eq!(parse.oneshot(raw()).await.expect_err("broken"), "broken");
}

/// The same as the handler's service.
#[derive(Clone, Debug)]
struct BrokenHandler;

impl<T> Service<Request<T>> for BrokenHandler {
    type Response = ();
    type Error = &'static str;
    type Future = Ready<Result<(), &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Err("broken"))
    }

    fn call(&mut self, _: Request<T>) -> Self::Future {
        // It would say that all is well.
        ready(Ok(()))
    }
}

/// It was called though it had said that it wasn't ready, which many services answer with a panic.
#[tokio::test]
async fn a_handler_that_wont_get_ready_is_answered_with_500_and_not_called() {
    let reply = ReplyLayer::new().layer(BrokenHandler);
    let answer = reply.oneshot(raw()).await.expect("an answer");
    assert_eq!(answer.status(), 500);
    let webhook = Webhook::new(secret(SECRET)).service(BrokenHandler);
    let answer = webhook.oneshot(call()).await.expect("an answer");
    assert_eq!(answer.status(), 500);
}

/// Public handles go wherever a server wants them.
#[test]
fn handles_are_clone_send_and_sync() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<SecretToken>();
    check::<SecretTokens>();
    check::<SecretTokenLayer>();
    check::<SourceIpLayer>();
    check::<UpdateLayer>();
    check::<AllowedUpdatesLayer>();
    #[cfg(feature = "tokio")]
    check::<tower_telegram::webhook::SequenceLayer>();
    check::<ParseLayer<std::rc::Rc<()>>>();
    check::<ReplyLayer>();
    check::<reply::FallibleReplyLayer>();
    check::<RawUpdate>();
    check::<Webhook>();
    check::<WebhookService<Handler<Update>>>();
    assert!(!mem::needs_drop::<UpdateLayer>(), "it is plain data");
}
