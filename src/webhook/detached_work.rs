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
    /// Notified when the last work has ended, and when the shutdown begins or cancels.
    changed: Notify,
}

#[derive(Debug, Default)]
struct DetachedState {
    running: ShrinkingMap<u64, WorkItem>,
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
        state.running.insert(id, item);
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
        self.state().running.values().map(|item| item.key).collect()
    }

    /// A shutdown begins, which cancels what still runs at its end; without one it waits for as long as it takes.
    pub(crate) fn shut_down_by(&self, end: Option<Instant>) {
        self.state().shutdown = WorkShutdown::Draining { end };
        self.changed.notify_waiters();
    }

    /// The time of the shutdown is over. Returns the acknowledged updates that aren't done.
    pub(crate) fn cancel(&self) -> Vec<DeliveryKey> {
        let mut state = self.state();
        state.shutdown = WorkShutdown::Cancelled;
        self.changed.notify_waiters();
        let running = state.running.values();
        let acknowledged = running.filter(|item| item.kind == WorkKind::Acknowledged);
        acknowledged.map(|item| item.key).collect()
    }

    /// The work that the shutdown has ended, and the work that still runs.
    pub(crate) fn take_unfinished(&self) -> Vec<WorkItem> {
        let mut state = self.state();
        let mut unfinished = std::mem::take(&mut state.unfinished);
        unfinished.extend(state.running.values());
        unfinished
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.state().running.is_empty()
    }

    /// Waits until no work runs.
    pub(crate) async fn drained(&self) {
        self.until(|state| state.running.is_empty()).await;
    }

    /// Waits until no work runs but that of handlers, which can't be cancelled.
    pub(crate) async fn cancelled_work_ended(&self) {
        self.until(|state| {
            let mut running = state.running.values();
            running.all(|item| item.kind == WorkKind::LeftRunning)
        })
        .await;
    }

    async fn until(&self, holds: impl Fn(&DetachedState) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
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
        self.work.until(is_too_early).await;
    }

    /// Waits until a shutdown cancels the work.
    pub(crate) async fn cancelled(&self) {
        self.work
            .until(|state| matches!(state.shutdown, WorkShutdown::Cancelled))
            .await;
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
        self.work.changed.notify_waiters();
    }
}
