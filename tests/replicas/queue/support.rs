//! Workers that can die, and a book of what they did.

use std::{
    convert::Infallible,
    future::ready,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use http::{Request, Response, StatusCode, header};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tower::{BoxError, Service, ServiceExt as _, service_fn};
use tower_telegram::{
    Client, IntoReply as _, Reply,
    client::{ApiBody, ApiRequest, BotApi},
    redis::{
        QueueError, UpdateQueue,
        queue::{QueueStatus, Worker},
    },
    webhook::{BotId, RawUpdate, ReplyBody, ReplyLayer},
};

use crate::replicas::server::{SECOND, Server};

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

/// The record of begun and handled updates, in order.
#[derive(Clone, Default)]
pub(super) struct Book(Arc<Mutex<Vec<Entry>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Begun(i64),
    Succeeded(i64),
}

impl Book {
    pub(super) fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap()
    }

    /// How often it has begun by now.
    pub(super) fn begin(&self, id: i64) -> usize {
        self.entries().push(Entry::Begun(id));
        self.begun(id)
    }

    pub(super) fn succeed(&self, id: i64) {
        self.entries().push(Entry::Succeeded(id));
    }

    pub(super) fn begun(&self, id: i64) -> usize {
        let entry = Entry::Begun(id);
        self.entries().iter().filter(|&&e| e == entry).count()
    }

    /// Those that succeeded.
    pub(super) fn succeeded(&self) -> Vec<i64> {
        let id = |entry: &Entry| match entry {
            Entry::Succeeded(id) => Some(*id),
            Entry::Begun(_) => None,
        };
        self.entries().iter().filter_map(id).collect()
    }

    pub(super) async fn until_begun(&self, id: i64, times: usize) {
        until(|| self.begun(id) >= times, "it has begun").await;
    }

    pub(super) async fn until_succeeded(&self, count: usize) {
        until(|| self.succeeded().len() >= count, "they succeed").await;
    }
}

pub(super) async fn until(condition: impl Fn() -> bool, what: &str) {
    let waiting = async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = timeout(40 * SECOND, waiting).await;
    waited.unwrap_or_else(|_| panic!("in time: {what}"));
}

/// As a process would make it: with a connection of the runtime it is in.
pub(super) fn queue(server: &Server) -> UpdateQueue {
    UpdateQueue::new(server.connection(), "bot")
        .lease(SECOND)
        .timeout(SECOND / 2)
}

pub(super) fn message(id: i64, chat: i64) -> RawUpdate {
    let json = format!(r#"{{"update_id":{id},"message":{{"chat":{{"id":{chat}}}}}}}"#);
    RawUpdate::from_bytes(json.into()).unwrap()
}

/// The response to Telegram.
pub(super) async fn deliver(queue: &UpdateQueue, update: RawUpdate) -> Response<ReplyBody> {
    let answer = queue.service().oneshot(Request::new(update)).await;
    answer.unwrap_or_else(|never| match never {})
}

/// As often as it takes, and sooner than Telegram would.
pub(super) async fn deliver_until_taken(queue: &UpdateQueue, update: RawUpdate) {
    let delivering = async {
        while !deliver(queue, update.clone()).await.status().is_success() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(40 * SECOND, delivering).await.expect("it is taken");
}

pub(super) async fn fill(queue: &UpdateQueue, updates: impl IntoIterator<Item = RawUpdate>) {
    for update in updates {
        assert_eq!(deliver(queue, update).await.status(), StatusCode::OK);
    }
}

pub(super) async fn status(queue: &UpdateQueue) -> QueueStatus {
    queue.status().await.expect("redis runs")
}

pub(super) async fn until_empty(queue: &UpdateQueue) {
    until_updates(queue, 0).await;
}

pub(super) async fn until_updates(queue: &UpdateQueue, count: usize) {
    let waiting = async {
        while status(queue).await.updates != count {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = timeout(40 * SECOND, waiting).await;
    waited.unwrap_or_else(|_| panic!("never {count} updates are in the queue"));
}

pub(super) fn assert_redelivered_later(answer: &Response<ReplyBody>) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let pause = &answer.headers()[header::RETRY_AFTER];
    let pause: u64 = pause.to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&pause), "{pause}");
}

/// A failure that is to be followed by another try at once.
pub(super) fn failed() -> Response<ReplyBody> {
    let mut answer = Response::new(ReplyBody::default());
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    answer.headers_mut().insert(header::RETRY_AFTER, 0.into());
    answer
}

pub(super) fn done() -> Response<ReplyBody> {
    Response::new(ReplyBody::default())
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

/// A worker with a runtime and a connection of its own like a process.
pub(super) struct Hand {
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), QueueError>>>,
}

impl Hand {
    pub(super) fn start<H, F>(server: &Server, handler: H) -> Self
    where
        H: Fn(Asked) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response<ReplyBody>, BoxError>> + Send + 'static,
    {
        let client = Calls::default().client();
        Self::start_with(
            || queue(server).worker(client).poll_every(SECOND / 200),
            handler,
        )
    }

    pub(super) fn start_with<H, F>(worker: impl FnOnce() -> Worker, handler: H) -> Self
    where
        H: Fn(Asked) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response<ReplyBody>, BoxError>> + Send + 'static,
    {
        Self::serve(worker, service_fn(handler))
    }

    pub(super) fn serve<S>(worker: impl FnOnce() -> Worker, service: S) -> Self
    where
        S: Service<Asked, Response = Response<ReplyBody>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
    {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        // The connection belongs to the runtime in which it is made.
        let entered = runtime.enter();
        let worker = worker();
        drop(entered);
        let (stop, stopped) = oneshot::channel();
        let running = worker.run_until(service, async { drop(stopped.await) });
        Self {
            running: Some(runtime.spawn(running)),
            runtime: Some(runtime),
            stop: Some(stop),
        }
    }

    /// Tells it to stop.
    pub(super) fn tell(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).expect("it runs");
        }
    }

    /// Waits for its end.
    pub(super) async fn end(mut self) -> Result<(), QueueError> {
        let running = self.running.take().expect("it is waited for once");
        let ended = timeout(40 * SECOND, running).await.expect("it ends");
        ended.expect("no panic")
    }

    pub(super) async fn stop(mut self) {
        self.tell();
        self.end().await.unwrap();
    }

    /// As `kill -9` would.
    pub(super) fn kill(&mut self) {
        // Telling it to stop would be another thing.
        std::mem::forget(self.stop.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A handler that succeeds at once.
pub(super) fn succeeding(
    book: &Book,
) -> impl Fn(Asked) -> std::future::Ready<Result<Response<ReplyBody>, BoxError>>
+ Clone
+ Send
+ Sync
+ 'static {
    let book = book.clone();
    move |asked: Asked| {
        let id = asked.body().update_id();
        book.begin(id);
        book.succeed(id);
        ready(Ok(done()))
    }
}

pub(super) fn bot_of(asked: &Asked) -> i64 {
    asked.extensions().get().map_or(0, |&BotId(bot)| bot)
}
