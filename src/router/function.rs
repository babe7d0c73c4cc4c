//! Functions as handlers, with their arguments and results.

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower::BoxError;

use super::{
    parts::{ExtractorRejection, FromUpdate, FromUpdateParts, UpdateParts, at_once},
    route_future::RouteFuture,
};
use crate::{
    IntoReply, Reply,
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
    /// The output of the future.
    type Output;

    /// Polls the future.
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

    /// Whether none of them waits for anything.
    const NEVER_WAIT: bool;

    /// Takes them one after the other.
    fn take(
        parts: UpdateParts,
        state: Arc<S>,
    ) -> impl Future<Output = Result<Self, HandlerResult>> + Send;

    /// Takes them one after the other. Only where they [never wait](Self::NEVER_WAIT).
    ///
    /// # Errors
    ///
    /// When one of them can't be taken: the handler's result in that case.
    fn take_at_once(parts: UpdateParts, state: &S) -> Result<Self, HandlerResult>;
}

/// The result of a handler for its route.
type HandlerResult = Result<Reply, BoxError>;

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
    fn handle(self, parts: UpdateParts, state: &Arc<S>) -> RouteFuture;
}

impl<F, A, S, Via, Fut> Handler<A, S, Via> for F
where
    F: HandlerFunction<A, Future = Fut>,
    Fut: RunningHandler + Send + 'static,
    Fut::Output: HandlerOutput<Error: Into<BoxError>>,
    A: HandlerArguments<S, Via> + 'static,
    S: Send + Sync + 'static,
{
    const TAKES_RAW: bool = A::TAKES_RAW;

    #[inline]
    fn handle(self, parts: UpdateParts, state: &Arc<S>) -> RouteFuture {
        if A::NEVER_WAIT {
            // So the future that goes into a box is the handler's own, without the update and the request's head.
            return match A::take_at_once(parts, state) {
                Ok(arguments) => RouteFuture::new(HandlerCall::of(self, arguments)),
                Err(rejected) => RouteFuture::new(ready(rejected)),
            };
        }
        let state = Arc::clone(state);
        RouteFuture::new(async move {
            match A::take(parts, state).await {
                Ok(arguments) => HandlerCall::of(self, arguments).await,
                Err(rejected) => rejected,
            }
        })
    }
}

pin_project! {
    /// The future of a handler that has its arguments. Its output is that of the route.
    struct HandlerCall<F> {
        #[pin]
        running: F,
    }
}

impl<F> HandlerCall<F> {
    #[inline]
    fn of<A>(handler: impl HandlerFunction<A, Future = F>, arguments: A) -> Self {
        Self {
            running: handler.call(arguments),
        }
    }
}

impl<F> Future for HandlerCall<F>
where
    F: RunningHandler<Output: HandlerOutput<Error: Into<BoxError>>>,
{
    type Output = HandlerResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<HandlerResult> {
        self.project().running.poll_handler(cx).map(reply)
    }
}

/// The reply in a handler's output.
#[inline]
pub(super) fn reply<O>(output: O) -> HandlerResult
where
    O: HandlerOutput<Error: Into<BoxError>>,
{
    encode_reply(output.into_result().map_err(Into::into)?)
}

/// The reply that a route responds with. One that can't be written now can't be written at the next attempt.
#[inline]
pub(super) fn encode_reply(reply: impl IntoReply) -> Result<Reply, BoxError> {
    let reply = reply.into_reply();
    reply.map_err(|error| Failure::permanent(error).into())
}

impl<S: Send + Sync> HandlerArguments<S, ()> for () {
    const TAKES_RAW: bool = false;

    const NEVER_WAIT: bool = true;

    fn take(
        parts: UpdateParts,
        state: Arc<S>,
    ) -> impl Future<Output = Result<Self, HandlerResult>> + Send {
        ready(Self::take_at_once(parts, &state))
    }

    fn take_at_once(_: UpdateParts, _: &S) -> Result<Self, HandlerResult> {
        Ok(())
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

            const NEVER_WAIT: bool = $($argument::NEVER_WAITS &&)* $last::NEVER_WAITS;

            async fn take(mut parts: UpdateParts, state: Arc<S>) -> Result<Self, HandlerResult> {
                $(
                    let $argument = $argument::from_update_parts(&mut parts, &state).await;
                    let $argument = $argument.map_err(ExtractorRejection::into_result)?;
                )*
                let $last = $last::from_update(parts, &state).await;
                let $last = $last.map_err(ExtractorRejection::into_result)?;
                Ok(($($argument,)* $last,))
            }

            #[inline]
            fn take_at_once(mut parts: UpdateParts, state: &S) -> Result<Self, HandlerResult> {
                $(
                    let $argument = at_once($argument::from_update_parts(&mut parts, state));
                    let $argument = $argument.map_err(ExtractorRejection::into_result)?;
                )*
                let $last = $last::at_once(parts, state);
                let $last = $last.map_err(ExtractorRejection::into_result)?;
                Ok(($($argument,)* $last,))
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
