//! Has a batch handled: chats side by side, one chat's updates one after the other.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use tokio::{sync::Notify, task::JoinSet};
use tower::BoxError;
use tower_service::Service;

use super::settings::{FailedHook, PollingSettings};
use crate::{
    Client, Reply,
    client::ErrorChain,
    task::backoff::Backoff,
    webhook::{
        RawUpdate, ReplyBody,
        outcome::{Outcome, handle_once, log_abandoned, log_failure},
    },
};

/// A batch that is being handled.
pub(super) struct Batch<S> {
    worker: Arc<BatchWorker<S>>,
    /// One queue a chat, in the order in which they came.
    waiting: VecDeque<Vec<RawUpdate>>,
    running: JoinSet<()>,
    concurrency: usize,
    shutdown_timeout: Duration,
    last: Option<i64>,
}

/// How it ended: all up to and with `confirmed` are done.
pub(super) enum BatchEnd {
    Done { confirmed: Option<i64> },
    Stopped { confirmed: Option<i64> },
}

/// What the tasks share.
struct BatchWorker<S> {
    service: S,
    client: Client,
    max_attempts: u32,
    on_failed: Option<FailedHook>,
    open: Mutex<BTreeSet<i64>>,
    stopping: AtomicBool,
    stop: Notify,
}

impl<S> Batch<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    pub(super) fn start(polling: &PollingSettings, service: &S, updates: Vec<RawUpdate>) -> Self {
        let ids: BTreeSet<_> = updates.iter().map(RawUpdate::update_id).collect();
        let last = ids.last().copied();
        let worker = BatchWorker {
            service: service.clone(),
            client: polling.client.clone(),
            max_attempts: polling.max_attempts,
            on_failed: polling.on_failed.clone(),
            open: Mutex::new(ids),
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
        };
        Self {
            worker: Arc::new(worker),
            waiting: queues(updates),
            running: JoinSet::new(),
            concurrency: polling.concurrency,
            shutdown_timeout: polling.shutdown_timeout,
            last,
        }
    }

    /// Handles all of it, or what has begun when `shutdown` is ready.
    pub(super) async fn run_until<F>(&mut self, shutdown: &mut Pin<&mut F>) -> BatchEnd
    where
        F: Future<Output = ()>,
    {
        loop {
            self.fill();
            tokio::select! {
                biased;
                () = shutdown.as_mut() => break,
                done = self.running.join_next() => match done {
                    Some(Ok(())) => {}
                    // What it had is fetched again.
                    Some(Err(error)) => tracing::error!(%error, "polling task panicked"),
                    None => return BatchEnd::Done { confirmed: self.confirmed() },
                },
            }
        }
        self.drain().await;
        BatchEnd::Stopped {
            confirmed: self.confirmed(),
        }
    }

    fn fill(&mut self) {
        while self.running.len() < self.concurrency
            && let Some(queue) = self.waiting.pop_front()
        {
            self.running.spawn(Arc::clone(&self.worker).work(queue));
        }
    }

    /// Begins nothing new, and waits for what runs.
    async fn drain(&mut self) {
        self.waiting.clear();
        self.worker.stopping.store(true, Ordering::Release);
        self.worker.stop.notify_waiters();
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(self.shutdown_timeout, all)
            .await
            .is_err()
        {
            let cut_off = self.running.len();
            tracing::warn!(
                cut_off,
                "handlers are cut off, and their updates will come again"
            );
            self.running.shutdown().await;
        }
    }

    /// The last update before the first that isn't done.
    fn confirmed(&self) -> Option<i64> {
        match self.worker.open().first() {
            Some(open) => Some(open.saturating_sub(1)),
            None => self.last,
        }
    }
}

/// Updates of one chat, or else of one user, stay in order.
fn queues(updates: Vec<RawUpdate>) -> VecDeque<Vec<RawUpdate>> {
    let mut place = HashMap::new();
    let mut queues: VecDeque<Vec<RawUpdate>> = VecDeque::new();
    for update in updates {
        // A private chat has its user's number, so the two keys may meet.
        let key = update.chat_id().or_else(|| update.user_id());
        let at = match key {
            Some(key) => *place.entry(key).or_insert(queues.len()),
            None => queues.len(),
        };
        match queues.get_mut(at) {
            Some(queue) => queue.push(update),
            None => queues.push_back(vec![update]),
        }
    }
    queues
}

impl<S> BatchWorker<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    async fn work(self: Arc<Self>, queue: Vec<RawUpdate>) {
        for update in queue {
            if self.is_stopping() || !self.finish(&update).await {
                return;
            }
            self.open().remove(&update.update_id());
        }
    }

    /// Tries until the update is done or abandoned; `false` when it is to stop before that.
    async fn finish(&self, update: &RawUpdate) -> bool {
        let update_id = update.update_id();
        let mut backoff = Backoff::new();
        let mut attempt = 1;
        loop {
            let request = Request::new(update.clone());
            let after = match handle_once(&self.service, request).await {
                Outcome::Done(reply) => {
                    self.send(update_id, &reply).await;
                    return true;
                }
                Outcome::Deferred { after } => after,
                Outcome::Failed { failure, after } if attempt < self.max_attempts => {
                    log_failure(update_id, attempt, &failure);
                    attempt += 1;
                    after
                }
                Outcome::Failed { failure, .. } | Outcome::FailedForGood(failure) => {
                    log_abandoned(update_id, attempt, &failure);
                    self.tell_of(update);
                    return true;
                }
            };
            if !self.pause(backoff.next(after)).await {
                return false;
            }
        }
    }

    /// Calls the hook. Should it panic, the update is done all the same: it can't be tried any more.
    fn tell_of(&self, update: &RawUpdate) {
        if let Some(hook) = &self.on_failed
            && panic::catch_unwind(AssertUnwindSafe(|| hook(update))).is_err()
        {
            tracing::error!(update_id = update.update_id(), "on_failed hook panicked");
        }
    }

    /// Sends the reply through the client. As with a reply to a webhook, what Telegram makes of it changes
    /// nothing for the update.
    async fn send(&self, update_id: i64, reply: &Reply) {
        if let Err(error) = self.client.send_reply(reply).await {
            let error = ErrorChain(&error);
            tracing::error!(%error, update_id, "failed to send reply through client");
        }
    }
}

impl<S> BatchWorker<S> {
    /// `false` when it is to stop meanwhile.
    async fn pause(&self, pause: Duration) -> bool {
        let mut stop = pin!(self.stop.notified());
        // Listens before it looks, so that nothing is missed in between.
        stop.as_mut().enable();
        if self.is_stopping() {
            return false;
        }
        tokio::time::timeout(pause, stop).await.is_err()
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn open(&self) -> std::sync::MutexGuard<'_, BTreeSet<i64>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chats_have_queues_of_their_own_and_the_rest_one_each() {
        let update = |id: i64, rest: &str| {
            let text = format!(r#"{{"update_id":{id},{rest}}}"#);
            RawUpdate::from_bytes(text.into()).unwrap()
        };
        let queues = queues(vec![
            update(1, r#""message":{"chat":{"id":7}}"#),
            update(2, r#""message":{"chat":{"id":8}}"#),
            update(
                3,
                r#""callback_query":{"from":{"id":9},"message":{"chat":{"id":7}}}"#,
            ),
            update(4, r#""poll":{"id":"1"}"#),
            update(5, r#""poll":{"id":"1"}"#),
            update(6, r#""inline_query":{"from":{"id":8}}"#),
        ]);
        let ids =
            |queue: &Vec<RawUpdate>| -> Vec<_> { queue.iter().map(RawUpdate::update_id).collect() };
        let ids: Vec<_> = queues.iter().map(ids).collect();
        assert_eq!(ids, [vec![1, 3], vec![2, 6], vec![4], vec![5]]);
    }
}
