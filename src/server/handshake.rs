//! The handshake of a connection before its first request, such as TLS.

use std::{future::Future, io, pin::Pin, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// The stream from which requests are read.
pub(super) type ServedStream = Box<dyn ByteStream>;

pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

type Shaking = Pin<Box<dyn Future<Output = io::Result<ServedStream>> + Send>>;

#[derive(Clone)]
pub(super) struct Handshake(Option<Arc<dyn Fn(TcpStream) -> Shaking + Send + Sync>>);

impl Handshake {
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn new<F, Fut, Io>(handshake: F) -> Self
    where
        F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Io>> + Send + 'static,
        Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self(Some(Arc::new(move |stream| {
            let shaking = handshake(stream);
            Box::pin(async move { Ok(Box::new(shaking.await?) as ServedStream) })
        })))
    }

    pub(super) async fn shake(&self, stream: TcpStream) -> io::Result<ServedStream> {
        match &self.0 {
            Some(handshake) => handshake(stream).await,
            None => Ok(Box::new(stream)),
        }
    }
}
