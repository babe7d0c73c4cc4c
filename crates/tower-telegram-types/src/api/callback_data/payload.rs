//! Types whose values are the data of a button.

use serde_core::{Serialize, de::DeserializeOwned};

use super::{error::InvalidCallbackData, read::read, write::write};
use crate::types::{CallbackQuery, InlineKeyboardButton, Str};

/// A type whose values an inline button carries as its callback data.
///
/// [`InlineKeyboardButton::data`] writes a value into a button, and [`CallbackQuery::payload`] reads it when
/// the button is pressed; so does the argument `CallbackData` of a router's handler. The data has at most
/// 64 bytes, as [Telegram allows](https://core.telegram.org/bots/api#inlinekeyboardbutton).
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tower_telegram::types::{CallbackPayload, InlineKeyboardButton};
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
/// let button = InlineKeyboardButton::data("Yes", &Vote { poll: 7, is_for: true })?;
/// assert_eq!(button.callback_data.as_deref(), Some("vote:7:1"));
/// # Ok::<_, tower_telegram::types::InvalidCallbackData>(())
/// ```
///
/// # Format
///
/// The name, then the fields, with a `:` before each: `vote:7:1`.
///
/// - A struct, a tuple and a newtype are their fields; a unit is no field.
/// - A `bool` is 0 or 1. Numbers are decimal.
/// - A variant is its number, counted from 0 in the order of the enum, and then its fields.
/// - An `Option` is an empty field, or a `+` and then its value.
/// - A list is its length, and then its elements.
/// - In texts `:` is written as `%3A`, `%` as `%25`, and control characters likewise.
/// - Maps and bytes can't be written.
///
/// Only the type that wrote the data can read it: names of fields and quotes, as in JSON, would take many of
/// the 64 bytes.
///
/// # Changing the type
///
/// Buttons stay in chats for years, with the data of the version that made them. So add variants at the end of
/// an enum only, add fields at the end of the outermost struct only and with `#[serde(default)]`, and give data
/// with another meaning another name.
pub trait CallbackPayload: Serialize + DeserializeOwned {
    /// The name that the data begins with, by which a router finds its route. Each of its bytes is one of
    /// the 64. With a `:` in it no button can be made.
    const NAME: &'static str;
}

impl InlineKeyboardButton {
    /// A button that, when pressed, sends this value back to the bot in a callback query.
    ///
    /// See [`CallbackPayload`] for an example. [`callback`](Self::callback) takes the data as text.
    ///
    /// # Errors
    ///
    /// [`Length`](InvalidCallbackData::Length) when the data would have over 64 bytes, or none;
    /// [`NameWithColon`](InvalidCallbackData::NameWithColon) and [`Format`](InvalidCallbackData::Format) when
    /// the type can't be written at all.
    pub fn data<T: CallbackPayload>(
        text: impl Into<Str>,
        payload: &T,
    ) -> Result<Self, InvalidCallbackData> {
        let data = encode(payload)?;
        Ok(Self::new(text).callback_data(data))
    }
}

impl CallbackQuery {
    /// The value that the pressed button carries, from [`InlineKeyboardButton::data`].
    ///
    /// ```
    /// use tower_telegram::types::{CallbackPayload, CallbackQuery, InvalidCallbackData};
    ///
    /// #[derive(serde::Deserialize, serde::Serialize)]
    /// struct Page(u32);
    ///
    /// impl CallbackPayload for Page {
    ///     const NAME: &str = "page";
    /// }
    ///
    /// fn page_of(query: &CallbackQuery) -> Result<u32, InvalidCallbackData> {
    ///     query.payload().map(|Page(number)| number)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Missing`](InvalidCallbackData::Missing) without data, [`Name`](InvalidCallbackData::Name) when it is
    /// another type's, [`Format`](InvalidCallbackData::Format) when it isn't a `T`.
    pub fn payload<T: CallbackPayload>(&self) -> Result<T, InvalidCallbackData> {
        let data = self.data.as_deref().ok_or(InvalidCallbackData::Missing)?;
        decode(data)
    }
}

fn encode<T: CallbackPayload>(payload: &T) -> Result<String, InvalidCallbackData> {
    if T::NAME.contains(':') {
        return Err(InvalidCallbackData::NameWithColon);
    }
    let mut data = T::NAME.to_owned();
    write(payload, &mut data).map_err(InvalidCallbackData::Format)?;
    match data.len() {
        1..=InlineKeyboardButton::MAX_CALLBACK_DATA => Ok(data),
        bytes => Err(InvalidCallbackData::Length { bytes }),
    }
}

fn decode<T: CallbackPayload>(data: &str) -> Result<T, InvalidCallbackData> {
    let (name, fields) = match data.split_once(':') {
        Some((name, fields)) => (name, Some(fields)),
        None => (data, None),
    };
    if name != T::NAME {
        return Err(InvalidCallbackData::Name);
    }
    read(fields).map_err(InvalidCallbackData::Format)
}
