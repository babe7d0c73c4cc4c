//! Errors of handlers and of their arguments.

use std::{error::Error, fmt};

use tower::BoxError;

use super::parts::ExtractorRejection;
use crate::types::{Update, UpdateType};

/// An argument of a handler that the update doesn't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingFromUpdate {
    what: &'static str,
}

impl MissingFromUpdate {
    /// The update has no such thing; `what` comes with its article, as "a chat".
    pub fn new(what: &'static str) -> Self {
        Self { what }
    }
}

impl fmt::Display for MissingFromUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the update hasn't {}, which the handler takes",
            self.what
        )
    }
}

impl Error for MissingFromUpdate {}

impl ExtractorRejection for MissingFromUpdate {
    fn is_missing(&self) -> bool {
        true
    }
}

/// A handler's error, for the hook of [`Router::on_error`](super::Router::on_error), with what a hook needs to
/// say in the chat that something went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub struct HandlerError {
    /// The error.
    pub error: BoxError,
    /// The update's number.
    pub update_id: i64,
    /// The update's type.
    pub update_type: UpdateType,
    /// The chat where it happened, if it was in one.
    pub chat_id: Option<i64>,
    /// The user who caused it, if one did.
    pub user_id: Option<i64>,
}

impl HandlerError {
    /// Without the error, which isn't there before the handler has run.
    pub(super) fn of(update: &Update) -> impl FnOnce(BoxError) -> Self + Send + use<> {
        let (update_id, update_type) = (update.update_id, update.update_type());
        let chat_id = update.chat().map(|chat| chat.id);
        let user_id = update.from().map(|user| user.id);
        move |error| Self {
            error,
            update_id,
            update_type,
            chat_id,
            user_id,
        }
    }
}
