//! The listener that a dispatcher takes its updates from.

use std::{
    convert::Infallible,
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
use tokio::sync::{mpsc, oneshot, watch};
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
/// When it is stopped, by [`with_shutdown`](Self::with_shutdown) or by the dispatcher's `ShutdownToken`, it takes no more
/// updates: the webhook responds with 503, and Telegram sends them again. Those that it has are passed on, and the
/// dispatcher ends when their handlers have ended.
///
/// Its stream has no errors, so `IgnoringErrorHandlerSafe` of teloxide is the error handler that fits.
pub struct Listener {
    updates: mpsc::UnboundedReceiver<Queued>,
    /// `None` if updates end when they are taken.
    pending: Option<Arc<Pending>>,
    stop: (StopToken, StopFlag),
    /// Set by the stream when the flag is. A flag and its clones wake one task only, and here a server waits, too.
    has_stopped: watch::Sender<bool>,
    shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    webhook: Option<(Client, SetWebhook, oneshot::Sender<EnsureWebhookError>)>,
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
            shutdown: None,
            webhook: None,
            allowed: AllowedUpdates::DEFAULT,
        }
    }

    /// Stops the listener when this future ends, such as tower-telegram's `shutdown_signal`, which hears SIGTERM and
    /// Ctrl-C. teloxide's `enable_ctrlc_handler` hears only Ctrl-C, and isn't needed beside it.
    ///
    /// The future is polled while the dispatcher waits for updates.
    #[must_use]
    pub fn with_shutdown(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.shutdown = Some(Box::pin(signal));
        self
    }

    /// Sets the webhook when the dispatcher starts, by
    /// [`ensure_webhook`](tower_telegram::Client::ensure_webhook). If `wanted` has no `allowed_updates`, they are the
    /// types for which the dispatcher has handlers.
    ///
    /// # Errors
    ///
    /// If the webhook can't be set, the listener stops, and with it dispatching and the server. The future that is
    /// returned has the error; it ends with `Ok` if the webhook is set, or if the listener stops before. Await it when
    /// dispatching has ended, so that the error is that of `main`:
    ///
    /// ```
    /// # use teloxide::{error_handlers::IgnoringErrorHandlerSafe, prelude::*};
    /// # use tower_telegram::{Client, webhook::registration::WebhookEnv};
    /// # use tower_telegram_teloxide::Bridge;
    /// # async fn run(bridge: Bridge<()>, bot: Bot) -> Result<(), Box<dyn std::error::Error>> {
    /// let settings = WebhookEnv::from_env()?;
    /// let (listener, registered) = bridge.listener.ensure_webhook(Client::from_env()?, settings.set_webhook());
    /// let mut dispatcher = Dispatcher::builder(bot, bridge.handler).build();
    /// dispatcher.dispatch_with_listener(listener, IgnoringErrorHandlerSafe::new()).await;
    /// registered.await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ensure_webhook(
        mut self,
        client: Client,
        wanted: SetWebhook,
    ) -> (
        Self,
        impl Future<Output = Result<(), EnsureWebhookError>> + Send + use<>,
    ) {
        let (failed, failure) = oneshot::channel();
        self.webhook = Some((client, wanted, failed));
        // The sender is dropped when there can't be an error any more.
        let registered = async { failure.await.map_or(Ok(()), Err) };
        (self, registered)
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
    type Err = Infallible;

    fn stop_token(&mut self) -> StopToken {
        self.stop.0.clone()
    }

    fn hint_allowed_updates(&mut self, hint: &mut dyn Iterator<Item = AllowedUpdate>) {
        self.allowed = hint.map(allowed::update_type).collect();
    }
}

impl<'a> AsUpdateStream<'a> for Listener {
    type StreamErr = Infallible;
    type Stream = ListenerStream<'a>;

    fn as_stream(&'a mut self) -> ListenerStream<'a> {
        let allowed = self.allowed;
        let registration = self.webhook.take().map(|(client, wanted, failed)| {
            let wanted = match wanted.allowed_updates {
                Some(_) => wanted,
                None => wanted.allowed_updates(allowed),
            };
            let call = client.ensure_webhook(&wanted).into_future();
            Registration { call, failed }
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
            .field("is_stopped", &*self.has_stopped.borrow())
            .finish_non_exhaustive()
    }
}

/// The call that sets the webhook, and the sender of its error.
struct Registration {
    call: <EnsureWebhook as IntoFuture>::IntoFuture,
    failed: oneshot::Sender<EnsureWebhookError>,
}

/// The stream of a [`Listener`].
pub struct ListenerStream<'a> {
    listener: &'a mut Listener,
    registration: Option<Registration>,
}

impl ListenerStream<'_> {
    /// Takes no more updates, and doesn't set the webhook if that hasn't been done.
    fn stop(&mut self) {
        self.listener.updates.close();
        self.listener.shutdown = None;
        self.listener.has_stopped.send_replace(true);
        self.registration = None;
    }

    fn poll_stop(&mut self, cx: &mut Context<'_>) {
        let shutdown = self.listener.shutdown.as_mut();
        let is_shutdown = shutdown.is_some_and(|signal| signal.as_mut().poll(cx).is_ready());
        if is_shutdown || Pin::new(&mut self.listener.stop.1).poll(cx).is_ready() {
            self.stop();
        }
    }

    /// Waits until the webhook is set. If it can't be set, the stream stops.
    fn poll_registration(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(registration) = &mut self.registration {
            let registered = ready!(registration.call.as_mut().poll(cx));
            let failed = self
                .registration
                .take()
                .map(|registration| registration.failed);
            if let (Err(error), Some(failed)) = (registered, failed) {
                self.stop();
                // The caller may not want it.
                drop(failed.send(error));
            }
        }
        Poll::Ready(())
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
    type Item = Result<Update, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        this.poll_stop(cx);
        ready!(this.poll_registration(cx));
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
