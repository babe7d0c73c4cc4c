//! A webhook that adds updates to a queue.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use super::{enqueue::Enqueue, writer::QueueWriter};
use crate::webhook::{Admission, ReplyBody, Webhook, WebhookFuture};

impl<U> Webhook<U> {
    /// Builds a service that checks requests like this webhook and adds their updates to a queue, from which workers
    /// take them. The settings that concern a handler (deadline, delivery, sequence) have no effect here; the
    /// workers' own count. See [`Enqueue`] for its responses.
    pub fn queue<Q>(&self, queue: &Q) -> QueueWebhook
    where
        Q: QueueWriter + Clone,
    {
        QueueWebhook {
            stack: self.admission(Enqueue::new(queue.clone())),
        }
    }
}

/// The service of [`Webhook::queue`]: a `Service<http::Request<B>>` for any body `B` with an error that converts into a
/// boxed one. The service's own error is [`Infallible`].
#[derive(Clone, Debug)]
pub struct QueueWebhook {
    stack: Admission<Enqueue>,
}

impl<B: Body<Error: Into<BoxError>>> Service<Request<B>> for QueueWebhook {
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = WebhookFuture<<Admission<Enqueue> as Service<Request<B>>>::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<B>>::poll_ready(&mut self.stack, cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        WebhookFuture::new(self.stack.call(request))
    }
}
