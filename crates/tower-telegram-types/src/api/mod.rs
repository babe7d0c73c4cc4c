//! The hand-written part of the Bot API: types from which the generated ones are built, and helpers on top of them.
//!
//! All of it is exported from [`types`](crate::types).
//!
//! - Types: [`Str`], [`ChatId`], [`InputFile`] and [`Upload`], [`AllowedUpdates`], [`MessageOrTrue`], [`ProviderToken`],
//!   and [`Update`] with its reading.
//! - Helpers: keyboards by rows, replies to a message, answers to a query, edits to rich content, the text of a message
//!   with its entities, as markup, and as a command.

mod allowed_updates;
mod answer;
mod callback_data;
mod chat_id;
mod edit;
mod input_file;
mod keyboard;
mod maybe_inaccessible;
mod message;
mod message_markup;
mod message_or_true;
mod message_reply;
mod provider_token;
mod str;
mod update;
mod update_type;
pub(crate) mod upload;

pub(crate) use self::input_file::CollectUploads;
#[cfg(feature = "tokio")]
pub use self::upload::UploadReader;
pub use self::{
    allowed_updates::AllowedUpdates,
    callback_data::{CallbackFormatError, CallbackPayload, InvalidCallbackData},
    chat_id::ChatId,
    input_file::InputFile,
    message::CommandCall,
    message_or_true::MessageOrTrue,
    provider_token::ProviderToken,
    str::Str,
    update::Update,
    update_type::UnknownUpdateType,
    upload::{Upload, UploadError, UploadProgress, UploadSource},
};
