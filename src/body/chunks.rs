//! A body of several segments, some of which are read while it is sent.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

#[cfg(feature = "tokio")]
use crate::types::UploadReader;
use crate::types::{Upload, UploadError, UploadSource};

/// How many bytes of a file are in memory at a time.
const CHUNK: usize = 64 << 10;

/// The content of a reply or call: empty, one JSON object, or the segments of a form.
#[derive(Debug)]
pub(crate) struct Chunks {
    /// The only segment of most bodies, which need no list.
    first: Bytes,
    more: VecDeque<Segment>,
    /// The number of bytes that are left, if it is known.
    left: Option<u64>,
}

impl Default for Chunks {
    /// An empty body, whose length is known.
    fn default() -> Self {
        Bytes::new().into()
    }
}

impl Chunks {
    /// The number of bytes that are left, if it is known.
    pub(crate) fn len(&self) -> Option<u64> {
        self.left
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.more.is_empty()
    }

    /// A copy, if the whole body is in memory.
    pub(crate) fn try_clone(&self) -> Option<Self> {
        let more = self.more.iter().map(Segment::try_clone);
        Some(Self {
            first: self.first.clone(),
            more: more.collect::<Option<_>>()?,
            left: self.left,
        })
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        if !self.first.is_empty() {
            let first = std::mem::take(&mut self.first);
            return self.emit(first);
        }
        while let Some(piece) = self.more.front_mut() {
            match std::task::ready!(piece.poll_chunk(cx)) {
                Some(Ok(chunk)) => return self.emit(chunk),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => drop(self.more.pop_front()),
            }
        }
        Poll::Ready(None)
    }

    fn emit(&mut self, chunk: Bytes) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(chunk.len() as u64);
        }
        // So that the end is known with the last frame, without another poll.
        while self.more.front().is_some_and(Segment::is_done) {
            self.more.pop_front();
        }
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl From<Bytes> for Chunks {
    fn from(bytes: Bytes) -> Self {
        Self {
            left: Some(bytes.len() as u64),
            first: bytes,
            more: VecDeque::new(),
        }
    }
}

impl From<VecDeque<Segment>> for Chunks {
    fn from(mut more: VecDeque<Segment>) -> Self {
        more.retain(|piece| !piece.is_done());
        let lengths = more.iter().map(Segment::len);
        Self {
            first: Bytes::new(),
            left: lengths.sum(),
            more,
        }
    }
}

/// One segment of a body.
#[derive(Debug)]
pub(crate) struct Segment {
    source: SegmentSource,
    sent: u64,
    total: Option<u64>,
    /// Whether the source has to be read to its end after its declared length, because more bytes are an error.
    is_end_open: bool,
    /// The last bytes, which are sent once the end was reached.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    last: Bytes,
    /// The upload, if it has a progress hook.
    progress: Option<Upload>,
}

#[derive(Debug)]
enum SegmentSource {
    Bytes(Bytes),
    #[cfg(feature = "tokio")]
    Reader(std::sync::Mutex<ReaderSource>),
    #[cfg(feature = "tokio")]
    End,
}

/// A source that is read while the body is sent: a file, or the reader of an upload. The reader is taken when it is first
/// read, so that a later attempt can use it if this one fails before.
#[cfg(feature = "tokio")]
pub(crate) enum ReaderSource {
    Open(UploadReader),
    Deferred(Upload),
}

impl Segment {
    pub(crate) fn bytes(bytes: Bytes, progress: Option<Upload>) -> Self {
        Self {
            sent: 0,
            total: Some(bytes.len() as u64),
            is_end_open: false,
            last: Bytes::new(),
            source: SegmentSource::Bytes(bytes),
            progress,
        }
    }

    /// A segment with the first `length` bytes of a source, or all of them if `length` is `None`. More bytes in an
    /// upload's reader are an error. In a file they aren't, because it may have grown since its length was read.
    #[cfg(feature = "tokio")]
    pub(crate) fn stream(
        stream: ReaderSource,
        length: Option<u64>,
        progress: Option<Upload>,
    ) -> Self {
        Self {
            is_end_open: length.is_some() && matches!(stream, ReaderSource::Deferred(_)),
            last: Bytes::new(),
            source: SegmentSource::Reader(stream.into()),
            sent: 0,
            total: length,
            progress,
        }
    }

    /// The content of an upload that needn't be opened. For a path it is empty.
    pub(crate) fn of(upload: &Upload) -> Self {
        match upload.source() {
            UploadSource::Bytes(bytes) => Self::bytes(bytes.clone(), progress_of(upload)),
            #[cfg(feature = "tokio")]
            UploadSource::Reader { length } => {
                Self::stream(upload.clone().into(), length, progress_of(upload))
            }
            _ => Self::bytes(Bytes::new(), None),
        }
    }

    /// The content of an upload. A path is opened.
    #[cfg_attr(not(feature = "tokio"), allow(clippy::unused_async))]
    pub(crate) async fn open(upload: &Upload) -> Result<Self, UploadError> {
        match upload.source() {
            #[cfg(feature = "tokio")]
            UploadSource::Path(path) => {
                let opened = open_file(path).await?;
                let (file, length) = opened.ok_or_else(UploadError::not_a_file)?;
                let opened: UploadReader = Box::pin(file);
                Ok(Self::stream(
                    opened.into(),
                    Some(length),
                    progress_of(upload),
                ))
            }
            _ => Ok(Self::of(upload)),
        }
    }

    /// [`open`](Self::open) for code that isn't async. It blocks while it opens the file.
    #[cfg(feature = "axum")]
    pub(crate) fn open_blocking(upload: &Upload) -> Result<Self, UploadError> {
        match upload.source() {
            #[cfg(feature = "tokio")]
            UploadSource::Path(path) => {
                if !std::fs::metadata(path)?.is_file() {
                    return Err(UploadError::not_a_file());
                }
                let file = std::fs::File::open(path)?;
                let length = file.metadata()?.len();
                let opened: UploadReader = Box::pin(tokio::fs::File::from_std(file));
                Ok(Self::stream(
                    opened.into(),
                    Some(length),
                    progress_of(upload),
                ))
            }
            _ => Ok(Self::of(upload)),
        }
    }

    pub(crate) fn len(&self) -> Option<u64> {
        self.total.map(|total| total - self.sent)
    }

    fn is_done(&self) -> bool {
        self.len() == Some(0) && !self.is_end_open
    }

    /// A copy, if the segment is in memory. Without the feature `tokio` every segment is.
    #[cfg_attr(not(feature = "tokio"), allow(clippy::unnecessary_wraps))]
    fn try_clone(&self) -> Option<Self> {
        match &self.source {
            SegmentSource::Bytes(bytes) => Some(Self {
                source: SegmentSource::Bytes(bytes.clone()),
                sent: self.sent,
                total: self.total,
                is_end_open: false,
                last: Bytes::new(),
                progress: self.progress.clone(),
            }),
            #[cfg(feature = "tokio")]
            _ => None,
        }
    }

    #[cfg_attr(not(feature = "tokio"), allow(unused_variables))]
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, UploadError>>> {
        if self.is_done() {
            return Poll::Ready(None);
        }
        let chunk = match &mut self.source {
            // In chunks, so that progress over a slow connection is seen.
            SegmentSource::Bytes(bytes) => bytes.split_to(bytes.len().min(CHUNK)),
            #[cfg(feature = "tokio")]
            SegmentSource::Reader(stream) => {
                let stream = stream
                    .get_mut()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                loop {
                    let taken = self.sent + self.last.len() as u64;
                    let left = self.total.map_or(u64::MAX, |total| total - taken);
                    // At least one, to see whether the source has more than it declared.
                    let chunk = match std::task::ready!(stream.poll_read(left.max(1), cx)) {
                        Ok(chunk) => chunk,
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    };
                    match self.total {
                        Some(total) if left == 0 && !chunk.is_empty() => {
                            let error = UploadError::too_long(total);
                            return Poll::Ready(Some(Err(error)));
                        }
                        _ if left == 0 => {
                            self.is_end_open = false;
                            break std::mem::take(&mut self.last);
                        }
                        _ if chunk.is_empty() => return Poll::Ready(self.ended()),
                        // Held back, because it would complete the request.
                        _ if self.is_end_open && chunk.len() as u64 == left => self.last = chunk,
                        _ => break chunk,
                    }
                }
            }
            #[cfg(feature = "tokio")]
            SegmentSource::End => return Poll::Ready(None),
        };
        if chunk.is_empty() {
            return Poll::Ready(None);
        }
        self.sent += chunk.len() as u64;
        if let Some(progress) = &self.progress {
            progress.report_progress(self.sent, self.total);
        }
        Poll::Ready(Some(Ok(chunk)))
    }

    #[cfg(feature = "tokio")]
    fn ended(&mut self) -> Option<Result<Bytes, UploadError>> {
        self.source = SegmentSource::End;
        let missing = self.total? - self.sent;
        Some(Err(UploadError::too_short(missing)))
    }
}

fn progress_of(upload: &Upload) -> Option<Upload> {
    upload.has_progress_hook().then(|| upload.clone())
}

/// Whether a file must be opened before its length is known.
pub(crate) fn needs_opening(upload: &Upload) -> bool {
    match upload.source() {
        #[cfg(feature = "tokio")]
        UploadSource::Path(_) => true,
        _ => false,
    }
}

/// Opens a file and reads its length. `None` if the path isn't that of a file, which is checked first, because opening a
/// pipe blocks until another process writes to it.
#[cfg(feature = "tokio")]
pub(crate) async fn open_file(
    path: &std::path::Path,
) -> std::io::Result<Option<(tokio::fs::File, u64)>> {
    if !tokio::fs::metadata(path).await?.is_file() {
        return Ok(None);
    }
    let file = tokio::fs::File::open(path).await?;
    let length = file.metadata().await?.len();
    Ok(Some((file, length)))
}

#[cfg(feature = "tokio")]
mod stream {
    use std::{
        fmt,
        task::{Context, Poll, ready},
    };

    use bytes::{Bytes, BytesMut};
    use tokio::io::ReadBuf;

    use super::{CHUNK, ReaderSource};
    use crate::types::{Upload, UploadError, UploadReader};

    impl ReaderSource {
        /// The next bytes, at most `want`. Empty at the end.
        pub(super) fn poll_read(
            &mut self,
            want: u64,
            cx: &mut Context<'_>,
        ) -> Poll<Result<Bytes, UploadError>> {
            if let Self::Deferred(upload) = self {
                *self = Self::Open(upload.take_reader()?);
            }
            let Self::Open(reader) = self else {
                return Poll::Ready(Ok(Bytes::new()));
            };
            let size = usize::try_from(want).map_or(CHUNK, |want| want.min(CHUNK));
            let mut chunk = BytesMut::zeroed(size);
            let mut buffer = ReadBuf::new(&mut chunk);
            ready!(reader.as_mut().poll_read(cx, &mut buffer))?;
            let filled = buffer.filled().len();
            chunk.truncate(filled);
            Poll::Ready(Ok(chunk.freeze()))
        }
    }

    impl From<UploadReader> for ReaderSource {
        fn from(reader: UploadReader) -> Self {
            Self::Open(reader)
        }
    }

    impl From<Upload> for ReaderSource {
        fn from(upload: Upload) -> Self {
            Self::Deferred(upload)
        }
    }

    impl fmt::Debug for ReaderSource {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("ReaderSource")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::types::InputFile;

    fn all(pieces: &mut Chunks) -> Vec<Bytes> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut chunks = Vec::new();
        while let Poll::Ready(Some(frame)) = pieces.poll_frame(&mut cx) {
            chunks.push(frame.unwrap().into_data().unwrap());
        }
        chunks
    }

    #[test]
    fn the_end_is_known_with_the_last_frame() {
        let list = VecDeque::from(["a", "", "bc"].map(|s| Segment::bytes(s.into(), None)));
        let mut pieces = Chunks::from(list);
        assert_eq!(pieces.len(), Some(3));
        assert!(!pieces.is_empty());
        assert_eq!(all(&mut pieces), ["a", "bc"]);
        assert_eq!(pieces.len(), Some(0));
        assert!(pieces.is_empty());
        assert!(Chunks::default().is_empty());
    }

    #[test]
    fn progress_is_reported_for_each_chunk() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let content = Bytes::from(vec![7; CHUNK + 5]);
        let file = InputFile::bytes("a", content.clone())
            .on_progress(move |at| record.lock().unwrap().push((at.sent, at.total)));
        let piece = Segment::of(file.as_upload().unwrap());
        let mut pieces = Chunks::from(VecDeque::from([piece]));
        assert_eq!(all(&mut pieces).concat(), content);
        let length = CHUNK as u64;
        let total = Some(length + 5);
        assert_eq!(
            *seen.lock().unwrap(),
            [(length, total), (length + 5, total)]
        );
    }

    /// The request was complete, and the rest of the reader left out.
    #[cfg(feature = "tokio")]
    #[test]
    fn f18_a_reader_that_goes_on_after_its_length_leaves_the_body_incomplete() {
        let begin = |length| {
            let file = InputFile::reader("a", &b"hello"[..], Some(length));
            let piece = Segment::of(file.as_upload().unwrap());
            Chunks::from(VecDeque::from([piece]))
        };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for length in [0, 3, 4] {
            let mut body = begin(length);
            assert!(!body.is_empty());
            let Poll::Ready(Some(Err(error))) = body.poll_frame(&mut cx) else {
                panic!("it is too long for {length}");
            };
            assert!(error.to_string().contains("more than"), "{error}");
            assert_eq!(body.len(), Some(length));
        }
        let mut body = begin(5);
        assert_eq!(all(&mut body).concat(), b"hello");
        assert!(body.is_empty());
        assert_eq!(body.len(), Some(0));
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn a_stream_has_exactly_its_length() {
        let stream = |length| {
            let reader: UploadReader = Box::pin(&b"hello"[..]);
            Chunks::from(VecDeque::from([Segment::stream(
                reader.into(),
                length,
                None,
            )]))
        };
        // A file that has grown since.
        assert_eq!(all(&mut stream(Some(3))).concat(), b"hel");
        assert_eq!(stream(None).len(), None);
        assert_eq!(all(&mut stream(None)).concat(), b"hello");
        let mut short = stream(Some(9));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(matches!(
            short.poll_frame(&mut cx),
            Poll::Ready(Some(Ok(_)))
        ));
        let Poll::Ready(Some(Err(error))) = short.poll_frame(&mut cx) else {
            panic!("four bytes are missing");
        };
        assert_eq!(
            error.to_string(),
            "the file ended 4 bytes before its length"
        );
    }
}
