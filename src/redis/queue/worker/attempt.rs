//! One update, handed to the handler once.

use std::{error::Error, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, header};
use tokio::time::sleep;
use tower::ServiceExt as _;
use tower_service::Service;

use super::{BoxError, Worker};
use crate::{
    redis::{
        number,
        queue::{Key, QueueError},
    },
    task::catch_unwind::caught,
    webhook::{
        BotId, Failure, RawUpdate, Rejection, ReplyBody,
        delivery::{Queued, retry_after::retry_after},
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
pub(super) struct Place {
    pub(super) partition: u16,
    pub(super) fence: u64,
    pub(super) lane: Arc<str>,
    pub(super) id: Box<str>,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is out of the queue.
    Done,
    /// It is to be tried again.
    Again { after: Duration },
    /// The partition is another's.
    Lost,
}

/// What all attempts share.
pub(super) struct Shared<S> {
    pub(super) worker: Worker,
    pub(super) service: S,
}

/// An update that was begun.
struct Begun {
    attempt: u32,
    bot: BotId,
    update: Result<RawUpdate, Failure>,
}

/// Why it isn't done.
enum Trouble {
    /// There was no room for it, which is no failure of the update's.
    NotNow { after: Duration },
    Failed {
        failure: Failure,
        after: Option<Duration>,
    },
}

impl<S> Shared<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    pub(super) async fn attempt(self: Arc<Self>, place: Place) -> Outcome {
        let begun = match self.begin(&place).await {
            Ok(Ok(begun)) => begun,
            Ok(Err(outcome)) => return outcome,
            Err(error) => {
                log(&error, "an update can't be begun");
                return Outcome::Again { after: TROUBLE };
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
        match self.handle(bot, &update).await {
            Ok(()) => self.finish(&place).await,
            Err(Trouble::NotNow { after }) => self.forget(&place, after).await,
            Err(Trouble::Failed { failure, .. }) if attempt >= self.worker.max_attempts => {
                self.bury(&place, attempt, &failure).await
            }
            Err(Trouble::Failed { failure, after }) => {
                let update_id = update.update_id();
                let error = failure.as_error().map(tracing::field::display);
                tracing::error!(update_id, attempt, %failure, error, "an update wasn't handled");
                let pause = || retry_after(update.update_type(), attempt);
                Outcome::Again {
                    after: after.unwrap_or_else(pause),
                }
            }
        }
    }

    /// Counts the attempt before it is made, so that an update that kills its worker is given up too.
    async fn begin(&self, place: &Place) -> Result<Result<Begun, Outcome>, QueueError> {
        let queue = &self.worker.queue;
        let keys = [Key::Stream(place.partition), Key::Attempts];
        let call = queue.call("begin", keys).arg(place.partition);
        let answer = queue.ask(call.arg(place.fence).arg(&*place.id)).await?;
        match &answer[..] {
            [what, attempt, bot, json] if &**what == b"begun" => Ok(Ok(Begun {
                attempt: number(attempt)?,
                bot: BotId(number(bot)?),
                update: read(json),
            })),
            [what] if &**what == b"gone" => Ok(Err(Outcome::Done)),
            [what] if &**what == b"lost" => Ok(Err(Outcome::Lost)),
            _ => Err(QueueError::unreadable()),
        }
    }

    async fn handle(&self, bot: BotId, update: &RawUpdate) -> Result<(), Trouble> {
        let mut request = Request::new(update.clone());
        request.extensions_mut().insert(Queued);
        if bot != BotId(0) {
            request.extensions_mut().insert(bot);
        }
        let response = match caught(self.service.clone().oneshot(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Trouble::failed(Failure::error(error.into()))),
            Err(panic) => return Err(Trouble::failed(Failure::panic(&*panic))),
        };
        if !response.status().is_success() {
            return Err(Trouble::answered(&response));
        }
        // As with a reply to a webhook, nobody hears what Telegram makes of it.
        let reply = response.body().reply().clone();
        if reply.method().is_some()
            && let Err(error) = self.worker.client_for(bot).send_reply(&reply).await
        {
            let update_id = update.update_id();
            tracing::error!(%error, update_id, "a reply wasn't carried out");
        }
        Ok(())
    }

    async fn finish(&self, place: &Place) -> Outcome {
        self.settle(async || {
            let queue = &self.worker.queue;
            let keys = [Key::Stream(place.partition), Key::Attempts];
            let call = queue.call("finish", keys).arg(place.partition);
            queue.ask(call.arg(place.fence).arg(&*place.id)).await
        })
        .await
    }

    async fn bury(&self, place: &Place, attempts: u32, failure: &Failure) -> Outcome {
        let failure = words(failure);
        tracing::error!(
            entry = &*place.id,
            attempts,
            failure,
            "an update is given up"
        );
        self.settle(async || {
            let queue = &self.worker.queue;
            let keys = [Key::Stream(place.partition), Key::Attempts, Key::Dead];
            let call = queue.call("bury", keys).arg(place.partition);
            let call = call.arg(place.fence).arg(&*place.id).arg(attempts);
            queue
                .ask(call.arg(&failure).arg(queue.max_dead_letters))
                .await
        })
        .await
    }

    /// The attempt doesn't count.
    async fn forget(&self, place: &Place, after: Duration) -> Outcome {
        let queue = &self.worker.queue;
        let call = queue.call("forget", [Key::Attempts]).arg(place.partition);
        let call = call.arg(place.fence).arg(&*place.id);
        if let Err(error) = queue.ask(call).await {
            log(&error, "it isn't noted that an update wasn't tried");
        }
        Outcome::Again { after }
    }

    /// Notes what became of it, whatever it takes: otherwise it would be handled once more.
    async fn settle<F, Fut>(&self, note: F) -> Outcome
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<Vec<Bytes>, QueueError>>,
    {
        loop {
            match note().await {
                Ok(answer) if answer.first().is_some_and(|what| &**what == b"lost") => {
                    tracing::warn!("an update was handled after its partition was lost");
                    return Outcome::Lost;
                }
                Ok(_) => return Outcome::Done,
                Err(error) => {
                    log(&error, "it isn't noted yet that an update is done");
                    sleep(TROUBLE).await;
                }
            }
        }
    }
}

impl Trouble {
    fn failed(failure: Failure) -> Self {
        Self::Failed {
            failure,
            after: None,
        }
    }

    fn answered(response: &Response<ReplyBody>) -> Self {
        let after = asked_for(response);
        if response
            .extensions()
            .get::<Rejection>()
            .is_some_and(is_passing)
        {
            return Self::NotNow {
                after: after.unwrap_or_default().max(TROUBLE),
            };
        }
        let failure = response.extensions().get::<Failure>().cloned();
        Self::Failed {
            failure: failure.unwrap_or_else(|| Failure::status(response.status())),
            after,
        }
    }
}

/// Whether it says nothing of the update.
fn is_passing(why: &Rejection) -> bool {
    matches!(
        why,
        Rejection::Late
            | Rejection::Busy
            | Rejection::Overloaded
            | Rejection::ShuttingDown
            | Rejection::Store
    )
}

fn asked_for(response: &Response<ReplyBody>) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    let seconds = value.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// What isn't an update was put there by somebody else.
fn read(json: &Bytes) -> Result<RawUpdate, Failure> {
    RawUpdate::from_bytes(json.clone()).map_err(|error| Failure::error(error.into()))
}

/// A failure with its causes, in words for a person.
fn words(failure: &Failure) -> String {
    let mut text = failure.to_string();
    let mut source = failure.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    let mut end = LONGEST_FAILURE.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

pub(super) fn log(error: &QueueError, what: &'static str) {
    let error = error as &(dyn Error + 'static);
    tracing::warn!(error, "{what}");
}
