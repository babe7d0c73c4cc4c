//! The connections of the default transport.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
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
        Box::pin(async { Ok(OpaqueConnection(connecting.await?)) })
    }
}

/// A connection that doesn't say where it leads: hyper would copy that into each response, and
/// nobody asks.
pub(super) struct OpaqueConnection(AnyStream);

impl OpaqueConnection {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut AnyStream> {
        Pin::new(&mut self.get_mut().0)
    }
}

impl connect::Connection for OpaqueConnection {
    fn connected(&self) -> Connected {
        if self.0.connected().is_negotiated_h2() {
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
        self.stream().poll_read(cx, into)
    }
}

impl Write for OpaqueConnection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, bytes)
    }
}
