//! The service at the end of the webhook's layers, which passes updates to a dispatcher.

use std::{
    fmt,
    future::Future,
    panic,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Request;
use teloxide::types::Update;
use tokio::sync::{mpsc, oneshot};
use tower_service::Service;
use tower_telegram::webhook::Failure;

use crate::{
    error::{BoxError, DispatcherStopped},
    pending::{EndReporter, Ended},
    update::TeloxideUpdate,
};

/// An update on its way to the dispatcher.
pub(crate) struct Queued {
    pub(crate) update: Update,
    pub(crate) reporter: EndReporter,
}

/// A service that passes updates to a teloxide dispatcher, for
/// [`Webhook::service`](tower_telegram::webhook::Webhook::service).
///
/// Its response comes when the update's handler has ended, or for a [`plain_listener`](crate::plain_listener), when
/// the dispatcher takes the update. Clones pass updates to the same dispatcher.
///
/// # Errors
///
/// - An error of the handler, which the webhook answers with 500: see [`Bridge::with_errors`](crate::Bridge::with_errors).
/// - A deferral ([`Failure::deferral`]) with [`DispatcherStopped`], when the dispatcher takes no updates. The webhook
///   answers 503, and the attempt isn't counted.
///
/// # Panics
///
/// The response future panics when the handler has panicked, with the handler's text. The webhook's layers catch it.
#[derive(Clone)]
pub struct DispatchUpdate {
    sender: mpsc::UnboundedSender<Queued>,
}

impl DispatchUpdate {
    /// The queue has no limit of its own: each update in it has a caller that waits, and callers are limited.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Queued>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender }, receiver)
    }
}

impl Service<Request<TeloxideUpdate>> for DispatchUpdate {
    type Response = ();
    type Error = BoxError;
    type Future = DispatchFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<TeloxideUpdate>) -> DispatchFuture {
        let (reporter, ended) = EndReporter::new();
        let TeloxideUpdate(update) = request.into_body();
        // If the dispatcher has stopped, the reporter is dropped with the update, and the future ends with that.
        drop(self.sender.send(Queued { update, reporter }));
        DispatchFuture { ended }
    }
}

impl fmt::Debug for DispatchUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DispatchUpdate").finish_non_exhaustive()
    }
}

/// The response future of [`DispatchUpdate`].
pub struct DispatchFuture {
    ended: oneshot::Receiver<Ended>,
}

impl Future for DispatchFuture {
    type Output = Result<(), BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.ended).poll(cx)) {
            Ok(Ended::Handled) => Ok(()),
            Ok(Ended::Failed(error)) => Err(error),
            Ok(Ended::Panicked(panic)) => panic::resume_unwind(panic),
            Err(_) => Err(Failure::deferral(DispatcherStopped).into()),
        })
    }
}

impl fmt::Debug for DispatchFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DispatchFuture").finish_non_exhaustive()
    }
}
