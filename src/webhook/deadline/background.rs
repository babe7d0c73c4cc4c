//! Updates that were acknowledged before their handler ended: their replies are sent, and failed attempts repeated,
//! as Telegram would do.

use std::{error::Error, future, pin::Pin, sync::Arc, time::Duration};

use http::{Extensions, Request, Response};
use tokio::time::{Instant, sleep_until};
use tower_service::Service;
use tracing::{Instrument as _, Span};

use crate::client::{CallProgress, ErrorChain};
use crate::{
    Client, Reply,
    task::backoff::Backoff,
    webhook::{
        Failure, RawUpdate, ReplyBody,
        delivery::DeadLetter,
        detached_work::{DetachedGuard, WorkKind},
        early_ack::{DeliveryBelow, EarlyAck},
        outcome::{self, Outcome, handle_once, log_abandoned, log_failure},
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

/// A handler's reply, with the span of its attempt.
type Handled = (Reply, Span);

/// The end of an update without a reply.
struct Unhandled {
    failure: Failure,
    /// How many attempts have failed.
    attempts: u32,
}

/// The attempts at an update, and the last failure among them.
#[derive(Default)]
struct PastAttempts {
    failed: u32,
    last: Option<Failure>,
}

impl PastAttempts {
    fn add(&mut self, failure: Failure) {
        self.failed += 1;
        self.last = Some(failure);
    }

    /// No further attempt is made: `otherwise` says why, if none has failed.
    fn abandon(&mut self, otherwise: &'static str) -> Unhandled {
        let last = self.last.take();
        Unhandled {
            failure: last.unwrap_or_else(|| Failure::not_handled(otherwise)),
            attempts: self.failed,
        }
    }
}

impl<S> DetachedUpdate<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
{
    /// Has the handler go on in a task, for which a shutdown of the deliveries below waits.
    pub(super) fn go_on(self, call: Pin<Box<S::Future>>, ack: &EarlyAck) {
        let delivery = ack.delivery().cloned();
        let work = delivery
            .as_ref()
            .map(|below| below.work.begin(below.key, WorkKind::Acknowledged));
        tokio::spawn(self.finish(call, delivery, work));
    }

    /// Waits for the handler, makes further attempts if it fails, and sends its reply.
    async fn finish(
        mut self,
        call: Pin<Box<S::Future>>,
        delivery: Option<DeliveryBelow>,
        work: Option<DetachedGuard>,
    ) {
        let mut past = PastAttempts::default();
        let handled = tokio::select! {
            biased;
            () = cancelled(work.as_ref()) => {
                Err(past.abandon("the attempt was cancelled by shutdown"))
            }
            handled = self.handle(call, &mut past, work.as_ref()) => handled,
        };
        let may_abandon = || work.as_ref().is_none_or(DetachedGuard::begin_abandoning);
        let is_done = match handled {
            Ok(handled) => tokio::select! {
                biased;
                () = send(&self.client, self.update.update_id(), handled) => true,
                () = cancelled(work.as_ref()) => false,
            },
            // The update was acknowledged twice, because its first response was lost. The other work abandons it, and is
            // reported if it can't.
            Err(_) if !may_abandon() => true,
            Err(unhandled) => abandon(self.update, unhandled, delivery).await,
        };
        if let Some(work) = work.filter(|_| !is_done) {
            work.end_unfinished();
        }
    }

    /// Waits for the handler, and makes further attempts if it fails, for ten minutes or until a shutdown leaves no time
    /// for the next one.
    async fn handle(
        &mut self,
        call: Pin<Box<S::Future>>,
        past: &mut PastAttempts,
        work: Option<&DetachedGuard>,
    ) -> Result<Handled, Unhandled> {
        let update_id = self.update.update_id();
        let until = Instant::now() + MAX_RETRY_TIME;
        let mut backoff = Backoff::new();
        let mut outcome = outcome::outcome(call).await;
        loop {
            let after = match outcome {
                Outcome::Done { reply, span } => return Ok((reply, span)),
                Outcome::FailedPermanently(failure) => {
                    let attempts = past.failed + 1;
                    return Err(Unhandled { failure, attempts });
                }
                Outcome::Failed { failure, after } => {
                    log_failure(update_id, past.failed + 1, &failure);
                    past.add(failure);
                    after
                }
                Outcome::Deferred { after } => after,
            };
            let next = Instant::now() + backoff.next(after);
            if next > until {
                return Err(past.abandon("no attempt could begin within ten minutes"));
            }
            tokio::select! {
                biased;
                () = shutdown_before(work, next) => {
                    return Err(past.abandon("no attempt could begin before shutdown"));
                }
                () = sleep_until(next) => {}
            }
            let mut request = Request::new(self.update.clone());
            *request.extensions_mut() = self.extensions.clone();
            outcome = handle_once(&self.service, request).await;
        }
    }
}

async fn send(client: &Client, update_id: i64, (reply, span): Handled) {
    let (progress, never) = (CallProgress::default(), future::pending());
    let sending = call_reply(client, update_id, &reply, &progress, TEN_MINUTES, never);
    if let Err(error) = sending.instrument(span).await {
        let error = ErrorChain(&error);
        tracing::error!(%error, update_id, "failed to send late reply");
    }
}

/// Gives the update to the dead-letter hook of the deliveries, because Telegram doesn't send it again. `false` if there is
/// none, or it failed.
async fn abandon(update: RawUpdate, unhandled: Unhandled, delivery: Option<DeliveryBelow>) -> bool {
    let Unhandled { failure, attempts } = unhandled;
    let update_id = update.update_id();
    log_abandoned(update_id, update.update_type(), attempts, &failure);
    let Some(hook) = delivery.and_then(|below| below.dead_letter) else {
        return false;
    };
    let letter = DeadLetter {
        update,
        failure,
        attempts,
    };
    let taken = hook.call(letter).await;
    if let Err(failure) = &taken {
        let error = ErrorChain(failure);
        tracing::error!(%error, update_id, "dead-letter hook failed");
    }
    taken.is_ok()
}

/// Without deliveries below, no shutdown is known here.
async fn cancelled(work: Option<&DetachedGuard>) {
    match work {
        Some(work) => work.cancelled().await,
        None => future::pending().await,
    }
}

async fn shutdown_before(work: Option<&DetachedGuard>, time: Instant) {
    match work {
        Some(work) => work.shutdown_before(time).await,
        None => future::pending().await,
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
        let finished = tokio::time::timeout(day, late.finish(call, None, None)).await;
        finished.expect("it is abandoned");
        let last = *calls.lock().unwrap().last().unwrap();
        // A pause is 75 s at most.
        assert!(last <= MAX_RETRY_TIME, "{last:?}");
        assert!(last + Duration::from_secs(75) > MAX_RETRY_TIME, "{last:?}");
    }
}
