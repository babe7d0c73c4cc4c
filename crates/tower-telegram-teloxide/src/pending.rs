//! The updates whose handlers haven't ended, and the callers that wait for them.

use std::{
    any::Any,
    collections::HashMap,
    error::Error,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use teloxide::types::UpdateId;
use tokio::sync::oneshot;

/// How an update's handler ended.
pub(crate) enum Ended {
    Handled,
    Failed(Box<dyn Error + Send + Sync>),
    Panicked(Box<dyn Any + Send>),
}

/// The sender of an update's end to the caller that waits for it. Dropped unused, it says that the update wasn't
/// handled.
pub(crate) struct EndReporter(oneshot::Sender<Ended>);

impl EndReporter {
    pub(crate) fn new() -> (Self, oneshot::Receiver<Ended>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Whether the caller has stopped waiting. Telegram sends the update again then.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }

    pub(crate) fn end(self, ended: Ended) {
        // The caller may have stopped waiting.
        drop(self.0.send(ended));
    }
}

/// A reporter among the dependencies of an update for which no handler was found. The dispatcher drops it after its
/// default handler, and that is the end of the update.
pub(crate) struct Unmatched(Option<EndReporter>);

impl Unmatched {
    pub(crate) fn new(reporter: EndReporter) -> Self {
        Self(Some(reporter))
    }
}

impl Drop for Unmatched {
    fn drop(&mut self) {
        if let Some(reporter) = self.0.take() {
            reporter.end(if thread::panicking() {
                Ended::Failed("the default handler panicked".into())
            } else {
                Ended::Handled
            });
        }
    }
}

/// The reporters of the updates that a dispatcher has taken and whose handlers haven't begun.
#[derive(Default)]
pub(crate) struct Pending {
    /// Several of one number, oldest first, where nothing above keeps redeliveries from running beside each other.
    reporters: Mutex<HashMap<UpdateId, Vec<EndReporter>>>,
}

impl Pending {
    pub(crate) fn add(&self, update: UpdateId, reporter: EndReporter) {
        self.lock().entry(update).or_default().push(reporter);
    }

    /// Takes the oldest reporter of an update. `None` for an update of another listener.
    pub(crate) fn take(&self, update: UpdateId) -> Option<EndReporter> {
        let mut reporters = self.lock();
        let list = reporters.get_mut(&update)?;
        let reporter = list.remove(0);
        if list.is_empty() {
            reporters.remove(&update);
        }
        Some(reporter)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UpdateId, Vec<EndReporter>>> {
        self.reporters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
