//! The layers of a [`Webhook`](super::Webhook) between reading an update and the handler: deadline, deliveries and
//! sequence, each optional, and the handler's time-out, and the spans.
//!
//! All but the spans need tasks and a timer, so there are none of them without the feature `tokio`.

#[cfg(feature = "tokio")]
pub(super) use self::with_tokio::{DeliveryStack, StackSettings, handle_of};
#[cfg(not(feature = "tokio"))]
pub(super) use self::without_tokio::{DeliveryStack, StackSettings};

#[cfg(feature = "tokio")]
mod with_tokio {
    use std::{
        pin::Pin,
        sync::Arc,
        task::{Context, Poll, ready},
    };

    use http::{Request, Response};
    use pin_project_lite::pin_project;
    use tower::util::Either;
    use tower_layer::Layer;
    use tower_service::Service;

    use crate::webhook::{
        RawUpdate, ReplyBody,
        deadline::{DeadlineLayer, DeadlineService},
        delivery::{DeliveryHandle, DeliveryKey, DeliveryLayer, DeliveryService},
        detached_work::DetachedWork,
        early_ack::{DeliveryBelow, EarlyAck},
        handler_timeout::{HandlerTimeout, HandlerTimeoutLayer},
        left_running::LeftRunning,
        sequence::{Sequence, SequenceLayer},
        trace::{TraceUpdates, TraceUpdatesLayer},
    };

    #[derive(Clone, Debug)]
    pub(in crate::webhook) struct StackSettings {
        pub(in crate::webhook) deadline: Option<DeadlineLayer>,
        pub(in crate::webhook) delivery: Option<DeliveryLayer>,
        /// Below the deliveries, because a turn ends with the handler and not with a hang-up.
        pub(in crate::webhook) sequence: Option<SequenceLayer>,
        /// Below the sequence, because a chat's turn ends with it.
        pub(in crate::webhook) handler_timeout: HandlerTimeoutLayer,
        /// Below the deliveries, where it follows the handler, and around all else.
        pub(in crate::webhook) trace: TraceUpdatesLayer,
    }

    type Traced<S> = TraceUpdates<InTurn<S>>;
    type InTurn<S> = Either<BoxedFutures<Sequence<TimeLimited<S>>>, TimeLimited<S>>;
    type TimeLimited<S> = HandlerTimeout<BoxedFutures<S>>;
    type Deduplicated<S> = Either<DeliveryService<Traced<S>>, WithoutDelivery<Traced<S>>>;

    /// A service with any of them.
    pub(in crate::webhook) type DeliveryStack<S> =
        Either<DeadlineService<Deduplicated<S>>, Deduplicated<S>>;

    impl StackSettings {
        pub(in crate::webhook) fn new() -> Self {
            Self {
                deadline: Some(DeadlineLayer::default()),
                delivery: Some(DeliveryLayer::new()),
                sequence: None,
                handler_timeout: HandlerTimeoutLayer::default(),
                trace: TraceUpdatesLayer::new(),
            }
        }

        pub(in crate::webhook) fn without_delivery(&mut self) {
            self.delivery = None;
        }

        /// For a handler that gets the update alone, and no request.
        pub(in crate::webhook) fn for_function(&mut self) {
            if let Some(deadline) = &mut self.deadline {
                deadline.leave_out_of_extensions();
            }
        }

        pub(in crate::webhook) fn layer<S>(&self, service: S) -> DeliveryStack<S> {
            let service = self.handler_timeout.layer(BoxedFutures { inner: service });
            let service = match &self.sequence {
                Some(sequence) => Either::Left(BoxedFutures {
                    inner: sequence.layer(service),
                }),
                None => Either::Right(service),
            };
            let service = self.trace.layer(service);
            let service = match &self.delivery {
                Some(delivery) => Either::Left(delivery.layer(service)),
                None => Either::Right(WithoutDelivery {
                    inner: service,
                    handle: DeliveryHandle::without_deliveries(),
                }),
            };
            tower::util::option_layer(self.deadline.clone()).layer(service)
        }
    }

    /// The handle of a stack's deliveries. Without a `DeliveryLayer` it has only the work that goes on after responses.
    pub(in crate::webhook) fn handle_of<S>(stack: &DeliveryStack<S>) -> DeliveryHandle {
        let deduplicated = match stack {
            Either::Left(with_deadline) => with_deadline.get_ref(),
            Either::Right(without_deadline) => without_deadline,
        };
        match deduplicated {
            Either::Left(deliveries) => deliveries.handle(),
            Either::Right(without_delivery) => without_delivery.handle.clone(),
        }
    }

    /// The place of a `DeliveryLayer` in a stack that has none: a shutdown waits for the updates that are acknowledged
    /// early, and for handlers that are left running. Its futures are boxed like those of `BoxedFutures`. Public, because
    /// it is in the type of a webhook's future.
    #[derive(Clone, Debug)]
    #[allow(unreachable_pub)]
    pub struct WithoutDelivery<S> {
        inner: S,
        handle: DeliveryHandle,
    }

    impl<S> Service<Request<RawUpdate>> for WithoutDelivery<S>
    where
        S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    {
        type Response = S::Response;
        type Error = S::Error;
        type Future = Pin<Box<FollowedHandler<S::Future>>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.inner.poll_ready(cx)
        }

        fn call(&mut self, request: Request<RawUpdate>) -> Self::Future {
            let bot = request.extensions().get().copied();
            let key = DeliveryKey::new(bot, request.body().update_id());
            let work = self.handle.detached();
            if let Some(ack) = request.extensions().get::<EarlyAck>() {
                ack.reaches(|| DeliveryBelow {
                    key,
                    work: Arc::clone(work),
                    dead_letter: None,
                });
            }
            let work = Arc::clone(work);
            let handler = self.inner.call(request);
            Box::pin(FollowedHandler { handler, key, work })
        }
    }

    pin_project! {
        /// A handler that may be left running.
        #[allow(unreachable_pub)]
        pub struct FollowedHandler<F> {
            #[pin]
            handler: F,
            key: DeliveryKey,
            work: Arc<DetachedWork>,
        }
    }

    impl<F, E> Future for FollowedHandler<F>
    where
        F: Future<Output = Result<Response<ReplyBody>, E>>,
    {
        type Output = F::Output;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
            let this = self.project();
            let done = ready!(this.handler.poll(cx));
            let response = done.as_ref().ok();
            let left = response.and_then(|response| response.extensions().get::<LeftRunning>());
            if let Some(handler) = left {
                this.work.follow(*this.key, handler.clone());
            }
            Poll::Ready(done)
        }
    }

    /// A service whose futures are boxed, as ones of any type.
    ///
    /// A handler's future owns an update. Without the box the futures of all layers above would own it too, and a program
    /// would have the code that drops an update once for each of its codegen units: 8 % of a small bot.
    ///
    /// Those of a sequence are large, and an `Either` is as large as the larger of the two, so that every update would
    /// move as many bytes, whichever way it takes. Public, because it is in the type of a webhook's future.
    #[derive(Clone, Debug)]
    #[allow(unreachable_pub)]
    pub struct BoxedFutures<S> {
        inner: S,
    }

    impl<S, R> Service<R> for BoxedFutures<S>
    where
        S: Service<R, Future: Send + 'static>,
    {
        type Response = S::Response;
        type Error = S::Error;
        type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.inner.poll_ready(cx)
        }

        fn call(&mut self, request: R) -> Self::Future {
            Box::pin(self.inner.call(request))
        }
    }
}

#[cfg(not(feature = "tokio"))]
mod without_tokio {
    use tower_layer::Layer as _;

    use crate::webhook::trace::{TraceUpdates, TraceUpdatesLayer};

    #[derive(Clone, Debug)]
    pub(in crate::webhook) struct StackSettings {
        pub(in crate::webhook) trace: TraceUpdatesLayer,
    }

    /// The service with its spans.
    pub(in crate::webhook) type DeliveryStack<S> = TraceUpdates<S>;

    impl StackSettings {
        pub(in crate::webhook) fn new() -> Self {
            Self {
                trace: TraceUpdatesLayer::new(),
            }
        }

        // There are none.
        #[allow(clippy::unused_self, clippy::needless_pass_by_ref_mut)]
        pub(in crate::webhook) fn without_delivery(&mut self) {}

        #[allow(clippy::unused_self, clippy::needless_pass_by_ref_mut)]
        pub(in crate::webhook) fn for_function(&mut self) {}

        #[allow(clippy::unused_self)]
        pub(in crate::webhook) fn layer<S>(&self, inner: S) -> DeliveryStack<S> {
            self.trace.layer(inner)
        }
    }
}
