//! HTTP/1 messages as Telegram's server reads them, in both directions: the bot's responses to the
//! webhook, and the requests of a Bot API client.
//!
//! Written by hand because what matters here is to be wrong in the same places: a response without a
//! length has no body, what is left over stays in the connection, lines end in CRLF or never.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::body::{Framing, HttpBody};

#[cfg(test)]
mod tests;

/// Arguments (JSON, forms, and the fields of a multipart body) may have this many bytes together.
pub(super) const MAX_ARGUMENTS: usize = 1 << 20;
const MAX_HEAD: usize = 1 << 18;

/// Names as they were sent, in their order, with their values.
pub(super) type Headers = Vec<(String, Bytes)>;

#[derive(Debug)]
pub(super) struct HttpMessage {
    pub(super) start: StartLine,
    pub(super) headers: Headers,
    /// Whether the sender means to keep the connection.
    pub(super) keep_alive: bool,
    /// Out of its chunks and decompressed.
    pub(super) body: Bytes,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum StartLine {
    Request { target: Vec<u8> },
    Response { code: u16, reason: String },
}

/// Why a message can't be read: the status that the server writes back before it closes, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HttpRefusal {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl HttpRefusal {
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// What the server writes into the connection.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        format!(
            "HTTP/1.1 {} {}\r\nContent-Length: 0\r\n\r\n",
            self.code,
            reason_phrase(self.code)
        )
        .into_bytes()
    }
}

#[derive(Debug)]
pub(super) enum HttpReadError {
    /// The other side closed the connection.
    Closed,
    Io(io::Error),
    Refused(HttpRefusal),
}

impl From<HttpRefusal> for HttpReadError {
    fn from(refusal: HttpRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The first header of that name.
pub(super) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a [u8]> {
    headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_ref())
}

/// Reads the next message. What follows it stays in `buffer`. `max_body` is in bytes, after decompression.
pub(super) async fn read<R>(
    io: &mut R,
    buffer: &mut BytesMut,
    max_body: usize,
) -> Result<HttpMessage, HttpReadError>
where
    R: AsyncRead + Unpin,
{
    let (head, body) = read_head(io, buffer, max_body).await?;
    Ok(HttpMessage {
        start: head.start,
        headers: head.headers,
        keep_alive: head.keep_alive,
        body: body.read(io, buffer).await?,
    })
}

/// Reads the next message up to its body.
pub(super) async fn read_head<R>(
    io: &mut R,
    buffer: &mut BytesMut,
    max_body: usize,
) -> Result<(HttpHead, HttpBody), HttpReadError>
where
    R: AsyncRead + Unpin,
{
    let head = loop {
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            let head = buffer.split_to(at + 2);
            buffer.advance(2);
            break head;
        }
        if buffer.len() > MAX_HEAD {
            return Err(HttpRefusal::new(
                431,
                "Request Header Fields Too Large: total headers size exceeded",
            )
            .into());
        }
        fill(io, buffer).await?;
    };
    let head = parse_head(&head.freeze())?;
    let body = body(&head.headers, max_body)?;
    Ok((head, body))
}

fn body(headers: &Headers, max_body: usize) -> Result<HttpBody, HttpRefusal> {
    let text =
        |name| last(headers, name).map(|value| String::from_utf8_lossy(value).to_ascii_lowercase());
    let kind = BodyKind::of(&text("content-type").unwrap_or_default());
    let limit = match kind {
        BodyKind::Form | BodyKind::Json => max_body.min(MAX_ARGUMENTS),
        BodyKind::Multipart | BodyKind::Other => max_body,
    };
    let mut body = HttpBody {
        framing: Framing::Length(last(headers, "content-length").map_or(0, leading_digits)),
        is_compressed: false,
        kind,
        limit,
    };
    let transfer_encoding = text("transfer-encoding").unwrap_or_default();
    if transfer_encoding.is_empty() && body.framing == Framing::Length(0) {
        // Nothing to decode, nothing to refuse.
        return Ok(body);
    }
    match transfer_encoding.as_str() {
        "" => {}
        "chunked" => body.framing = Framing::Chunked,
        _ => {
            let reason = "Unimplemented: unsupported transfer-encoding";
            return Err(HttpRefusal::new(501, reason));
        }
    }
    match text("content-encoding").as_deref() {
        None | Some("" | "none") => {}
        Some("gzip" | "deflate") => body.is_compressed = true,
        Some(_) => {
            let reason = "Unsupported Media Type: unsupported content-encoding";
            return Err(HttpRefusal::new(415, reason));
        }
    }
    Ok(body)
}

/// How the server reads arguments from a body: decided by what the content type *contains*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    Json,
    Form,
    Multipart,
    Other,
}

impl BodyKind {
    pub(super) fn of(lower_case_content_type: &str) -> Self {
        if lower_case_content_type.contains("multipart/form-data") {
            Self::Multipart
        } else if lower_case_content_type.contains("application/x-www-form-urlencoded") {
            Self::Form
        } else if lower_case_content_type.contains("application/json") {
            Self::Json
        } else {
            Self::Other
        }
    }
}

#[derive(Debug)]
pub(super) struct HttpHead {
    pub(super) start: StartLine,
    pub(super) headers: Headers,
    keep_alive: bool,
}

/// `head` ends in the line break of its last header.
fn parse_head(head: &Bytes) -> Result<HttpHead, HttpRefusal> {
    let line_end = find(head, b"\r\n").unwrap_or(head.len());
    let line = &head[..line_end];
    let (first, rest) = split_once(line, b' ');
    let (start, version) = if first == b"GET" || first == b"POST" {
        let at = rest.iter().rposition(|&b| b == b' ');
        let at = at.ok_or_else(|| HttpRefusal::new(400, "Bad Request: wrong request line"))?;
        (
            StartLine::Request {
                target: rest[..at].to_vec(),
            },
            &rest[at + 1..],
        )
    } else if first.starts_with(b"HTTP") {
        let (code, reason) = split_once(rest, b' ');
        let code = u16::try_from(leading_digits(code)).unwrap_or(0);
        (
            StartLine::Response {
                code,
                reason: String::from_utf8_lossy(reason).into_owned(),
            },
            first,
        )
    } else {
        return Err(HttpRefusal::new(501, "Not Implemented"));
    };
    let mut keep_alive = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return Err(HttpRefusal::new(505, "HTTP Version Not Supported")),
    };

    let mut headers = Headers::new();
    let mut at = line_end + 2;
    while at < head.len() {
        let mut end = at + find(&head[at..], b"\r\n").ok_or_else(bad_request)?;
        // A line that starts with white space belongs to the one before.
        while matches!(head.get(end + 2), Some(b' ' | b'\t')) {
            end = end + 2 + find(&head[end + 2..], b"\r\n").ok_or_else(bad_request)?;
        }
        let colon = head[at..end]
            .iter()
            .position(|&b| b == b':')
            .ok_or_else(bad_request)?;
        let name = String::from_utf8_lossy(&head[at..at + colon])
            .trim()
            .to_owned();
        let value = head.slice_ref(head[at + colon + 1..end].trim_ascii());
        if name.eq_ignore_ascii_case("connection") {
            keep_alive = !value.eq_ignore_ascii_case(b"close");
        }
        headers.push((name, value));
        at = end + 2;
    }
    Ok(HttpHead {
        start,
        headers,
        keep_alive,
    })
}

pub(super) async fn fill<R>(io: &mut R, buffer: &mut BytesMut) -> Result<(), HttpReadError>
where
    R: AsyncRead + Unpin,
{
    buffer.reserve(16 << 10);
    match io.read_buf(buffer).await {
        Ok(0) => Err(HttpReadError::Closed),
        Ok(_) => Ok(()),
        Err(error) => Err(HttpReadError::Io(error)),
    }
}

fn bad_request() -> HttpRefusal {
    HttpRefusal::new(400, "Bad Request")
}

fn last<'a>(headers: &'a Headers, name: &str) -> Option<&'a [u8]> {
    headers
        .iter()
        .rev()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_ref())
}

fn leading_digits(text: &[u8]) -> usize {
    text.iter()
        .map_while(|&b| (b as char).to_digit(10))
        .fold(0, |n: usize, digit| {
            n.saturating_mul(10).saturating_add(digit as usize)
        })
}

fn split_once(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|&b| b == at) {
        Some(position) => (&text[..position], &text[position + 1..]),
        None => (text, &[]),
    }
}

pub(super) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// The server's own words for a status.
pub(super) fn reason_phrase(code: u16) -> &'static str {
    match code {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}
