//! One attempt to handle an entry of the queue.

use std::{sync::Arc, time::Duration};

use http::{Request, Response};
use tokio::time::{Instant, sleep};
use tower::BoxError;
use tower_service::Service;

use super::{
    claims_time::ClaimsTime,
    entry::QueueEntry,
    failed_call::{CALL_PAUSE, log_failed_call},
    queued_chat::QueuedChat,
    records::Recorder,
    settings::WorkerSettings,
};
use crate::{
    client::ErrorChain,
    queue::{
        error::QueueError,
        reader::{BegunEntry, RecordKind, RecordResult},
    },
    runner::{AttemptEnd, Tries, UpdateHandler, Verdict},
    telemetry::update_span::CreationContext,
    webhook::{BotId, Failure, RawUpdate, ReplyBody, outcome::FromRunner},
};

/// The longest text of a failure that is kept, in bytes.
const MAX_FAILURE_LENGTH: usize = 1000;

/// The handler, settings and recorder that all attempts share.
pub(super) struct QueueAttempts<S> {
    pub(super) worker: WorkerSettings,
    pub(super) recorder: Arc<Recorder>,
    pub(super) claims: ClaimsTime,
    handler: UpdateHandler<S>,
}

impl<S> QueueAttempts<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    pub(super) fn new(worker: WorkerSettings, lease: Duration, service: S) -> Self {
        let max_attempts = worker.max_attempts;
        Self {
            handler: UpdateHandler::new(service, max_attempts),
            recorder: Arc::new(Recorder::new(worker.max_read_ahead_bytes)),
            worker,
            claims: ClaimsTime::new(lease),
        }
    }

    pub(super) async fn attempt(
        self: Arc<Self>,
        chat: QueuedChat,
        entry: QueueEntry,
        following: Vec<QueueEntry>,
        tries: Tries,
    ) -> AttemptEnd {
        let begun = match self.begin(&chat, &entry, following).await {
            Ok(RecordResult::Begun(begun)) => begun,
            Ok(RecordResult::Lost) => return AttemptEnd::Lost,
            // Another program deleted it.
            Ok(_) => return AttemptEnd::Done,
            Err(error) => {
                log_failed_call(&error, "failed to begin an update");
                return AttemptEnd::Again {
                    after: CALL_PAUSE,
                    has_failed: false,
                };
            }
        };
        let attempt = begun.attempt;
        let (bot, update) = match begun.update {
            Ok(update) => update,
            Err(failure) => {
                log_unreadable(&entry, &failure);
                return self
                    .move_to_dead_letters(&chat, &entry, None, attempt, &failure)
                    .await;
            }
        };
        let update_id = update.update_id();
        entry.set_update_id(update_id);
        let verdict = if attempt > self.worker.max_attempts {
            self.handler.abandon_vanished(&update)
        } else {
            let tries = Tries {
                failed: attempt.saturating_sub(1),
                ..tries
            };
            entry.set_attempt(attempt);
            let request = queued_request(bot, update, begun.trace_context);
            self.handler.handle(request, tries).await
        };
        if let Verdict::Done { reply, span, .. } = &verdict {
            let client = self.worker.client_for(bot);
            let sending = self
                .handler
                .send_reply(&client, update_id, reply, span.clone());
            sending.await;
        }
        // Until here a shutdown may have cut it off, so that it isn't counted.
        entry.set_attempt(0);
        self.end(&chat, &entry, update_id, attempt, verdict).await
    }

    /// Records the end of an attempt, and says when the next one begins.
    async fn end(
        &self,
        chat: &QueuedChat,
        entry: &QueueEntry,
        update_id: i64,
        attempt: u32,
        verdict: Verdict,
    ) -> AttemptEnd {
        match verdict {
            Verdict::Done { .. } => {
                // Not waited for: the record of the chat's next attempt is made after it.
                self.recorder.settle(update_id, chat.claim, &entry.id);
                AttemptEnd::Done
            }
            Verdict::Failed { after } => AttemptEnd::Again {
                after,
                has_failed: true,
            },
            Verdict::Deferred { after } => {
                let end = self.uncount_attempt(chat, entry, Some(update_id), attempt);
                match end.await {
                    AttemptEnd::Done => AttemptEnd::Again {
                        after,
                        has_failed: false,
                    },
                    end => end,
                }
            }
            Verdict::Abandoned(failure) => {
                let attempts = attempt.min(self.worker.max_attempts);
                self.move_to_dead_letters(chat, entry, Some(update_id), attempts, &failure)
                    .await
            }
        }
    }

    /// Counts the attempt before it is made, so that an update that kills its worker is abandoned too. One that
    /// [follows](super::ahead) such an attempt is counted meanwhile.
    async fn begin(
        &self,
        chat: &QueuedChat,
        entry: &QueueEntry,
        following: Vec<QueueEntry>,
    ) -> Result<RecordResult, QueueError> {
        let at_once = entry.begins_at_once() && self.claims.are_certain();
        let Some(read) = entry.ahead().take() else {
            return self.begin_unread(chat, entry, following).await;
        };
        // It is the first one, because only entries without attempts are kept.
        let kind = RecordKind::Count { attempts: 1 };
        let first = RecordResult::Begun(BegunEntry { attempt: 1, ..read });
        if at_once {
            self.recorder.begun(kind, chat.claim, &entry.id);
            entry.confirm_attempt();
            return Ok(first);
        }
        let ahead = self.to_read(entry, &following);
        let counting = self.recorder.begin(kind, chat.claim, &entry.id, ahead);
        match counting.await? {
            RecordResult::Recorded => {}
            result => return Ok(result),
        }
        entry.confirm_attempt();
        allow(entry, &following);
        Ok(first)
    }

    /// Reads the entry and counts the attempt.
    async fn begin_unread(
        &self,
        chat: &QueuedChat,
        entry: &QueueEntry,
        following: Vec<QueueEntry>,
    ) -> Result<RecordResult, QueueError> {
        // The same until an answer arrives, so that no attempt is counted twice while the queue is slow.
        let token = chat.claim.fencing_token;
        let name = format!("{token}:{}", entry.begun());
        let kind = RecordKind::Begin {
            attempt_name: name.into(),
        };
        let ahead = self.to_read(entry, &following);
        let beginning = self.recorder.begin(kind, chat.claim, &entry.id, ahead);
        let result = beginning.await?;
        entry.confirm_attempt();
        if matches!(&result, RecordResult::Begun(begun) if begun.attempt == 1) {
            allow(entry, &following);
        } else {
            // A worker may have died at any of those that it had read: each is counted before it begins.
            for next in &following {
                next.ahead().forbid();
            }
        }
        Ok(result)
    }

    /// Those of the following entries that are to be read with the entry's attempt.
    fn to_read(&self, entry: &QueueEntry, following: &[QueueEntry]) -> Vec<QueueEntry> {
        if !entry.ahead().is_allowed() || !self.recorder.can_read_ahead() {
            return Vec::new();
        }
        let is_unread = |next: &&QueueEntry| next.ahead().is_allowed() && !next.ahead().is_there();
        following.iter().filter(is_unread).cloned().collect()
    }

    async fn move_to_dead_letters(
        &self,
        chat: &QueuedChat,
        entry: &QueueEntry,
        update_id: Option<i64>,
        attempts: u32,
        failure: &Failure,
    ) -> AttemptEnd {
        let failure = words(failure).into();
        let kind = RecordKind::DeadLetter { attempts, failure };
        self.record_end(kind, chat, entry, update_id).await
    }

    /// The attempt doesn't count, however often that must be tried.
    async fn uncount_attempt(
        &self,
        chat: &QueuedChat,
        entry: &QueueEntry,
        update_id: Option<i64>,
        attempt: u32,
    ) -> AttemptEnd {
        let attempts = attempt.saturating_sub(1);
        let kind = RecordKind::Count { attempts };
        self.record_end(kind, chat, entry, update_id).await
    }

    /// A shutdown has begun.
    pub(super) fn stop_repeats(&self) {
        self.handler.stop_repeats();
    }

    /// Waits until this time for the handlers that were left running at their time limit.
    pub(super) async fn left_running_ended(&self, end: Instant) {
        self.handler.left_running_ended(end).await;
    }

    /// The time of the shutdown is over. Returns whether replies are being sent.
    pub(super) fn cut_off_replies(&self) -> bool {
        self.handler.cut_off_replies()
    }

    /// The handler, or the call of its reply, was cut off by a shutdown.
    pub(super) async fn uncount(&self, chat: &QueuedChat, entry: &QueueEntry) {
        let attempt = entry.attempt();
        if attempt > 0 {
            let update_id = entry.update_id();
            self.uncount_attempt(chat, entry, update_id, attempt).await;
        }
    }

    /// Makes the last record of an attempt, however often that must be tried: otherwise it would be handled again.
    async fn record_end(
        &self,
        kind: RecordKind,
        chat: &QueuedChat,
        entry: &QueueEntry,
        update_id: Option<i64>,
    ) -> AttemptEnd {
        let claim = chat.claim;
        loop {
            match self.recorder.record(kind.clone(), claim, &entry.id).await {
                Ok(RecordResult::Lost) => {
                    tracing::warn!(
                        update_id,
                        partition = claim.partition,
                        "update handled after its partition was lost"
                    );
                    return AttemptEnd::Lost;
                }
                Ok(_) => return AttemptEnd::Done,
                Err(error) => {
                    log_unrecorded(update_id, &error);
                    sleep(CALL_PAUSE).await;
                }
            }
        }
    }
}

/// The first attempt at an entry was counted: those that follow it in its chat begin without waiting until they are.
fn allow(entry: &QueueEntry, following: &[QueueEntry]) {
    if entry.ahead().is_allowed() {
        for next in following {
            next.ahead().allow();
        }
    }
}

/// The request of an attempt, for the handler with its layers.
fn queued_request(
    bot: Option<BotId>,
    update: RawUpdate,
    trace_context: Option<Box<str>>,
) -> Request<RawUpdate> {
    let mut request = Request::new(update);
    let extensions = request.extensions_mut();
    extensions.insert(FromRunner::Queue);
    bot.map(|bot| extensions.insert(bot));
    creation_context(trace_context).map(|context| extensions.insert(context));
    request
}

/// An entry's trace context, if it is a `traceparent` of W3C's form: version, trace, parent and flags in lower-case
/// hexadecimal digits. Other programs may write anything there.
fn creation_context(text: Option<Box<str>>) -> Option<CreationContext> {
    let is_expected = |(at, byte): (usize, u8)| match at {
        2 | 35 | 52 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    let text = text?;
    let is_traceparent = text.len() == 55 && text.bytes().enumerate().all(is_expected);
    is_traceparent.then(|| CreationContext(text.into()))
}

/// A failure with its causes, in words for a person.
fn words(failure: &Failure) -> String {
    let mut text = ErrorChain(failure).to_string();
    let mut end = MAX_FAILURE_LENGTH.min(text.len());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_context_has_the_form_of_a_traceparent() {
        let context = |text: &str| creation_context(Some(text.into())).map(|context| context.0);
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(context(valid).as_deref(), Some(valid));
        for invalid in [
            String::new(),
            valid.to_uppercase(),
            valid.replace('-', "_"),
            valid.replace("4bf9", "4b\n9"),
            valid.replace("4bf", "4-f"),
            valid.replace("4bf9", "4bé"),
            valid[1..].to_owned(),
            format!("{valid}-00"),
            format!("{valid}\n"),
            "0".repeat(55),
            "0".repeat(1_000_000),
        ] {
            assert_eq!(context(&invalid), None, "{invalid:.60}");
        }
        assert!(creation_context(None).is_none());
    }
}
