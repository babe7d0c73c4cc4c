//! D3 and D10 where the first request's future, in which the handler runs, is dropped.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::{runtime, sync::Semaphore, task::yield_now, time::timeout};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _, util::BoxCloneSyncService};
use tower_telegram::{
    Reply, handler_fn,
    methods::SendDocument,
    types::InputFile,
    webhook::{
        DeliveryLayer, RawUpdate, ReplyBody, ReplyLayer,
        delivery::{
            Claim, ClaimToken, DeliveryHandle, DeliveryKey, DeliveryStore, MemoryStore, StoreError,
        },
    },
};

use crate::delivery::stores::{json_of, reply};

type Answer = Response<ReplyBody>;

/// Polls it, and no more.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// Awaits a condition without a notification.
async fn until(condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            yield_now().await;
        }
    };
    let met = timeout(Duration::from_secs(20), met).await;
    met.expect("the condition is met");
}

/// A handler that waits until it may end.
#[derive(Clone, Default)]
struct Bot {
    calls: Arc<AtomicU32>,
    /// Those that have begun, and weren't dropped.
    alive: Arc<()>,
    go: Arc<Gate>,
}

struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Bot {
    async fn handle(self) -> Result<Reply, BoxError> {
        let _alive = Arc::clone(&self.alive);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.go.0.acquire().await?.forget();
        Ok(reply("done"))
    }

    fn go(&self) {
        self.go.0.add_permits(1);
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }
}

type Deliveries = BoxCloneSyncService<Request<RawUpdate>, Answer, BoxError>;

fn deliver(bot: &Bot, layer: &DeliveryLayer) -> Deliveries {
    let bot = bot.clone();
    let service = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(ReplyLayer::new())
        .service(handler_fn(move |_: RawUpdate| bot.clone().handle()))
        .map_err(BoxError::from);
    BoxCloneSyncService::new(service)
}

fn served() -> (Bot, Deliveries, DeliveryHandle) {
    let (bot, layer) = (Bot::default(), DeliveryLayer::new());
    let service = deliver(&bot, &layer);
    (bot, service, layer.handle())
}

fn update(id: i64) -> Request<RawUpdate> {
    let json = format!(r#"{{"update_id":{id},"poll":{{"id":"1"}}}}"#);
    Request::new(RawUpdate::from_bytes(json.into()).expect("an update"))
}

/// Asks, and hasn't polled yet.
async fn ask(service: &Deliveries, id: i64) -> <Deliveries as Service<Request<RawUpdate>>>::Future {
    let mut service = service.clone();
    let ready = service.ready().await.expect("it is ready");
    ready.call(update(id))
}

async fn text(answer: Result<Answer, BoxError>) -> String {
    let answer = answer.expect("errors are answers");
    assert_eq!(answer.status(), StatusCode::OK);
    let body = answer.into_body().collect().await.expect("in memory");
    String::from_utf8(body.to_bytes().to_vec()).expect("json is text")
}

async fn assert_the_reply_is_kept(service: &Deliveries) {
    for _ in 0..3 {
        assert_eq!(
            text(ask(service, 1).await.await).await,
            json_of(&reply("done"))
        );
    }
}

#[tokio::test]
async fn d3_who_hangs_up_before_anything_began_has_it_handled() {
    let (bot, service, handle) = served();
    drop(ask(&service, 1).await);
    bot.go();
    until(|| handle.running() == 0).await;
    assert_eq!(bot.calls(), 1);
    assert_the_reply_is_kept(&service).await;
    assert_eq!(bot.calls(), 1);
}

#[tokio::test]
async fn d3_who_hangs_up_while_it_runs_does_not_end_it() {
    let (bot, service, handle) = served();
    let mut asking = ask(&service, 1).await;
    assert!(poll_once(&mut asking).await.is_pending());
    assert_eq!((bot.calls(), handle.waiting()), (1, 1));
    drop(asking);
    assert_eq!((handle.running(), handle.waiting()), (1, 0));
    bot.go();
    until(|| handle.running() == 0).await;
    assert_the_reply_is_kept(&service).await;
    assert_eq!(bot.calls(), 1);
}

/// There is nothing to keep for anybody, and nothing stays behind.
#[tokio::test]
async fn d3_a_handler_that_ends_without_a_reply_and_a_request_is_done() {
    let layer = DeliveryLayer::new();
    let service = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(ReplyLayer::new())
        .service(handler_fn(async |_: RawUpdate| yield_now().await))
        .map_err(BoxError::from);
    let service = BoxCloneSyncService::new(service);
    let mut asked = ask(&service, 1).await;
    assert!(poll_once(&mut asked).await.is_pending());
    drop(asked);
    let handle = layer.handle();
    until(|| handle.running() == 0).await;
    let again = ask(&service, 1).await.await.expect("an answer");
    assert_eq!(again.status(), StatusCode::OK);
}

/// The handler's waker was that of the task that hung up.
#[tokio::test]
async fn d3_a_wake_up_that_comes_with_the_hang_up_is_not_lost() {
    let (bot, service, handle) = served();
    let mut asking = ask(&service, 1).await;
    assert!(poll_once(&mut asking).await.is_pending());
    bot.go();
    drop(asking);
    until(|| handle.running() == 0).await;
    assert_the_reply_is_kept(&service).await;
}

#[test]
fn d3_who_hangs_up_outside_of_the_runtime_does_not_end_it() {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (bot, service, handle) = served();
    let mut asking = runtime.block_on(ask(&service, 1));
    assert!(runtime.block_on(poll_once(&mut asking)).is_pending());
    drop(asking);
    bot.go();
    runtime.block_on(async {
        until(|| handle.running() == 0).await;
        assert_the_reply_is_kept(&service).await;
    });
    assert_eq!(bot.calls(), 1);
}

/// There is no runtime to go on in, and no request waits for a response that can't come.
#[test]
fn d10_with_its_runtime_gone_nothing_is_left_running() {
    for polls in [0, 1] {
        let runtime = runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let (bot, service, handle) = served();
        let mut asking = runtime.block_on(ask(&service, 1));
        for _ in 0..polls {
            assert!(runtime.block_on(poll_once(&mut asking)).is_pending());
        }
        drop(runtime);
        drop(asking);
        assert_eq!(handle.running(), 0);
        assert_eq!((bot.calls(), Arc::strong_count(&bot.alive)), (polls, 2));
    }
}

/// A runtime that ends has nothing to do with the update: another one may handle it.
#[test]
fn d18_a_claim_ends_with_the_runtime_of_its_handler() {
    let (bot, layer) = (
        Bot::default(),
        DeliveryLayer::with_store(MemoryStore::new()),
    );
    let service = deliver(&bot, &layer);
    let runtime = || {
        let builder = &mut runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a runtime")
    };
    let first = runtime();
    let mut asking = first.block_on(ask(&service, 1));
    assert!(first.block_on(poll_once(&mut asking)).is_pending());
    // It goes on on a task of the runtime.
    drop(asking);
    drop(first);
    bot.go();
    let answer = runtime().block_on(async { ask(&service, 1).await.await });
    assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
    assert_eq!(bot.calls(), 2);
}

/// A handler's future that succeeds, and panics when it is dropped after that.
struct PanicsInDrop;

impl Future for PanicsInDrop {
    type Output = Result<Answer, BoxError>;

    fn poll(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(Answer::default()))
    }
}

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        // Without a word on the terminal.
        std::panic::resume_unwind(Box::new("dropped"));
    }
}

/// Otherwise it would be handled for ever: each attempt that panics counts.
#[tokio::test]
async fn d18_a_claim_ends_with_a_future_that_panics_in_drop() {
    let (calls, letters) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (called, taken) = (Arc::clone(&calls), Arc::clone(&letters));
    let layer = DeliveryLayer::new().max_attempts(3).dead_letter(move |_| {
        taken.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    });
    let service = tower::service_fn(move |_: Request<RawUpdate>| {
        called.fetch_add(1, Ordering::Relaxed);
        PanicsInDrop
    });
    let service = ServiceBuilder::new().layer(layer.clone()).service(service);
    let service = BoxCloneSyncService::new(service.map_err(BoxError::from));
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let answer = ask(&service, 1).await.await.expect("an answer");
        statuses.push(answer.status().as_u16());
    }
    let counts = [&calls, &letters].map(|count| count.load(Ordering::Relaxed));
    assert_eq!(statuses.last(), Some(&200), "{statuses:?}");
    assert_eq!(counts, [3, 1], "{statuses:?}");
    assert_eq!(layer.handle().running(), 0);
}

/// A hook that panics hasn't taken the letter, wherever it does.
#[tokio::test]
async fn d18_a_claim_ends_with_a_dead_letter_hook_that_panics() {
    let letters = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&letters);
    let layer = DeliveryLayer::new()
        .max_attempts(2)
        .dead_letter(move |letter| {
            let mut taken = taken.lock().expect("not poisoned");
            let before = taken.len();
            let failure = letter.failure.as_error().map(ToString::to_string);
            taken.push((letter.attempts, failure));
            drop(taken);
            if before == 0 {
                std::panic::resume_unwind(Box::new("before there is a future"));
            }
            async move {
                if before == 1 {
                    std::panic::resume_unwind(Box::new("in the future"));
                }
            }
        });
    let failing = tower::service_fn(async |_: Request<RawUpdate>| Err::<Answer, _>("it fails"));
    let service = ServiceBuilder::new().layer(layer).service(failing);
    let service = BoxCloneSyncService::new(service.map_err(BoxError::from));
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let answer = ask(&service, 1).await.await.expect("an answer");
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [500, 500, 500, 200, 200]);
    // Each says why the update failed, and not that the process had ended.
    let letter = (2, Some("it fails".to_owned()));
    let letters = letters.lock().expect("not poisoned");
    assert_eq!(*letters, [letter.clone(), letter.clone(), letter]);
}

/// Nor does a shutdown count, wherever the claim is kept.
#[tokio::test]
async fn d14_what_a_shutdown_cancels_is_claimed_again_as_if_for_the_first_time() {
    let store = Arc::new(MemoryStore::new());
    let bot = Bot::default();
    let layer = DeliveryLayer::with_store(Arc::clone(&store));
    let asking = tokio::spawn(ask(&deliver(&bot, &layer), 1).await);
    until(|| bot.calls() == 1).await;
    let report = layer.handle().shutdown(Duration::ZERO).await;
    assert_eq!(report.cancelled.len(), 1);
    let answer = asking.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let claim = store.claim(DeliveryKey::new(None, 1)).await;
    let Ok(Claim::Acquired(token)) = claim else {
        panic!("{claim:?}");
    };
    assert_eq!(token.attempt, 1);
}

#[tokio::test]
async fn d2_who_joined_has_the_reply_though_the_first_hung_up() {
    for first_hangs_up in [true, false] {
        let (bot, service, handle) = served();
        let mut first = ask(&service, 1).await;
        assert!(poll_once(&mut first).await.is_pending());
        let mut second = ask(&service, 1).await;
        assert!(poll_once(&mut second).await.is_pending());
        assert_eq!((handle.running(), handle.waiting()), (1, 2));
        bot.go();
        if first_hangs_up {
            drop(first);
        } else {
            assert_eq!(text(first.await).await, "");
        }
        assert_eq!(text(second.await).await, json_of(&reply("done")));
        assert_eq!((handle.running(), bot.calls()), (0, 1));
    }
}

#[tokio::test]
async fn d2_where_who_joined_hung_up_the_first_has_the_reply() {
    let (bot, service, handle) = served();
    let mut first = ask(&service, 1).await;
    assert!(poll_once(&mut first).await.is_pending());
    drop(ask(&service, 1).await);
    assert_eq!(handle.waiting(), 1);
    bot.go();
    assert_eq!(text(first.await).await, json_of(&reply("done")));
    assert_the_reply_is_kept(&service).await;
}

#[tokio::test]
async fn d16_a_joined_request_that_leaves_with_the_reply_loses_it_for_no_other() {
    let (bot, service, handle) = served();
    let mut first = ask(&service, 1).await;
    assert!(poll_once(&mut first).await.is_pending());
    let second = ask(&service, 1).await;
    bot.go();
    assert_eq!(text(first.await).await, "");
    // It has the reply, and doesn't know.
    drop(second);
    until(|| handle.running() == 0).await;
    yield_now().await;
    assert_the_reply_is_kept(&service).await;
}

#[tokio::test]
async fn d10_one_that_runs_in_place_is_cut_off() {
    let (bot, service, handle) = served();
    let asking = tokio::spawn(ask(&service, 1).await);
    until(|| bot.calls() == 1).await;
    let report = handle.shutdown(Duration::ZERO).await;
    assert_eq!(report.cancelled.len(), 1);
    // It is woken, because no other request polls it.
    let answer = asking.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(Arc::strong_count(&bot.alive), 2, "the handler is gone");
}

#[tokio::test]
async fn d10_one_that_goes_on_by_itself_is_cut_off() {
    let (bot, service, handle) = served();
    let mut asking = ask(&service, 1).await;
    assert!(poll_once(&mut asking).await.is_pending());
    drop(asking);
    let joined = ask(&service, 1).await;
    assert_eq!(handle.shutdown(Duration::ZERO).await.cancelled.len(), 1);
    let answer = joined.await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    until(|| Arc::strong_count(&bot.alive) == 2).await;
}

#[tokio::test]
async fn d10_what_is_cut_off_before_it_began_never_begins() {
    let (bot, service, handle) = served();
    let (polled, dropped) = (ask(&service, 1).await, ask(&service, 2).await);
    assert_eq!(handle.shutdown(Duration::ZERO).await.cancelled.len(), 2);
    let answer = polled.await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(dropped);
    until(|| Arc::strong_count(&bot.calls) == 2).await;
    assert_eq!(bot.calls(), 0);
}

/// A store with a fault.
struct Panics;

impl DeliveryStore for Panics {
    async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
        MemoryStore::new().claim(key).await
    }

    async fn finish(&self, _: &ClaimToken, _: Option<&Reply>) -> Result<bool, StoreError> {
        panic!("no room for notes")
    }

    async fn fail(&self, _: &ClaimToken) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn release(&self, _: &ClaimToken) -> Result<bool, StoreError> {
        Ok(true)
    }
}

#[tokio::test]
async fn d12_a_store_that_panics_ends_no_connection() {
    let (bot, layer) = (Bot::default(), DeliveryLayer::with_store(Panics));
    let (service, handle) = (deliver(&bot, &layer), layer.handle());
    let mut first = ask(&service, 1).await;
    assert!(poll_once(&mut first).await.is_pending());
    let second = ask(&service, 1).await;
    bot.go();
    for asking in [first, second] {
        let answer = asking.await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(handle.running(), 0);
}

/// A time-out of tower's drops what it waits for.
#[tokio::test(start_paused = true)]
async fn d3_a_timeout_above_is_a_hang_up() {
    let (bot, service, handle) = served();
    let hasty = ServiceBuilder::new()
        .timeout(Duration::from_secs(1))
        .service(service.clone());
    let error = hasty.oneshot(update(1)).await.expect_err("it is late");
    assert!(error.is::<tower::timeout::error::Elapsed>());
    assert_eq!((handle.running(), handle.waiting()), (1, 0));
    bot.go();
    until(|| handle.running() == 0).await;
    assert_the_reply_is_kept(&service).await;
}

/// A request through a queue is polled by its caller.
#[tokio::test]
async fn d3_behind_a_buffer_a_hang_up_does_not_end_it() {
    let (bot, service, handle) = served();
    let mut buffered = tower::buffer::Buffer::new(service.clone(), 4);
    let mut asking = Box::pin(buffered.ready().await.expect("room").call(update(1)));
    while bot.calls() == 0 {
        assert!(matches!(poll_once(&mut asking).await, Poll::Pending));
        yield_now().await;
    }
    drop(asking);
    assert_eq!((handle.running(), handle.waiting()), (1, 0));
    bot.go();
    until(|| handle.running() == 0).await;
    assert_the_reply_is_kept(&service).await;
}

/// A reader can be read once: by the first response that is sent.
#[tokio::test]
async fn d16_a_reader_that_was_not_read_yet_is_given_to_the_redelivery() {
    let service = ServiceBuilder::new()
        .layer(DeliveryLayer::new())
        .layer(ReplyLayer::new())
        .service(handler_fn(async |_: RawUpdate| {
            let file = InputFile::reader("a.txt", &b"content"[..], Some(7));
            SendDocument::new(1, file)
        }))
        .map_err(BoxError::from);
    let service = BoxCloneSyncService::new(service);
    for _ in 0..2 {
        // The connection breaks before a byte of it is sent.
        let lost = ask(&service, 1).await.await.expect("errors are answers");
        assert_eq!(lost.status(), StatusCode::OK);
        drop(lost);
    }
    let sent = text(ask(&service, 1).await.await).await;
    assert!(sent.contains("content"), "{sent}");
    for _ in 0..2 {
        let again = ask(&service, 1).await.await;
        assert_eq!(text(again).await, "");
    }
}
