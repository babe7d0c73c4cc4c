//! A body that is all there, in chunks.

use std::{collections::VecDeque, convert::Infallible};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// What replies and calls are made of: nothing, one JSON object, or the pieces of a form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunks {
    chunks: VecDeque<Bytes>,
    left: u64,
}

impl Chunks {
    pub(crate) fn len(&self) -> u64 {
        self.left
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(crate) fn next_frame(&mut self) -> Option<Result<Frame<Bytes>, Infallible>> {
        let chunk = self.chunks.pop_front()?;
        self.left -= chunk.len() as u64;
        Some(Ok(Frame::data(chunk)))
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl From<Bytes> for Chunks {
    fn from(bytes: Bytes) -> Self {
        VecDeque::from([bytes]).into()
    }
}

impl From<VecDeque<Bytes>> for Chunks {
    fn from(mut chunks: VecDeque<Bytes>) -> Self {
        chunks.retain(|chunk| !chunk.is_empty());
        let left = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self { chunks, left }
    }
}

/// `http_body::Body` for a public body type around [`Chunks`].
macro_rules! body_of_chunks {
    ($name:ident) => {
        impl http_body::Body for $name {
            type Data = bytes::Bytes;
            type Error = std::convert::Infallible;

            fn poll_frame(
                mut self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
                std::task::Poll::Ready(self.0.next_frame())
            }

            fn is_end_stream(&self) -> bool {
                self.0.is_empty()
            }

            fn size_hint(&self) -> http_body::SizeHint {
                self.0.size_hint()
            }
        }
    };
}

pub(crate) use body_of_chunks;
