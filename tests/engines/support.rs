//! Workers that can die, and a record of what they did.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    env,
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
use tower::{BoxError, ServiceExt as _, service_fn};
use tower_telegram::{
    Client,
    client::{ApiBody, ApiRequest, BotApi},
    queue::{Enqueue, QueueError, QueueWriter, Worker},
    webhook::{RawUpdate, ReplyBody},
};

use crate::engine::{Engine, SECOND};

/// The longest time that a test waits for something. More updates take longer.
fn limit() -> Duration {
    40 * SECOND + SECOND / 100 * u32::try_from(updates()).unwrap()
}

/// How many updates are sent to the cluster: 3000, or another number in the environment.
pub(crate) fn updates() -> i64 {
    env::var("UPDATES").map_or(3000, |number| number.parse().expect("a number"))
}

/// The result of a handler.
pub(crate) type Handled = Result<Response<ReplyBody>, BoxError>;

/// A client whose calls all succeed.
fn client() -> Client {
    let http = service_fn(|_: Request<ApiBody>| {
        let answer = r#"{"ok":true,"result":true}"#;
        ready(Ok::<_, Infallible>(Response::new(answer.to_owned())))
    });
    let token = "4839574812:AAFD39kkdpWt3".parse().unwrap();
    let api = BotApi::telegram(http, &token);
    Client::from_service(service_fn(move |call: ApiRequest| {
        api.clone().oneshot(call)
    }))
}

/// The attempts that began and succeeded.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    in_order: Vec<Entry>,
    begun: HashMap<i64, usize>,
    succeeded: Vec<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Begun(i64),
    Succeeded(i64),
}

impl Book {
    fn all(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.all().in_order.clone()
    }

    /// How often it has begun by now.
    fn begin(&self, id: i64) -> usize {
        let mut all = self.all();
        all.in_order.push(Entry::Begun(id));
        let count = all.begun.entry(id).or_default();
        *count += 1;
        *count
    }

    fn succeed(&self, id: i64) {
        let mut all = self.all();
        all.in_order.push(Entry::Succeeded(id));
        all.succeeded.push(id);
    }

    pub(crate) fn begun(&self, id: i64) -> usize {
        self.all().begun.get(&id).copied().unwrap_or(0)
    }

    /// Those that succeeded, in order.
    pub(crate) fn succeeded(&self) -> Vec<i64> {
        self.all().succeeded.clone()
    }

    pub(crate) async fn until_begun(&self, id: i64, times: usize) {
        until(|| self.begun(id) >= times, "it begins").await;
    }

    pub(crate) async fn until_succeeded(&self, count: usize) {
        until(|| self.all().succeeded.len() >= count, "they succeed").await;
    }

    /// All updates succeeded, and each for the first time after those before it in its chat, which is its number modulo
    /// `chats`.
    pub(crate) fn assert_in_order(&self, updates: i64, chats: i64) {
        let (mut known, mut of_chat) = (HashSet::new(), HashMap::<i64, Vec<i64>>::new());
        for id in self.succeeded().into_iter().filter(|id| known.insert(*id)) {
            of_chat.entry(id % chats).or_default().push(id);
        }
        for chat in 0..chats {
            let expected: Vec<_> = (0..updates).filter(|id| id % chats == chat).collect();
            let ids = of_chat.remove(&chat).unwrap_or_default();
            assert_eq!(ids, expected, "chat {chat}");
        }
    }
}

pub(crate) async fn until(condition: impl Fn() -> bool, what: &str) {
    let waiting = async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = timeout(limit(), waiting).await;
    waited.unwrap_or_else(|_| panic!("in time: {what}"));
}

pub(crate) async fn until_updates<E: Engine>(engine: &E, count: usize) {
    let waiting = async {
        while engine.updates().await != count {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = timeout(limit(), waiting).await;
    waited.unwrap_or_else(|_| panic!("never {count} updates are in the queue"));
}

pub(crate) fn message(id: i64, chat: i64) -> RawUpdate {
    let json = format!(r#"{{"update_id":{id},"message":{{"chat":{{"id":{chat}}}}}}}"#);
    RawUpdate::from_bytes(json.into()).unwrap()
}

/// The response to Telegram.
pub(crate) async fn deliver(
    queue: &(impl QueueWriter + Clone),
    update: RawUpdate,
) -> Response<ReplyBody> {
    let answer = Enqueue::new(queue.clone())
        .oneshot(Request::new(update))
        .await;
    answer.unwrap_or_else(|never| match never {})
}

/// As often as it takes, and sooner than Telegram would.
pub(crate) async fn deliver_until_taken(queue: &(impl QueueWriter + Clone), update: RawUpdate) {
    let delivering = async {
        while !deliver(queue, update.clone()).await.status().is_success() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(limit(), delivering).await.expect("it is taken");
}

pub(crate) async fn fill(
    queue: &(impl QueueWriter + Clone),
    updates: impl IntoIterator<Item = RawUpdate>,
) {
    for update in updates {
        let status = deliver(queue, update).await.status();
        assert_eq!(status, StatusCode::OK);
    }
}

pub(crate) fn assert_redelivered_later(answer: &Response<ReplyBody>) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let pause = &answer.headers()[header::RETRY_AFTER];
    let pause: u64 = pause.to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&pause), "{pause}");
}

#[allow(clippy::unnecessary_wraps)] // like a handler's
pub(crate) fn done() -> Handled {
    Ok(Response::new(ReplyBody::default()))
}

/// A failure that is to be followed by another attempt at once.
#[allow(clippy::unnecessary_wraps)] // like a handler's
pub(crate) fn failed() -> Handled {
    let mut answer = Response::new(ReplyBody::default());
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    answer.headers_mut().insert(header::RETRY_AFTER, 0.into());
    Ok(answer)
}

/// A worker with a runtime and a connection of its own, like a process.
pub(crate) struct Hand {
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), QueueError>>>,
}

impl Hand {
    /// `handler` gets the number of the update, and how often it has begun.
    pub(crate) fn start<E, H, F>(engine: &Arc<E>, book: &Book, handler: H) -> Self
    where
        E: Engine,
        H: Fn(i64, usize) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Handled> + Send + 'static,
    {
        Self::start_with(engine, book, |worker| worker, handler)
    }

    pub(crate) fn start_with<E, H, F>(
        engine: &Arc<E>,
        book: &Book,
        set: fn(Worker) -> Worker,
        handler: H,
    ) -> Self
    where
        E: Engine,
        H: Fn(i64, usize) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Handled> + Send + 'static,
    {
        let book = book.clone();
        let service = service_fn(move |request: Request<RawUpdate>| {
            let id = request.body().update_id();
            let (book, handling) = (book.clone(), handler(id, book.begin(id)));
            async move {
                let response = handling.await?;
                if response.status().is_success() {
                    book.succeed(id);
                }
                Ok::<_, BoxError>(response)
            }
        });
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (stop, stopped) = oneshot::channel();
        let engine = Arc::clone(engine);
        let running = runtime.spawn(async move {
            let worker = set(engine.worker(client()).await.poll_every(SECOND / 200));
            worker
                .run_until(service, async { drop(stopped.await) })
                .await
        });
        Self {
            running: Some(running),
            runtime: Some(runtime),
            stop: Some(stop),
        }
    }

    /// Tells it to stop.
    pub(crate) fn tell(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).expect("it runs");
        }
    }

    pub(crate) async fn stop(mut self) {
        self.tell();
        let running = self.running.take().expect("it is waited for once");
        let ended = timeout(limit(), running).await.expect("it ends");
        ended.expect("no panic").unwrap();
    }

    /// As `kill -9` would.
    pub(crate) fn kill(&mut self) {
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
