//! What the generated types and methods are built with, and what people expect on top of them.
//! All of it is written by hand; it shows up in [`types`](crate::types).

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
