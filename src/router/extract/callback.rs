//! The data of a pressed button, typed.

use std::{
    error::Error,
    fmt,
    future::{Future, ready},
};

use serde_core::{Serialize, de::DeserializeOwned};

use super::{
    super::parts::{ExtractorRejection, FromUpdateParts, UpdateParts},
    compact::{self, CompactError},
};
use crate::types::{InlineKeyboardButton, Str, UpdateKind};

/// What a button carries, for [`CallbackData`] and [`callback_button`].
///
/// The data is the name and the fields, with `:` between them: `vote:7:1`. It has at most 64 bytes, as
/// Telegram allows. Buttons stay in chats for years: add variants at the end only, fields at the end and with
/// `#[serde(default)]`, and give what means something else a new name.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tower_telegram::router::{CallbackData, CallbackPayload, Router, callback_button};
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
/// async fn vote(CallbackData(vote): CallbackData<Vote>) {
///     println!("{} {}", vote.poll, vote.is_for);
/// }
///
/// let button = callback_button("Yes", &Vote { poll: 7, is_for: true })?;
/// assert_eq!(button.callback_data.as_deref(), Some("vote:7:1"));
/// let router: Router = Router::new().callback(Vote::NAME, vote);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub trait CallbackPayload: Serialize + DeserializeOwned {
    /// What the data begins with; short, and without a `:`, or else no button can be made.
    const NAME: &'static str;
}

/// A button with this text that carries this data.
///
/// # Errors
///
/// When the data is over 64 bytes, or has a map in it.
pub fn callback_button<T: CallbackPayload>(
    text: impl Into<Str>,
    data: &T,
) -> Result<InlineKeyboardButton, InvalidCallbackData> {
    let data = write(data)?;
    Ok(InlineKeyboardButton::new(text).callback_data(data))
}

fn write<T: CallbackPayload>(data: &T) -> Result<String, InvalidCallbackData> {
    if T::NAME.contains(':') {
        return Err(InvalidCallbackData::Name);
    }
    let mut text = T::NAME.to_owned();
    compact::write(data, &mut text).map_err(InvalidCallbackData::Format)?;
    match text.len() {
        1..=64 => Ok(text),
        bytes => Err(InvalidCallbackData::Length { bytes }),
    }
}

/// The data of the pressed button, read as a `T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackData<T>(pub T);

impl<T, S> FromUpdateParts<S> for CallbackData<T>
where
    T: CallbackPayload + Send,
    S: Sync,
{
    type Rejection = InvalidCallbackData;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, InvalidCallbackData>> + Send {
        ready(read(parts).map(Self))
    }
}

fn read<T: CallbackPayload>(parts: &UpdateParts) -> Result<T, InvalidCallbackData> {
    let UpdateKind::CallbackQuery(query) = &parts.update.kind else {
        return Err(InvalidCallbackData::Missing);
    };
    let data = query.data.as_deref().ok_or(InvalidCallbackData::Missing)?;
    let (name, fields) = match data.split_once(':') {
        Some((name, fields)) => (name, Some(fields)),
        None => (data, None),
    };
    if name != T::NAME {
        return Err(InvalidCallbackData::Name);
    }
    compact::read(fields).map_err(InvalidCallbackData::Format)
}

/// Callback data that can't be written or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum InvalidCallbackData {
    /// The update is no pressed button with data.
    Missing,
    /// The data is another's, by its name; or the name has a `:`.
    Name,
    /// It has more than 64 bytes, or none.
    Length {
        /// How many.
        bytes: usize,
    },
    /// A field doesn't fit.
    Format(CompactError),
}

impl fmt::Display for InvalidCallbackData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the update is no pressed button with data"),
            Self::Name => f.write_str("the callback data has another name, or one with a colon"),
            Self::Length { bytes } => {
                write!(f, "callback data has 1 to 64 bytes, not {bytes}")
            }
            Self::Format(_) => f.write_str("the callback data doesn't fit its type"),
        }
    }
}

impl Error for InvalidCallbackData {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Format(error) => Some(error),
            _ => None,
        }
    }
}

impl ExtractorRejection for InvalidCallbackData {
    fn is_missing(&self) -> bool {
        matches!(self, Self::Missing | Self::Name)
    }
}
