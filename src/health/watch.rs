//! Readiness from one change to the next, for servers that aren't probed by HTTP.

use std::time::Duration;

use tokio::{sync::watch, time::sleep};

use super::{
    phase::ProcessPhase,
    readyz::{Readiness, Readyz},
};

impl Readyz {
    /// Watches the readiness: the checks run at the interval `every`, and whenever the process has started or drains.
    ///
    /// For servers that aren't probed by HTTP. A bot with tonic keeps the status of gRPC's health service in step with
    /// `/readyz` by a task that sets it after each change, and clears it at the end:
    ///
    /// ```ignore
    /// while let Some(readiness) = watch.next().await {
    ///     let status = if readiness.is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing };
    ///     reporter.set_service_status("", status).await;
    /// }
    /// reporter.clear_service_status("").await;
    /// ```
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_telegram::health::Readyz;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let readyz = Readyz::new();
    /// let handle = readyz.handle();
    /// let mut watch = readyz.watch(Duration::from_secs(2));
    /// assert_eq!(watch.next().await.unwrap().reasons, ["starting"]);
    /// handle.started();
    /// assert!(watch.next().await.unwrap().is_ready());
    /// handle.drain();
    /// assert_eq!(watch.next().await.unwrap().reasons, ["draining"]);
    /// assert!(watch.next().await.is_none());
    /// # }
    /// ```
    pub fn watch(&self, every: Duration) -> ReadinessWatch {
        ReadinessWatch {
            readyz: self.clone(),
            phase: self.handle.phase.subscribe(),
            every,
            last: None,
        }
    }
}

/// The changes of a process' readiness, by [`Readyz::watch`].
#[derive(Debug)]
pub struct ReadinessWatch {
    readyz: Readyz,
    phase: watch::Receiver<ProcessPhase>,
    every: Duration,
    last: Option<(ProcessPhase, Readiness)>,
}

impl ReadinessWatch {
    /// The next readiness that differs from the one before, in its reasons too. The first call returns the present one,
    /// once the checks have run. `None` after one in which the process drains, because that can't be undone.
    ///
    /// It is cancel safe: a change that it hasn't returned yet is returned by a later call.
    ///
    /// # Panics
    ///
    /// The timer is tokio's: it must be polled within a Tokio runtime with its time driver on.
    pub async fn next(&mut self) -> Option<Readiness> {
        loop {
            if let Some((last, _)) = self.last {
                if last == ProcessPhase::Draining {
                    return None;
                }
                tokio::select! {
                    _ = self.phase.wait_for(|phase| *phase != last) => {}
                    () = sleep(self.every) => {}
                }
            }
            let phase = *self.phase.borrow();
            let readiness = self.readyz.readiness_in(phase).await;
            let differs = self
                .last
                .as_ref()
                .is_none_or(|(_, last)| *last != readiness);
            self.last = Some((phase, readiness.clone()));
            if differs {
                return Some(readiness);
            }
        }
    }
}
