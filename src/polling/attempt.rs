//! One attempt to handle an update that was fetched.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

use http::{Request, Response};
use tower::BoxError;
use tower_service::Service;

use super::settings::{FailedHook, PollingSettings};
use crate::{
    Client,
    runner::{AttemptEnd, Tries, UpdateHandler, Verdict},
    webhook::{RawUpdate, ReplyBody, outcome::FromRunner},
};

/// The handler and hooks that all attempts share.
pub(super) struct PolledAttempts<S> {
    handler: UpdateHandler<S>,
    client: Client,
    on_failed: Option<FailedHook>,
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
            on_failed: settings.on_failed.clone(),
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
            Verdict::Abandoned(_) => {
                self.call_hook(&update);
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

    /// Calls the hook for abandoned updates. If it panics, the update is done nevertheless: it has no attempt left.
    fn call_hook(&self, update: &RawUpdate) {
        if let Some(hook) = &self.on_failed
            && panic::catch_unwind(AssertUnwindSafe(|| hook(update))).is_err()
        {
            tracing::error!(update_id = update.update_id(), "on_failed hook panicked");
        }
    }
}
