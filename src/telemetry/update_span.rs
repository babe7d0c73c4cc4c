//! The span of an update, in the extensions of its request and of its response.

use std::{sync::Arc, time::Duration};

use http::Extensions;
use tracing::Span;

use super::names;

/// The span of an update's attempt. It is there only if something records it.
///
/// In a request, inner layers use it to add to the span. In a response, the code that sends the reply through
/// the client does so within the span.
#[derive(Clone, Debug)]
pub(crate) struct UpdateSpan(pub(crate) Span);

impl UpdateSpan {
    /// That of an update's request or response, or a span that records nothing.
    pub(crate) fn of(extensions: &Extensions) -> Span {
        extensions
            .get()
            .map_or_else(Span::none, |Self(span)| span.clone())
    }
}

/// An update had to wait for its turn in its chat.
#[cfg_attr(not(feature = "tokio"), allow(dead_code))]
pub(crate) fn turn_waited(extensions: &Extensions, wait: Duration) {
    if let Some(UpdateSpan(span)) = extensions.get() {
        span.record("telegram.update.turn_wait", wait.as_secs_f64());
    }
    names::TURN_WAIT.record(wait.as_secs_f64(), []);
}

/// The W3C trace context in which an update was put into a queue, in the extensions of its request.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "queue"), allow(dead_code))]
pub(crate) struct CreationContext(pub(crate) Arc<str>);

/// The number of an attempt, in the extensions of an update's request if it isn't the first of several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptNumber {
    /// From 1.
    pub(crate) number: u32,
    /// After which the update is abandoned.
    pub(crate) max: u32,
}

impl AttemptNumber {
    /// `None` for the first of several, so that the usual way costs nothing.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    pub(crate) fn unless_first(number: u32, max: u32) -> Option<Self> {
        (number > 1 || max <= 1).then_some(Self { number, max })
    }

    pub(crate) fn of(extensions: &Extensions) -> Self {
        let first = Self {
            number: 1,
            max: u32::MAX,
        };
        extensions.get().copied().unwrap_or(first)
    }

    pub(crate) fn is_last(self) -> bool {
        self.number >= self.max
    }
}
