//! Graceful shutdown of in-flight deliveries.

use std::{sync::Arc, time::Duration};

use super::{in_flight::InFlight, store::DeliveryKey};

/// How long a shutdown waits for the store to release the claims of the cancelled handlers.
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
    /// Rejects new updates from now on with 503 and `Retry-After`, so that Telegram sends them again later, when
    /// another process may get them. A redelivery of a running update still gets its response.
    pub fn close(&self) {
        self.in_flight.close();
    }

    /// How many updates are being handled.
    pub fn running(&self) -> usize {
        self.in_flight.len()
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
    pub async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.close();
        if self.running() > 0 {
            tracing::info!(running = self.running(), "waiting for running handlers");
        }
        let drained = tokio::time::timeout(limit, self.in_flight.drained()).await;
        let cancelled = match drained {
            Ok(()) => Vec::new(),
            Err(_) => self.in_flight.cancel_all(),
        };
        if !cancelled.is_empty() {
            // Otherwise the next process would have to wait until the claims expire.
            let given_back = self.in_flight.claims_given_back();
            drop(tokio::time::timeout(GIVING_BACK, given_back).await);
            tracing::warn!(count = cancelled.len(), "handlers cancelled at shutdown");
        }
        ShutdownReport { cancelled }
    }
}

/// The result of a shutdown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The updates whose handlers were still running. Telegram got no 2xx for them, so it sends them again.
    pub cancelled: Vec<DeliveryKey>,
}

impl ShutdownReport {
    /// Whether every handler has ended by itself.
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
        let cancelled = vec![key];
        assert!(!ShutdownReport { cancelled }.is_clean());
    }
}
