//! Work on updates that goes on after their responses, and that a shutdown waits for.

use std::sync::{Arc, PoisonError};

use tokio::{sync::Notify, time::Instant};

use super::{delivery::DeliveryKey, left_running::LeftRunning};
use crate::task::{
    shrinking_map::ShrinkingMap,
    sync::{Mutex, MutexGuard},
};

/// The work that goes on after responses: of a delivery layer, or of a runner.
///
/// Like the updates in flight, it has no `TaskTracker` of tokio-util, because the model checker doesn't know its steps.
#[derive(Debug, Default)]
pub(crate) struct DetachedWork {
    state: Mutex<DetachedState>,
    /// Notified when work has ended. Only a shutdown waits for it.
    ended: Notify,
    /// Notified when a shutdown begins, and when it cancels. All work waits for it.
    shutdown_changed: Notify,
}

#[derive(Debug, Default)]
struct DetachedState {
    running: ShrinkingMap<u64, RunningWork>,
    last_id: u64,
    shutdown: WorkShutdown,
    /// The work that a shutdown has ended before it was done.
    unfinished: Vec<WorkItem>,
}

/// How far a shutdown is.
#[derive(Clone, Copy, Debug, Default)]
enum WorkShutdown {
    #[default]
    NotBegun,
    /// It cancels what still runs then; never with `None`.
    Draining {
        end: Option<Instant>,
    },
    Cancelled,
}

#[derive(Clone, Copy, Debug)]
struct RunningWork {
    item: WorkItem,
    /// Another piece of work has abandoned the update, or this one has.
    is_abandoned: bool,
}

/// A piece of work on an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkItem {
    pub(crate) key: DeliveryKey,
    pub(crate) kind: WorkKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkKind {
    /// Telegram had its 200 before the handler ended: further attempts, and the call of the reply.
    Acknowledged,
    /// A handler that ran for longer than its limit.
    LeftRunning,
    /// The store couldn't record that the update was handled, and is asked again.
    Recording,
}

impl DetachedWork {
    fn state(&self) -> MutexGuard<'_, DetachedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts work until the result is dropped. To be called before its task is spawned, so that a shutdown misses none.
    pub(crate) fn begin(self: &Arc<Self>, key: DeliveryKey, kind: WorkKind) -> DetachedGuard {
        let item = WorkItem { key, kind };
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        let running = RunningWork {
            item,
            is_abandoned: false,
        };
        state.running.insert(id, running);
        DetachedGuard {
            work: Arc::clone(self),
            id,
            item,
        }
    }

    /// Counts a handler that was left running until it ends.
    pub(crate) fn follow(self: &Arc<Self>, key: DeliveryKey, handler: LeftRunning) {
        let guard = self.begin(key, WorkKind::LeftRunning);
        tokio::spawn(async move {
            handler.ended().await;
            drop(guard);
        });
    }

    /// The updates of the running work, those of one several times where it has several pieces.
    pub(crate) fn keys(&self) -> Vec<DeliveryKey> {
        let state = self.state();
        state.running.values().map(|work| work.item.key).collect()
    }

    /// A shutdown begins, which cancels what still runs at its end; without one it waits for as long as it takes.
    pub(crate) fn shut_down_by(&self, end: Option<Instant>) {
        let mut state = self.state();
        state.shutdown = match state.shutdown {
            WorkShutdown::NotBegun => WorkShutdown::Draining { end },
            // Another shutdown may end sooner, and takes back no cancellation.
            WorkShutdown::Draining { end: other } => WorkShutdown::Draining {
                end: [other, end].into_iter().flatten().min(),
            },
            WorkShutdown::Cancelled => WorkShutdown::Cancelled,
        };
        drop(state);
        self.shutdown_changed.notify_waiters();
    }

    /// The time of the shutdown is over. Returns the acknowledged updates that aren't done.
    pub(crate) fn cancel(&self) -> Vec<DeliveryKey> {
        let mut state = self.state();
        state.shutdown = WorkShutdown::Cancelled;
        self.shutdown_changed.notify_waiters();
        let running = state.running.values().map(|work| work.item);
        let acknowledged = running.filter(|item| item.kind == WorkKind::Acknowledged);
        acknowledged.map(|item| item.key).collect()
    }

    /// The work that the shutdown has ended, and the work that still runs.
    pub(crate) fn take_unfinished(&self) -> Vec<WorkItem> {
        let mut state = self.state();
        let mut unfinished = std::mem::take(&mut state.unfinished);
        unfinished.extend(state.running.values().map(|work| work.item));
        unfinished
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.state().running.is_empty()
    }

    /// Waits until no work runs.
    pub(crate) async fn drained(&self) {
        self.until(&self.ended, |state| state.running.is_empty())
            .await;
    }

    /// Waits until no work runs but that of handlers, which can't be cancelled.
    pub(crate) async fn cancelled_work_ended(&self) {
        self.until(&self.ended, |state| {
            let mut running = state.running.values();
            running.all(|work| work.item.kind == WorkKind::LeftRunning)
        })
        .await;
    }

    async fn until(&self, notify: &Notify, holds: impl Fn(&DetachedState) -> bool) {
        loop {
            let mut changed = std::pin::pin!(notify.notified());
            // It listens before it looks, so that no notification is missed in between.
            changed.as_mut().enable();
            if holds(&self.state()) {
                return;
            }
            changed.await;
        }
    }
}

/// One piece of running work, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct DetachedGuard {
    work: Arc<DetachedWork>,
    id: u64,
    item: WorkItem,
}

impl DetachedGuard {
    /// Waits for a shutdown that ends before this time.
    pub(crate) async fn shutdown_before(&self, time: Instant) {
        let is_too_early = |state: &DetachedState| match state.shutdown {
            WorkShutdown::NotBegun => false,
            WorkShutdown::Draining { end } => end.is_some_and(|end| end < time),
            WorkShutdown::Cancelled => true,
        };
        let work = &self.work;
        work.until(&work.shutdown_changed, is_too_early).await;
    }

    /// Waits until a shutdown cancels the work.
    pub(crate) async fn cancelled(&self) {
        let is_cancelled =
            |state: &DetachedState| matches!(state.shutdown, WorkShutdown::Cancelled);
        let work = &self.work;
        work.until(&work.shutdown_changed, is_cancelled).await;
    }

    /// The update is abandoned. `false` if other work that runs has abandoned it, so that it gets one dead letter.
    pub(crate) fn begin_abandoning(&self) -> bool {
        let mut state = self.work.state();
        let of_update = state.running.values_mut();
        let mut is_first = true;
        for work in of_update.filter(|work| work.item.key == self.item.key) {
            is_first &= !work.is_abandoned;
            work.is_abandoned = true;
        }
        is_first
    }

    /// The work ends without being done. A shutdown that has begun reports it.
    pub(crate) fn end_unfinished(self) {
        let mut state = self.work.state();
        if !matches!(state.shutdown, WorkShutdown::NotBegun) {
            state.unfinished.push(self.item);
        }
    }
}

impl Drop for DetachedGuard {
    fn drop(&mut self) {
        let mut state = self.work.state();
        state.running.remove(&self.id);
        self.work.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: DeliveryKey = DeliveryKey {
        bot: None,
        update_id: 1,
    };

    fn other_key() -> DeliveryKey {
        DeliveryKey {
            update_id: 2,
            ..KEY
        }
    }

    #[tokio::test(start_paused = true)]
    async fn d20_a_second_shutdown_takes_no_cancellation_back() {
        let work = Arc::new(DetachedWork::default());
        let guard = work.begin(KEY, WorkKind::Acknowledged);
        work.shut_down_by(Some(Instant::now()));
        assert_eq!(work.cancel(), [KEY]);
        work.shut_down_by(None);
        // It isn't polled before the second one.
        guard.cancelled().await;
    }

    #[tokio::test(start_paused = true)]
    async fn d20_the_sooner_end_of_two_shutdowns_counts() {
        let work = Arc::new(DetachedWork::default());
        let guard = work.begin(KEY, WorkKind::Acknowledged);
        let now = Instant::now();
        work.shut_down_by(Some(now));
        work.shut_down_by(Some(now + std::time::Duration::from_secs(9)));
        guard
            .shutdown_before(now + std::time::Duration::from_secs(1))
            .await;
    }

    #[tokio::test]
    async fn d20_an_update_that_was_acknowledged_twice_is_abandoned_once() {
        let work = Arc::new(DetachedWork::default());
        let [first, second] = [KEY, KEY].map(|key| work.begin(key, WorkKind::Acknowledged));
        let other = work.begin(other_key(), WorkKind::Acknowledged);
        assert!(first.begin_abandoning());
        assert!(!second.begin_abandoning());
        assert!(other.begin_abandoning());
    }

    /// A burst of acknowledged updates would otherwise wake each other again and again.
    #[tokio::test]
    async fn work_that_ends_wakes_no_other_work() {
        let work = Arc::new(DetachedWork::default());
        let guard = work.begin(KEY, WorkKind::Acknowledged);
        let mut cancelled = tokio_test::task::spawn(guard.cancelled());
        assert!(cancelled.poll().is_pending());
        drop(work.begin(other_key(), WorkKind::Acknowledged));
        assert!(!cancelled.is_woken());
        assert_eq!(work.cancel(), [KEY]);
        assert!(cancelled.is_woken());
        assert!(cancelled.poll().is_ready());
    }
}
