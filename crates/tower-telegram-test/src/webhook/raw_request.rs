//! The [`RawRequest`]: a webhook request that Telegram itself would never send.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::{
    request::{self, WebhookRequest},
    session::{SECRET_HEADER, WebhookSession},
};
use crate::{http1::Headers, json};

/// A webhook request that differs from Telegram's in the ways that a test chooses.
///
/// Without changes it is a `POST` with Telegram's headers, the webhook's secret and an empty body. Send it
/// with [`Telegram::post_raw`](crate::Telegram::post_raw).
///
/// ```
/// # use tower_telegram_test::RawRequest;
/// let wrong_secret = RawRequest::new().body(r#"{"update_id":1}"#).secret("wrong");
/// let dribbling = RawRequest::new().body("{}").in_pieces(1, std::time::Duration::from_millis(10));
/// ```
#[derive(Clone, Debug)]
pub struct RawRequest {
    method: String,
    target: Option<String>,
    version: String,
    edits: Vec<Edit>,
    body: Bytes,
    exactly: Option<Bytes>,
    chunk_size: Option<usize>,
    piece_size: Option<usize>,
    pause: Duration,
    stop_after: Option<usize>,
}

/// A change of the headers.
#[derive(Clone, Debug)]
enum Edit {
    Add(String, Bytes),
    Set(String, Bytes),
    Remove(String),
}

impl RawRequest {
    /// Telegram's request, with an empty body.
    pub fn new() -> Self {
        Self {
            method: "POST".to_owned(),
            target: None,
            version: "HTTP/1.1".to_owned(),
            edits: Vec::new(),
            body: Bytes::new(),
            exactly: None,
            chunk_size: None,
            piece_size: None,
            pause: Duration::ZERO,
            stop_after: None,
        }
    }

    /// Sends these bytes and no others. Only [`in_pieces`](Self::in_pieces) and
    /// [`stop_after`](Self::stop_after) still have an effect. The connection isn't used again.
    pub fn exactly(bytes: impl Into<Bytes>) -> Self {
        Self {
            exactly: Some(bytes.into()),
            ..Self::new()
        }
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets an update as the body, written as Telegram writes it. Its `update_id` is 1 if it has none.
    pub fn update(self, update: &Value) -> Self {
        let id = update["update_id"].as_u64().unwrap_or(1);
        let body = update.as_object().map(|update| json::update(id, update));
        self.body(body.unwrap_or_else(|| json::to_string(update)))
    }

    /// Sets another method than `POST`.
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = method.into();
        self
    }

    /// Sets another path and query than the webhook's.
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Sets another version than `HTTP/1.1`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Sets another secret in place of the webhook's.
    pub fn secret(self, secret: impl Into<Bytes>) -> Self {
        self.set_header(SECRET_HEADER, secret)
    }

    /// Removes the secret.
    pub fn without_secret(self) -> Self {
        self.without_header(SECRET_HEADER)
    }

    /// Adds a header, even if there is one of that name.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.edits.push(Edit::Add(name.into(), value.into()));
        self
    }

    /// Sets a header in place of those of the same name, or at the end.
    pub fn set_header(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.edits.push(Edit::Set(name.into(), value.into()));
        self
    }

    /// Removes the headers of that name, such as `Content-Type`.
    pub fn without_header(mut self, name: impl Into<String>) -> Self {
        self.edits.push(Edit::Remove(name.into()));
        self
    }

    /// Sends the body in chunks of `chunk_size` bytes (at least 1), with `Transfer-Encoding` instead of
    /// `Content-Length`.
    pub fn chunked(mut self, chunk_size: usize) -> Self {
        self.chunk_size = Some(chunk_size.max(1));
        self
    }

    /// Sends head and body in writes of `piece_size` bytes (at least 1), with `pause` between them.
    pub fn in_pieces(mut self, piece_size: usize, pause: Duration) -> Self {
        self.piece_size = Some(piece_size.max(1));
        self.pause = pause;
        self
    }

    /// Sends only the first `bytes` bytes of head and body together, and then waits for a response. The
    /// connection isn't used again.
    pub fn stop_after(mut self, bytes: usize) -> Self {
        self.stop_after = Some(bytes);
        self
    }

    /// The bytes of the request to that webhook.
    pub(crate) fn build(&self, session: &WebhookSession) -> WebhookRequest {
        let mut pieces = if let Some(bytes) = &self.exactly {
            vec![bytes.clone()]
        } else {
            let target = self.target.as_deref().unwrap_or(session.target());
            let line = format!("{} {target} {}", self.method, self.version);
            vec![
                request::head(&line, &self.headers(session)).into(),
                self.encoded_body(),
            ]
        };
        let is_complete = self.exactly.is_none() && self.stop_after.is_none();
        if self.piece_size.is_some() || self.stop_after.is_some() {
            let mut all = Bytes::from(pieces.concat());
            all.truncate(self.stop_after.unwrap_or(usize::MAX));
            let size = self.piece_size.unwrap_or(usize::MAX);
            pieces = all.chunks(size).map(|piece| all.slice_ref(piece)).collect();
        }
        WebhookRequest {
            pieces,
            pause: self.pause,
            is_complete,
        }
    }

    /// Telegram's headers with the changes.
    fn headers(&self, session: &WebhookSession) -> Headers {
        let mut headers = session.headers(self.body.len());
        if self.chunk_size.is_some()
            && let Some((name, value)) = headers
                .iter_mut()
                .find(|(name, _)| name == "Content-Length")
        {
            "Transfer-Encoding".clone_into(name);
            *value = "chunked".into();
        }
        for edit in &self.edits {
            match edit {
                Edit::Add(name, value) => headers.push((name.clone(), value.clone())),
                Edit::Remove(name) => headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name)),
                Edit::Set(name, value) => {
                    let at = headers
                        .iter()
                        .position(|(key, _)| key.eq_ignore_ascii_case(name));
                    headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
                    headers.insert(at.unwrap_or(headers.len()), (name.clone(), value.clone()));
                }
            }
        }
        headers
    }

    /// The body, in chunks if it is to have some.
    fn encoded_body(&self) -> Bytes {
        let Some(size) = self.chunk_size else {
            return self.body.clone();
        };
        let mut out = Vec::new();
        for chunk in self.body.chunks(size) {
            out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            out.extend_from_slice(chunk);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"0\r\n\r\n");
        out.into()
    }
}

impl Default for RawRequest {
    fn default() -> Self {
        Self::new()
    }
}
