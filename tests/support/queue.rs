//! Workers of a queue that can die, and a log of their attempts.

use std::{
    collections::{HashMap, HashSet},
    env,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use http::{Response, StatusCode, header};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tower_telegram::{
    queue::QueueError,
    webhook::{RawUpdate, ReplyBody},
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// How many updates a test of many sends: 3000, or another number in the environment.
pub(crate) fn updates() -> i64 {
    env::var("UPDATES").map_or(3000, |number| number.parse().expect("a number"))
}

/// The longest time that a test waits for something. More updates take longer.
pub(crate) fn limit() -> Duration {
    40 * SECOND + SECOND / 100 * u32::try_from(updates()).unwrap()
}

/// The attempts that began and succeeded.
#[derive(Clone, Default)]
pub(crate) struct AttemptLog(Arc<Mutex<Entries>>);

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

impl AttemptLog {
    fn all(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.all().in_order.clone()
    }

    /// How often it has begun by now.
    pub(crate) fn begin(&self, id: i64) -> usize {
        let mut all = self.all();
        all.in_order.push(Entry::Begun(id));
        let count = all.begun.entry(id).or_default();
        *count += 1;
        *count
    }

    pub(crate) fn succeed(&self, id: i64) {
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
    /// `chats`. No two attempts of a chat overlapped.
    pub(crate) fn assert_in_order(&self, updates: i64, chats: i64) {
        self.assert_apart(chats);
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

impl AttemptLog {
    /// Each attempt that succeeded is the one that began last in its chat: an attempt that was still running when
    /// another began shows by its later end.
    fn assert_apart(&self, chats: i64) {
        let mut running = HashMap::new();
        for entry in self.entries() {
            match entry {
                Entry::Begun(id) => drop(running.insert(id % chats, id)),
                Entry::Succeeded(id) => {
                    let last = running.remove(&(id % chats));
                    assert_eq!(last, Some(id), "update {id} overlapped another attempt");
                }
            }
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

/// Waits until the queue has as many updates.
pub(crate) async fn until_count<F>(count: usize, updates: impl Fn() -> F)
where
    F: Future<Output = usize>,
{
    let waiting = async {
        while updates().await != count {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = timeout(limit(), waiting).await;
    waited.unwrap_or_else(|_| panic!("never {count} updates are in the queue"));
}

/// Delivers an update as often as it takes, and sooner than Telegram would.
pub(crate) async fn until_taken<F>(deliver: impl Fn() -> F)
where
    F: Future<Output = Response<ReplyBody>>,
{
    let delivering = async {
        while !deliver().await.status().is_success() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(limit(), delivering).await.expect("it is taken");
}

pub(crate) fn message(id: i64, chat: i64) -> RawUpdate {
    let json = format!(r#"{{"update_id":{id},"message":{{"chat":{{"id":{chat}}}}}}}"#);
    RawUpdate::from_bytes(json.into()).unwrap()
}

pub(crate) fn assert_redelivered_later(response: &Response<ReplyBody>) {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let pause = &response.headers()[header::RETRY_AFTER];
    let pause: u64 = pause.to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&pause), "{pause}");
}

pub(crate) fn done() -> Response<ReplyBody> {
    Response::new(ReplyBody::default())
}

/// A failure that is to be followed by another attempt at once.
pub(crate) fn failed() -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::default());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(header::RETRY_AFTER, 0.into());
    response
}

/// A worker with a runtime and a connection of its own, like a process.
pub(crate) struct KillableWorker {
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), QueueError>>>,
}

impl KillableWorker {
    /// `start` spawns the worker on its runtime, within which it is called.
    pub(crate) fn start<F>(start: impl FnOnce(oneshot::Receiver<()>) -> F) -> Self
    where
        F: Future<Output = Result<(), QueueError>> + Send + 'static,
    {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = {
            // A connection belongs to the runtime in which it is made.
            let _entered = runtime.enter();
            tokio::spawn(start(stopped))
        };
        Self {
            runtime: Some(runtime),
            stop: Some(stop),
            running: Some(running),
        }
    }

    /// Asks it to stop.
    pub(crate) fn shut_down(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).expect("it runs");
        }
    }

    /// Waits for its end.
    pub(crate) async fn end(mut self) -> Result<(), QueueError> {
        let running = self.running.take().expect("it is waited for once");
        let ended = timeout(limit(), running).await.expect("it ends");
        ended.expect("no panic")
    }

    pub(crate) async fn stop(mut self) {
        self.shut_down();
        self.end().await.unwrap();
    }

    /// As `kill -9` would.
    pub(crate) fn kill(&mut self) {
        // Dropped, it would ask the worker to stop.
        std::mem::forget(self.stop.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for KillableWorker {
    fn drop(&mut self) {
        self.kill();
    }
}
