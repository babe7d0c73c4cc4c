//! The head of a message: its start line, its headers, and the framing of its body.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncRead;

use super::{
    body::{Framing, HttpBody},
    body_kind::{BodyKind, MAX_ARGUMENTS},
    buffer::{fill, find},
    headers::{Headers, last},
    refusal::{HttpReadError, HttpRefusal},
};

/// The largest head, in bytes.
pub(super) const MAX_HEAD: usize = 1 << 18;

/// A whole message.
#[derive(Debug)]
pub(crate) struct HttpMessage {
    pub(crate) start: StartLine,
    pub(crate) headers: Headers,
    /// Whether the sender wants to keep the connection.
    pub(crate) keep_alive: bool,
    /// Without its chunks, and decompressed.
    pub(crate) body: Bytes,
}

/// The first line of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StartLine {
    Request { target: Vec<u8> },
    Response { code: u16, reason: String },
}

/// Reads the next message. Later bytes stay in `buffer`. `max_body` is in bytes, after decompression.
pub(crate) async fn read<R>(
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
pub(crate) async fn read_head<R>(
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

/// The framing and the kind of the body.
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
        // There is no body to decode or to refuse.
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

/// A message without its body.
#[derive(Debug)]
pub(crate) struct HttpHead {
    pub(crate) start: StartLine,
    pub(crate) headers: Headers,
    pub(super) keep_alive: bool,
}

/// Parses a head that ends with the line break of its last header.
pub(super) fn parse_head(head: &Bytes) -> Result<HttpHead, HttpRefusal> {
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
        // A line that starts with white space continues the line before.
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

fn bad_request() -> HttpRefusal {
    HttpRefusal::new(400, "Bad Request")
}

/// How many digits the text begins with.
fn leading_digits(text: &[u8]) -> usize {
    text.iter()
        .map_while(|&b| (b as char).to_digit(10))
        .fold(0, |n: usize, digit| {
            n.saturating_mul(10).saturating_add(digit as usize)
        })
}

/// The text before and after a byte.
fn split_once(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|&b| b == at) {
        Some(position) => (&text[..position], &text[position + 1..]),
        None => (text, &[]),
    }
}
