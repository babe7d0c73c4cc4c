//! The return types of handler functions.

use std::convert::Infallible;

use crate::IntoReply;

/// A type that a handler function may return: an [`IntoReply`], or a `Result` of one.
///
/// ```
/// use tower_telegram::{methods::SendMessage, types::Update, webhook::handler_fn};
///
/// let silent = handler_fn(async |_: Update| ());
/// let polite = handler_fn(async |update: Update| {
///     Some(update.chat()?.id).map(|chat| SendMessage::new(chat, "Good day"))
/// });
/// let careful = handler_fn(async |_: Update| Ok::<(), std::io::Error>(()));
/// # let _ = (silent, polite, careful);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be what a handler returns",
    label = "a handler returns `()`, a method that Telegram takes in a reply, a `Reply`, an `Option` of these, or a `Result` of any of them",
    note = "a method whose result matters (`get…`), or that Telegram passes over in a reply \
            (`setWebhook`, `deleteWebhook`, `close`, `logOut`), has to be called through the client"
)]
pub trait HandlerOutput {
    /// The reply.
    type Reply: IntoReply;
    /// The handler's error; `Infallible` for a handler without one.
    type Error;

    /// The output as a `Result`.
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
