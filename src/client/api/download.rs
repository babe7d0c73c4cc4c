//! The download of a file.

use std::{
    fmt,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use http::{Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::idle::IdleTimeout;
use crate::{
    body::collect::{CollectError, CollectLimited, CollectLimits},
    client::Error,
};
use tower::BoxError;

/// The method of a download for layers. The Bot API has no such method.
pub(super) const METHOD: &str = "download";

/// A file that is being downloaded by [`Client::download`](crate::Client::download). None of its chunks is kept in
/// memory. It is an `http_body::Body` too.
///
/// ```no_run
/// # use tower_telegram::{Client, types::File};
/// # async fn run(client: Client, file: File) -> Result<(), Box<dyn std::error::Error>> {
/// // All of it in memory, if it has at most a MiB.
/// let bytes = client.download(&file).await?.bytes(1 << 20).await?;
/// println!("{} bytes", bytes.len());
/// # Ok(())
/// # }
/// ```
#[must_use = "a download reads nothing before it is polled"]
pub struct Download {
    body: Pin<Box<dyn Body<Data = Bytes, Error = Error> + Send>>,
    length: Option<u64>,
    received: u64,
    /// A file with fewer bytes broke off.
    at_least: u64,
    status: Option<StatusCode>,
}

impl Download {
    pub(super) fn new<B>(response: Response<B>, idle: IdleTimeout) -> Self
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let declared = response.headers().get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok());
        let status = response.status();
        let body = response.into_body();
        let length = body.size_hint().exact().or(declared);
        let body = FileBody {
            body,
            status,
            idle,
            received: 0,
        };
        Self {
            length,
            body: Box::pin(body),
            received: 0,
            at_least: length.unwrap_or(0),
            status: Some(status),
        }
    }

    /// Sets the known length of the file, in bytes.
    pub(in crate::client) fn with_file_size(mut self, size: Option<i64>) -> Self {
        let size = size.and_then(|size| u64::try_from(size).ok());
        self.at_least = self.at_least.max(size.unwrap_or(0));
        self
    }

    fn missing(&self) -> u64 {
        self.at_least.saturating_sub(self.received)
    }

    fn ended_early(&self, missing: u64) -> Error {
        let source = format!("the file ended {missing} bytes before its length");
        let error = match self.status {
            Some(status) => Error::transport(source, true).with_status(status),
            None => Error::local_file(source),
        };
        error.with_method(METHOD.into())
    }

    /// The length of the whole file in bytes, if the server sent it.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next chunk, or `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or is idle for longer than
    /// [`read_timeout`](super::BotApi::read_timeout); when the file ends before its
    /// [`length`](Self::length), or before `File::file_size`.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(error),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Ok(Some(data)),
                    Err(_trailers) => {}
                },
            }
        }
    }

    /// Reads the whole file into memory, if it has at most `max` bytes.
    ///
    /// # Errors
    ///
    /// When the file is longer than `max`, or as [`chunk`](Self::chunk).
    pub async fn bytes(self, max: usize) -> Result<Bytes, Error> {
        let limits = CollectLimits {
            max_bytes: max,
            read_timeout: None,
        };
        let read = CollectLimited::new(self, limits).await;
        read.map_err(|error| match error {
            CollectError::TooLarge { limit } => {
                Error::decode(format!("the file has more than {limit} bytes"))
            }
            CollectError::Timeout => Error::timeout(true),
            CollectError::Body(error) => error,
        })
    }

    /// Writes the whole file to `writer`, flushes it, and returns the number of bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`](crate::client::ErrorKind::Write) when the file can't be written, or as
    /// [`chunk`](Self::chunk).
    #[cfg(feature = "tokio")]
    pub async fn write_to<W>(mut self, writer: &mut W) -> Result<u64, Error>
    where
        W: tokio::io::AsyncWrite + Unpin + ?Sized,
    {
        use tokio::io::AsyncWriteExt as _;

        let mut written = 0;
        while let Some(chunk) = self.chunk().await? {
            writer.write_all(&chunk).await.map_err(Error::write)?;
            written += chunk.len() as u64;
        }
        writer.flush().await.map_err(Error::write)?;
        Ok(written)
    }

    /// Opens a file that a server in local mode has put on this machine's disk.
    #[cfg(feature = "tokio")]
    pub(super) async fn open(path: PathBuf) -> Result<Self, Error> {
        use crate::{
            body::chunks::{Chunks, Segment, open_file},
            types::UploadReader,
        };

        let opened = open_file(&path).await.map_err(Error::local_file)?;
        let (file, length) =
            opened.ok_or_else(|| Error::local_file("the path is not that of a file"))?;
        let reader: UploadReader = Box::pin(file);
        let piece = Segment::stream(reader.into(), Some(length), None);
        Ok(Self {
            length: Some(length),
            body: Box::pin(DiskBody {
                pieces: Chunks::from(std::collections::VecDeque::from([piece])),
            }),
            received: 0,
            at_least: length,
            status: None,
        })
    }

    #[cfg(not(feature = "tokio"))]
    #[allow(clippy::unused_async)]
    pub(super) async fn open(_: PathBuf) -> Result<Self, Error> {
        Err(Error::invalid("files on the disk need the feature `tokio`"))
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(self.body.as_mut().poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.received += length as u64;
            }
            None if self.missing() > 0 => {
                let missing = self.missing();
                // The error is returned once.
                self.at_least = 0;
                return Poll::Ready(Some(Err(self.ended_early(missing))));
            }
            _ => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        // The next poll returns the error of a file that ended early.
        self.missing() == 0 && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Whether a `file_path` is a path on the server's disk, which a server in local mode returns. Paths of Unix and of
/// Windows are recognised.
pub(super) fn is_on_disk(path: &str) -> bool {
    let drive = |path: &str| {
        let mut bytes = path.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_alphabetic()) && bytes.next() == Some(b':')
    };
    path.starts_with(['/', '\\']) || drive(path)
}

pin_project! {
    /// A file over HTTP.
    struct FileBody<B> {
        #[pin]
        body: B,
        status: StatusCode,
        idle: IdleTimeout,
        received: u64,
    }
}

impl<B> Body for FileBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.project();
        let Poll::Ready(frame) = this.body.poll_frame(cx) else {
            ready!(this.idle.poll_stalled(*this.received, cx));
            let late = Error::timeout(true).with_status(*this.status);
            return Poll::Ready(Some(Err(late.with_method(METHOD.into()))));
        };
        Poll::Ready(frame.map(|frame| match frame {
            Ok(frame) => {
                let frame = frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
                *this.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                Ok(frame)
            }
            Err(error) => {
                let broken = Error::transport(error, true).with_status(*this.status);
                Err(broken.with_method(METHOD.into()))
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A file from this machine's disk.
#[cfg(feature = "tokio")]
struct DiskBody {
    pieces: crate::body::chunks::Chunks,
}

#[cfg(feature = "tokio")]
impl Body for DiskBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = self.pieces.poll_frame(cx);
        frame.map(|frame| {
            frame.map(|frame| frame.map_err(|e| Error::local_file(e).with_method(METHOD.into())))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.pieces.size_hint()
    }
}
