//! One attempt to handle an update that was fetched.

use std::sync::Arc;

use http::{Request, Response};
use tokio::time::Instant;
use tower::BoxError;
use tower_service::Service;

use super::settings::PollingSettings;
use crate::{
    Client,
    client::ErrorChain,
    runner::{AttemptEnd, Tries, UpdateHandler, Verdict},
    webhook::{
        Failure, RawUpdate, ReplyBody,
        delivery::{DeadLetter, dead_letter::DeadLetterHook},
        outcome::FromRunner,
    },
};

/// The handler and hooks that all attempts share.
pub(super) struct PolledAttempts<S> {
    handler: UpdateHandler<S>,
    client: Client,
    dead_letter: Option<DeadLetterHook>,
}

impl<S> PolledAttempts<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    pub(super) fn new(settings: &PollingSettings, service: S) -> Arc<Self> {
        Arc::new(Self {
            handler: UpdateHandler::new(service, settings.max_attempts),
            client: settings.client.clone(),
            dead_letter: settings.dead_letter.clone(),
        })
    }

    pub(super) async fn attempt(self: Arc<Self>, update: RawUpdate, tries: Tries) -> AttemptEnd {
        let max_attempts = self.handler.max_attempts;
        let verdict = if tries.failed < max_attempts {
            let mut request = Request::new(update.clone());
            let from = FromRunner::Polling { max_attempts };
            request.extensions_mut().insert(from);
            self.handler.handle(request, tries).await
        } else {
            self.handler.abandon_vanished(&update)
        };
        match verdict {
            Verdict::Done {
                reply,
                span,
                unrecorded,
            } => {
                let (client, id) = (&self.client, update.update_id());
                let sending = self.handler.send_reply(client, id, &reply, span);
                match unrecorded {
                    Some(unrecorded) => unrecorded.record_after(sending).await,
                    None => sending.await,
                }
                AttemptEnd::Done
            }
            Verdict::Failed { after } => AttemptEnd::Again {
                after,
                has_failed: true,
            },
            Verdict::Deferred { after } => AttemptEnd::Again {
                after,
                has_failed: false,
            },
            Verdict::Abandoned(failure) => {
                let attempts = tries.failed.saturating_add(1).min(max_attempts);
                self.hand_over(update, failure, attempts).await;
                AttemptEnd::Done
            }
        }
    }

    /// A shutdown has begun.
    pub(super) fn stop_repeats(&self) {
        self.handler.stop_repeats();
    }

    /// The time of the shutdown is over. Returns whether replies are being sent.
    pub(super) fn cut_off_replies(&self) -> bool {
        self.handler.cut_off_replies()
    }

    /// Waits until this time for the handlers that were left running at their time limit.
    pub(super) async fn left_running_ended(&self, end: Instant) {
        self.handler.left_running_ended(end).await;
    }

    /// Calls the hook for abandoned updates. If it fails, the update is done nevertheless: it has no attempt left.
    async fn hand_over(&self, update: RawUpdate, failure: Failure, attempts: u32) {
        let Some(hook) = &self.dead_letter else {
            return;
        };
        let update_id = update.update_id();
        let letter = DeadLetter {
            update,
            failure,
            attempts,
        };
        if let Err(failure) = hook.call(letter).await {
            let error = ErrorChain(&failure);
            tracing::error!(%error, update_id, "dead-letter hook failed");
        }
    }
}
