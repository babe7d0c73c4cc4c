//! The listener that a dispatcher takes its updates from.

use std::{
    fmt,
    future::{Future, IntoFuture as _},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::Stream;
use teloxide::{
    stop::{StopFlag, StopToken, mk_stop_token},
    types::{AllowedUpdate, Update},
    update_listeners::{AsUpdateStream, UpdateListener},
};
use tokio::sync::{mpsc, watch};
use tower_telegram::{
    Client,
    methods::SetWebhook,
    types::AllowedUpdates,
    webhook::registration::{EnsureWebhook, EnsureWebhookError},
};

use crate::{
    allowed,
    pending::{Ended, Pending},
    service::Queued,
};

/// A listener whose updates come from a [`DispatchUpdate`](crate::DispatchUpdate), for
/// `Dispatcher::dispatch_with_listener`.
///
/// When it is stopped, as by the dispatcher's Ctrl-C handler, it takes no more updates: the webhook answers 503, and
/// Telegram sends them again. Those that it has are passed on.
pub struct Listener {
    updates: mpsc::UnboundedReceiver<Queued>,
    /// `None` if updates end when they are taken.
    pending: Option<Arc<Pending>>,
    stop: (StopToken, StopFlag),
    /// Set by the stream when the flag is. A flag and its clones wake one task only, and here a server waits, too.
    has_stopped: watch::Sender<bool>,
    webhook: Option<(Client, SetWebhook)>,
    /// The types for which the dispatcher has handlers.
    allowed: AllowedUpdates,
}

impl Listener {
    pub(crate) fn new(
        updates: mpsc::UnboundedReceiver<Queued>,
        pending: Option<Arc<Pending>>,
    ) -> Self {
        Self {
            updates,
            pending,
            stop: mk_stop_token(),
            has_stopped: watch::Sender::new(false),
            webhook: None,
            allowed: AllowedUpdates::DEFAULT,
        }
    }

    /// Sets the webhook when the dispatcher starts, by
    /// [`ensure_webhook`](tower_telegram::Client::ensure_webhook). If `wanted` has no `allowed_updates`, they are the
    /// types for which the dispatcher has handlers.
    ///
    /// # Errors
    ///
    /// If the webhook can't be set, the dispatcher's listener error handler gets the reason, and dispatching ends.
    #[must_use]
    pub fn ensure_webhook(mut self, client: Client, wanted: SetWebhook) -> Self {
        self.webhook = Some((client, wanted));
        self
    }

    /// A future that ends when the listener has stopped or is dropped. Give it to the server, so that both end together.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopped = self.has_stopped.subscribe();
        async move {
            // An error means that the listener was dropped.
            drop(stopped.wait_for(|stopped| *stopped).await);
        }
    }
}

impl UpdateListener for Listener {
    type Err = EnsureWebhookError;

    fn stop_token(&mut self) -> StopToken {
        self.stop.0.clone()
    }

    fn hint_allowed_updates(&mut self, hint: &mut dyn Iterator<Item = AllowedUpdate>) {
        self.allowed = hint.map(allowed::update_type).collect();
    }
}

impl<'a> AsUpdateStream<'a> for Listener {
    type StreamErr = EnsureWebhookError;
    type Stream = ListenerStream<'a>;

    fn as_stream(&'a mut self) -> ListenerStream<'a> {
        let allowed = self.allowed;
        let registration = self.webhook.take().map(|(client, wanted)| {
            let wanted = match wanted.allowed_updates {
                Some(_) => wanted,
                None => wanted.allowed_updates(allowed),
            };
            client.ensure_webhook(&wanted).into_future()
        });
        ListenerStream {
            listener: self,
            registration,
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("waits_for_handlers", &self.pending.is_some())
            .field("is_stopped", &self.stop.1.is_stopped())
            .finish_non_exhaustive()
    }
}

/// The stream of a [`Listener`].
pub struct ListenerStream<'a> {
    listener: &'a mut Listener,
    registration: Option<<EnsureWebhook as IntoFuture>::IntoFuture>,
}

impl ListenerStream<'_> {
    /// Waits until the webhook is set.
    fn poll_registration(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), EnsureWebhookError>> {
        let Some(registration) = &mut self.registration else {
            return Poll::Ready(Ok(()));
        };
        let registered = ready!(registration.as_mut().poll(cx));
        self.registration = None;
        Poll::Ready(registered.map(drop))
    }

    fn poll_update(&mut self, cx: &mut Context<'_>) -> Poll<Option<Update>> {
        loop {
            let next = ready!(self.listener.updates.poll_recv(cx));
            let Some(Queued { update, reporter }) = next else {
                return Poll::Ready(None);
            };
            if reporter.is_abandoned() {
                continue;
            }
            match &self.listener.pending {
                Some(pending) => pending.add(update.id, reporter),
                None => reporter.end(Ended::Handled),
            }
            return Poll::Ready(Some(update));
        }
    }
}

impl Stream for ListenerStream<'_> {
    type Item = Result<Update, EnsureWebhookError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if Pin::new(&mut this.listener.stop.1).poll(cx).is_ready() {
            this.listener.updates.close();
            this.listener.has_stopped.send_replace(true);
            this.registration = None;
        }
        if let Err(error) = ready!(this.poll_registration(cx)) {
            this.listener.stop.0.stop();
            return Poll::Ready(Some(Err(error)));
        }
        this.poll_update(cx).map(|update| update.map(Ok))
    }
}

impl fmt::Debug for ListenerStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ListenerStream")
            .field(&self.listener)
            .finish()
    }
}
