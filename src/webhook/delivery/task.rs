//! One update on its way through the handler.

use std::{
    error::Error,
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Extensions, HeaderValue, Request, Response, StatusCode, header};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    Claim, DeadLetter, DeliveryKey, DeliveryStore, StoreError, Ticket,
    dead_letter::DeadLetterHook,
    flights::{Answer, Flights},
    life::retry_after,
};
use crate::{
    Reply,
    backoff::Backoff,
    panic::caught,
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

/// Whoever waits sees it if the task ends without an answer: cut off, or by a fault of ours.
struct Guard<'a> {
    flights: &'a Flights,
    key: DeliveryKey,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.flights.crash(self.key);
    }
}

/// An answer on its way to an asker, and whether its reply is in the store already.
struct Landing {
    answer: Answer,
    kept: bool,
}

impl From<Answer> for Landing {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            kept: false,
        }
    }
}

/// The handler at work. Boxed, so that a task is small to move, whatever the handler is made of.
pub(super) type Handling = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;

/// Sets the handler to work, once it is known that the update is ours.
pub(super) type Begin = Box<dyn FnOnce() -> Handling + Send>;

/// The handler that is to be set to work. It was polled ready.
pub(super) fn begin<S>(mut service: S, request: Request<RawUpdate>) -> Begin
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>> + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
{
    Box::new(move || {
        Box::pin(Called {
            future: service.call(request),
        })
    })
}

pin_project! {
    struct Called<F> {
        #[pin]
        future: F,
    }
}

impl<F, E> Future for Called<F>
where
    F: Future<Output = Result<Answer, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Answer, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let done = self.project().future.poll(cx);
        done.map_err(|error| Failure::error(error.into()))
    }
}

/// Handles an update, and sees to it that its answer goes to one asker.
pub(super) async fn run<St: DeliveryStore>(
    shared: Arc<Shared<St>>,
    key: DeliveryKey,
    update: RawUpdate,
    begin: Begin,
) {
    let guard = Guard {
        flights: &shared.flights,
        key,
    };
    let update_type = update.update_type();
    let landing = match shared.store.claim(key).await {
        Ok(Claim::Granted(ticket)) => shared.handle(ticket, update, begin).await,
        Ok(Claim::Busy { lease }) => {
            let longest = retry_after(update_type, u32::MAX);
            let seconds = lease.clamp(Duration::from_secs(1), longest);
            turned_away(Rejection::Busy, seconds).into()
        }
        Ok(Claim::Done { reply: None }) => Landing::from(empty_response()),
        Ok(Claim::Done { reply: Some(reply) }) => respond(reply).await.into(),
        Err(error) => store_failed(&error, update_type).into(),
    };
    shared.land(key, landing).await;
    std::mem::forget(guard);
}

impl<St: DeliveryStore> Shared<St> {
    async fn handle(&self, ticket: Ticket, update: RawUpdate, begin: Begin) -> Landing {
        // The last attempt died without a word: once more would only do the same again.
        if ticket.attempt > self.max_attempts {
            let answer = failed(Failure::vanished());
            return self.failed(ticket, update, answer).await.into();
        }
        match self.attempt(&ticket, begin).await {
            Ok(answer) if answer.status().is_success() => self.finish(ticket, answer).await,
            Ok(answer) if was_turned_away(&answer) => self.release(ticket, answer).await.into(),
            Ok(answer) => self.failed(ticket, update, answer).await.into(),
            Err(failure) => {
                log(&failure);
                self.failed(ticket, update, failed(failure)).await.into()
            }
        }
    }

    async fn attempt(&self, ticket: &Ticket, begin: Begin) -> Result<Answer, Failure> {
        // A handler may panic before it returns its future.
        let handling = panic::catch_unwind(AssertUnwindSafe(begin));
        let handling = caught(handling.map_err(|panic| Failure::panic(&*panic))?);
        let done = match self.store.renew_every() {
            None => handling.await,
            Some(every) => self.renewing(ticket, every, handling).await,
        };
        done.unwrap_or_else(|panic| Err(Failure::panic(&*panic)))
    }

    /// Keeps the claim while the handler runs.
    async fn renewing<F: Future>(
        &self,
        ticket: &Ticket,
        every: Duration,
        handling: F,
    ) -> F::Output {
        let mut handling = std::pin::pin!(handling);
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            tokio::select! {
                biased;
                done = &mut handling => return done,
                _ = ticks.tick() => {}
            }
            // The handler goes on while the store is asked.
            let renewing = self.store.renew(ticket);
            tokio::select! {
                biased;
                done = &mut handling => return done,
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

    /// Notes that it is done, before Telegram is told so.
    async fn finish(&self, ticket: Ticket, answer: Answer) -> Landing {
        // A reply that nobody waits for is kept with the same step. One with files may be more than the
        // store can keep, and somebody may still come for it.
        let key = ticket.key;
        let can_be_kept = has_reply(&answer) && answer.body().reply().uploads().is_empty();
        let kept = can_be_kept && !self.flights.is_awaited(key);
        let reply = kept.then(|| answer.body().reply().clone());
        match self.store.finish(&ticket, reply.as_ref()).await {
            Ok(true) => Landing { answer, kept },
            Ok(false) => {
                tracing::warn!(
                    update_id = key.update_id,
                    "an update was handled after its claim had run out"
                );
                // The other one answers.
                turned_away(Rejection::Busy, Duration::from_secs(1)).into()
            }
            // Told the truth, Telegram won't send it again; and if it does, as the answer got lost,
            // it should find the note.
            Err(error) => {
                tracing::error!(
                    error = &error as &(dyn Error + 'static),
                    update_id = key.update_id,
                    "it isn't noted that an update is done"
                );
                self.note_later(ticket);
                answer.into()
            }
        }
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

    /// There was no room for it further in. That is no failure of the update's.
    async fn release(&self, ticket: Ticket, answer: Answer) -> Answer {
        if let Err(error) = self.store.release(&ticket).await {
            let error = &error as &(dyn Error + 'static);
            tracing::error!(error, "it isn't noted that an update wasn't tried");
        }
        answer
    }

    async fn failed(&self, ticket: Ticket, update: RawUpdate, answer: Answer) -> Answer {
        let failure = answer.extensions().get::<Failure>().cloned();
        let failure = failure.unwrap_or_else(|| Failure::status(answer.status()));
        let attempt = ticket.attempt;
        if attempt >= self.max_attempts {
            return self.give_up(ticket, update, failure).await;
        }
        let update_type = update.update_type();
        if let Err(error) = self.store.fail(&ticket).await {
            tracing::error!(
                error = &error as &(dyn Error + 'static),
                "it isn't noted that an update failed"
            );
        }
        with_retry_after(answer, retry_after(update_type, attempt))
    }

    /// It mustn't hold up its chat for a day, so that it ends in a 200; unless nobody could take it.
    async fn give_up(&self, ticket: Ticket, update: RawUpdate, failure: Failure) -> Answer {
        let update_type = update.update_type();
        tracing::error!(
            update_id = update.update_id(),
            attempts = ticket.attempt,
            %failure,
            "an update is given up"
        );
        if let Some(hook) = &self.dead_letter {
            let attempts = ticket.attempt.min(self.max_attempts);
            let letter = DeadLetter {
                update,
                failure,
                attempts,
            };
            if let Err(panic) = caught(hook.call(letter)).await {
                log(&Failure::panic(&*panic));
                drop(self.store.fail(&ticket).await);
                return with_retry_after(
                    failed(Failure::panic(&*panic)),
                    retry_after(update_type, 5),
                );
            }
        }
        match self.store.finish(&ticket, None).await {
            Ok(_) => empty_response(),
            Err(error) => store_failed(&error, update_type),
        }
    }

    /// Gives the answer to who asked last; if nobody waits any more, keeps its reply for who asks
    /// next. Until it leaves, somebody may still come, and then the reply is theirs.
    async fn land(
        &self,
        key: DeliveryKey,
        Landing {
            mut answer,
            mut kept,
        }: Landing,
    ) {
        let status = answer.status();
        let extensions = answer.extensions().clone();
        let retry = answer.headers().get(header::RETRY_AFTER).cloned();
        loop {
            if kept {
                if self.flights.leave(key) {
                    return;
                }
                answer = self.take_reply(key).await;
            }
            let rest = || without_reply(status, &extensions, retry.as_ref());
            let Some(back) = self.flights.land(key, answer, rest) else {
                return;
            };
            answer = back;
            kept = has_reply(&answer) && self.keep(key, answer.body().reply()).await;
            if !kept && self.flights.leave(key) {
                return;
            }
        }
    }

    async fn take_reply(&self, key: DeliveryKey) -> Answer {
        match self.store.take_reply(key).await {
            Ok(Some(reply)) => respond(reply).await,
            Ok(None) => empty_response(),
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
    let mut answer: Answer = empty_response();
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
    ReplyBody::open_and_respond(reply)
        .await
        .unwrap_or_else(|error| {
            // It was fine when it was made; now a file is gone.
            tracing::error!(%error, "a reply that was kept can't be sent");
            empty_response()
        })
}

pub(super) fn turned_away(why: Rejection, retry_after: Duration) -> Answer {
    with_retry_after(why.into_response(), retry_after)
}

fn store_failed(error: &StoreError, update_type: UpdateType) -> Answer {
    tracing::error!(
        error = error as &(dyn Error + 'static),
        "the store of deliveries can't be asked"
    );
    turned_away(Rejection::Store, retry_after(update_type, 2))
}

fn failed(failure: Failure) -> Answer {
    let mut answer: Answer = Rejection::Failed.into_response();
    answer.extensions_mut().insert(failure);
    answer
}

fn with_retry_after(mut answer: Answer, after: Duration) -> Answer {
    let seconds = HeaderValue::from(after.as_secs().max(1));
    answer.headers_mut().insert(header::RETRY_AFTER, seconds);
    answer
}

fn log(failure: &Failure) {
    let error = failure.as_error().map(tracing::field::display);
    tracing::error!(%failure, error, "an update wasn't handled");
}
