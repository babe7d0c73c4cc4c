//! The response to a call.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use super::{Download, expected::TypedResult};
use crate::{Method, client::Error};

/// The response to a call: the JSON of a result, or a file.
///
/// It is a struct and not an enum of the two because both may have a [`date`](Self::date). [`result`](Self::result)
/// and [`into_download`](Self::into_download) return the one or the other.
///
/// ```
/// use tower_telegram::{client::ApiResponse, methods::DeleteMessage};
///
/// let response = ApiResponse::new("true");
/// assert_eq!(response.result().map(|json| &json[..]), Some(&b"true"[..]));
/// assert!(response.decode::<DeleteMessage>()?);
/// assert!(response.into_download().is_none());
/// # Ok::<(), tower_telegram::client::Error>(())
/// ```
pub struct ApiResponse {
    content: ResponseContent,
    /// The result as its type, if the response was read so.
    typed: Option<TypedResult>,
    date: Option<HeaderValue>,
    status: StatusCode,
}

enum ResponseContent {
    Result(Bytes),
    File(Download),
}

impl ApiResponse {
    /// A result as Telegram would return it, in JSON. For layers and tests that respond in Telegram's place.
    pub fn new(result: impl Into<Bytes>) -> Self {
        Self {
            content: ResponseContent::Result(result.into()),
            typed: None,
            date: None,
            status: StatusCode::OK,
        }
    }

    pub(super) fn typed(json: Bytes, result: TypedResult) -> Self {
        Self {
            typed: Some(result),
            ..Self::new(json)
        }
    }

    pub(super) fn file(download: Download) -> Self {
        Self {
            content: ResponseContent::File(download),
            typed: None,
            date: None,
            status: StatusCode::OK,
        }
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn dated(mut self, date: Option<HeaderValue>) -> Self {
        self.date = date;
        self
    }

    /// The HTTP status of the response, a 2xx. 200 if a layer made the response itself.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The `Date` header of the response, which is the time of the server's clock. `None` if it had none.
    pub fn date(&self) -> Option<&HeaderValue> {
        self.date.as_ref()
    }

    /// The JSON of the result, or `None` if the response is a file.
    pub fn result(&self) -> Option<&Bytes> {
        match &self.content {
            ResponseContent::Result(result) => Some(result),
            ResponseContent::File(_) => None,
        }
    }

    /// The file, or `None` if the response is a result.
    pub fn into_download(self) -> Option<Download> {
        match self.content {
            ResponseContent::Result(_) => None,
            ResponseContent::File(download) => Some(download),
        }
    }

    /// Reads the result as the type that the method returns.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`](crate::client::ErrorKind::Decode) when the result has another type, or the response is a
    /// file.
    pub fn decode<M: Method>(&self) -> Result<M::Output, Error> {
        let result = match &self.content {
            ResponseContent::Result(result) => crate::json::utf8(result).and_then(M::decode),
            ResponseContent::File(_) => {
                return Err(Error::decode("the response is a file").with_method(M::NAME.into()));
            }
        };
        result.map_err(|reason| Error::decode(reason).with_method(M::NAME.into()))
    }

    /// As [`decode`](Self::decode), without reading a result again that was read as this type already.
    pub(in crate::client) fn into_output<M: Method>(mut self) -> Result<M::Output, Error> {
        match self.typed.take().map(TypedResult::downcast) {
            Some(Ok(output)) => Ok(*output),
            _ => self.decode::<M>(),
        }
    }
}

/// The length of a result alone: the result may be a private message.
impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ApiResponse");
        match &self.content {
            ResponseContent::Result(result) => shown.field("length", &result.len()),
            ResponseContent::File(download) => shown.field("download", download),
        };
        shown.finish_non_exhaustive()
    }
}
