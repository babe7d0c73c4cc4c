//! What comes back for a call.

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;

use super::Download;
use crate::{Method, client::Error};

/// What Telegram returned for a call: the JSON of a result, or a file.
pub struct ApiResponse {
    result: Bytes,
    download: Option<Download>,
    date: Option<HeaderValue>,
}

impl ApiResponse {
    /// A result as it would come from Telegram: its JSON.
    pub fn new(result: impl Into<Bytes>) -> Self {
        Self {
            result: result.into(),
            download: None,
            date: None,
        }
    }

    pub(super) fn file(download: Download) -> Self {
        Self {
            result: Bytes::new(),
            download: Some(download),
            date: None,
        }
    }

    pub(super) fn dated(mut self, date: Option<HeaderValue>) -> Self {
        self.date = date;
        self
    }

    /// The `Date` header that the result came with: the server's clock.
    pub fn date(&self) -> Option<&HeaderValue> {
        self.date.as_ref()
    }

    /// The file, if it was one that was asked for.
    pub fn into_download(self) -> Option<Download> {
        self.download
    }

    /// The JSON of the result; empty for a file.
    pub fn result(&self) -> &Bytes {
        &self.result
    }

    /// Reads the result as what the method returns.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub fn decode<M: Method>(&self) -> Result<M::Output, Error> {
        let result = crate::json::utf8(&self.result).and_then(M::decode);
        result.map_err(|reason| Error::decode(reason).with_method(M::NAME.into()))
    }
}

impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiResponse")
            .field("length", &self.result.len())
            .field("download", &self.download)
            .finish_non_exhaustive()
    }
}
