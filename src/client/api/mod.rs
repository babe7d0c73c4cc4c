//! The innermost service of every client: encodes a call as an HTTP request, and decodes the response.

mod base_url;
mod body;
mod broken_array;
mod download;
mod encoding;
mod envelope;
mod http_date;
mod idle;
mod limits;
mod local_files;
mod request;
mod response;
mod retry_after;
mod service;
mod url;

pub use self::{
    base_url::InvalidBaseUrl,
    body::ApiBody,
    download::Download,
    request::ApiRequest,
    response::ApiResponse,
    service::{BotApi, ResponseFuture},
};
