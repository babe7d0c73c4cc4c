//! One update on its way through the handler: claimed, handled once, recorded, answered.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use http::{Extensions, HeaderValue, StatusCode, header};

use super::{
    backend::StoreBackend,
    dead_letter::{DeadLetter, DeadLetterHook},
    in_flight::{BoxedResponse, Completion, InFlight},
    lazy_call::BoxedCall,
    store::{Claim, ClaimToken, DeliveryKey, StoreError},
};
use crate::{
    Reply,
    client::ErrorChain,
    task::backoff::Backoff,
    types::UpdateType,
    webhook::{
        Failure, RawUpdate, Rejection, ReplyBody,
        outcome::{Outcome, failed_response, log_abandoned, log_failure, set_retry_after},
        rejection::empty_response,
        retry_after::retry_after,
    },
};

/// How often it is tried to record that an update is done, after its response was given.
const MAX_FINISH_RETRIES: usize = 10;

/// What all updates of a layer share.
#[derive(Debug)]
pub(super) struct DeliveryState {
    pub(super) store: StoreBackend,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) max_attempts: u32,
    pub(super) dead_letter: Option<DeadLetterHook>,
}

/// An update's entry among those that are handled.
pub(super) struct InFlightGuard {
    state: Arc<DeliveryState>,
    key: DeliveryKey,
    is_complete: bool,
}

impl InFlightGuard {
    pub(super) fn new(state: &Arc<DeliveryState>, key: DeliveryKey) -> Self {
        Self {
            state: Arc::clone(state),
            key,
            is_complete: false,
        }
    }

    /// The update is removed, and its key may be another's by now.
    fn complete(&mut self) {
        self.is_complete = true;
    }
}

/// Requests that wait see it if there will be no response: the handler was cancelled, or a store
/// panicked.
impl Drop for InFlightGuard {
    fn drop(&mut self) {
        if !self.is_complete {
            self.state.in_flight.abandon(self.key);
        }
    }
}

/// Handles one update to completion. Resolves to the response for the first request, or `None` if that
/// request was dropped or shutdown cancelled the handler. Boxed, so that it can be moved to its own task.
pub(super) type RunningUpdate = Pin<Box<dyn Future<Output = Option<BoxedResponse>> + Send>>;

/// What error handling needs to know about the update. The full update is cloned only when a dead-letter
/// hook is set.
pub(super) struct UpdateSummary {
    update_type: UpdateType,
    letter: Option<Box<RawUpdate>>,
}

impl UpdateSummary {
    pub(super) fn new(state: &DeliveryState, update: &RawUpdate) -> Self {
        let hook = state.dead_letter.as_ref();
        Self {
            update_type: update.update_type(),
            letter: hook.map(|_| Box::new(update.clone())),
        }
    }
}

/// Handles an update, and gives its response to one of the requests that wait for it.
pub(super) fn handle_update(
    mut guard: InFlightGuard,
    summary: UpdateSummary,
    call: BoxedCall,
) -> RunningUpdate {
    let in_flight = Arc::clone(&guard.state.in_flight);
    // One block for the usual way, and what is rare boxed: each future within another costs a bit.
    let update = async move {
        let InFlightGuard { state, key, .. } = &guard;
        let (mut answer, mut is_kept);
        match state.store.claim(*key).await {
            Ok(Claim::Acquired(token)) => {
                answer = match state.store.renew_every() {
                    // The last attempt died without a word: once more would only do the same again.
                    _ if token.attempt > state.max_attempts => {
                        Box::new(failed_response(Failure::vanished()))
                    }
                    None => call.await,
                    Some(every) => Box::pin(state.renewing(&token, every, call)).await,
                };
                is_kept = false;
                match Outcome::of(&answer) {
                    Outcome::Done(_) => {
                        let reply = state.reply_to_keep(*key, &answer);
                        let finished = state.store.finish(&token, reply.as_deref()).await;
                        is_kept = reply.is_some() && matches!(finished, Ok(true));
                        if !matches!(finished, Ok(true)) {
                            answer = state.finish_failed(token, finished, answer);
                        }
                    }
                    outcome => {
                        let unsuccessful = state.unsuccessful(token, &summary, outcome, answer);
                        answer = Box::pin(unsuccessful).await;
                    }
                }
            }
            other => {
                answer = Box::pin(state.not_acquired(*key, other, &summary)).await;
                is_kept = false;
            }
        }
        let first = if !is_kept && state.in_flight.complete_if_sole(*key) {
            Some(answer)
        } else {
            Box::pin(state.complete_and_share(*key, answer, is_kept)).await
        };
        guard.complete();
        first
    };
    Box::pin(in_flight.run_until_cancelled(update))
}

impl DeliveryState {
    /// It was done before, or somebody else handles it.
    async fn not_acquired(
        &self,
        key: DeliveryKey,
        claim: Result<Claim, StoreError>,
        summary: &UpdateSummary,
    ) -> BoxedResponse {
        match claim {
            Ok(Claim::Done { reply: Some(reply) }) => respond(key, reply).await,
            Ok(Claim::Done { reply: None } | Claim::Acquired(_)) => empty(),
            Ok(Claim::Busy { lease }) => {
                let longest = retry_after(summary.update_type, u32::MAX);
                let seconds = lease.clamp(Duration::from_secs(1), longest);
                reject(Rejection::HandledElsewhere, seconds)
            }
            Err(error) => store_failed(key, &error, summary.update_type),
        }
    }

    /// Renews the claim while the handler runs.
    async fn renewing(
        &self,
        token: &ClaimToken,
        every: Duration,
        mut call: BoxedCall,
    ) -> BoxedResponse {
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
            // The handler goes on while the store is asked.
            let renewing = self.store.renew(token);
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                renewed = renewing => match renewed {
                    Ok(true) => {}
                    // Another may have it now. What the handler has begun can't be undone, but it
                    // won't be recorded as done.
                    Ok(false) => tracing::warn!(update_id, "delivery claim expired"),
                    Err(error) => {
                        let error = ErrorChain(&error);
                        tracing::warn!(%error, update_id, "failed to renew delivery claim");
                    }
                },
            }
        }
    }

    /// A reply that nobody waits for is kept by the same step that records the update as done. One with
    /// files may be more than the store can keep, and somebody may still come for it.
    fn reply_to_keep(&self, key: DeliveryKey, answer: &BoxedResponse) -> Option<Box<Reply>> {
        let can_be_kept = has_reply(answer) && answer.body().reply().uploads().is_empty();
        let is_kept = can_be_kept && !self.in_flight.is_awaited(key);
        is_kept.then(|| Box::new(answer.body().reply().clone()))
    }

    /// The response where an update is done and couldn't be recorded as done.
    fn finish_failed(
        &self,
        token: ClaimToken,
        finished: Result<bool, StoreError>,
        answer: BoxedResponse,
    ) -> BoxedResponse {
        let update_id = token.key.update_id;
        if let Err(error) = finished {
            let error = ErrorChain(&error);
            tracing::error!(%error, update_id, "failed to mark update as handled");
            // Told of success, Telegram won't send it again; and if it does, because the response got
            // lost, it should find the record.
            self.retry_finish_in_background(token);
            return answer;
        }
        tracing::warn!(update_id, "update handled after its claim expired");
        // Whoever has the claim now responds.
        reject(Rejection::HandledElsewhere, Duration::from_secs(1))
    }

    fn retry_finish_in_background(&self, token: ClaimToken) {
        let store = self.store.clone();
        tokio::spawn(async move {
            let mut backoff = Backoff::new();
            for _ in 0..MAX_FINISH_RETRIES {
                tokio::time::sleep(backoff.next(None)).await;
                if store.finish(&token, None).await.is_ok() {
                    return;
                }
            }
        });
    }

    async fn unsuccessful(
        &self,
        token: ClaimToken,
        summary: &UpdateSummary,
        outcome: Outcome,
        mut answer: BoxedResponse,
    ) -> BoxedResponse {
        match outcome {
            Outcome::Failed { failure, after } if token.attempt < self.max_attempts => {
                log_failure(token.key.update_id, token.attempt, &failure);
                self.fail(&token).await;
                let pause = retry_after(summary.update_type, token.attempt);
                // No longer than it is worth while: the update's life goes on.
                let longest = retry_after(summary.update_type, u32::MAX);
                let after = after.map_or(pause, |after| after.clamp(pause, longest));
                set_retry_after(&mut answer, after);
                answer
            }
            Outcome::Failed { failure, .. } | Outcome::FailedForGood(failure) => {
                self.bury(&token, summary, failure).await
            }
            Outcome::Done(_) | Outcome::Deferred { .. } => {
                self.release(&token).await;
                let is_unavailable = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
                if is_unavailable && !answer.headers().contains_key(header::RETRY_AFTER) {
                    set_retry_after(&mut answer, retry_after(summary.update_type, 1));
                }
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
    async fn bury(
        &self,
        token: &ClaimToken,
        summary: &UpdateSummary,
        failure: Failure,
    ) -> BoxedResponse {
        let update_type = summary.update_type;
        let attempts = token.attempt.min(self.max_attempts);
        log_abandoned(token.key.update_id, attempts, &failure);
        if let (Some(hook), Some(update)) = (&self.dead_letter, &summary.letter) {
            let letter = DeadLetter {
                update: RawUpdate::clone(update),
                failure,
                attempts,
            };
            if let Err(failure) = hook.call(letter).await {
                log_failure(token.key.update_id, token.attempt, &failure);
                self.fail(token).await;
                let mut answer: BoxedResponse = Box::new(failed_response(failure));
                set_retry_after(&mut answer, retry_after(update_type, 5));
                return answer;
            }
        }
        match self.store.finish(token, None).await {
            Ok(true) => empty(),
            // Whoever has the claim now responds.
            Ok(false) => reject(Rejection::HandledElsewhere, Duration::from_secs(1)),
            Err(error) => store_failed(token.key, &error, update_type),
        }
    }

    /// Gives the response to the request that came last, and the same without the reply to the others.
    /// If nobody waits any more, keeps the reply for the next request: until the update is removed,
    /// somebody may still come, and then the reply is theirs.
    async fn complete_and_share(
        &self,
        key: DeliveryKey,
        mut answer: BoxedResponse,
        mut is_kept: bool,
    ) -> Option<BoxedResponse> {
        let status = answer.status();
        let extensions = answer.extensions().clone();
        let retry = answer.headers().get(header::RETRY_AFTER).cloned();
        loop {
            if is_kept {
                if self.in_flight.remove_if_unjoined(key) {
                    return None;
                }
                answer = self.take_reply(key).await;
            }
            let rest = || without_reply(status, &extensions, retry.as_ref());
            answer = match self.in_flight.complete(key, answer, rest) {
                Completion::Given { first } => return first,
                Completion::Unwanted(answer) => answer,
            };
            is_kept = has_reply(&answer) && self.keep(key, answer.body().reply()).await;
            if !is_kept && self.in_flight.remove_if_unjoined(key) {
                return None;
            }
        }
    }

    async fn take_reply(&self, key: DeliveryKey) -> BoxedResponse {
        match self.store.take_reply(key).await {
            Ok(Some(reply)) => respond(key, reply).await,
            Ok(None) => empty(),
            Err(error) => store_failed(key, &error, UpdateType::Message),
        }
    }

    /// Whether it is kept.
    async fn keep(&self, key: DeliveryKey, reply: &Reply) -> bool {
        let update_id = key.update_id;
        let method = reply.method();
        match self.store.keep_reply(key, reply).await {
            Ok(true) => return true,
            Ok(false) => tracing::error!(update_id, method, "reply can't be kept for a redelivery"),
            Err(error) => {
                let error = ErrorChain(&error);
                tracing::error!(
                    %error,
                    update_id,
                    method,
                    "failed to keep reply for a redelivery"
                );
            }
        }
        false
    }

    /// Keeps the response of a request that was dropped without taking it.
    pub(super) async fn take_back(&self, key: DeliveryKey, answer: BoxedResponse) {
        if has_reply(&answer) {
            self.keep(key, answer.body().reply()).await;
        }
    }
}

pub(super) fn has_reply(answer: &BoxedResponse) -> bool {
    answer.status().is_success() && answer.body().reply().method().is_some()
}

/// What all requests but the last get: the same without the reply.
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
    match ReplyBody::open_and_respond(reply).await {
        Ok(answer) => Box::new(answer),
        Err(error) => {
            // It was fine when it was made; now a file is gone.
            let error = ErrorChain(&error);
            tracing::error!(%error, update_id = key.update_id, "kept reply can't be sent");
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
    reject(Rejection::StoreUnavailable, retry_after(update_type, 2))
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
        });
        let key = DeliveryKey::new(None, 1);
        let update = RawUpdate::from_bytes(r#"{"update_id":1,"poll":{}}"#.into()).unwrap();
        let summary = || UpdateSummary::new(&state, &update);
        let call = || Box::pin(ready(empty()));
        let start = || matches!(state.in_flight.join_or_start(key), Joined::First);
        assert!(start());
        let mut running = handle_update(InFlightGuard::new(&state, key), summary(), call());
        assert!(running.as_mut().await.is_some());
        assert!(start(), "it is complete");
        drop(running);
        assert_eq!(state.in_flight.len(), 1);
        // One that never began leaves nobody waiting.
        drop(handle_update(
            InFlightGuard::new(&state, key),
            summary(),
            call(),
        ));
        assert_eq!(state.in_flight.len(), 0);
    }
}
