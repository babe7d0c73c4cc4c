//! What a [`Webhook`](super::Webhook) has between the door and the handler, so that each update counts
//! once and is answered in time. Without the feature `tokio` there is nothing: it takes tasks and a
//! timer.

#[cfg(feature = "tokio")]
pub use self::with_tokio::{DefaultStore, Store};
#[cfg(feature = "tokio")]
pub(super) use self::with_tokio::{Reliability, Reliable};
#[cfg(not(feature = "tokio"))]
pub use self::without::{DefaultStore, Store};
#[cfg(not(feature = "tokio"))]
pub(super) use self::without::{Reliability, Reliable};

#[cfg(feature = "tokio")]
mod with_tokio {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use tower::{layer::util::Stack, util::Either};
    use tower_layer::Layer;
    use tower_service::Service;

    use crate::webhook::{
        DeadlineLayer, DeliveryLayer, SequenceLayer,
        deadline::AnswerInTime,
        delivery::{Deliver, DeliveryStore, MemoryStore},
        sequence::Sequence,
    };

    /// Where a webhook remembers, unless told otherwise.
    pub type DefaultStore = MemoryStore;

    /// Where a webhook can remember: any [`DeliveryStore`].
    pub trait Store: DeliveryStore {}

    impl<St: DeliveryStore> Store for St {}

    #[derive(Debug)]
    pub(in crate::webhook) struct Reliability<St> {
        deadline: Option<DeadlineLayer>,
        delivery: Option<DeliveryLayer<St>>,
        /// Below the deliveries, as a turn ends with the handler and not with a hang-up.
        sequence: Option<SequenceLayer>,
    }

    type InTurn<S> = Either<Boxed<Sequence<S>>, S>;
    type Delivering<S, St> = Either<Deliver<InTurn<S>, St>, InTurn<S>>;

    /// A service with both, either or neither.
    pub(in crate::webhook) type Reliable<S, St> =
        Either<AnswerInTime<Delivering<S, St>>, Delivering<S, St>>;

    impl Default for Reliability<MemoryStore> {
        fn default() -> Self {
            Self {
                deadline: Some(DeadlineLayer::default()),
                delivery: Some(DeliveryLayer::new()),
                sequence: None,
            }
        }
    }

    impl<St> Clone for Reliability<St> {
        fn clone(&self) -> Self {
            Self {
                deadline: self.deadline.clone(),
                delivery: self.delivery.clone(),
                sequence: self.sequence.clone(),
            }
        }
    }

    impl<St> Reliability<St> {
        pub(in crate::webhook) fn with_delivery<T>(
            self,
            layer: DeliveryLayer<T>,
        ) -> Reliability<T> {
            Reliability {
                deadline: self.deadline,
                delivery: Some(layer),
                sequence: self.sequence,
            }
        }

        pub(in crate::webhook) fn without_delivery(&mut self) {
            self.delivery = None;
        }

        pub(in crate::webhook) fn set_deadline(&mut self, layer: Option<DeadlineLayer>) {
            self.deadline = layer;
        }

        pub(in crate::webhook) fn set_sequence(&mut self, layer: SequenceLayer) {
            self.sequence = Some(layer);
        }

        pub(in crate::webhook) fn layer<S>(&self, service: S) -> Reliable<S, St> {
            let service = match &self.sequence {
                Some(sequence) => Either::Left(Boxed {
                    inner: sequence.layer(service),
                }),
                None => Either::Right(service),
            };
            let delivery = tower::util::option_layer(self.delivery.clone());
            let deadline = tower::util::option_layer(self.deadline.clone());
            Stack::new(delivery, deadline).layer(service)
        }
    }

    /// A service whose futures are in boxes: those of a sequence are long, and every update would move
    /// as much, in turn or not. Public, as the type of a webhook's future has it in it.
    #[derive(Clone, Debug)]
    #[allow(unreachable_pub)]
    pub struct Boxed<S> {
        inner: S,
    }

    impl<S, R> Service<R> for Boxed<S>
    where
        S: Service<R>,
    {
        type Response = S::Response;
        type Error = S::Error;
        type Future = Pin<Box<S::Future>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.inner.poll_ready(cx)
        }

        fn call(&mut self, request: R) -> Self::Future {
            Box::pin(self.inner.call(request))
        }
    }
}

#[cfg(not(feature = "tokio"))]
mod without {
    use std::{
        marker::PhantomData,
        task::{Context, Poll},
    };

    use tower_service::Service;

    /// Nowhere.
    pub type DefaultStore = ();

    /// What takes the place of a store where there is none.
    pub trait Store: Send + Sync + 'static {}

    impl Store for () {}

    #[derive(Debug)]
    pub(in crate::webhook) struct Reliability<St> {
        store: PhantomData<fn() -> St>,
    }

    /// The service as it is. Public, as the type of a webhook's future has it in it.
    #[derive(Debug)]
    #[allow(unreachable_pub)]
    pub struct Reliable<S, St> {
        inner: S,
        store: PhantomData<fn() -> St>,
    }

    impl<S: Clone, St> Clone for Reliable<S, St> {
        fn clone(&self) -> Self {
            Self {
                inner: self.inner.clone(),
                store: PhantomData,
            }
        }
    }

    impl<S, St, R> Service<R> for Reliable<S, St>
    where
        S: Service<R>,
    {
        type Response = S::Response;
        type Error = S::Error;
        type Future = S::Future;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.inner.poll_ready(cx)
        }

        fn call(&mut self, request: R) -> S::Future {
            self.inner.call(request)
        }
    }

    impl<St> Reliability<St> {
        // It is as it is already.
        #[allow(clippy::unused_self, clippy::needless_pass_by_ref_mut)]
        pub(in crate::webhook) fn without_delivery(&mut self) {}

        #[allow(clippy::unused_self)]
        pub(in crate::webhook) fn layer<S>(&self, inner: S) -> Reliable<S, St> {
            Reliable {
                inner,
                store: PhantomData,
            }
        }
    }

    impl<St> Default for Reliability<St> {
        fn default() -> Self {
            Self { store: PhantomData }
        }
    }

    impl<St> Clone for Reliability<St> {
        fn clone(&self) -> Self {
            Self::default()
        }
    }
}
