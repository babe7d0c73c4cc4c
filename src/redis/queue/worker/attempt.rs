//! One update, handed to the handler once.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use tokio::time::sleep;
use tower::BoxError;
use tower_service::Service;

use super::{queued_chat::QueuedChat, settings::WorkerSettings};
use crate::{
    client::ErrorChain,
    redis::{
        connection::ScriptCall,
        queue::{
            chat_key::bot_of,
            error::QueueError,
            update_queue::{QueueKey, text},
        },
        values::number,
    },
    runner::{AttemptEnd, Tries, UpdateHandler, Verdict, send_reply},
    webhook::{BotId, Failure, RawUpdate, ReplyBody, outcome::FromRunner},
};

/// After which time Redis is asked again.
pub(super) const REDIS_PAUSE: Duration = Duration::from_millis(250);

/// The longest text of a failure that is kept, in bytes.
const LONGEST_FAILURE: usize = 1000;

/// An entry of a stream.
#[derive(Clone, Debug)]
pub(super) struct QueueEntry {
    id: Arc<str>,
    /// The number of the attempt that runs, or 0.
    attempt: Arc<AtomicU32>,
    /// How many attempts of this worker were begun for certain.
    begun: Arc<AtomicU32>,
}

impl QueueEntry {
    pub(super) fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            attempt: Arc::default(),
            begun: Arc::default(),
        }
    }
}

/// What all attempts share.
pub(super) struct QueueAttempts<S> {
    pub(super) worker: WorkerSettings,
    handler: UpdateHandler<S>,
}

/// What came of counting an attempt.
enum Begin {
    Begun {
        attempt: u32,
        update: Result<(Option<BotId>, RawUpdate), Failure>,
    },
    /// Somebody deleted it.
    Gone,
    /// The partition is another's.
    Lost,
}

impl<S> QueueAttempts<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    pub(super) fn new(worker: WorkerSettings, service: S) -> Self {
        let max_attempts = worker.max_attempts;
        Self {
            handler: UpdateHandler {
                service,
                max_attempts,
            },
            worker,
        }
    }

    pub(super) async fn attempt(
        self: Arc<Self>,
        chat: QueuedChat,
        entry: QueueEntry,
        tries: Tries,
    ) -> AttemptEnd {
        let (attempt, update) = match self.begin(&chat, &entry).await {
            Ok(Begin::Begun { attempt, update }) => (attempt, update),
            Ok(Begin::Gone) => return AttemptEnd::Done,
            Ok(Begin::Lost) => return AttemptEnd::Lost,
            Err(error) => {
                log(&error, "failed to begin an update");
                return AttemptEnd::Again {
                    after: REDIS_PAUSE,
                    has_failed: false,
                };
            }
        };
        let (bot, update) = match update {
            Ok(update) => update,
            Err(failure) => {
                log_unreadable(&entry, &failure);
                return self.bury(&chat, &entry, attempt, &failure).await;
            }
        };
        let verdict = if attempt > self.worker.max_attempts {
            self.handler.abandon_vanished(&update)
        } else {
            let tries = Tries {
                failed: attempt.saturating_sub(1),
                ..tries
            };
            entry.attempt.store(attempt, Ordering::Relaxed);
            let way = FromRunner::Queue;
            let verdict = self.handler.handle(&update, bot, way, tries).await;
            entry.attempt.store(0, Ordering::Relaxed);
            verdict
        };
        match verdict {
            Verdict::Done(reply) => {
                let client = self.worker.client_for(bot);
                send_reply(&client, update.update_id(), &reply).await;
                self.finish(&chat, &entry).await
            }
            Verdict::Failed { after } => AttemptEnd::Again {
                after,
                has_failed: true,
            },
            Verdict::Deferred { after } => match self.forget(&chat, &entry, attempt).await {
                AttemptEnd::Done => AttemptEnd::Again {
                    after,
                    has_failed: false,
                },
                end => end,
            },
            Verdict::Abandoned(failure) => {
                let attempts = attempt.min(self.worker.max_attempts);
                self.bury(&chat, &entry, attempts, &failure).await
            }
        }
    }

    /// Counts the attempt before it is made, so that an update that kills its worker is abandoned too.
    async fn begin(&self, chat: &QueuedChat, entry: &QueueEntry) -> Result<Begin, QueueError> {
        let keys = [QueueKey::Stream(chat.partition), QueueKey::Attempts];
        // The same until an answer comes, so that no attempt is counted twice while Redis is slow.
        let name = format!("{}:{}", chat.fence, entry.begun.load(Ordering::Relaxed));
        let asked = self.ask("begin", chat, entry, keys, |call| call.arg(name));
        let answer = asked.await?;
        entry.begun.fetch_add(1, Ordering::Relaxed);
        match &answer[..] {
            [what, attempt, bot, lane, json] if &**what == b"begun" => Ok(Begin::Begun {
                attempt: number(attempt)?,
                update: read_entry(bot, lane, json),
            }),
            [what] if &**what == b"gone" => Ok(Begin::Gone),
            [what] if &**what == b"lost" => Ok(Begin::Lost),
            _ => Err(QueueError::unreadable()),
        }
    }

    async fn finish(&self, chat: &QueuedChat, entry: &QueueEntry) -> AttemptEnd {
        let keys = [QueueKey::Stream(chat.partition), QueueKey::Attempts];
        self.settle(|| self.ask("finish", chat, entry, keys, |call| call))
            .await
    }

    async fn bury(
        &self,
        chat: &QueuedChat,
        entry: &QueueEntry,
        attempts: u32,
        failure: &Failure,
    ) -> AttemptEnd {
        let failure = words(failure);
        let keys = [
            QueueKey::Stream(chat.partition),
            QueueKey::Attempts,
            QueueKey::Dead,
        ];
        let most = self.worker.queue.max_dead_letters;
        self.settle(|| {
            self.ask("bury", chat, entry, keys, |call| {
                call.arg(attempts).arg(&failure).arg(most)
            })
        })
        .await
    }

    /// The attempt doesn't count, whatever it takes to record that.
    async fn forget(&self, chat: &QueuedChat, entry: &QueueEntry, attempt: u32) -> AttemptEnd {
        let before = attempt.saturating_sub(1);
        let keys = [QueueKey::Attempts];
        self.settle(|| self.ask("forget", chat, entry, keys, |call| call.arg(before)))
            .await
    }

    /// The handler was cut off by a shutdown.
    pub(super) async fn uncount(&self, chat: &QueuedChat, entry: &QueueEntry) {
        let attempt = entry.attempt.load(Ordering::Relaxed);
        if attempt > 0 {
            self.forget(chat, entry, attempt).await;
        }
    }

    /// Asks for something to be done with an entry, by the claim on its partition.
    async fn ask<const N: usize>(
        &self,
        operation: &str,
        chat: &QueuedChat,
        entry: &QueueEntry,
        keys: [QueueKey<'_>; N],
        more: impl FnOnce(ScriptCall) -> ScriptCall,
    ) -> Result<Vec<Bytes>, QueueError> {
        let queue = &self.worker.queue;
        let call = queue.call(operation, keys).arg(chat.partition);
        queue.ask(more(call.arg(chat.fence).arg(&*entry.id))).await
    }

    /// Records what became of it, whatever it takes: otherwise it would be handled once more.
    async fn settle<F, Fut>(&self, record: F) -> AttemptEnd
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<Vec<Bytes>, QueueError>>,
    {
        loop {
            match record().await {
                Ok(answer) if answer.first().is_some_and(|what| &**what == b"lost") => {
                    tracing::warn!("update handled after its partition was lost");
                    return AttemptEnd::Lost;
                }
                Ok(_) => return AttemptEnd::Done,
                Err(error) => {
                    log(
                        &error,
                        "failed to record that an update is done, trying again",
                    );
                    sleep(REDIS_PAUSE).await;
                }
            }
        }
    }
}

/// What isn't an update was put there by others, and never will be one.
fn read_entry(
    bot: &[u8],
    lane: &[u8],
    json: &Bytes,
) -> Result<(Option<BotId>, RawUpdate), Failure> {
    let bot = number(bot).map_err(|_| Failure::permanent("the entry's bot is no number"))?;
    if text(lane).is_err() {
        return Err(Failure::permanent("the entry's lane isn't UTF-8"));
    }
    let update = RawUpdate::from_bytes(json.clone()).map_err(Failure::permanent)?;
    Ok((bot_of(bot), update))
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

fn log_unreadable(entry: &QueueEntry, failure: &Failure) {
    let error = ErrorChain(failure);
    tracing::error!(%error, entry = &*entry.id, "entry of the queue is no update");
}

pub(super) fn log(error: &QueueError, what: &'static str) {
    let error = ErrorChain(error);
    tracing::warn!(%error, "{what}");
}
