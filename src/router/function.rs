//! A function as a handler: what its arguments and its result have to be.

use std::future::Future;

use tower::BoxError;

use super::parts::{ExtractorRejection as _, FromUpdate, FromUpdateParts, UpdateParts};
use crate::{
    IntoReply as _, Reply,
    webhook::{Failure, HandlerOutput},
};

/// A function of these arguments, a tuple. Every function and closure of up to 16 arguments is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no function that can be a handler",
    label = "not a function of at most 16 arguments that can be cloned and shared",
    note = "a handler is an `async fn`, or a closure that returns a future, and what it captures is `Clone`, `Send` and `Sync`"
)]
pub trait HandlerFunction<A>: Clone + Send + Sync + 'static {
    /// What it returns.
    type Future;

    /// Calls it.
    fn call(self, arguments: A) -> Self::Future;
}

/// The arguments of a handler, a tuple, all of which can be taken from an update.
pub trait HandlerArguments<S, Via>: Sized + Send {
    /// Takes them one after the other.
    fn take(
        parts: UpdateParts,
        state: &S,
    ) -> impl Future<Output = Result<Self, Result<Reply, BoxError>>> + Send;
}

/// A handler of a router with the state `S`: an `async fn` or a closure, with the arguments `A`.
///
/// The trait has no method: it stands for what a handler has to be. See the [module](super).
pub trait Handler<A, S, Via>: HandlerFunction<A> {
    #[doc(hidden)]
    fn handle(
        self,
        parts: UpdateParts,
        state: &S,
    ) -> impl Future<Output = Result<Reply, BoxError>> + Send;
}

impl<F, A, S, Via, Fut> Handler<A, S, Via> for F
where
    F: HandlerFunction<A, Future = Fut>,
    Fut: Future + Send,
    Fut::Output: HandlerOutput<Error: Into<BoxError>>,
    A: HandlerArguments<S, Via>,
    S: Sync,
{
    async fn handle(self, parts: UpdateParts, state: &S) -> Result<Reply, BoxError> {
        let arguments = match A::take(parts, state).await {
            Ok(arguments) => arguments,
            Err(rejected) => return rejected,
        };
        reply(self.call(arguments).await)
    }
}

/// What a handler's output comes to.
pub(super) fn reply<O>(output: O) -> Result<Reply, BoxError>
where
    O: HandlerOutput<Error: Into<BoxError>>,
{
    let reply = output.into_result().map_err(Into::into)?;
    // One that can't be written never can.
    reply
        .into_reply()
        .map_err(|error| Failure::permanent(error).into())
}

impl<S: Sync> HandlerArguments<S, ()> for () {
    async fn take(_: UpdateParts, _: &S) -> Result<Self, Result<Reply, BoxError>> {
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
            S: Sync,
            $($argument: FromUpdateParts<S> + Send,)*
            $last: FromUpdate<S, Via> + Send,
        {
            async fn take(
                mut parts: UpdateParts,
                state: &S,
            ) -> Result<Self, Result<Reply, BoxError>> {
                $(
                    let $argument = $argument::from_update_parts(&mut parts, state).await;
                    let $argument = $argument.map_err(|rejection| rejection.into_result())?;
                )*
                let $last = $last::from_update(parts, state).await;
                let $last = $last.map_err(|rejection| rejection.into_result())?;
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
