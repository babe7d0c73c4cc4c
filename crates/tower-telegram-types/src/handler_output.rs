//! What a handler function returns.

use std::convert::Infallible;

use crate::IntoReply;

/// What a handler function's future gives: an [`IntoReply`], or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be what a handler returns",
    label = "a handler returns `()`, a method that Telegram takes in a reply, a `Reply`, an `Option` of these, or a `Result` of any of them",
    note = "a method whose result matters (`get…`), or that Telegram passes over in a reply \
            (`setWebhook`, `deleteWebhook`, `close`, `logOut`), has to be called through the client"
)]
pub trait HandlerOutput {
    /// What is answered.
    type Reply: IntoReply;
    /// What can go wrong.
    type Error;

    /// As a `Result`.
    ///
    /// # Errors
    ///
    /// The handler's own.
    fn into_result(self) -> Result<Self::Reply, Self::Error>;
}

impl<R: IntoReply> HandlerOutput for R {
    type Reply = R;
    type Error = Infallible;

    fn into_result(self) -> Result<R, Infallible> {
        Ok(self)
    }
}

impl<R: IntoReply, E> HandlerOutput for Result<R, E> {
    type Reply = R;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}
