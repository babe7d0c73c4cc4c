//! A call on its way out, and its result on the way back.

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use serde_core::Serialize;

use super::Error;
use crate::{
    Method,
    body::{Chunks, body_of_chunks},
    multipart::Multipart,
    types::{ChatId, Upload},
};

/// A call of a method, encoded: what the layers around the client see. Cheap to clone.
#[derive(Clone)]
pub struct ApiRequest {
    method: &'static str,
    json: Bytes,
    uploads: Vec<Upload>,
    chat_id: Option<ChatId>,
    idempotent: bool,
}

impl ApiRequest {
    /// Encodes a call.
    ///
    /// # Errors
    ///
    /// When the method doesn't serialize to a JSON object; those of this crate always do.
    pub fn new<M: Method + ?Sized>(method: &M) -> Result<Self, Error> {
        Ok(Self {
            method: M::NAME,
            json: encode(method)?,
            uploads: method.uploads(),
            chat_id: method.chat_id().cloned(),
            idempotent: M::IDEMPOTENT,
        })
    }

    /// Telegram's name for the method.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The chat that it goes to, where it names one.
    pub fn chat_id(&self) -> Option<&ChatId> {
        self.chat_id.as_ref()
    }

    /// Whether it may be repeated when nobody knows whether it arrived.
    pub fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// The object of the parameters. Uploads stand in it as `attach://NAME`.
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// The body, and its content type: JSON unless a file is really uploaded.
    pub(super) fn body(&self) -> Result<(HeaderValue, ApiBody), Error> {
        if self.uploads.is_empty() {
            let json = HeaderValue::from_static("application/json");
            return Ok((json, ApiBody(self.json.clone().into())));
        }
        let parts = Multipart::new(&self.json, &self.uploads).map_err(Error::encode)?;
        Ok((parts.content_type(), ApiBody(parts.chunks.into())))
    }
}

fn encode<P: Serialize + ?Sized>(parameters: &P) -> Result<Bytes, Error> {
    let mut json = Vec::with_capacity(256);
    serde_json::to_writer(&mut json, parameters).map_err(Error::encode)?;
    Ok(json.into())
}

/// The method and sizes; parameters are what people wrote.
impl fmt::Debug for ApiRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiRequest")
            .field("method", &self.method)
            .field("length", &self.json.len())
            .field("uploads", &self.uploads.len())
            .finish_non_exhaustive()
    }
}

/// What Telegram returned for a call, as JSON. Cheap to clone.
#[derive(Clone)]
pub struct ApiResponse {
    result: Bytes,
}

impl ApiResponse {
    pub(super) fn new(result: Bytes) -> Self {
        Self { result }
    }

    /// The JSON of the result.
    pub fn result(&self) -> &Bytes {
        &self.result
    }

    /// Reads the result as what the method returns.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub fn decode<M: Method>(&self) -> Result<M::Output, Error> {
        let text = crate::json::utf8(&self.result).map_err(Error::decode)?;
        M::decode(text).map_err(Error::decode)
    }
}

impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiResponse")
            .field("length", &self.result.len())
            .finish()
    }
}

/// The body of a call: JSON, or `multipart/form-data` where files go with it. Its length is known.
#[derive(Clone, Debug, Default)]
pub struct ApiBody(Chunks);

body_of_chunks!(ApiBody);

impl ApiBody {
    pub(super) fn len(&self) -> u64 {
        self.0.len()
    }
}
