//! A request body made of given frames.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::support::adapter::BoxError;

/// Frames, with a count of those that were read.
#[derive(Debug)]
pub(crate) struct Frames<I> {
    frames: I,
    taken: Arc<AtomicUsize>,
}

impl<I> Frames<I> {
    pub(crate) fn new(frames: I) -> (Self, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let body = Self {
            frames,
            taken: taken.clone(),
        };
        (body, taken)
    }
}

impl<I: Iterator<Item = Result<Bytes, BoxError>> + Unpin> Body for Frames<I> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = self.frames.next();
        self.taken.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(frame.map(|frame| frame.map(Frame::data)))
    }
}
