//! Requests to the webhook, and the evaluation of responses.

use std::time::Duration;

use bytes::Bytes;

use super::{
    attempt::{Attempt, AttemptError},
    http1::{self, Headers, HttpMessage, HttpRefusal, StartLine},
};

const MAX_RETRY_AFTER: i64 = 3600;

/// A request as it goes onto the wire.
#[derive(Debug)]
pub(super) struct WebhookRequest {
    /// Each is written on its own, so that it may arrive as a segment of its own.
    pub(super) pieces: Vec<Bytes>,
    /// Between two pieces.
    pub(super) pause: Duration,
    /// Whether the connection is of use afterwards.
    pub(super) is_complete: bool,
}

impl WebhookRequest {
    /// Head and body, one after the other, as Telegram writes them.
    pub(super) fn new(head: Vec<u8>, body: Bytes) -> Self {
        Self {
            pieces: vec![head.into(), body],
            pause: Duration::ZERO,
            is_complete: true,
        }
    }

    /// The same bytes in so many pieces, with that pause between them.
    pub(super) fn in_pieces(self, count: usize, pause: Duration) -> Self {
        let all = Bytes::from(self.pieces.concat());
        let size = all.len().div_ceil(count.max(1)).max(1);
        Self {
            pieces: all.chunks(size).map(|piece| all.slice_ref(piece)).collect(),
            pause,
            ..self
        }
    }
}

/// How much time and space a response may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResponseLimits {
    pub(super) response: Duration,
    pub(super) body: usize,
    /// The largest file whose bytes are kept.
    pub(super) keep: usize,
}

/// The bytes of a request's head.
pub(super) fn head(request_line: &str, headers: &Headers) -> Vec<u8> {
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

/// What the bot answered.
#[derive(Debug)]
pub(super) struct BotResponse {
    code: u16,
    reason: String,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
    pub(super) keep_alive: bool,
}

impl BotResponse {
    /// A request from the bot is no answer.
    pub(super) fn from_message(message: HttpMessage) -> Result<Self, HttpRefusal> {
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

/// What an answer counts as.
pub(super) fn attempt(answer: BotResponse, connection: Option<u64>, elapsed: Duration) -> Attempt {
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

/// Whole seconds, written as they would be written back: no sign, no leading zero, no date.
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
