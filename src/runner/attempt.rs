//! One attempt to handle an update, and its verdict.

use std::{future, sync::Arc, time::Duration};

use http::{Request, Response};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tower::BoxError;
use tower_service::Service;
use tracing::{Instrument as _, Span};

use super::Tries;
use crate::{
    Client, Reply,
    client::{self, CallProgress, ErrorChain},
    task::backoff::{bounded_pause, longer_at_random},
    telemetry::update_span::AttemptNumber,
    types::UpdateType,
    webhook::{
        Failure, RawUpdate, ReplyBody,
        delivery::{DeliveryKey, UnrecordedUpdate},
        detached_work::DetachedWork,
        left_running::LeftRunning,
        outcome::{Outcome, is_malformed, log_abandoned, log_failure, respond_once},
        redelivery::redelivery_pause,
        reply_call::call_reply,
    },
};

/// For how long a reply is sent again that Telegram can't have received. Meanwhile its chat has one of the places for
/// chats that are handled at the same time, so a long wait for a limit isn't waited for.
const REPLY_TIME: Duration = Duration::from_secs(20);

/// For how long a shutdown that cuts off replies waits until the updates of those that may have been sent are recorded.
pub(crate) const RECORD_TIME: Duration = Duration::from_secs(1);

/// Calls a service with an update and judges its response.
pub(crate) struct UpdateHandler<S> {
    /// The handler with its layers.
    service: S,
    /// How many failed attempts an update has before it is abandoned.
    pub(crate) max_attempts: u32,
    shutdown: watch::Sender<ShutdownStage>,
    /// The handlers that were left running at their time limit.
    left_running: Arc<DetachedWork>,
}

/// How far the shutdown is, for the replies that are being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ShutdownStage {
    /// Replies that Telegram can't have received are sent again.
    NotBegun,
    /// No reply is sent again.
    Draining,
    /// The time is over.
    CutOff,
}

/// The state of an update after an attempt.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is done, with this reply, which is sent within the attempt's span.
    Done {
        reply: Reply,
        span: Span,
        /// `Some` if a store has to record the update once the reply was sent.
        unrecorded: Option<UnrecordedUpdate>,
    },
    /// It failed, and is tried again.
    Failed { after: Duration },
    /// The attempt says nothing about the update, and isn't counted.
    Deferred { after: Duration },
    /// It has no further attempt.
    #[cfg_attr(not(feature = "queue"), allow(dead_code))]
    Abandoned(Failure),
}

impl<S> UpdateHandler<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>> + Clone,
    S::Error: Into<BoxError>,
{
    /// Calls the service with an update, and the number of its earlier attempts.
    ///
    /// The request's extensions say that it comes [from a runner](crate::webhook::outcome::FromRunner).
    pub(crate) async fn handle(&self, mut request: Request<RawUpdate>, tries: Tries) -> Verdict {
        let update = request.body().clone();
        let bot = request.extensions().get().copied();
        let attempt = tries.failed.saturating_add(1);
        if let Some(attempt) = AttemptNumber::unless_first(attempt, self.max_attempts) {
            request.extensions_mut().insert(attempt);
        }
        let (outcome, open) = match respond_once(&self.service, request).await {
            Ok(response) => {
                let open = response.extensions().get().cloned();
                if let Some(handler) = response.extensions().get::<LeftRunning>() {
                    let key = DeliveryKey::new(bot, update.update_id());
                    self.left_running.follow(key, handler.clone());
                }
                (Outcome::of(&response), open)
            }
            Err(outcome) => (outcome, None),
        };
        let mut verdict = self.judge(&update, outcome, tries);
        if let Verdict::Done { unrecorded, .. } = &mut verdict {
            *unrecorded = open;
        }
        verdict
    }
}

impl<S> UpdateHandler<S> {
    pub(crate) fn new(service: S, max_attempts: u32) -> Self {
        Self {
            service,
            max_attempts,
            shutdown: watch::Sender::new(ShutdownStage::NotBegun),
            left_running: Arc::default(),
        }
    }

    /// Waits until this time for the handlers that were left running, which the end of the process would stop half-way.
    pub(crate) async fn left_running_ended(&self, end: Instant) {
        let ended = timeout_at(end, self.left_running.drained()).await;
        if ended.is_err() {
            let count = self.left_running.keys().len();
            tracing::warn!(count, "handlers left running at shutdown");
        }
    }

    /// A shutdown has begun: from now on a reply that couldn't be sent isn't sent again.
    pub(crate) fn stop_repeats(&self) {
        self.shutdown.send_replace(ShutdownStage::Draining);
    }

    /// The time of the shutdown is over: a reply that Telegram may have counts as sent, so that its update can be recorded as
    /// done. Others are cut off with their attempts. Returns whether replies are being sent.
    pub(crate) fn cut_off_replies(&self) -> bool {
        self.shutdown.send_replace(ShutdownStage::CutOff);
        self.shutdown.receiver_count() > 0
    }

    /// Sends a reply through the client, because no request waits for it. Whatever Telegram responds, the update is done,
    /// as with a reply to a webhook. A reply that Telegram can't have received is sent again, for 20 s or until a shutdown.
    pub(crate) async fn send_reply(
        &self,
        client: &Client,
        update_id: i64,
        reply: &Reply,
        span: Span,
    ) {
        if reply.method().is_none() {
            return;
        }
        if *self.shutdown.borrow() == ShutdownStage::CutOff {
            return until_cut_off().await;
        }
        let progress = CallProgress::default();
        let is_over = {
            let stop = self.shutdown_reaches(ShutdownStage::Draining);
            let sending = call_reply(client, update_id, reply, &progress, REPLY_TIME, stop);
            // Dropped at the cut-off, so that it isn't sent after that.
            tokio::select! {
                biased;
                sent = sending.instrument(span) => {
                    log_unsent(update_id, sent);
                    true
                }
                () = self.shutdown_reaches(ShutdownStage::CutOff) => false,
            }
        };
        if is_over {
            return;
        }
        if !progress.may_have_arrived() {
            return until_cut_off().await;
        }
        tracing::warn!(
            update_id,
            "shutdown cut off a reply that may have been sent"
        );
    }

    /// Waits for a stage of the shutdown, or a later one. Without a shutdown it never ends.
    async fn shutdown_reaches(&self, stage: ShutdownStage) {
        let mut shutdown = self.shutdown.subscribe();
        drop(shutdown.wait_for(|now| *now >= stage).await);
    }

    /// Abandons an update whose last attempt ended with its process: another one would do the same.
    pub(crate) fn abandon_vanished(&self, update: &RawUpdate) -> Verdict {
        let failure = Failure::vanished();
        log_abandoned(
            update.update_id(),
            update.update_type(),
            self.max_attempts,
            &failure,
        );
        Verdict::Abandoned(failure)
    }

    /// The verdict on an outcome. A failure counts towards `max_attempts`, and its pause is the one that the response
    /// asks for, or else grows with the attempts; a permanent one and one of an update that isn't JSON abandon the
    /// update at once.
    fn judge(&self, update: &RawUpdate, outcome: Outcome, tries: Tries) -> Verdict {
        let (update_id, update_type) = (update.update_id(), update.update_type());
        let attempt = tries.failed.saturating_add(1);
        match outcome {
            Outcome::Done { reply, span } => Verdict::Done {
                reply,
                span,
                unrecorded: None,
            },
            Outcome::Deferred { after } => Verdict::Deferred {
                after: deferral(update_type, tries.deferred, after),
            },
            Outcome::Failed { failure, after }
                if attempt < self.max_attempts && !is_malformed(&failure) =>
            {
                log_failure(update_id, attempt, &failure);
                let pause =
                    after.map_or_else(|| redelivery_pause(update_type, attempt), bounded_pause);
                Verdict::Failed {
                    after: longer_at_random(pause),
                }
            }
            Outcome::Failed { failure, .. } | Outcome::FailedPermanently(failure) => {
                log_abandoned(update_id, update_type, attempt, &failure);
                Verdict::Abandoned(failure)
            }
        }
    }
}

/// Waits for the end of the attempt, whose update is handled again by the next process.
async fn until_cut_off() {
    future::pending::<()>().await;
}

fn log_unsent(update_id: i64, sent: Result<(), client::Error>) {
    if let Err(error) = sent {
        let error = ErrorChain(&error);
        tracing::error!(%error, update_id, "failed to send reply through client");
    }
}

/// The pause after a deferral: the one asked for, or else a quarter of a second, doubled up to a quarter of the
/// pause after a failure.
fn deferral(update_type: UpdateType, deferred: u32, asked_for: Option<Duration>) -> Duration {
    let pause = asked_for.map_or_else(
        || redelivery_pause(update_type, deferred.saturating_add(1)) / 4,
        bounded_pause,
    );
    longer_at_random(pause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{types::ParseError, webhook::Rejection};

    const SECOND: Duration = Duration::from_secs(1);

    fn judged(outcome: Outcome, failed: u32) -> Verdict {
        let handler = UpdateHandler::new((), 5);
        let update = RawUpdate::from_bytes(r#"{"update_id":1,"message":{}}"#.into()).unwrap();
        let deferred = failed;
        handler.judge(&update, outcome, Tries { failed, deferred })
    }

    fn failed(after: Option<u64>) -> Outcome {
        Outcome::Failed {
            failure: Failure::error("no".into()),
            after: after.map(Duration::from_secs),
        }
    }

    #[test]
    fn d14_only_failures_are_counted_and_every_pause_is_bounded() {
        let hour = SECOND * 3600;
        for asked in [None, Some(0), Some(u64::MAX)] {
            for tries in [0, 3] {
                let Verdict::Failed { after } = judged(failed(asked), tries) else {
                    panic!("it is tried again");
                };
                assert!(SECOND / 4 <= after && after < hour * 2, "{after:?}");
            }
            assert!(matches!(judged(failed(asked), 4), Verdict::Abandoned(_)));
            for tries in [0, 4, 100, u32::MAX] {
                let after = asked.map(Duration::from_secs);
                let Verdict::Deferred { after } = judged(Outcome::Deferred { after }, tries) else {
                    panic!("it is deferred");
                };
                assert!(SECOND / 4 <= after && after < hour * 2, "{after:?}");
            }
        }
    }

    #[test]
    fn d15_what_is_final_or_malformed_is_tried_once() {
        let final_one = Outcome::FailedPermanently(Failure::permanent("no"));
        assert!(matches!(judged(final_one, 0), Verdict::Abandoned(_)));
        let rejection = Rejection::Malformed(ParseError::syntax("a test", 3));
        let malformed = Outcome::of(&rejection.into_response());
        assert!(matches!(malformed, Outcome::Failed { .. }), "by webhook");
        assert!(matches!(judged(malformed, 0), Verdict::Abandoned(_)));
    }
}
