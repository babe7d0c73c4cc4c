//! The phases of a process, from its start to its end.

use tokio::sync::watch;

/// The phase of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProcessPhase {
    Starting,
    Started,
    Draining,
}

impl ProcessPhase {
    /// Why the process isn't ready in this phase.
    pub(super) fn reason(self) -> Option<&'static str> {
        match self {
            Self::Starting => Some("starting"),
            Self::Started => None,
            Self::Draining => Some("draining"),
        }
    }
}

/// Reports to a [`Readyz`](super::Readyz) that the process has started, and that it drains. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ReadyHandle {
    pub(super) phase: watch::Sender<ProcessPhase>,
}

impl ReadyHandle {
    pub(super) fn new() -> Self {
        Self {
            phase: watch::Sender::new(ProcessPhase::Starting),
        }
    }

    /// The process takes requests from now on, if it doesn't drain already.
    pub fn started(&self) {
        self.phase.send_if_modified(|phase| {
            // A signal may have come first, and what drains doesn't begin again.
            let is_starting = *phase == ProcessPhase::Starting;
            if is_starting {
                *phase = ProcessPhase::Started;
            }
            is_starting
        });
    }

    /// The process takes no more requests: call this on SIGTERM. It can't be undone.
    ///
    /// Orchestrators take a few seconds to notice, so servers close a little later;
    /// [`DeliveryHandle::shutdown`](crate::webhook::delivery::DeliveryHandle::shutdown) waits for what runs.
    pub fn drain(&self) {
        self.phase.send_replace(ProcessPhase::Draining);
    }
}
