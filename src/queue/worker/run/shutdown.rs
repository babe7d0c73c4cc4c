//! The end of a worker: it waits for the handlers that run, and gives its partitions back.

use std::{pin::pin, time::Duration};

use http::{Request, Response};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tower::BoxError;
use tower_service::Service;

use super::{WorkerRun, end_of};
use crate::{
    runner::RECORD_TIME,
    webhook::{RawUpdate, ReplyBody},
};

/// How long a shutdown tries to uncount the attempts that it cut off.
const UNCOUNT_TIMEOUT: Duration = Duration::from_secs(5);

impl<S> WorkerRun<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    pub(in crate::queue::worker) fn shutdown_timeout(&self) -> Duration {
        self.settings().shutdown_timeout
    }

    /// For how long other workers leave the partitions alone, if they aren't renewed.
    pub(in crate::queue::worker) fn claims_left(&self) -> Duration {
        self.attempts.claims.left()
    }

    /// Waits for the handlers that run, for this long, and gives all partitions back.
    pub(in crate::queue::worker) async fn drain(&mut self, limit: Duration) {
        self.stays = false;
        self.attempts.stop_repeats();
        self.runner.retire(|_| true);
        for partition in self.partitions.values_mut() {
            partition.leaving = true;
        }
        self.next_heartbeat = Instant::now();
        let mut end = pin!(sleep(limit));
        while self.runner.is_running(|_| true) {
            tokio::select! {
                biased;
                () = &mut end => break,
                beat = end_of(&mut self.beating) => drop(self.heard(beat)),
                () = sleep_until(self.next_heartbeat), if self.beating.is_none() => self.start_heartbeat(),
                event = self.runner.next() => self.ended(event),
            }
        }
        if self.attempts.cut_off_replies() {
            for event in self.runner.settle(RECORD_TIME).await {
                self.ended(event);
            }
        }
        self.cut_off().await;
        // An update that is done but not recorded would be handled again by another worker.
        drop(timeout(UNCOUNT_TIMEOUT, self.attempts.recorder.settled()).await);
        drop(timeout(UNCOUNT_TIMEOUT, self.leave()).await);
        self.recording.abort_all();
        self.attempts.left_running_ended(end.deadline()).await;
    }

    /// Gives back all partitions.
    async fn leave(&mut self) {
        if self.beating.is_some() {
            // One that hangs is dropped, so that the last one has time too.
            match timeout(UNCOUNT_TIMEOUT / 2, end_of(&mut self.beating)).await {
                Ok(beat) => drop(self.heard(beat)),
                Err(_) => self.beating = None,
            }
        }
        self.start_heartbeat();
        let beat = end_of(&mut self.beating).await;
        drop(self.heard(beat));
    }

    /// A handler that had no time to end hasn't failed: its attempt isn't counted.
    async fn cut_off(&mut self) {
        let cut_off = self.runner.shutdown().await;
        if cut_off.is_empty() {
            return;
        }
        let handlers = cut_off.len();
        tracing::warn!(
            cut_off = handlers,
            "handlers cut off, other workers will handle their updates"
        );
        let uncounting = async {
            for (chat, entry) in cut_off {
                self.attempts.uncount(&chat, &entry).await;
            }
        };
        if timeout(UNCOUNT_TIMEOUT, uncounting).await.is_err() {
            tracing::warn!(
                "attempts that were cut off stay counted, because the queue doesn't respond"
            );
        }
    }
}
