//! The data of a pressed button, typed.

use std::future::{Future, ready};

use super::super::parts::{ExtractorRejection, FromUpdateParts, UpdateParts};
use crate::types::{CallbackPayload, InvalidCallbackData, UpdateKind};

/// The data of the pressed button, read as a `T`, which
/// [`InlineKeyboardButton::data`](crate::types::InlineKeyboardButton::data) has written.
///
/// Data that has `T`'s name and isn't a `T` is a permanent failure of the update. An `Option` of the argument is
/// `None` when the update has no callback data, or data with another name.
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
    type Rejection = InvalidCallbackData;

    const NEVER_WAITS: bool = true;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, InvalidCallbackData>> + Send {
        ready(match &parts.update.kind {
            UpdateKind::CallbackQuery(query) => query.payload().map(Self),
            _ => Err(InvalidCallbackData::Missing),
        })
    }
}

impl ExtractorRejection for InvalidCallbackData {
    fn is_missing(&self) -> bool {
        matches!(self, Self::Missing | Self::Name)
    }
}
