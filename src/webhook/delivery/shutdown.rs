//! Graceful shutdown of in-flight deliveries.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{in_flight::InFlight, store::DeliveryKey};
use crate::webhook::detached_work::{DetachedWork, WorkItem, WorkKind};

/// How long a shutdown waits for the store to release the claims of the cancelled handlers, and for the dead-letter hook
/// to take their updates if Telegram doesn't send them again.
const GIVING_BACK: Duration = Duration::from_secs(2);

/// A handle for the graceful shutdown of a [`DeliveryLayer`](super::DeliveryLayer), from
/// [`WebhookService::deliveries`](crate::webhook::WebhookService::deliveries) or
/// [`DeliveryLayer::handle`](super::DeliveryLayer::handle). Cheap to clone.
///
/// ```
/// use std::time::Duration;
///
/// use tower_telegram::{
///     types::Update,
///     webhook::{SecretToken, Webhook},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let webhook = Webhook::new(SecretToken::new("swordfish")?)
///     .handler(async |_: Update| {});
/// let deliveries = webhook.deliveries();
/// // Once the server's own shutdown has ended:
/// let report = deliveries.shutdown(Duration::from_secs(30)).await;
/// assert!(report.is_clean());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DeliveryHandle {
    pub(super) in_flight: Arc<InFlight>,
}

impl DeliveryHandle {
    /// The handle of a stack without deliveries, which has only work that goes on after responses.
    pub(in crate::webhook) fn without_deliveries() -> Self {
        Self {
            in_flight: Arc::new(InFlight::new(0)),
        }
    }

    pub(in crate::webhook) fn detached(&self) -> &Arc<DetachedWork> {
        &self.in_flight.detached
    }

    /// Rejects new updates from now on with 503 and `Retry-After`, so that Telegram sends them again later, when
    /// another process may get them. A redelivery of a running update still gets its response, and an update that was
    /// [acknowledged early](crate::webhook::deadline) still has further attempts.
    pub fn close(&self) {
        self.in_flight.close();
    }

    /// How many updates are being handled, those included for which work goes on after their responses: see
    /// [`shutdown`](Self::shutdown).
    pub fn running(&self) -> usize {
        self.in_flight.count_with_detached()
    }

    /// How many requests wait for the response of a running update, not counting those that hung up.
    pub fn waiting(&self) -> usize {
        self.in_flight.waiting()
    }

    /// Rejects new updates, waits for running ones, and cancels those that still run after `limit`.
    ///
    /// Call it when the process has to stop, after the server's own graceful shutdown: that waits for the
    /// connections, and this one for the handlers whose connections are gone. It takes `limit` at most, and up to 2 seconds
    /// more to release the claims of handlers that it cancelled.
    ///
    /// It also waits for work that goes on after a response:
    ///
    /// - the handler, further attempts and the reply of an update that was [acknowledged
    ///   early](crate::webhook::deadline). If the next attempt would begin after `limit`, the update is abandoned at
    ///   once, and the [dead-letter hook](super::DeliveryLayer::dead_letter) gets it;
    /// - handlers that were [left running](crate::webhook::HandlerTimeoutLayer::leave_running) at their time limit;
    /// - the record in the [store](super::DeliveryStore) that an update was handled, if the store had failed.
    ///
    /// The report names each update for which that didn't end in time.
    pub async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.close();
        let detached = &self.in_flight.detached;
        detached.shut_down_by(Instant::now().checked_add(limit));
        if self.running() > 0 {
            tracing::info!(running = self.running(), "waiting for running handlers");
        }
        let drained = tokio::time::timeout(limit, self.drained()).await;
        let cancelled = match drained {
            Ok(()) => Vec::new(),
            Err(_) => self.cancel().await,
        };
        let report = ShutdownReport::new(cancelled, &detached.take_unfinished());
        report.log();
        report
    }

    async fn drained(&self) {
        loop {
            self.in_flight.drained().await;
            // Its attempts are in flight too, and an update in flight may leave work behind.
            self.in_flight.detached.drained().await;
            if self.in_flight.is_empty() && self.in_flight.detached.is_idle() {
                return;
            }
        }
    }

    /// Cancels the running updates, and returns the keys of those that Telegram sends again.
    async fn cancel(&self) -> Vec<DeliveryKey> {
        // First, so that an acknowledged update is abandoned and not tried again.
        let acknowledged = self.in_flight.detached.cancel();
        let mut cancelled = self.in_flight.cancel_all();
        cancelled.retain(|key| !acknowledged.contains(key));
        let released = async {
            // Otherwise the next process would have to wait until the claims expire.
            self.in_flight.claims_given_back().await;
            self.in_flight.detached.cancelled_work_ended().await;
        };
        drop(tokio::time::timeout(GIVING_BACK, released).await);
        cancelled
    }
}

/// The result of a shutdown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The updates whose handlers were still running. Telegram got no 2xx for them, so it sends them again.
    pub cancelled: Vec<DeliveryKey>,
    /// The updates that were [acknowledged early](crate::webhook::deadline), so that Telegram doesn't send them again,
    /// and whose handler, next attempt or reply was cut off. One that the [dead-letter
    /// hook](super::DeliveryLayer::dead_letter) has taken isn't among them. A reply may have reached Telegram nevertheless.
    pub lost: Vec<DeliveryKey>,
    /// The updates whose handlers were [left running](crate::webhook::HandlerTimeoutLayer::leave_running) at their time
    /// limit and haven't ended. They go on until the process ends.
    pub left_running: Vec<DeliveryKey>,
    /// The updates that were handled, which the store couldn't record. Should Telegram send one again, because its
    /// response was lost, it is handled again.
    pub unrecorded: Vec<DeliveryKey>,
}

impl ShutdownReport {
    fn new(cancelled: Vec<DeliveryKey>, unfinished: &[WorkItem]) -> Self {
        let of = |kind| {
            let items = unfinished.iter().filter(|item| item.kind == kind);
            let mut keys: Vec<_> = items.map(|item| item.key).collect();
            // Several requests for one update may have been acknowledged.
            keys.sort_unstable();
            keys.dedup();
            keys
        };
        Self {
            cancelled,
            lost: of(WorkKind::Acknowledged),
            left_running: of(WorkKind::LeftRunning),
            unrecorded: of(WorkKind::Recording),
        }
    }

    /// Whether every handler has ended by itself, and so has all work that went on after a response: all lists are
    /// empty.
    pub fn is_clean(&self) -> bool {
        let lists = [
            &self.cancelled,
            &self.lost,
            &self.left_running,
            &self.unrecorded,
        ];
        lists.into_iter().all(Vec::is_empty)
    }

    fn log(&self) {
        if !self.cancelled.is_empty() {
            let count = self.cancelled.len();
            tracing::warn!(count, "handlers cancelled at shutdown");
        }
        for key in &self.lost {
            let update_id = key.update_id;
            tracing::error!(update_id, "acknowledged update lost at shutdown");
        }
        if !self.left_running.is_empty() {
            let count = self.left_running.len();
            tracing::warn!(count, "handlers left running at shutdown");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::pending};

    use http::{Request, Response};
    use tower::{Layer as _, ServiceExt as _, service_fn};

    use super::*;
    use crate::webhook::{BotId, DeliveryLayer, RawUpdate, ReplyBody};

    #[tokio::test(start_paused = true)]
    async fn d10_a_handler_that_still_runs_is_counted_and_cancelled_at_the_limit() {
        let layer = DeliveryLayer::new();
        let handle = layer.handle();
        let service = layer.layer(service_fn(|_: Request<RawUpdate>| {
            pending::<Result<Response<ReplyBody>, Infallible>>()
        }));
        let raw = RawUpdate::from_bytes(r#"{"update_id":7,"message":{}}"#.into()).unwrap();
        let asking = tokio::spawn(service.oneshot(Request::new(raw)));
        while handle.running() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(handle.running(), 1);
        let report = handle.shutdown(Duration::from_secs(1)).await;
        let cancelled: Vec<_> = report.cancelled.iter().map(|key| key.update_id).collect();
        assert_eq!(cancelled, [7]);
        asking.abort();
    }

    #[test]
    fn d10_a_shutdown_is_clean_if_it_cancelled_no_handler() {
        let key = DeliveryKey::new(Some(BotId(1)), 1);
        assert!(ShutdownReport::default().is_clean());
        let keys = || vec![key];
        for report in [
            ShutdownReport {
                cancelled: keys(),
                ..<_>::default()
            },
            ShutdownReport {
                lost: keys(),
                ..<_>::default()
            },
            ShutdownReport {
                left_running: keys(),
                ..<_>::default()
            },
            ShutdownReport {
                unrecorded: keys(),
                ..<_>::default()
            },
        ] {
            assert!(!report.is_clean(), "{report:?}");
        }
    }
}
