//! The duration of a request to the Bot API, for the histogram of all requests.

use std::borrow::Cow;

use http::StatusCode;

#[cfg(feature = "metrics")]
use super::{
    call_span::unfinished,
    metric::{LabelValue, method_label, status_label},
    names,
};
#[cfg(feature = "metrics")]
use crate::task::clock::Instant;

/// Measures a request from its creation to [`end`](Self::end). One that is dropped before was cancelled, or something
/// below it panicked, which is measured too. Without the feature `metrics` it does nothing.
#[derive(Debug)]
pub(crate) struct RequestTimer {
    #[cfg(feature = "metrics")]
    method: LabelValue,
    #[cfg(feature = "metrics")]
    began: Instant,
    #[cfg(feature = "metrics")]
    has_ended: bool,
}

#[cfg(feature = "metrics")]
impl RequestTimer {
    // As for `method_label`, a `&str` wouldn't say that a name is this crate's.
    #[allow(clippy::ptr_arg)]
    #[inline]
    pub(crate) fn start(method: &Cow<'static, str>) -> Self {
        Self {
            method: method_label(method),
            began: Instant::now(),
            has_ended: false,
        }
    }

    /// Records the request's end: the status of the response, if there is one, and the kind of the error, or an empty text.
    pub(crate) fn end(&mut self, status: Option<StatusCode>, error_type: &'static str) {
        self.has_ended = true;
        names::REQUEST_DURATION.record(
            self.began.elapsed().as_secs_f64(),
            [self.method.clone(), status_label(status), error_type.into()],
        );
    }
}

#[cfg(feature = "metrics")]
impl Drop for RequestTimer {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end(None, unfinished());
        }
    }
}

#[cfg(not(feature = "metrics"))]
impl RequestTimer {
    #[allow(clippy::ptr_arg)]
    #[inline]
    pub(crate) fn start(_: &Cow<'static, str>) -> Self {
        Self {}
    }

    #[inline]
    #[allow(clippy::unused_self)]
    pub(crate) fn end(&mut self, _: Option<StatusCode>, _: &'static str) {}
}
