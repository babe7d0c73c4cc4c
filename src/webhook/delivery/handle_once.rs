//! One update on its way through the handler.

use std::{error::Error, future::Future, pin::Pin, sync::Arc, time::Duration};

use http::{Extensions, HeaderValue, Response, StatusCode, header};

use super::{
    Claim, DeadLetter, DeliveryKey, DeliveryStore, StoreError, Ticket,
    dead_letter::DeadLetterHook,
    in_flight::{Answer, Flights, Landed},
    lazy_call::AnyHandling,
    retry_after::retry_after,
};
use crate::{
    Reply,
    task::backoff::Backoff,
    task::catch_unwind::caught,
    types::UpdateType,
    webhook::{Failure, RawUpdate, Rejection, ReplyBody, rejection::empty_response},
};

/// How often it is tried to note that an update is done, after the answer was given.
const NOTES: usize = 10;

/// What all updates of a layer share.
#[derive(Debug)]
pub(super) struct Shared<St> {
    pub(super) store: Arc<St>,
    pub(super) flights: Arc<Flights>,
    pub(super) max_attempts: u32,
    pub(super) dead_letter: Option<DeadLetterHook>,
}

/// An update's place among those that are handled.
pub(super) struct Place<St> {
    shared: Arc<Shared<St>>,
    key: DeliveryKey,
    has_landed: bool,
}

impl<St> Place<St> {
    pub(super) fn new(shared: &Arc<Shared<St>>, key: DeliveryKey) -> Self {
        Self {
            shared: Arc::clone(shared),
            key,
            has_landed: false,
        }
    }

    /// It is free by now, and may be another's.
    fn land(&mut self) {
        self.has_landed = true;
    }
}

/// Whoever waits sees it if there will be no answer: cut off, or by a fault of ours.
impl<St> Drop for Place<St> {
    fn drop(&mut self) {
        if !self.has_landed {
            self.shared.flights.crash(self.key);
        }
    }
}

/// An update on its way, to whose end who asked first has its answer; unless they left before, or
/// were cut off. Boxed, so that it can go on without them.
pub(super) type Flying = Pin<Box<dyn Future<Output = Option<Answer>> + Send>>;

/// What is known of an update beside its number. All of it, only where somebody takes what is given up.
pub(super) struct Luggage {
    update_type: UpdateType,
    letter: Option<Box<RawUpdate>>,
}

impl Luggage {
    pub(super) fn new<St>(shared: &Shared<St>, update: &RawUpdate) -> Self {
        let hook = shared.dead_letter.as_ref();
        Self {
            update_type: update.update_type(),
            letter: hook.map(|_| Box::new(update.clone())),
        }
    }
}

/// Handles an update, and sees to it that its answer goes to one asker.
pub(super) fn fly<St: DeliveryStore>(
    mut place: Place<St>,
    luggage: Luggage,
    handling: AnyHandling,
) -> Flying {
    let flights = Arc::clone(&place.shared.flights);
    // One block for the usual way, and what is rare boxed: each future within another costs a bit.
    let flight = async move {
        let Place { shared, key, .. } = &place;
        let (mut answer, mut is_kept);
        match shared.store.claim(*key).await {
            Ok(Claim::Granted(ticket)) => {
                let handled = match shared.store.renew_every() {
                    // The last attempt died without a word: once more would only do the same again.
                    _ if ticket.attempt > shared.max_attempts => Err(Failure::vanished()),
                    None => handling.await.inspect_err(log),
                    Some(every) => Box::pin(shared.renewing(&ticket, every, handling)).await,
                };
                answer = handled.unwrap_or_else(failed);
                is_kept = false;
                if answer.status().is_success() {
                    let reply = shared.reply_to_keep(*key, &answer);
                    let noted = shared.store.finish(&ticket, reply.as_deref()).await;
                    is_kept = reply.is_some() && matches!(noted, Ok(true));
                    if !matches!(noted, Ok(true)) {
                        answer = shared.not_noted(ticket, noted, answer);
                    }
                } else {
                    let luggage = &luggage;
                    answer = Box::pin(shared.unsuccessful(ticket, luggage, answer)).await;
                }
            }
            other => {
                answer = Box::pin(shared.not_granted(other, &luggage)).await;
                is_kept = false;
            }
        }
        let landed = if !is_kept && shared.flights.land_first(*key) {
            Some(answer)
        } else {
            Box::pin(shared.land_among_others(*key, answer, is_kept)).await
        };
        place.land();
        landed
    };
    Box::pin(flights.until_cut_off(flight))
}

impl<St: DeliveryStore> Shared<St> {
    /// It isn't ours to handle.
    async fn not_granted(&self, claim: Result<Claim, StoreError>, luggage: &Luggage) -> Answer {
        match claim {
            Ok(Claim::Done { reply: Some(reply) }) => respond(reply).await,
            Ok(Claim::Done { reply: None } | Claim::Granted(_)) => empty(),
            Ok(Claim::Busy { lease }) => {
                let longest = retry_after(luggage.update_type, u32::MAX);
                let seconds = lease.clamp(Duration::from_secs(1), longest);
                turned_away(Rejection::Busy, seconds)
            }
            Err(error) => store_failed(&error, luggage.update_type),
        }
    }

    /// Keeps the claim while the handler runs.
    async fn renewing(
        &self,
        ticket: &Ticket,
        every: Duration,
        mut handling: AnyHandling,
    ) -> Result<Answer, Failure> {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            tokio::select! {
                biased;
                done = &mut handling => return done.inspect_err(log),
                _ = ticks.tick() => {}
            }
            // The handler goes on while the store is asked.
            let renewing = self.store.renew(ticket);
            tokio::select! {
                biased;
                done = &mut handling => return done.inspect_err(log),
                renewed = renewing => match renewed {
                    Ok(true) => {}
                    // Another may have it now. What the handler has begun can't be undone, but it
                    // will not be noted as done.
                    Ok(false) => tracing::warn!(update_id = ticket.key.update_id, "a claim ran out"),
                    Err(error) => {
                        let error = &error as &(dyn Error + 'static);
                        tracing::warn!(error, "a claim wasn't renewed");
                    }
                },
            }
        }
    }

    /// What nobody waits for is kept with the step that notes that it is done. One with files may be
    /// more than the store can keep, and somebody may still come for it.
    fn reply_to_keep(&self, key: DeliveryKey, answer: &Answer) -> Option<Box<Reply>> {
        let can_be_kept = has_reply(answer) && answer.body().reply().uploads().is_empty();
        let is_kept = can_be_kept && !self.flights.is_awaited(key);
        is_kept.then(|| Box::new(answer.body().reply().clone()))
    }

    /// What is answered where it isn't noted that an update is done.
    fn not_noted(&self, ticket: Ticket, noted: Result<bool, StoreError>, answer: Answer) -> Answer {
        let update_id = ticket.key.update_id;
        if let Err(error) = noted {
            let error = &error as &(dyn Error + 'static);
            tracing::error!(error, update_id, "it isn't noted that an update is done");
            // Told the truth, Telegram won't send it again; and if it does, as the answer got lost,
            // it should find the note.
            self.note_later(ticket);
            return answer;
        }
        tracing::warn!(
            update_id,
            "an update was handled after its claim had run out"
        );
        // The other one answers.
        turned_away(Rejection::Busy, Duration::from_secs(1))
    }

    fn note_later(&self, ticket: Ticket) {
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            let mut backoff = Backoff::new();
            for _ in 0..NOTES {
                tokio::time::sleep(backoff.next(None)).await;
                if store.finish(&ticket, None).await.is_ok() {
                    return;
                }
            }
        });
    }

    async fn unsuccessful(&self, ticket: Ticket, luggage: &Luggage, mut answer: Answer) -> Answer {
        if was_turned_away(&answer) {
            self.release(&ticket).await;
        } else {
            self.failed(&ticket, luggage, &mut answer).await;
        }
        answer
    }

    /// There was no room for it further in. That is no failure of the update's.
    async fn release(&self, ticket: &Ticket) {
        if let Err(error) = self.store.release(ticket).await {
            let error = &error as &(dyn Error + 'static);
            tracing::error!(error, "it isn't noted that an update wasn't tried");
        }
    }

    async fn failed(&self, ticket: &Ticket, luggage: &Luggage, answer: &mut Answer) {
        let failure = answer.extensions().get::<Failure>().cloned();
        let failure = failure.unwrap_or_else(|| Failure::status(answer.status()));
        let attempt = ticket.attempt;
        if attempt >= self.max_attempts {
            *answer = self.give_up(ticket, luggage, failure).await;
            return;
        }
        if let Err(error) = self.store.fail(ticket).await {
            tracing::error!(
                error = &error as &(dyn Error + 'static),
                "it isn't noted that an update failed"
            );
        }
        set_retry_after(answer, retry_after(luggage.update_type, attempt));
    }

    /// It mustn't hold up its chat for a day, so that it ends in a 200; unless nobody could take it.
    async fn give_up(&self, ticket: &Ticket, luggage: &Luggage, failure: Failure) -> Answer {
        let update_type = luggage.update_type;
        tracing::error!(
            update_id = ticket.key.update_id,
            attempts = ticket.attempt,
            %failure,
            "an update is given up"
        );
        if let (Some(hook), Some(update)) = (&self.dead_letter, &luggage.letter) {
            let attempts = ticket.attempt.min(self.max_attempts);
            let letter = DeadLetter {
                update: RawUpdate::clone(update),
                failure,
                attempts,
            };
            if let Err(panic) = caught(hook.call(letter)).await {
                log(&Failure::panic(&*panic));
                drop(self.store.fail(ticket).await);
                let mut answer = failed(Failure::panic(&*panic));
                set_retry_after(&mut answer, retry_after(update_type, 5));
                return answer;
            }
        }
        match self.store.finish(ticket, None).await {
            Ok(_) => empty(),
            Err(error) => store_failed(&error, update_type),
        }
    }

    /// Gives the answer to who asked last, and to who asked first what is theirs. If nobody waits any
    /// more, keeps its reply for who asks next: until it leaves, somebody may still come, and then the
    /// reply is theirs.
    async fn land_among_others(
        &self,
        key: DeliveryKey,
        mut answer: Answer,
        mut is_kept: bool,
    ) -> Option<Answer> {
        let status = answer.status();
        let extensions = answer.extensions().clone();
        let retry = answer.headers().get(header::RETRY_AFTER).cloned();
        loop {
            if is_kept {
                if self.flights.leave(key) {
                    return None;
                }
                answer = self.take_reply(key).await;
            }
            let rest = || without_reply(status, &extensions, retry.as_ref());
            answer = match self.flights.land(key, answer, rest) {
                Landed::Given { first } => return first,
                Landed::Unwanted(answer) => answer,
            };
            is_kept = has_reply(&answer) && self.keep(key, answer.body().reply()).await;
            if !is_kept && self.flights.leave(key) {
                return None;
            }
        }
    }

    async fn take_reply(&self, key: DeliveryKey) -> Answer {
        match self.store.take_reply(key).await {
            Ok(Some(reply)) => respond(reply).await,
            Ok(None) => empty(),
            Err(error) => store_failed(&error, UpdateType::Message),
        }
    }

    /// Whether it is kept.
    async fn keep(&self, key: DeliveryKey, reply: &Reply) -> bool {
        match self.store.keep_reply(key, reply).await {
            Ok(true) => return true,
            Ok(false) => tracing::error!(
                update_id = key.update_id,
                method = reply.method(),
                "a reply can't be kept for who asks again"
            ),
            Err(error) => {
                tracing::error!(
                    error = &error as &(dyn Error + 'static),
                    update_id = key.update_id,
                    "a reply wasn't kept for who asks again"
                );
            }
        }
        false
    }

    /// An answer that was given to somebody who then left without it.
    pub(super) async fn take_back(&self, key: DeliveryKey, answer: Answer) {
        if has_reply(&answer) {
            self.keep(key, answer.body().reply()).await;
        }
    }
}

/// Whether a layer further in had no room or no turn for it, such as a `SequenceLayer`.
fn was_turned_away(answer: &Answer) -> bool {
    matches!(
        answer.extensions().get(),
        Some(Rejection::Overloaded | Rejection::Waited | Rejection::Lock)
    )
}

pub(super) fn has_reply(answer: &Answer) -> bool {
    answer.status().is_success() && answer.body().reply().method().is_some()
}

/// What an asker gets that isn't the last: the same, but for the reply.
fn without_reply(
    status: StatusCode,
    extensions: &Extensions,
    retry: Option<&HeaderValue>,
) -> Answer {
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

async fn respond(reply: Reply) -> Answer {
    match ReplyBody::open_and_respond(reply).await {
        Ok(answer) => Box::new(answer),
        Err(error) => {
            // It was fine when it was made; now a file is gone.
            tracing::error!(%error, "a reply that was kept can't be sent");
            empty()
        }
    }
}

fn empty() -> Answer {
    Box::new(empty_response())
}

pub(super) fn turned_away(why: Rejection, retry_after: Duration) -> Answer {
    let mut answer = Box::new(why.into_response());
    set_retry_after(&mut answer, retry_after);
    answer
}

fn store_failed(error: &StoreError, update_type: UpdateType) -> Answer {
    tracing::error!(
        error = error as &(dyn Error + 'static),
        "the store of deliveries can't be asked"
    );
    turned_away(Rejection::Store, retry_after(update_type, 2))
}

fn failed(failure: Failure) -> Answer {
    let mut answer: Answer = Box::new(Rejection::Failed.into_response());
    answer.extensions_mut().insert(failure);
    answer
}

fn set_retry_after(answer: &mut Response<ReplyBody>, after: Duration) {
    let seconds = HeaderValue::from(after.as_secs().max(1));
    answer.headers_mut().insert(header::RETRY_AFTER, seconds);
}

fn log(failure: &Failure) {
    let error = failure.as_error().map(tracing::field::display);
    tracing::error!(%failure, error, "an update wasn't handled");
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::{super::MemoryStore, *};
    use crate::webhook::{BotId, delivery::in_flight::Boarding};

    #[tokio::test]
    async fn d2_what_has_landed_leaves_its_successor_alone() {
        let shared = Arc::new(Shared {
            store: Arc::new(MemoryStore::new()),
            flights: Arc::new(Flights::new(9)),
            max_attempts: 5,
            dead_letter: None,
        });
        let key = DeliveryKey {
            bot: BotId(0),
            update_id: 1,
        };
        let update = RawUpdate::from_bytes(r#"{"update_id":1,"poll":{}}"#.into()).unwrap();
        let luggage = || Luggage::new(&shared, &update);
        let handling = || Box::pin(ready(Ok(empty())));
        let board = || matches!(shared.flights.board(key), Boarding::First);
        assert!(board());
        let mut flying = fly(Place::new(&shared, key), luggage(), handling());
        assert!(flying.as_mut().await.is_some());
        assert!(board(), "it has landed");
        drop(flying);
        assert_eq!(shared.flights.len(), 1);
        // One that never began leaves nobody waiting.
        drop(fly(Place::new(&shared, key), luggage(), handling()));
        assert_eq!(shared.flights.len(), 0);
    }
}
