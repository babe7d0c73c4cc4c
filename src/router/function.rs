//! Functions as handlers, with their arguments and results.

use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::BoxError;

use super::parts::{ExtractorRejection as _, FromUpdate, FromUpdateParts, UpdateParts};
use crate::{
    IntoReply, Reply,
    task::polled_after_completion,
    webhook::{Failure, HandlerOutput},
};

/// A function of these arguments, a tuple. Every function and closure of up to 16 arguments is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no function that can be a handler",
    label = "not a function of at most 16 arguments that can be cloned and shared",
    note = "a handler is an `async fn`, or a closure that returns a future, and its captured values are `Clone`, `Send` and `Sync`"
)]
pub trait HandlerFunction<A>: Clone + Send + Sync + 'static {
    /// The future that it returns.
    type Future;

    /// Calls it.
    fn call(self, arguments: A) -> Self::Future;
}

/// A future, by a name of its own so that the compiler says which function lacks `async`.
#[diagnostic::on_unimplemented(
    message = "a handler has to be `async`, and this one returns `{Self}` at once",
    label = "not `async`: it returns `{Self}`, which isn't a future"
)]
pub trait RunningHandler {
    /// As the future's.
    type Output;

    /// As the future's `poll`.
    fn poll_handler(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output>;
}

#[diagnostic::do_not_recommend]
impl<F: Future> RunningHandler for F {
    type Output = F::Output;

    #[inline]
    fn poll_handler(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.poll(cx)
    }
}

/// The arguments of a handler, a tuple, all of which can be taken from an update.
pub trait HandlerArguments<S, Via>: Sized + Send {
    /// Whether one of them is the [`RawUpdate`](crate::webhook::RawUpdate).
    const TAKES_RAW: bool;

    /// Takes them one after the other. The state is shared, so that the future can be kept beside it.
    fn take(
        parts: UpdateParts,
        state: Arc<S>,
    ) -> impl Future<Output = Result<Self, Result<Reply, BoxError>>> + Send;
}

/// A handler of a router with the state `S`: an `async fn` or a closure, with the arguments `A`.
///
/// It is implemented for every function that can be one, and has nothing to call. See the [module](super).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a handler",
    label = "not an `async` function of at most 16 arguments",
    note = "a handler is an `async fn`, or a closure that returns a future, with up to 16 arguments; its captured values are `Clone`, `Send` and `Sync`"
)]
pub trait Handler<A, S, Via>: HandlerFunction<A> {
    #[doc(hidden)]
    const TAKES_RAW: bool;

    #[doc(hidden)]
    fn handle(
        self,
        parts: UpdateParts,
        state: Arc<S>,
    ) -> impl Future<Output = Result<Reply, BoxError>> + Send;
}

impl<F, A, S, Via, Fut> Handler<A, S, Via> for F
where
    F: HandlerFunction<A, Future = Fut>,
    Fut: RunningHandler + Send,
    Fut::Output: HandlerOutput<Error: Into<BoxError>>,
    A: HandlerArguments<S, Via>,
    S: Send + Sync,
{
    const TAKES_RAW: bool = A::TAKES_RAW;

    fn handle(
        self,
        parts: UpdateParts,
        state: Arc<S>,
    ) -> impl Future<Output = Result<Reply, BoxError>> + Send {
        HandlerCall::Taking {
            taking: A::take(parts, state),
            handler: Some(self),
            arguments: PhantomData,
        }
    }
}

pin_project! {
    /// The future of a handler: first that of its arguments, then its own, in the same place.
    ///
    /// Written by hand, because an `async` block would hold both at once, and the update several times. The
    /// allocator is quickest with small blocks.
    #[project = HandlerCallProjection]
    enum HandlerCall<T, H, A, F> {
        Taking {
            #[pin]
            taking: T,
            handler: Option<H>,
            arguments: PhantomData<fn(A)>,
        },
        Running {
            #[pin]
            running: F,
        },
    }
}

impl<T, H, A, F> Future for HandlerCall<T, H, A, F>
where
    T: Future<Output = Result<A, Result<Reply, BoxError>>>,
    H: HandlerFunction<A, Future = F>,
    F: RunningHandler<Output: HandlerOutput<Error: Into<BoxError>>>,
{
    type Output = Result<Reply, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let (handler, arguments) = match self.as_mut().project() {
                HandlerCallProjection::Running { running } => {
                    return running.poll_handler(cx).map(reply);
                }
                HandlerCallProjection::Taking {
                    taking, handler, ..
                } => match ready!(taking.poll(cx)) {
                    Ok(arguments) => (handler.take(), arguments),
                    Err(rejected) => return Poll::Ready(rejected),
                },
            };
            let Some(handler) = handler else {
                polled_after_completion();
            };
            let running = handler.call(arguments);
            self.set(Self::Running { running });
        }
    }
}

/// The reply in a handler's output.
#[inline]
pub(super) fn reply<O>(output: O) -> Result<Reply, BoxError>
where
    O: HandlerOutput<Error: Into<BoxError>>,
{
    written(output.into_result().map_err(Into::into)?)
}

/// The reply that a route responds with. One that can't be written now can't be written at the next attempt.
#[inline]
pub(super) fn written(reply: impl IntoReply) -> Result<Reply, BoxError> {
    let reply = reply.into_reply();
    reply.map_err(|error| Failure::permanent(error).into())
}

impl<S: Send + Sync> HandlerArguments<S, ()> for () {
    const TAKES_RAW: bool = false;

    fn take(
        _: UpdateParts,
        _: Arc<S>,
    ) -> impl Future<Output = Result<Self, Result<Reply, BoxError>>> + Send {
        std::future::ready(Ok(()))
    }
}

impl<F, Fut> HandlerFunction<()> for F
where
    F: FnOnce() -> Fut + Clone + Send + Sync + 'static,
{
    type Future = Fut;

    fn call(self, (): ()) -> Fut {
        self()
    }
}

macro_rules! impl_for_functions {
    ($($argument:ident)* ; $last:ident) => {
        #[allow(non_snake_case, unused_mut)]
        impl<S, Via, $($argument,)* $last> HandlerArguments<S, Via> for ($($argument,)* $last,)
        where
            S: Send + Sync,
            $($argument: FromUpdateParts<S> + Send,)*
            $last: FromUpdate<S, Via> + Send,
        {
            const TAKES_RAW: bool = $($argument::TAKES_RAW ||)* $last::TAKES_RAW;

            // An `async fn` would hold the parts twice.
            #[allow(clippy::manual_async_fn)]
            fn take(
                mut parts: UpdateParts,
                state: Arc<S>,
            ) -> impl Future<Output = Result<Self, Result<Reply, BoxError>>> + Send {
                async move {
                    $(
                        let $argument = $argument::from_update_parts(&mut parts, &state).await;
                        let $argument = $argument.map_err(|rejection| rejection.into_result())?;
                    )*
                    let $last = $last::from_update(parts, &state).await;
                    let $last = $last.map_err(|rejection| rejection.into_result())?;
                    Ok(($($argument,)* $last,))
                }
            }
        }

        #[allow(non_snake_case)]
        impl<F, Fut, $($argument,)* $last> HandlerFunction<($($argument,)* $last,)> for F
        where
            F: FnOnce($($argument,)* $last) -> Fut + Clone + Send + Sync + 'static,
        {
            type Future = Fut;

            fn call(self, ($($argument,)* $last,): ($($argument,)* $last,)) -> Fut {
                self($($argument,)* $last)
            }
        }
    };
}

impl_for_functions!(; T1);
impl_for_functions!(T1; T2);
impl_for_functions!(T1 T2; T3);
impl_for_functions!(T1 T2 T3; T4);
impl_for_functions!(T1 T2 T3 T4; T5);
impl_for_functions!(T1 T2 T3 T4 T5; T6);
impl_for_functions!(T1 T2 T3 T4 T5 T6; T7);
impl_for_functions!(T1 T2 T3 T4 T5 T6 T7; T8);
impl_for_functions!(T1 T2 T3 T4 T5 T6 T7 T8; T9);
impl_for_functions!(T1 T2 T3 T4 T5 T6 T7 T8 T9; T10);
impl_for_functions!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10; T11);
impl_for_functions!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11; T12);
impl_for_functions!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12; T13);
impl_for_functions!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13; T14);
impl_for_functions!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14; T15);
impl_for_functions!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15; T16);
