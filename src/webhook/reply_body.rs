//! The body of an answer.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::{Body, Frame, SizeHint};

use super::rejection::empty_response;
use crate::{Reply, ReplyError, multipart::Multipart};

/// The body of an answer to Telegram: empty, one JSON object, or `multipart/form-data` where files
/// go with it. Its length is always known.
#[derive(Debug, Default)]
pub struct ReplyBody {
    chunks: VecDeque<Bytes>,
    left: u64,
}

impl ReplyBody {
    /// The whole answer: 200, with the body that the reply takes (conformance E1–E3).
    pub(crate) fn respond(reply: &Reply) -> Result<Response<Self>, ReplyError> {
        reply.check_size()?;
        let Some(json) = reply.json() else {
            return Ok(empty_response());
        };
        let (chunks, content_type) = if reply.uploads().is_empty() {
            let json_type = HeaderValue::from_static("application/json");
            (VecDeque::from([json.clone()]), json_type)
        } else {
            let object = std::str::from_utf8(json).map_err(|_| ReplyError::NotAnObject)?;
            let parts =
                Multipart::new(object, reply.uploads()).map_err(|_| ReplyError::NotAnObject)?;
            let content_type = HeaderValue::try_from(parts.content_type());
            let content_type = content_type.map_err(|_| ReplyError::NotAnObject)?;
            (parts.chunks, content_type)
        };
        let left = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let mut response = Response::new(Self { chunks, left });
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(left));
        Ok(response)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.pop_front();
        self.left -= chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
