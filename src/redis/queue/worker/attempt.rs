//! One update, handed to the handler once.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use tokio::time::sleep;
use tower::BoxError;
use tower_service::Service;

use super::settings::WorkerSettings;
use crate::{
    Reply,
    client::ErrorChain,
    redis::{
        queue::{chat_key::bot_of, error::QueueError, update_queue::QueueKey},
        values::number,
    },
    webhook::{
        BotId, Failure, RawUpdate, ReplyBody,
        outcome::{FromQueue, Outcome, handle_once, log_failure},
        retry_after::retry_after,
    },
};

/// After which time Redis is asked again.
pub(super) const TROUBLE: Duration = Duration::from_millis(250);

/// The longest pause that a handler can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// The longest text of a failure that is kept, in bytes.
const LONGEST_FAILURE: usize = 1000;

/// An entry, and the claim by which it is ours.
#[derive(Clone, Debug)]
pub(super) struct EntryClaim {
    pub(super) partition: u16,
    pub(super) fence: u64,
    pub(super) lane: Arc<str>,
    pub(super) id: Box<str>,
}

/// What is to be done with the entry.
#[derive(Debug)]
pub(super) enum Disposition {
    /// It is out of the queue.
    Done,
    /// It is to be tried again.
    Again { after: Duration },
    /// The partition is another's.
    Lost,
}

/// What all attempts share.
pub(super) struct AttemptContext<S> {
    pub(super) worker: WorkerSettings,
    pub(super) service: S,
}

/// An update that was begun.
struct Begun {
    attempt: u32,
    bot: Option<BotId>,
    update: Result<RawUpdate, Failure>,
}

impl<S> AttemptContext<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    pub(super) async fn attempt(self: Arc<Self>, place: EntryClaim) -> Disposition {
        let begun = match self.begin(&place).await {
            Ok(Ok(begun)) => begun,
            Ok(Err(outcome)) => return outcome,
            Err(error) => {
                log(&error, "an update can't be begun");
                return Disposition::Again { after: TROUBLE };
            }
        };
        let Begun {
            attempt,
            bot,
            update,
        } = begun;
        let update = match update {
            // The last one to try died without a word: once more would only do the same again.
            Ok(_) if attempt > self.worker.max_attempts => {
                let attempts = self.worker.max_attempts;
                return self.bury(&place, attempts, &Failure::vanished()).await;
            }
            Ok(update) => update,
            Err(failure) => return self.bury(&place, attempt, &failure).await,
        };
        let update_id = update.update_id();
        match self.handle(bot, &update).await {
            Outcome::Done(reply) => {
                self.send(bot, update_id, &reply).await;
                self.finish(&place).await
            }
            Outcome::Deferred { after } => {
                let after = after.unwrap_or_default().clamp(TROUBLE, LONGEST_PAUSE);
                self.forget(&place, attempt, after).await
            }
            Outcome::Failed { failure, after } if attempt < self.worker.max_attempts => {
                log_failure(update_id, attempt, &failure);
                let pause = || retry_after(update.update_type(), attempt);
                Disposition::Again {
                    after: after.map_or_else(pause, |after| after.clamp(TROUBLE, LONGEST_PAUSE)),
                }
            }
            Outcome::Failed { failure, .. } | Outcome::FailedForGood(failure) => {
                self.bury(&place, attempt, &failure).await
            }
        }
    }

    /// Counts the attempt before it is made, so that an update that kills its worker is given up too.
    async fn begin(&self, place: &EntryClaim) -> Result<Result<Begun, Disposition>, QueueError> {
        let queue = &self.worker.queue;
        let keys = [QueueKey::Stream(place.partition), QueueKey::Attempts];
        let call = queue.call("begin", keys).arg(place.partition);
        let answer = queue.ask(call.arg(place.fence).arg(&*place.id)).await?;
        match &answer[..] {
            [what, attempt, bot, json] if &**what == b"begun" => Ok(Ok(Begun {
                attempt: number(attempt)?,
                bot: bot_of(number(bot)?),
                update: read(json),
            })),
            [what] if &**what == b"gone" => Ok(Err(Disposition::Done)),
            [what] if &**what == b"lost" => Ok(Err(Disposition::Lost)),
            _ => Err(QueueError::unreadable()),
        }
    }

    async fn handle(&self, bot: Option<BotId>, update: &RawUpdate) -> Outcome {
        let mut request = Request::new(update.clone());
        request.extensions_mut().insert(FromQueue);
        if let Some(bot) = bot {
            request.extensions_mut().insert(bot);
        }
        handle_once(&self.service, request).await
    }

    /// Sends the reply through the client. As with a reply to a webhook, what Telegram makes of it changes
    /// nothing for the update.
    async fn send(&self, bot: Option<BotId>, update_id: i64, reply: &Reply) {
        if reply.method().is_none() {
            return;
        }
        if let Err(error) = self.worker.client_for(bot).send_reply(reply).await {
            let error = ErrorChain(&error);
            tracing::error!(%error, update_id, "failed to send reply through client");
        }
    }

    async fn finish(&self, place: &EntryClaim) -> Disposition {
        self.settle(async || {
            let queue = &self.worker.queue;
            let keys = [QueueKey::Stream(place.partition), QueueKey::Attempts];
            let call = queue.call("finish", keys).arg(place.partition);
            queue.ask(call.arg(place.fence).arg(&*place.id)).await
        })
        .await
    }

    async fn bury(&self, place: &EntryClaim, attempts: u32, failure: &Failure) -> Disposition {
        let failure = words(failure);
        tracing::error!(
            entry = &*place.id,
            attempts,
            failure,
            "an update is given up"
        );
        self.settle(async || {
            let queue = &self.worker.queue;
            let keys = [
                QueueKey::Stream(place.partition),
                QueueKey::Attempts,
                QueueKey::Dead,
            ];
            let call = queue.call("bury", keys).arg(place.partition);
            let call = call.arg(place.fence).arg(&*place.id).arg(attempts);
            queue
                .ask(call.arg(&failure).arg(queue.max_dead_letters))
                .await
        })
        .await
    }

    /// The attempt doesn't count, whatever it takes to record that.
    async fn forget(&self, place: &EntryClaim, attempt: u32, after: Duration) -> Disposition {
        let settled = self
            .settle(async || {
                let queue = &self.worker.queue;
                let call = queue
                    .call("forget", [QueueKey::Attempts])
                    .arg(place.partition);
                let call = call.arg(place.fence).arg(&*place.id);
                queue.ask(call.arg(attempt.saturating_sub(1))).await
            })
            .await;
        match settled {
            Disposition::Lost => Disposition::Lost,
            _ => Disposition::Again { after },
        }
    }

    /// Notes what became of it, whatever it takes: otherwise it would be handled once more.
    async fn settle<F, Fut>(&self, note: F) -> Disposition
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<Vec<Bytes>, QueueError>>,
    {
        loop {
            match note().await {
                Ok(answer) if answer.first().is_some_and(|what| &**what == b"lost") => {
                    tracing::warn!("an update was handled after its partition was lost");
                    return Disposition::Lost;
                }
                Ok(_) => return Disposition::Done,
                Err(error) => {
                    log(&error, "it isn't noted yet that an update is done");
                    sleep(TROUBLE).await;
                }
            }
        }
    }
}

/// What isn't an update was put there by somebody else.
fn read(json: &Bytes) -> Result<RawUpdate, Failure> {
    RawUpdate::from_bytes(json.clone()).map_err(|error| Failure::error(error.into()))
}

/// A failure with its causes, in words for a person.
fn words(failure: &Failure) -> String {
    let mut text = ErrorChain(failure).to_string();
    let mut end = LONGEST_FAILURE.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

pub(super) fn log(error: &QueueError, what: &'static str) {
    let error = ErrorChain(error);
    tracing::warn!(%error, "{what}");
}
