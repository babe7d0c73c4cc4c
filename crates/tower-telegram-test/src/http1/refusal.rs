//! The errors of reading a message, and the status that the server writes back.

use std::io;

/// The status and text that the server writes back before it closes the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpRefusal {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

impl HttpRefusal {
    pub(crate) fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// The response on the wire.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        format!(
            "HTTP/1.1 {} {}\r\nContent-Length: 0\r\n\r\n",
            self.code,
            reason_phrase(self.code)
        )
        .into_bytes()
    }
}

/// The error of reading a message.
#[derive(Debug)]
pub(crate) enum HttpReadError {
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

/// The server's reason phrase for a status.
pub(crate) fn reason_phrase(code: u16) -> &'static str {
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
