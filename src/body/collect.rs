//! Reads a whole body, with a limit on its size and its time.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf as _, BufMut as _, Bytes};
use http_body::Body;
use pin_project_lite::pin_project;

/// The limits on a body's size and time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CollectLimits {
    pub(crate) max_bytes: usize,
    /// Ignored without the feature `tokio`, which has the timer.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    pub(crate) read_timeout: Option<Duration>,
}

pin_project! {
    /// The future of a whole body. The data of a single frame isn't copied.
    #[derive(Debug)]
    pub(crate) struct CollectLimited<B> {
        #[pin]
        body: B,
        limits: CollectLimits,
        first: Bytes,
        // All frames, if there is more than one.
        all: Vec<u8>,
        deadline: ReadTimeout,
    }
}

impl<B> CollectLimited<B> {
    pub(crate) fn new(body: B, limits: CollectLimits) -> Self {
        Self {
            body,
            limits,
            first: Bytes::new(),
            all: Vec::new(),
            deadline: ReadTimeout::default(),
        }
    }

    /// The number of bytes read so far.
    pub(crate) fn received(&self) -> usize {
        self.first.len() + self.all.len()
    }
}

/// A body couldn't be read.
#[derive(Debug)]
pub(crate) enum CollectError<E> {
    TooLarge { limit: usize },
    Timeout,
    Body(E),
}

impl<B: Body> Future for CollectLimited<B> {
    type Output = Result<Bytes, CollectError<B::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            // A body that knows its end needn't be polled again.
            if this.body.is_end_stream() {
                return Poll::Ready(Ok(finish(this.first, this.all)));
            }
            let frame = match this.body.as_mut().poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    ready!(this.deadline.poll_passed(this.limits.read_timeout, cx));
                    return Poll::Ready(Err(CollectError::Timeout));
                }
            };
            let mut data = match frame {
                None => return Poll::Ready(Ok(finish(this.first, this.all))),
                Some(Err(error)) => return Poll::Ready(Err(CollectError::Body(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    Err(_trailers) => continue,
                },
            };
            let length = data.remaining();
            if this.first.len() + this.all.len() + length > this.limits.max_bytes {
                let limit = this.limits.max_bytes;
                return Poll::Ready(Err(CollectError::TooLarge { limit }));
            }
            if this.first.is_empty() && this.all.is_empty() {
                *this.first = data.copy_to_bytes(length);
            } else {
                this.all.put(std::mem::take(this.first));
                this.all.put(data);
            }
        }
    }
}

fn finish(first: &mut Bytes, all: &mut Vec<u8>) -> Bytes {
    if all.is_empty() {
        std::mem::take(first)
    } else {
        std::mem::take(all).into()
    }
}

/// Starts when the body is first pending. It is boxed, because most bodies never are.
#[cfg(feature = "tokio")]
#[derive(Debug, Default)]
struct ReadTimeout {
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

#[cfg(feature = "tokio")]
impl ReadTimeout {
    fn poll_passed(&mut self, after: Option<Duration>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(after) = after else {
            return Poll::Pending;
        };
        let start = || Box::pin(tokio::time::sleep(after));
        self.sleep.get_or_insert_with(start).as_mut().poll(cx)
    }
}

/// Without a timer there is no deadline.
#[cfg(not(feature = "tokio"))]
#[derive(Debug, Default)]
struct ReadTimeout {}

#[cfg(not(feature = "tokio"))]
impl ReadTimeout {
    #[allow(clippy::unused_self)]
    fn poll_passed(&mut self, _: Option<Duration>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
