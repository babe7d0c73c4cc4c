//! Graceful shutdown of in-flight deliveries.

use std::{sync::Arc, time::Duration};

use super::{in_flight::InFlight, store::DeliveryKey};

/// How long a shutdown waits for a store to take back the claims of what it cut off.
const GIVING_BACK: Duration = Duration::from_secs(2);

/// Ends the deliveries of a [`DeliveryLayer`](super::DeliveryLayer). Cheap to clone.
#[derive(Clone, Debug)]
pub struct DeliveryHandle {
    pub(super) in_flight: Arc<InFlight>,
}

impl DeliveryHandle {
    /// Turns new updates away from now on, with 503 and `Retry-After`, so that Telegram sends them to
    /// another replica, or to this one's successor. Who asks again for an update that runs still gets
    /// its answer.
    pub fn close(&self) {
        self.in_flight.close();
    }

    /// How many updates are being handled.
    pub fn running(&self) -> usize {
        self.in_flight.len()
    }

    /// How many requests wait for the answer of one that is being handled. Those that hung up don't.
    pub fn waiting(&self) -> usize {
        self.in_flight.waiting()
    }

    /// Turns new updates away, waits for those that run, and cuts off what still runs after `limit`.
    ///
    /// Call it when the server is told to stop, and the server's own graceful shutdown beside it: that
    /// waits for the connections, and this for the handlers too whose connections are gone.
    pub async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.close();
        let drained = tokio::time::timeout(limit, self.in_flight.drained()).await;
        let cancelled = match drained {
            Ok(()) => Vec::new(),
            Err(_) => self.in_flight.cancel_all(),
        };
        if !cancelled.is_empty() {
            // Or else the next process would have to wait until they run out.
            let given_back = self.in_flight.claims_given_back();
            drop(tokio::time::timeout(GIVING_BACK, given_back).await);
            tracing::warn!(count = cancelled.len(), "handlers are cut off");
        }
        ShutdownReport { cancelled }
    }
}

/// What a shutdown came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The updates whose handlers were still running. Telegram was told of no success, so it sends
    /// them again.
    pub cancelled: Vec<DeliveryKey>,
}

impl ShutdownReport {
    /// Whether all that ran came to its end.
    pub fn is_clean(&self) -> bool {
        self.cancelled.is_empty()
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
    async fn d10_what_still_runs_is_counted_and_in_the_end_cut_off() {
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
    fn d10_only_what_cut_nothing_off_is_clean() {
        let key = DeliveryKey::new(Some(BotId(1)), 1);
        assert!(ShutdownReport::default().is_clean());
        let cancelled = vec![key];
        assert!(!ShutdownReport { cancelled }.is_clean());
    }
}
