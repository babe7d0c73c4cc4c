//! The connections of the default transport.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::Uri;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::{self, Connected, HttpConnector};
use tower::BoxError;
use tower::ServiceExt as _;
use tower_service::Service;

type AnyStream = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;

/// Makes connections, encrypted or not. hyper clones it for each call, whether it connects or not,
/// so that is one count.
#[derive(Clone)]
pub(super) struct Connector(Arc<HttpsConnector<HttpConnector>>);

impl Connector {
    pub(super) fn new(inner: HttpsConnector<HttpConnector>) -> Self {
        Self(Arc::new(inner))
    }
}

impl Service<Uri> for Connector {
    type Response = OpaqueConnection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<OpaqueConnection, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = HttpsConnector::clone(&self.0).oneshot(to);
        Box::pin(async {
            Ok(OpaqueConnection {
                stream: connecting.await?,
                reading: Reading::Rest,
            })
        })
    }
}

/// How much of the beginning of an answer is looked at.
const BEGINNING: usize = 4096;

/// A connection that doesn't say where it leads: hyper would copy that into each response, and
/// nobody asks.
///
/// It ends after an answer on which the server closes it without saying so, so that no other call is made on
/// it: whether that came before or after the server's own end would be a matter of luck.
pub(super) struct OpaqueConnection {
    stream: AnyStream,
    reading: Reading,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// The beginning of an answer, as a request was written.
    Beginning,
    Rest,
    End,
}

impl OpaqueConnection {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut AnyStream> {
        Pin::new(&mut self.get_mut().stream)
    }

    /// Reads through a buffer, to see what it is.
    fn poll_beginning(
        &mut self,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut beginning = [0; BEGINNING];
        let most = into.remaining().min(BEGINNING);
        let mut buffer = ReadBuf::new(&mut beginning[..most]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer.unfilled()))?;
        let bytes = buffer.filled();
        self.reading = if is_the_last(bytes) {
            Reading::End
        } else {
            Reading::Rest
        };
        into.put_slice(bytes);
        Poll::Ready(Ok(()))
    }

    fn wrote(&mut self, written: &Poll<io::Result<usize>>) {
        if self.reading == Reading::Rest && written.is_ready() {
            self.reading = Reading::Beginning;
        }
    }
}

/// Whether these bytes are the whole of an answer without a body after which the server of the Bot API closes
/// the connection: its reader gave the request up.
fn is_the_last(answer: &[u8]) -> bool {
    let status = answer.strip_prefix(b"HTTP/1.1 ");
    let status = status.and_then(|rest| rest.get(..3));
    let Some(b"413" | b"431" | b"501" | b"505") = status else {
        return false;
    };
    let is_empty = |line: &[u8]| {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (halves.next(), halves.next());
        name.is_some_and(|name| name.eq_ignore_ascii_case(b"content-length"))
            && value.is_some_and(|value| value.trim_ascii() == b"0")
    };
    answer.ends_with(b"\r\n\r\n") && answer.split(|byte| *byte == b'\n').any(is_empty)
}

impl connect::Connection for OpaqueConnection {
    fn connected(&self) -> Connected {
        if self.stream.connected().is_negotiated_h2() {
            Connected::new().negotiated_h2()
        } else {
            Connected::new()
        }
    }
}

impl Read for OpaqueConnection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.reading {
            Reading::Beginning => self.get_mut().poll_beginning(cx, into),
            Reading::Rest => self.stream().poll_read(cx, into),
            Reading::End => Poll::Ready(Ok(())),
        }
    }
}

impl Write for OpaqueConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().stream().poll_write(cx, bytes);
        self.wrote(&written);
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().stream().poll_write_vectored(cx, bytes);
        self.wrote(&written);
        written
    }
}

#[cfg(test)]
mod tests {
    use super::is_the_last;

    #[test]
    fn f17_an_answer_that_ends_the_connection_is_known_by_its_head() {
        for (answer, last) in [
            ("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", true),
            (
                "HTTP/1.1 505 X\r\nA: b\r\ncontent-length:0 \r\nC: d\r\n\r\n",
                true,
            ),
            ("HTTP/1.1 413 X\r\nContent-Length: 2\r\n\r\n", false),
            (
                "HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200",
                false,
            ),
            ("HTTP/1.1 413 X\r\nX-Content-Length: 0\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.1 4", false),
            ("", false),
        ] {
            assert_eq!(is_the_last(answer.as_bytes()), last, "{answer}");
        }
    }
}
