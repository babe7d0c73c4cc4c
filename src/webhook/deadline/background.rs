//! Updates that were acknowledged before their handler ended: their replies are sent, and failed attempts repeated,
//! as Telegram would do.

use std::{error::Error, future, pin::Pin, sync::Arc, time::Duration};

use http::{Extensions, Request, Response};
use tokio::time::Instant;
use tower_service::Service;
use tracing::Instrument as _;

use crate::client::{CallProgress, ErrorChain};
use crate::{
    Client,
    task::backoff::Backoff,
    webhook::{
        RawUpdate, ReplyBody,
        outcome::{self, Outcome, handle_once, log_failure},
        reply_call::{TEN_MINUTES, call_reply},
    },
};

/// How long attempts are repeated after a failure.
const MAX_RETRY_TIME: Duration = Duration::from_secs(600);

/// An update that Telegram regards as handled, with its handler and the client for its reply.
pub(super) struct DetachedUpdate<S> {
    pub(super) service: S,
    pub(super) update: RawUpdate,
    pub(super) extensions: Extensions,
    pub(super) client: Arc<Client>,
}

impl<S> DetachedUpdate<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>> + Clone,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Waits for the handler, then sends its reply or starts another attempt.
    pub(super) async fn finish(self, call: Pin<Box<S::Future>>) {
        let update_id = self.update.update_id();
        let until = Instant::now() + MAX_RETRY_TIME;
        let mut backoff = Backoff::new();
        let mut outcome = outcome::outcome(call).await;
        for attempt in 1.. {
            let after = match outcome {
                Outcome::Done { reply, span } => {
                    let (progress, never) = (CallProgress::default(), future::pending());
                    let sending = call_reply(
                        &self.client,
                        update_id,
                        &reply,
                        &progress,
                        TEN_MINUTES,
                        never,
                    );
                    if let Err(error) = sending.instrument(span).await {
                        let error = ErrorChain(&error);
                        tracing::error!(%error, update_id, "failed to send late reply");
                    }
                    return;
                }
                Outcome::FailedPermanently(failure) => {
                    let error = ErrorChain(&failure);
                    tracing::error!(%error, update_id, attempt, "acknowledged update abandoned");
                    return;
                }
                Outcome::Failed { failure, after } => {
                    log_failure(update_id, attempt, &failure);
                    after
                }
                Outcome::Deferred { after } => after,
            };
            let pause = backoff.next(after);
            if Instant::now() + pause > until {
                tracing::error!(
                    update_id,
                    attempt,
                    "acknowledged update abandoned: no time left"
                );
                return;
            }
            tokio::time::sleep(pause).await;
            let mut request = Request::new(self.update.clone());
            *request.extensions_mut() = self.extensions.clone();
            outcome = handle_once(&self.service, request).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::ready, sync::Mutex};

    use tower::service_fn;

    use super::*;
    use crate::client;

    #[tokio::test(start_paused = true)]
    async fn a_failed_attempt_is_repeated_for_ten_minutes_and_no_longer() {
        let began = Instant::now();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&calls);
        let mut service = service_fn(move |_: Request<RawUpdate>| {
            noted.lock().unwrap().push(began.elapsed());
            ready(Err::<Response<ReplyBody>, _>("no"))
        });
        let no_server = service_fn(|_| ready(Err(client::Error::transport("no server", false))));
        let update = RawUpdate::from_bytes(r#"{"update_id":1,"message":{}}"#.into()).unwrap();
        let call = Box::pin(service.call(Request::new(update.clone())));
        let late = DetachedUpdate {
            service,
            update,
            extensions: Extensions::new(),
            client: Arc::new(Client::from_service(no_server)),
        };
        let day = Duration::from_secs(24 * 60 * 60);
        let finished = tokio::time::timeout(day, late.finish(call)).await;
        finished.expect("it is abandoned");
        let last = *calls.lock().unwrap().last().unwrap();
        // A pause is 75 s at most.
        assert!(last <= MAX_RETRY_TIME, "{last:?}");
        assert!(last + Duration::from_secs(75) > MAX_RETRY_TIME, "{last:?}");
    }
}
