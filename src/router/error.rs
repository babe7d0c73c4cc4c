//! Errors of handlers and of their arguments.

use std::{error::Error, fmt};

use tower::BoxError;

use super::parts::ExtractorRejection;
use crate::types::{Update, UpdateType};

/// The rejection of an argument that the update doesn't have. The update has failed permanently, unless the
/// argument is an `Option`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingFromUpdate {
    what: &'static str,
}

impl MissingFromUpdate {
    /// The update doesn't have it. `what` names it for the log, with its article: "a chat".
    pub fn new(what: &'static str) -> Self {
        Self { what }
    }
}

impl fmt::Display for MissingFromUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handler takes {} and the update has none", self.what)
    }
}

impl Error for MissingFromUpdate {}

impl ExtractorRejection for MissingFromUpdate {
    fn is_missing(&self) -> bool {
        true
    }
}

/// A handler's error for the hook of [`Router::on_error`](super::Router::on_error), with the chat for a reply.
#[derive(Debug)]
#[non_exhaustive]
pub struct HandlerError {
    /// The error that the handler returned, or that a layer or an argument made.
    pub error: BoxError,
    /// The number of the update.
    pub update_id: i64,
    /// The type of the update.
    pub update_type: UpdateType,
    /// The chat that the update is from. `None` for updates without a chat, such as inline queries.
    pub chat_id: Option<i64>,
    /// The user who caused the update. `None` for updates without a user, such as posts in a channel.
    pub user_id: Option<i64>,
}

impl HandlerError {
    /// Copies the numbers out of the update, which the handler takes, for when there is an error.
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
