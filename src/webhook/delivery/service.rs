//! [`DeliveryService`], the service of `DeliveryLayer`.

use std::{
    error::Error,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{
    future::ResponseFuture,
    in_flight::Joined,
    lazy_call::LazyCall,
    running_update::{DeliveryState, InFlightGuard, UpdateSummary, handle_update},
    shutdown::DeliveryHandle,
    store::DeliveryKey,
};
use crate::{
    telemetry::names,
    webhook::{RawUpdate, Rejection, ReplyBody, outcome::FromRunner},
};

/// The service of [`DeliveryLayer`](super::DeliveryLayer).
#[derive(Clone, Debug)]
pub struct DeliveryService<S> {
    inner: S,
    state: Arc<DeliveryState>,
}

impl<S> DeliveryService<S> {
    pub(super) fn new(inner: S, state: DeliveryState) -> Self {
        Self {
            inner,
            state: Arc::new(state),
        }
    }

    inner_accessors!();

    /// As [`DeliveryLayer::handle`](super::DeliveryLayer::handle).
    pub fn handle(&self) -> DeliveryHandle {
        DeliveryHandle {
            in_flight: Arc::clone(&self.state.in_flight),
        }
    }
}

impl<S> Service<Request<RawUpdate>> for DeliveryService<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
{
    type Response = Response<ReplyBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<RawUpdate>) -> Self::Future {
        let bot = request.extensions().get().copied();
        let key = DeliveryKey::new(bot, request.body().update_id());
        let state = &self.state;
        let from = request.extensions().get().copied();
        if matches!(from, Some(FromRunner::Queue)) {
            let call = Box::pin(self.inner.call(request));
            return ResponseFuture::bypassed(call, key, state);
        }
        let update_type = request.body().update_type();
        let summary = UpdateSummary::new(state, from, &request);
        if let Some(ack) = summary.ack() {
            ack.reaches(|| state.below(key));
        }
        match state.in_flight.join_or_start(key, summary.ack()) {
            Joined::First => {
                let fresh = self.inner.clone();
                let ready = mem::replace(&mut self.inner, fresh);
                let guard = InFlightGuard::new(state, key);
                request.body_mut().set_below_delivery();
                let call = Box::pin(LazyCall::NotStarted {
                    service: ready,
                    request,
                });
                // Polling cancels the handler when it stops, and fetches the update again.
                let goes_on = from.is_none();
                let update = handle_update(guard, summary, call);
                ResponseFuture::first(update, goes_on, key, state)
            }
            Joined::Running(answer) => {
                names::JOINED.increment([update_type.as_str().into()]);
                ResponseFuture::joined(answer, key, state)
            }
            Joined::Full => ResponseFuture::rejected(Rejection::Overloaded, key, state),
            Joined::Closed => ResponseFuture::rejected(Rejection::ShuttingDown, key, state),
        }
    }
}
