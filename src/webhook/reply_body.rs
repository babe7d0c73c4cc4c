//! The body of an answer.

use http::{HeaderValue, Response, header};

use super::rejection::empty_response;
use crate::{
    Reply, ReplyError,
    body::{Chunks, body_of_chunks},
    multipart::Multipart,
};

/// The body of an answer to Telegram: empty, one JSON object, or `multipart/form-data` where files
/// go with it. Its length is always known.
#[derive(Clone, Debug, Default)]
pub struct ReplyBody(Chunks);

body_of_chunks!(ReplyBody);

impl ReplyBody {
    /// The whole answer: 200, with the body that the reply takes (conformance E1–E3).
    pub(crate) fn respond(reply: &Reply) -> Result<Response<Self>, ReplyError> {
        reply.check_size()?;
        let Some(json) = reply.json() else {
            return Ok(empty_response());
        };
        let (chunks, content_type) = if reply.uploads().is_empty() {
            let content_type = HeaderValue::from_static("application/json");
            (Chunks::from(json.clone()), content_type)
        } else {
            let parts =
                Multipart::new(json, reply.uploads()).map_err(|_| ReplyError::NotAnObject)?;
            let content_type = parts.content_type();
            (parts.chunks.into(), content_type)
        };
        let length = HeaderValue::from(chunks.len());
        let mut response = Response::new(Self(chunks));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::CONTENT_LENGTH, length);
        Ok(response)
    }
}
