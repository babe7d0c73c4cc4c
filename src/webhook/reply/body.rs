//! The body of a response to Telegram.

use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::{Body, Frame, SizeHint};

use crate::{
    Reply, ReplyError,
    body::{
        chunks::{self, Chunks},
        multipart::{self, OpenError},
    },
    types::UploadError,
    webhook::rejection::empty_response,
};

/// The body of a response to Telegram: empty, one JSON object, or `multipart/form-data` if it has files. Its length
/// is known, unless a file's isn't.
#[derive(Default)]
pub struct ReplyBody(ReplyContent);

/// Small, because each layer moves the response.
enum ReplyContent {
    /// No bytes are left to send.
    Sent(Reply),
    /// The reply's JSON.
    Json(Reply),
    Form(Box<FormContent>),
}

struct FormContent {
    pieces: Chunks,
    reply: Reply,
}

impl Default for ReplyContent {
    fn default() -> Self {
        Self::Sent(Reply::nothing())
    }
}

impl ReplyBody {
    /// The reply that it was made from, or an empty one.
    pub fn reply(&self) -> &Reply {
        match &self.0 {
            ReplyContent::Sent(reply) | ReplyContent::Json(reply) => reply,
            ReplyContent::Form(form) => &form.reply,
        }
    }

    /// The whole response: 200, with the reply as its body. For replies whose files need no
    /// [opening](Self::needs_opening).
    pub(crate) fn respond(reply: Reply) -> Result<Response<Self>, ReplyError> {
        let Some(json) = reply.json() else {
            return Ok(empty_response());
        };
        reply.check_size()?;
        if reply.uploads().is_empty() {
            return Ok(Self::json(reply));
        }
        let encoded =
            multipart::encode(json, reply.uploads()).map_err(|_| ReplyError::NotAnObject)?;
        Ok(Self::form(reply, encoded))
    }

    /// The same where files have to be opened.
    pub(crate) async fn open_and_respond(reply: Reply) -> Result<Response<Self>, ReplyError> {
        let Some(json) = reply.json() else {
            return Ok(empty_response());
        };
        reply.check_size()?;
        let opening = multipart::open_and_encode(json.clone(), reply.uploads().to_vec());
        let encoded = opening.await.map_err(unencodable)?;
        Ok(Self::form(reply, encoded))
    }

    /// The same from where nothing can be awaited.
    #[cfg(feature = "axum")]
    pub(crate) fn open_and_respond_blocking(reply: Reply) -> Result<Response<Self>, ReplyError> {
        let Some(json) = reply.json() else {
            return Ok(empty_response());
        };
        reply.check_size()?;
        if reply.uploads().is_empty() {
            return Ok(Self::json(reply));
        }
        let encoded = multipart::open_and_encode_blocking(json, reply.uploads());
        let encoded = encoded.map_err(unencodable)?;
        Ok(Self::form(reply, encoded))
    }

    pub(crate) fn needs_opening(reply: &Reply) -> bool {
        reply.uploads().iter().any(chunks::needs_opening)
    }

    fn json(reply: Reply) -> Response<Self> {
        let content_type = HeaderValue::from_static("application/json");
        Self::response(content_type, ReplyContent::Json(reply))
    }

    fn form(reply: Reply, (content_type, pieces): (HeaderValue, Chunks)) -> Response<Self> {
        let form = ReplyContent::Form(Box::new(FormContent { pieces, reply }));
        Self::response(content_type, form)
    }

    /// The server takes the length from the body, or writes it in chunks where that isn't known.
    fn response(content_type: HeaderValue, content: ReplyContent) -> Response<Self> {
        let mut response = Response::new(Self(content));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        response
    }

    /// How many bytes are left, if that is known.
    fn left(&self) -> Option<u64> {
        match &self.0 {
            ReplyContent::Sent(_) => Some(0),
            ReplyContent::Json(reply) => Some(reply.json().map_or(0, Bytes::len) as u64),
            ReplyContent::Form(form) => form.pieces.len(),
        }
    }
}

fn unencodable(error: OpenError) -> ReplyError {
    match error {
        OpenError::Upload(error) => ReplyError::Upload(Arc::new(error)),
        OpenError::Encode(_) => ReplyError::NotAnObject,
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match &mut self.0 {
            ReplyContent::Sent(_) => Poll::Ready(None),
            ReplyContent::Json(reply) => {
                let reply = mem::take(reply);
                let json = reply.json().cloned().unwrap_or_default();
                self.0 = ReplyContent::Sent(reply);
                Poll::Ready(Some(Ok(Frame::data(json))))
            }
            ReplyContent::Form(form) => form.pieces.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            ReplyContent::Sent(_) => true,
            ReplyContent::Json(_) => false,
            ReplyContent::Form(form) => form.pieces.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.left().map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyBody")
            .field("length", &self.left())
            .field("reply", self.reply())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IntoReply as _, methods::SendMessage};

    #[test]
    fn e1_e2_a_body_says_how_long_it_is_and_when_it_ends() {
        let nothing = ReplyBody::respond(Reply::nothing()).unwrap().into_body();
        assert!(nothing.is_end_stream());
        assert_eq!(nothing.size_hint().exact(), Some(0));

        let reply = SendMessage::new(42, "x").into_reply().unwrap();
        let length = reply.json().unwrap().len() as u64;
        let mut body = ReplyBody::respond(reply).unwrap().into_body();
        assert!(!body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(length));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_ready());
        assert!(body.is_end_stream());
    }
}
