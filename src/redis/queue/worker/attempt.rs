//! One attempt to handle an entry of the queue.

use std::{
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

use super::{
    queued_chat::QueuedChat,
    records::{RecordKind, Recorder},
    settings::WorkerSettings,
};
use crate::{
    client::ErrorChain,
    redis::{
        queue::{chat_key::bot_of, error::QueueError, update_queue::text},
        values::number,
    },
    runner::{AttemptEnd, Tries, UpdateHandler, Verdict, send_reply},
    telemetry::update_span::CreationContext,
    webhook::{BotId, Failure, RawUpdate, ReplyBody, outcome::FromRunner},
};

/// The pause after Redis couldn't be reached.
pub(super) const REDIS_PAUSE: Duration = Duration::from_millis(250);

/// The longest text of a failure that is kept, in bytes.
const LONGEST_FAILURE: usize = 1000;

/// An entry of a stream.
#[derive(Clone, Debug)]
pub(super) struct QueueEntry {
    id: Arc<str>,
    /// The number of the attempt that runs, or 0.
    attempt: Arc<AtomicU32>,
    /// How many attempts Redis has confirmed to this worker.
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

/// The handler, settings and recorder that all attempts share.
pub(super) struct QueueAttempts<S> {
    pub(super) worker: WorkerSettings,
    pub(super) recorder: Arc<Recorder>,
    handler: UpdateHandler<S>,
}

/// Redis' answer when an attempt begins.
enum Begin {
    Begun {
        attempt: u32,
        update: Result<(Option<BotId>, RawUpdate), Failure>,
        /// The trace context in which it was put into the queue.
        context: Option<CreationContext>,
    },
    /// Another program deleted it.
    Gone,
    /// Another worker has the partition.
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
            recorder: Arc::new(Recorder::new()),
        }
    }

    pub(super) async fn attempt(
        self: Arc<Self>,
        chat: QueuedChat,
        entry: QueueEntry,
        tries: Tries,
    ) -> AttemptEnd {
        let (attempt, update, context) = match self.begin(&chat, &entry).await {
            Ok(Begin::Begun {
                attempt,
                update,
                context,
            }) => (attempt, update, context),
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
                return self.bury(&chat, &entry, None, attempt, &failure).await;
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
            let mut request = Request::new(update.clone());
            let extensions = request.extensions_mut();
            extensions.insert(FromRunner::Queue);
            bot.map(|bot| extensions.insert(bot));
            context.map(|context| extensions.insert(context));
            let verdict = self.handler.handle(request, tries).await;
            entry.attempt.store(0, Ordering::Relaxed);
            verdict
        };
        let update_id = update.update_id();
        match verdict {
            Verdict::Done { reply, span } => {
                let client = self.worker.client_for(bot);
                send_reply(&client, update_id, &reply, span).await;
                // Not waited for: the record of the chat's next attempt is made after it.
                self.recorder.finish(update_id, &chat, &entry.id);
                AttemptEnd::Done
            }
            Verdict::Failed { after } => AttemptEnd::Again {
                after,
                has_failed: true,
            },
            Verdict::Deferred { after } => {
                match self.forget(&chat, &entry, Some(update_id), attempt).await {
                    AttemptEnd::Done => AttemptEnd::Again {
                        after,
                        has_failed: false,
                    },
                    end => end,
                }
            }
            Verdict::Abandoned(failure) => {
                let attempts = attempt.min(self.worker.max_attempts);
                self.bury(&chat, &entry, Some(update_id), attempts, &failure)
                    .await
            }
        }
    }

    /// Counts the attempt before it is made, so that an update that kills its worker is abandoned too.
    async fn begin(&self, chat: &QueuedChat, entry: &QueueEntry) -> Result<Begin, QueueError> {
        // The same until an answer arrives, so that no attempt is counted twice while Redis is slow.
        let name = format!("{}:{}", chat.fence, entry.begun.load(Ordering::Relaxed));
        let kind = RecordKind::Begin(name.into());
        let answer = self.recorder.record(kind, chat, &entry.id).await?;
        entry.begun.fetch_add(1, Ordering::Relaxed);
        match &answer[..] {
            [what, attempt, bot, chat_key, json, context] if &**what == b"begun" => {
                Ok(Begin::Begun {
                    attempt: number(attempt)?,
                    update: read_entry(bot, chat_key, json),
                    // Other programs may write anything there.
                    context: text(context)
                        .ok()
                        .filter(|context| !context.is_empty())
                        .map(|context| CreationContext(context.into())),
                })
            }
            [what] if &**what == b"gone" => Ok(Begin::Gone),
            [what] if &**what == b"lost" => Ok(Begin::Lost),
            _ => Err(QueueError::unreadable()),
        }
    }

    async fn bury(
        &self,
        chat: &QueuedChat,
        entry: &QueueEntry,
        update_id: Option<i64>,
        attempts: u32,
        failure: &Failure,
    ) -> AttemptEnd {
        let kind = RecordKind::Bury(attempts, words(failure).into());
        self.settle(kind, chat, entry, update_id).await
    }

    /// The attempt doesn't count, however often that must be tried.
    async fn forget(
        &self,
        chat: &QueuedChat,
        entry: &QueueEntry,
        update_id: Option<i64>,
        attempt: u32,
    ) -> AttemptEnd {
        let kind = RecordKind::Forget(attempt.saturating_sub(1));
        self.settle(kind, chat, entry, update_id).await
    }

    /// The handler was cut off by a shutdown.
    pub(super) async fn uncount(&self, chat: &QueuedChat, entry: &QueueEntry) {
        let attempt = entry.attempt.load(Ordering::Relaxed);
        if attempt > 0 {
            self.forget(chat, entry, None, attempt).await;
        }
    }

    /// Makes the last record of an attempt, however often that must be tried: otherwise it would be handled again.
    async fn settle(
        &self,
        kind: RecordKind,
        chat: &QueuedChat,
        entry: &QueueEntry,
        update_id: Option<i64>,
    ) -> AttemptEnd {
        let partition = chat.partition;
        loop {
            match self.recorder.record(kind.clone(), chat, &entry.id).await {
                Ok(answer) if answer.first().is_some_and(|what| &**what == b"lost") => {
                    tracing::warn!(
                        update_id,
                        partition,
                        "update handled after its partition was lost"
                    );
                    return AttemptEnd::Lost;
                }
                Ok(_) => return AttemptEnd::Done,
                Err(error) => {
                    log_unrecorded(update_id, &error);
                    sleep(REDIS_PAUSE).await;
                }
            }
        }
    }
}

/// An entry of another program is no update, and never will be one.
fn read_entry(
    bot: &[u8],
    chat_key: &[u8],
    json: &Bytes,
) -> Result<(Option<BotId>, RawUpdate), Failure> {
    let bot = number(bot).map_err(|_| Failure::permanent("the entry's bot is no number"))?;
    if text(chat_key).is_err() {
        return Err(Failure::permanent("the entry's chat isn't UTF-8"));
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

fn log_unrecorded(update_id: Option<i64>, error: &QueueError) {
    let error = ErrorChain(error);
    tracing::warn!(%error, update_id, "failed to record that an update is done, trying again");
}

fn log_unreadable(entry: &QueueEntry, failure: &Failure) {
    let error = ErrorChain(failure);
    tracing::error!(%error, entry = &*entry.id, "entry of the queue is no update");
}

pub(super) fn log(error: &QueueError, what: &'static str) {
    let error = ErrorChain(error);
    tracing::warn!(%error, what, "redis can't be asked for a queue");
}
