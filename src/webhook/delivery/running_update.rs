//! The handling of one update: it is claimed, handled once, recorded and responded to.

use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, PoisonError},
    time::Duration,
};

use http::{Extensions, HeaderValue, Request, StatusCode, header};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};

use super::{
    backend::StoreBackend,
    dead_letter::{DeadLetter, DeadLetterHook},
    in_flight::{BoxedResponse, InFlight},
    lazy_call::BoxedCall,
    store::{Claim, ClaimToken, DeliveryKey, StoreError},
    unrecorded_failures::UnrecordedFailures,
};
use crate::{
    Reply,
    client::ErrorChain,
    task::{backoff::Backoff, sync::Mutex},
    telemetry::{names, update_span::AttemptNumber},
    types::{UpdateType, Upload},
    webhook::{
        Failure, RawUpdate, Rejection, ReplyBody,
        detached_work::WorkKind,
        early_ack::{DeliveryBelow, EarlyAck},
        left_running::LeftRunning,
        outcome::{
            Abandoned, FailureLogged, FromRunner, Outcome, failed_response, log_abandoned,
            log_failure, set_retry_after,
        },
        redelivery::{pause_within_life, redelivery_pause},
        rejection::empty_response,
    },
};

/// How often it is tried to record that an update is done, after its response was given.
const MAX_FINISH_RETRIES: usize = 10;

/// The state that all updates of a layer share.
#[derive(Debug)]
pub(super) struct DeliveryState {
    pub(super) store: StoreBackend,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) max_attempts: u32,
    pub(super) dead_letter: Option<DeadLetterHook>,
    pub(super) unrecorded: Arc<UnrecordedFailures>,
}

/// An update's entry among those that are handled, and its claim.
pub(super) struct InFlightGuard {
    state: Arc<DeliveryState>,
    key: DeliveryKey,
    /// `Some` until the store has recorded the outcome.
    claim: Option<ClaimToken>,
    is_complete: bool,
}

impl InFlightGuard {
    pub(super) fn new(state: &Arc<DeliveryState>, key: DeliveryKey) -> Self {
        state.in_flight.guard_begins();
        Self {
            state: Arc::clone(state),
            key,
            claim: None,
            is_complete: false,
        }
    }

    /// Records that the entry was removed: its key may belong to another attempt by now.
    fn complete(&mut self) {
        self.is_complete = true;
    }

    /// Renews the claim until a reply's call has ended, then records that the update was handled.
    pub(super) async fn record_after(mut self, sending: impl Future<Output = ()> + Unpin) {
        let state = Arc::clone(&self.state);
        let Some(token) = self.claim else {
            return sending.await;
        };
        match state.store.renew_every() {
            None => sending.await,
            Some(every) => state.renewing(&token, every, sending).await,
        }
        let finished = state.store.finish(&token, None).await;
        // If another process has the update now, that process handles it too: this one has done its part.
        state.check_finish(token, finished, None);
        self.claim = None;
    }
}

/// In the extensions of a response to polling, whose replies the client sends: the claim of the update, which is held
/// until the reply's call has ended. Dropped before, it releases the claim, and the attempt isn't counted.
#[derive(Clone)]
pub(crate) struct UnrecordedUpdate {
    guard: Arc<Mutex<Option<InFlightGuard>>>,
}

impl UnrecordedUpdate {
    pub(super) fn new(guard: InFlightGuard) -> Self {
        Self {
            guard: Arc::new(Mutex::new(Some(guard))),
        }
    }

    /// Renews the claim while the reply is sent, then records that the update was handled.
    pub(crate) async fn record_after(self, sending: impl Future<Output = ()>) {
        let guard = self
            .guard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match guard {
            Some(guard) => guard.record_after(pin!(sending)).await,
            None => sending.await,
        }
    }
}

impl fmt::Debug for UnrecordedUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnrecordedUpdate").finish_non_exhaustive()
    }
}

/// Ends the wait of other requests if there will be no response, because the handler was cancelled, its runtime
/// has ended, or something panicked. The claim is released, so that the update can be claimed again.
impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let in_flight = &self.state.in_flight;
        if !self.is_complete {
            in_flight.remove(self.key);
        }
        // A panic is a failed attempt; a cancelled handler isn't.
        let has_failed = std::thread::panicking();
        let claim = self.claim.take();
        let rest = claim.and_then(|token| self.state.store.give_back(token, has_failed));
        // Without a runtime the claim expires by itself.
        if let Some(rest) = rest
            && let Ok(runtime) = Handle::try_current()
        {
            let in_flight = Arc::clone(in_flight);
            runtime.spawn(async move {
                rest.await;
                in_flight.guard_ends();
            });
        } else {
            in_flight.guard_ends();
        }
    }
}

/// Handles one update to completion. Resolves to the response for the first request, or `None` if that
/// request was dropped or shutdown cancelled the handler. Boxed, so that it can be moved to its own task.
pub(super) type RunningUpdate = Pin<Box<dyn Future<Output = Option<BoxedResponse>> + Send>>;

/// The facts about an update that error handling needs. The full update is cloned only when a dead-letter hook is
/// set.
pub(super) struct UpdateSummary {
    update_type: UpdateType,
    max_attempts: u32,
    /// A runner waits for the update. It writes the log, and has its own hook for abandoned updates.
    is_polled: bool,
    letter: Option<Box<RawUpdate>>,
    ack: Option<EarlyAck>,
}

impl UpdateSummary {
    pub(super) fn new(
        state: &DeliveryState,
        from: Option<FromRunner>,
        request: &Request<RawUpdate>,
    ) -> Self {
        let hook = state.dead_letter.as_ref();
        let update = request.body();
        let (max_attempts, is_polled) = match from {
            Some(FromRunner::Polling { max_attempts }) => (max_attempts, true),
            Some(FromRunner::Queue) | None => (state.max_attempts, false),
        };
        Self {
            update_type: update.update_type(),
            max_attempts,
            is_polled,
            letter: hook.map(|_| Box::new(update.clone())),
            ack: request.extensions().get().cloned(),
        }
    }

    pub(super) fn ack(&self) -> Option<&EarlyAck> {
        self.ack.as_ref()
    }
}

/// Handles an update, and gives its response to one of the requests that wait for it.
pub(super) fn handle_update(
    mut guard: InFlightGuard,
    summary: UpdateSummary,
    mut call: BoxedCall,
) -> RunningUpdate {
    let in_flight = Arc::clone(&guard.state.in_flight);
    // One block for the usual case, and boxes for the rare ones: each future within another has a cost.
    let update = async move {
        let (state, key) = (Arc::clone(&guard.state), guard.key);
        let mut answer;
        let mut is_unrecorded = false;
        match state.store.claim(key).await {
            Ok(Claim::Acquired(token)) => {
                guard.claim = Some(token);
                if let Some(attempt) =
                    AttemptNumber::unless_first(token.attempt, summary.max_attempts)
                {
                    call.as_mut().set_attempt(attempt);
                }
                answer = match state.store.renew_every() {
                    // The last attempt ended with its process, and another would probably do so too; or it has failed,
                    // and that couldn't be recorded.
                    _ if token.attempt > summary.max_attempts => {
                        let failure = state.unrecorded.take(key);
                        Box::new(failed_response(failure.unwrap_or_else(Failure::vanished)))
                    }
                    None => call.await,
                    Some(every) => Box::pin(state.renewing(&token, every, call)).await,
                };
                match Outcome::of(&answer) {
                    // It is done when its reply was sent.
                    Outcome::Done { reply, .. }
                        if summary.is_polled && reply.method().is_some() =>
                    {
                        is_unrecorded = true;
                    }
                    Outcome::Done { reply, .. } => {
                        let reply = state.claim_reply(key, &reply, &summary).then_some(reply);
                        let finished = state.store.finish(&token, reply.as_ref()).await;
                        if !state.check_finish(token, finished, reply) {
                            // The owner of the claim responds.
                            let after = Duration::from_secs(1);
                            answer = reject(Rejection::HandledElsewhere, after);
                        }
                    }
                    outcome => {
                        let unsuccessful = state.unsuccessful(token, &summary, outcome, answer);
                        answer = Box::pin(unsuccessful).await;
                    }
                }
                if !is_unrecorded {
                    guard.claim = None;
                }
            }
            other => answer = Box::pin(state.not_acquired(key, other, &summary)).await,
        }
        give_response(guard, answer, is_unrecorded)
    };
    Box::pin(in_flight.run_until_cancelled(update))
}

/// Gives the response to the requests that wait for it. Returns it if the first request is among them.
fn give_response(
    mut guard: InFlightGuard,
    answer: BoxedResponse,
    is_unrecorded: bool,
) -> Option<BoxedResponse> {
    let (state, key) = (&guard.state, guard.key);
    let mut first = if state.in_flight.complete_if_sole(key) {
        Some(answer)
    } else {
        state.complete_and_share(key, answer)
    };
    guard.complete();
    if is_unrecorded && let Some(answer) = &mut first {
        let unrecorded = UnrecordedUpdate::new(guard);
        answer.extensions_mut().insert(unrecorded);
    }
    first
}

impl DeliveryState {
    /// The response where the update was handled before, is handled elsewhere, or can't be claimed.
    async fn not_acquired(
        &self,
        key: DeliveryKey,
        claim: Result<Claim, StoreError>,
        summary: &UpdateSummary,
    ) -> BoxedResponse {
        if let Ok(Claim::Done { .. }) = claim {
            names::REDELIVERED.increment([summary.update_type.as_str().into()]);
        }
        match claim {
            // If an earlier request was acknowledged early, the client has sent the reply.
            Ok(Claim::Done { reply: Some(reply) })
                if summary.ack().is_none_or(EarlyAck::forbid) =>
            {
                respond(key, reply).await
            }
            Ok(Claim::Done { .. } | Claim::Acquired(_)) => empty(),
            Ok(Claim::Busy { lease }) => {
                let longest = redelivery_pause(summary.update_type, u32::MAX);
                let seconds = lease.clamp(Duration::from_secs(1), longest);
                reject(Rejection::HandledElsewhere, seconds)
            }
            Err(error) => store_failed(key, &error, summary.update_type),
        }
    }

    /// Renews the claim while the handler runs, or its reply is sent.
    async fn renewing<F: Future + Unpin>(
        &self,
        token: &ClaimToken,
        every: Duration,
        mut call: F,
    ) -> F::Output {
        let update_id = token.key.update_id;
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                _ = ticks.tick() => {}
            }
            // The call goes on while the store is asked.
            let renewing = self.store.renew(token);
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                renewed = renewing => match renewed {
                    Ok(true) => {}
                    // Another caller may have the update now. The handler's effects can't be undone, but the
                    // update won't be recorded as handled. A lost claim is never won back.
                    Ok(false) => {
                        names::CLAIMS_LOST.increment([]);
                        tracing::warn!(update_id, "delivery claim expired");
                        break;
                    }
                    Err(error) => {
                        let error = ErrorChain(&error);
                        tracing::warn!(%error, update_id, "failed to renew delivery claim");
                    }
                },
            }
        }
        call.await
    }

    /// Has the store keep the reply for redeliveries, if that is possible: from then on no request is acknowledged early.
    /// `false` if the client sends the reply, or it has a file that can be read only once and can't be sent again.
    fn claim_reply(&self, key: DeliveryKey, reply: &Reply, summary: &UpdateSummary) -> bool {
        reply.method().is_some()
            && reply.uploads().iter().all(Upload::is_replayable)
            && (summary.ack.is_none() || self.in_flight.claim_reply(key))
    }

    /// Logs the result of recording that an update was handled. If that failed, it is tried again in the background.
    /// `false` if the claim has expired, so that another caller may have the update.
    fn check_finish(
        &self,
        token: ClaimToken,
        finished: Result<bool, StoreError>,
        reply: Option<Reply>,
    ) -> bool {
        let update_id = token.key.update_id;
        match finished {
            Ok(true) => true,
            Ok(false) => {
                tracing::warn!(update_id, "update handled after its claim expired");
                false
            }
            Err(error) => {
                let error = ErrorChain(&error);
                tracing::error!(%error, update_id, "failed to mark update as handled");
                // After a 2xx Telegram won't send it again, unless the response is lost: then the record should be
                // there.
                self.retry_finish_in_background(token, reply);
                true
            }
        }
    }

    /// A shutdown that leaves no time for the next pause has it tried once more, at once.
    fn retry_finish_in_background(&self, token: ClaimToken, reply: Option<Reply>) {
        let store = self.store.clone();
        let work = self
            .in_flight
            .detached
            .begin(token.key, WorkKind::Recording);
        let recording = async move {
            let mut backoff = Backoff::new();
            for retry in 1..=MAX_FINISH_RETRIES {
                let next = Instant::now() + backoff.next(None);
                let is_last = tokio::select! {
                    biased;
                    () = work.shutdown_before(next) => true,
                    () = sleep_until(next) => false,
                };
                let finished = tokio::select! {
                    biased;
                    finished = store.finish(&token, reply.as_ref()) => finished,
                    () = work.cancelled() => break,
                };
                let Err(error) = finished else {
                    return;
                };
                let (error, update_id) = (ErrorChain(&error), token.key.update_id);
                tracing::error!(%error, update_id, retry, "failed to mark update as handled");
                if is_last {
                    break;
                }
            }
            work.end_unfinished();
        };
        tokio::spawn(recording);
    }

    /// These deliveries, for a layer above that acknowledges a request early.
    pub(super) fn below(&self, key: DeliveryKey) -> DeliveryBelow {
        DeliveryBelow {
            key,
            work: Arc::clone(&self.in_flight.detached),
            dead_letter: self.dead_letter.clone(),
        }
    }

    async fn unsuccessful(
        &self,
        token: ClaimToken,
        summary: &UpdateSummary,
        outcome: Outcome,
        answer: BoxedResponse,
    ) -> BoxedResponse {
        let handler = answer.extensions().get::<LeftRunning>().cloned();
        if let Some(handler) = &handler {
            self.in_flight.detached.follow(token.key, handler.clone());
        }
        let mut answer = self
            .record_unsuccessful(token, summary, outcome, answer)
            .await;
        // A runner follows it too.
        if let Some(handler) = handler {
            answer.extensions_mut().insert(handler);
        }
        answer
    }

    async fn record_unsuccessful(
        &self,
        token: ClaimToken,
        summary: &UpdateSummary,
        outcome: Outcome,
        mut answer: BoxedResponse,
    ) -> BoxedResponse {
        match outcome {
            Outcome::Failed { failure, after } if token.attempt < summary.max_attempts => {
                if !summary.is_polled {
                    log_failure(token.key.update_id, token.attempt, &failure);
                }
                self.fail(&token).await;
                let pause = pause_within_life(summary.update_type, token.attempt, after);
                set_retry_after(&mut answer, pause);
                answer.extensions_mut().insert(FailureLogged);
                answer
            }
            Outcome::Failed { failure, .. } | Outcome::FailedPermanently(failure) => {
                self.abandon(&token, summary, failure).await
            }
            Outcome::Deferred { after } => {
                self.release(&token).await;
                let pause = pause_within_life(summary.update_type, 1, after);
                set_retry_after(&mut answer, pause);
                answer
            }
            Outcome::Done { .. } => {
                self.release(&token).await;
                answer
            }
        }
    }

    async fn release(&self, token: &ClaimToken) {
        if let Err(error) = self.store.release(token).await {
            let error = ErrorChain(&error);
            let update_id = token.key.update_id;
            tracing::error!(%error, update_id, "failed to release delivery claim");
        }
    }

    async fn fail(&self, token: &ClaimToken) {
        if let Err(error) = self.store.fail(token).await {
            let error = ErrorChain(&error);
            let update_id = token.key.update_id;
            tracing::error!(%error, update_id, "failed to record failed attempt");
        }
    }

    /// Abandons the update: it mustn't hold up its chat for a day, so it ends in a 200, unless the
    /// dead-letter hook couldn't take it.
    async fn abandon(
        &self,
        token: &ClaimToken,
        summary: &UpdateSummary,
        failure: Failure,
    ) -> BoxedResponse {
        let update_type = summary.update_type;
        let attempts = token.attempt.min(summary.max_attempts);
        if let (Some(hook), Some(update)) = (&self.dead_letter, &summary.letter) {
            let letter = DeadLetter {
                update: RawUpdate::clone(update),
                failure: failure.clone(),
                attempts,
            };
            if let Err(hook_failure) = hook.call(letter).await {
                let update_id = token.key.update_id;
                self.keep_unrecorded(token, summary, failure);
                log_failure(update_id, token.attempt, &hook_failure);
                self.fail(token).await;
                if summary.is_polled {
                    // The runner would count a failure, and abandon the update without the hook.
                    return reject(
                        Rejection::StoreUnavailable,
                        redelivery_pause(update_type, 5),
                    );
                }
                let mut answer: BoxedResponse = Box::new(failed_response(hook_failure));
                answer.extensions_mut().insert(FailureLogged);
                set_retry_after(&mut answer, redelivery_pause(update_type, 5));
                return answer;
            }
        }
        match self.store.finish(token, None).await {
            Ok(true) if summary.is_polled => {
                let mut answer = empty();
                answer.extensions_mut().insert(Abandoned(failure));
                answer
            }
            Ok(true) => {
                log_abandoned(token.key.update_id, update_type, attempts, &failure);
                empty()
            }
            // The owner of the claim responds.
            Ok(false) => reject(Rejection::HandledElsewhere, Duration::from_secs(1)),
            Err(error) => {
                self.keep_unrecorded(token, summary, failure);
                store_failed(token.key, &error, update_type)
            }
        }
    }

    /// Keeps the failure of an update that can't be abandoned yet. It is logged once, and the update as abandoned later.
    fn keep_unrecorded(&self, token: &ClaimToken, summary: &UpdateSummary, failure: Failure) {
        if token.attempt <= summary.max_attempts {
            log_failure(token.key.update_id, token.attempt, &failure);
        }
        self.unrecorded.keep(token.key, failure);
    }

    /// Gives the response to the request that came last, and the same without the reply to the others.
    fn complete_and_share(&self, key: DeliveryKey, answer: BoxedResponse) -> Option<BoxedResponse> {
        let status = answer.status();
        let extensions = answer.extensions().clone();
        let retry = answer.headers().get(header::RETRY_AFTER).cloned();
        let rest = || without_reply(status, &extensions, retry.as_ref());
        self.in_flight.complete(key, answer, rest)
    }
}

/// The response for all requests except the last: the same one without the reply.
fn without_reply(
    status: StatusCode,
    extensions: &Extensions,
    retry: Option<&HeaderValue>,
) -> BoxedResponse {
    let mut answer = empty();
    *answer.status_mut() = status;
    *answer.extensions_mut() = extensions.clone();
    if let Some(retry) = retry {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, retry.clone());
    }
    answer
}

async fn respond(key: DeliveryKey, reply: Reply) -> BoxedResponse {
    // A response that breaks off would be followed by another redelivery, for as long as the reply is kept.
    if !reply.uploads().iter().all(Upload::is_replayable) {
        let update_id = key.update_id;
        tracing::warn!(update_id, "kept reply lost: its reader was read before");
        return empty();
    }
    match ReplyBody::open_and_respond(reply).await {
        Ok(answer) => Box::new(answer),
        Err(error) => {
            // The reply was valid when it was made, and one of its files is gone now.
            let error = ErrorChain(&error);
            tracing::error!(%error, update_id = key.update_id, "failed to send kept reply");
            empty()
        }
    }
}

fn empty() -> BoxedResponse {
    Box::new(empty_response())
}

pub(super) fn reject(why: Rejection, retry_after: Duration) -> BoxedResponse {
    let mut answer = Box::new(why.into_response());
    set_retry_after(&mut answer, retry_after);
    answer
}

fn store_failed(key: DeliveryKey, error: &StoreError, update_type: UpdateType) -> BoxedResponse {
    let error = ErrorChain(error);
    tracing::error!(
        %error,
        update_id = key.update_id,
        "delivery store unavailable"
    );
    reject(
        Rejection::StoreUnavailable,
        redelivery_pause(update_type, 2),
    )
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::{
        super::{in_flight::Joined, memory_store::MemoryStore},
        *,
    };

    #[tokio::test]
    async fn d2_a_complete_update_leaves_its_successor_alone() {
        let state = Arc::new(DeliveryState {
            store: StoreBackend::from(MemoryStore::new()),
            in_flight: Arc::new(InFlight::new(9)),
            max_attempts: 5,
            dead_letter: None,
            unrecorded: Arc::default(),
        });
        let key = DeliveryKey::new(None, 1);
        let update = RawUpdate::from_bytes(r#"{"update_id":1,"poll":{}}"#.into()).unwrap();
        let request = Request::new(update);
        let summary = || UpdateSummary::new(&state, None, &request);
        let call = || Box::pin(ready(empty()));
        let start = || matches!(state.in_flight.join_or_start(key, None), Joined::First);
        assert!(start());
        let mut running = handle_update(InFlightGuard::new(&state, key), summary(), call());
        assert!(running.as_mut().await.is_some());
        assert!(start(), "it is complete");
        drop(running);
        assert_eq!(state.in_flight.len(), 1);
        // An update that never began leaves no entry.
        drop(handle_update(
            InFlightGuard::new(&state, key),
            summary(),
            call(),
        ));
        assert_eq!(state.in_flight.len(), 0);
    }
}
