//! The innermost service of every client: encodes a call as an HTTP request, and decodes the response.

mod base_url;
mod body;
mod bot_api;
mod broken_array;
mod damaged_text;
mod download;
mod encoding;
mod envelope;
mod idle;
mod limits;
mod local_files;
mod request;
mod response;
mod service;
mod url;

#[cfg(feature = "tokio")]
pub(crate) use self::body::CallProgress;
pub(super) use self::url::leads_to_own_server;
pub use self::{
    base_url::InvalidBaseUrl, body::ApiBody, bot_api::BotApi, download::Download,
    request::ApiRequest, response::ApiResponse, service::ResponseFuture,
};
