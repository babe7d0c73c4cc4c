//! The innermost service of every client: encodes a call as an HTTP request, and decodes the response.

mod base_url;
mod body;
mod bot_api;
mod broken_array;
mod calling;
mod damaged_text;
mod download;
mod encoding;
mod envelope;
mod expected;
mod future;
mod idle;
mod limits;
mod local_files;
mod opening;
mod reading;
mod request;
mod response;
mod service;
mod url;

#[cfg(feature = "tokio")]
pub(crate) use self::body::CallProgress;
pub(super) use self::url::leads_to_own_server;
pub use self::{
    base_url::InvalidBaseUrl, body::ApiBody, bot_api::BotApi, download::Download,
    future::ResponseFuture, request::ApiRequest, response::ApiResponse,
};
