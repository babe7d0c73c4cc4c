//! The connections of the default transport.

use std::{
    future::Future,
    io::{self, IoSlice},
    mem::MaybeUninit,
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

use super::early_answer::{AnswerWatch, MAX_HEAD};

type AnyStream = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;

/// Makes connections, with TLS or without. In an `Arc`, because hyper clones it for each call, even when the call uses
/// an existing connection.
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
                answer: AnswerWatch::default(),
            })
        })
    }
}

/// A connection that doesn't say where it leads: hyper would copy that into each response, where it isn't used.
///
/// It ends after a response on which the server closes it without saying so, so that no other call is made on
/// it: whether a call came before or after the server's own end would be a matter of luck.
pub(super) struct OpaqueConnection {
    stream: AnyStream,
    answer: AnswerWatch,
}

impl OpaqueConnection {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut AnyStream> {
        Pin::new(&mut self.get_mut().stream)
    }

    /// Reads through a buffer of its own, to look at the head of a response.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // Not zeroed: that is 4 KiB for each read.
        let mut buffer = [const { MaybeUninit::uninit() }; MAX_HEAD];
        let most = into.remaining().min(MAX_HEAD);
        let mut buffer = ReadBuf::uninit(&mut buffer[..most]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer.unfilled()))?;
        let bytes = buffer.filled();
        self.answer.read(bytes);
        into.put_slice(bytes);
        Poll::Ready(Ok(()))
    }

    fn wrote(&mut self, written: &Poll<io::Result<usize>>) {
        if written.is_ready() {
            self.answer.wrote();
        }
    }
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
        match self.answer {
            AnswerWatch::Head(_) => self.get_mut().poll_head(cx, into),
            AnswerWatch::Rest => self.stream().poll_read(cx, into),
            AnswerWatch::Over => Poll::Ready(Ok(())),
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
