//! The request body of a call.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{body::chunks::Chunks, types::UploadError};

/// The request body of a call: JSON, or `multipart/form-data` if files are uploaded. Its length is known unless the
/// length of an uploaded reader isn't.
pub struct ApiBody {
    pieces: Chunks,
    sent: SendProgress,
}

impl ApiBody {
    pub(super) fn new(pieces: Chunks) -> Self {
        Self {
            pieces,
            sent: SendProgress::default(),
        }
    }

    pub(super) fn sent(&self) -> SendProgress {
        self.sent.clone()
    }

    /// A copy of the body, if all of it is in memory. For layers below [`BotApi`](super::BotApi) that repeat requests.
    pub fn try_clone(&self) -> Option<Self> {
        Some(Self {
            pieces: self.pieces.try_clone()?,
            sent: self.sent(),
        })
    }
}

impl Body for ApiBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        if self.sent.is_stopped() {
            return Poll::Ready(Some(Err(UploadError::stopped())));
        }
        let frame = ready!(self.pieces.poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.sent.add(length, self.pieces.is_empty());
            }
            Some(Err(_)) => {}
            None => self.sent.add(0, true),
        }
        Poll::Ready(match frame {
            Some(Err(error)) => Some(Err(self.sent.fail(error))),
            other => other,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.pieces.size_hint()
    }
}

impl fmt::Debug for ApiBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiBody")
            .field("length", &self.pieces.len())
            .finish_non_exhaustive()
    }
}

/// How much of a request's body the connection has taken.
///
/// A server that doesn't have the whole body can't have carried the call out, whatever error the transport returns.
/// That is how [`Error::may_have_arrived`](crate::client::Error::may_have_arrived) is known.
#[derive(Clone, Debug, Default)]
pub(super) struct SendProgress(Arc<State>);

#[derive(Debug, Default)]
struct State {
    bytes: AtomicU64,
    complete: AtomicBool,
    stopped: AtomicBool,
    failure: Mutex<Option<UploadError>>,
}

/// In the extensions of a call: how far its last request is, for a caller that may have to stop waiting for the response.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallProgress(Arc<Mutex<Option<SendProgress>>>);

impl CallProgress {
    /// Whether Telegram may have the whole call. Not before it was sent, nor after it was refused.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    pub(crate) fn may_have_arrived(&self) -> bool {
        let sent = self.sent();
        sent.as_ref().is_some_and(SendProgress::is_complete)
    }

    /// A request is sent for the call.
    pub(super) fn begin(&self, sent: SendProgress) {
        *self.sent() = Some(sent);
    }

    fn sent(&self) -> std::sync::MutexGuard<'_, Option<SendProgress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SendProgress {
    fn add(&self, length: usize, complete: bool) {
        self.0.bytes.fetch_add(length as u64, Ordering::Relaxed);
        if complete {
            self.0.complete.store(true, Ordering::Release);
        }
    }

    /// Records the error, and returns another one for the transport.
    fn fail(&self, error: UploadError) -> UploadError {
        *self.failure() = Some(error);
        UploadError::stopped()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.0.complete.load(Ordering::Acquire)
    }

    /// The response shows that the call wasn't carried out.
    pub(super) fn refused(&self) {
        self.0.complete.store(false, Ordering::Release);
    }

    /// Fails the rest of the body, if there is any: the response has come, and a connection that takes the rest later
    /// can't be used for another request.
    pub(super) fn stop(&self) {
        if !self.is_complete() {
            self.0.stopped.store(true, Ordering::Release);
        }
    }

    fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Acquire)
    }

    /// Takes the error of the file that couldn't be read to its end.
    pub(super) fn take_failure(&self) -> Option<UploadError> {
        self.failure().take()
    }

    fn failure(&self) -> std::sync::MutexGuard<'_, Option<UploadError>> {
        self.0
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
