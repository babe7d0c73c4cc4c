//! The data of a pressed button, typed.

use std::{
    error::Error,
    fmt,
    future::{Future, ready},
};

use tower::BoxError;

use super::super::{
    function::encode_reply,
    parts::{ExtractorRejection, FromUpdateParts, UpdateParts},
};
use crate::{
    Reply,
    methods::AnswerCallbackQuery,
    types::{CallbackPayload, InvalidCallbackData, Str, UpdateKind},
    webhook::Failure,
};

/// The data of the pressed button, read as a `T`, which
/// [`InlineKeyboardButton::data`](crate::types::InlineKeyboardButton::data) has written.
///
/// Data that has `T`'s name and isn't a `T` comes from a button of an earlier version of the bot, or from a changed
/// client. The handler isn't called then, a warning is logged, and the query is answered without a text, so that the
/// button doesn't go on waiting. For a text of your own, take a `Result<CallbackData<T>, InvalidCallback>`.
///
/// Without callback data, or with another name, the update has failed permanently, and an `Option` of the argument is
/// `None`.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tower_telegram::{
///     methods::AnswerCallbackQuery,
///     router::{CallbackData, Router},
///     types::{CallbackPayload, CallbackQuery},
/// };
///
/// #[derive(Deserialize, Serialize)]
/// struct Vote {
///     poll: u32,
///     is_for: bool,
/// }
///
/// impl CallbackPayload for Vote {
///     const NAME: &str = "vote";
/// }
///
/// async fn vote(CallbackData(vote): CallbackData<Vote>, query: CallbackQuery) -> AnswerCallbackQuery {
///     let answer = if vote.is_for { "You are for it." } else { "You are against it." };
///     AnswerCallbackQuery::new(query.id).text(answer)
/// }
///
/// let router: Router = Router::new().callback(Vote::NAME, vote);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackData<T>(pub T);

impl<T, S> FromUpdateParts<S> for CallbackData<T>
where
    T: CallbackPayload + Send,
    S: Sync,
{
    type Rejection = InvalidCallback;

    const NEVER_WAITS: bool = true;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, InvalidCallback>> + Send {
        let update_id = parts.update.update_id;
        ready(match &parts.update.kind {
            UpdateKind::CallbackQuery(query) => query.payload().map(Self).map_err(|error| {
                let query_id = Some(query.id.clone());
                InvalidCallback {
                    error,
                    query_id,
                    update_id,
                }
            }),
            _ => Err(InvalidCallback {
                error: InvalidCallbackData::Missing,
                query_id: None,
                update_id,
            }),
        })
    }
}

/// The update has no callback data of the type.
#[derive(Debug)]
pub struct InvalidCallback {
    error: InvalidCallbackData,
    query_id: Option<Str>,
    update_id: i64,
}

impl InvalidCallback {
    /// The reason.
    pub fn error(&self) -> &InvalidCallbackData {
        &self.error
    }

    /// The query, for [`AnswerCallbackQuery`]. `None` if the update has none.
    pub fn query_id(&self) -> Option<&str> {
        self.query_id.as_deref()
    }
}

impl fmt::Display for InvalidCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the update's callback data can't be read")
    }
}

impl Error for InvalidCallback {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl ExtractorRejection for InvalidCallback {
    fn is_missing(&self) -> bool {
        matches!(
            self.error,
            InvalidCallbackData::Missing | InvalidCallbackData::Name
        )
    }

    fn into_result(self) -> Result<Reply, BoxError> {
        if self.is_missing() {
            return Err(Failure::permanent(self).into());
        }
        let update_id = self.update_id;
        tracing::warn!(error = %self.error, update_id, "callback data can't be read");
        let Some(query_id) = self.query_id else {
            return Ok(Reply::default());
        };
        encode_reply(AnswerCallbackQuery::new(query_id))
    }
}
