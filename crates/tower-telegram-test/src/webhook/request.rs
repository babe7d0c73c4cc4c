//! Webhook requests on the wire, and how a response becomes an [`Attempt`].

use std::time::Duration;

use bytes::Bytes;

use super::attempt::{Attempt, AttemptError};
use crate::http1::{self, Headers, HttpMessage, HttpRefusal, StartLine};

/// The longest `Retry-After` in seconds.
const MAX_RETRY_AFTER: i64 = 3600;

/// The bytes of a request.
#[derive(Debug)]
pub(crate) struct WebhookRequest {
    /// Each piece is written separately, so that it can arrive as a separate segment.
    pub(crate) pieces: Vec<Bytes>,
    /// The pause between two pieces.
    pub(crate) pause: Duration,
    /// Whether the connection can be used afterwards.
    pub(crate) is_complete: bool,
}

impl WebhookRequest {
    /// Head and body as two pieces, like Telegram writes them.
    pub(crate) fn new(head: Vec<u8>, body: Bytes) -> Self {
        Self {
            pieces: vec![head.into(), body],
            pause: Duration::ZERO,
            is_complete: true,
        }
    }

    /// The same bytes in `count` pieces, with `pause` between them.
    pub(crate) fn in_pieces(self, count: usize, pause: Duration) -> Self {
        let all = Bytes::from(self.pieces.concat());
        let size = all.len().div_ceil(count.max(1)).max(1);
        Self {
            pieces: all.chunks(size).map(|piece| all.slice_ref(piece)).collect(),
            pause,
            ..self
        }
    }
}

/// The limits of a response in time and size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseLimits {
    /// The time until the end of the response.
    pub(crate) response: Duration,
    /// The size of the body in bytes.
    pub(crate) body: usize,
    /// The largest file whose bytes are kept, in bytes.
    pub(crate) keep: usize,
}

/// The bytes of a request's head.
pub(crate) fn head(request_line: &str, headers: &Headers) -> Vec<u8> {
    let mut head = format!("{request_line}\r\n").into_bytes();
    for (name, value) in headers {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// The bot's response.
#[derive(Debug)]
pub(crate) struct BotResponse {
    code: u16,
    reason: String,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
    pub(crate) keep_alive: bool,
}

impl BotResponse {
    /// Reads a message as a response. A request from the bot is refused.
    pub(crate) fn from_message(message: HttpMessage) -> Result<Self, HttpRefusal> {
        let HttpMessage {
            start,
            headers,
            keep_alive,
            body,
        } = message;
        match start {
            StartLine::Response { code, reason } => Ok(Self {
                code,
                reason,
                headers,
                body,
                keep_alive,
            }),
            StartLine::Request { .. } => {
                Err(HttpRefusal::new(400, "Wrong response from the webhook"))
            }
        }
    }
}

/// The attempt for a response: delivered or failed, and for how long Telegram waits.
pub(crate) fn attempt(answer: BotResponse, connection: Option<u64>, elapsed: Duration) -> Attempt {
    let BotResponse {
        code,
        reason,
        headers,
        body,
        ..
    } = answer;
    let is_fine = (200..300).contains(&code);
    let error = (!is_fine).then(|| AttemptError::Status {
        code,
        reason: reason.clone(),
    });
    let retry_after = http1::header(&headers, "retry-after").and_then(retry_after);
    Attempt {
        status: Some(code),
        reason,
        retry_after: retry_after.filter(|_| !is_fine),
        headers,
        body,
        error,
        elapsed,
        wait: Duration::ZERO,
        connection,
    }
}

/// Whole seconds in their shortest form: without a sign, leading zeros, or a date.
fn retry_after(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?;
    let seconds = text
        .parse::<i32>()
        .ok()
        .filter(|seconds| *seconds > 0 && seconds.to_string() == text)?;
    Some(Duration::from_secs(
        i64::from(seconds).min(MAX_RETRY_AFTER).unsigned_abs(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_seconds_count_as_retry_after() {
        let seconds = |text: &str| retry_after(text.as_bytes()).map(|after| after.as_secs());
        assert_eq!([seconds("3"), seconds("7200")], [Some(3), Some(3600)]);
        for text in [
            "0",
            "007",
            "+3",
            "-3",
            "1.5",
            "",
            "Wed, 21 Oct 2015 07:28:00 GMT",
            "99999999999",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
