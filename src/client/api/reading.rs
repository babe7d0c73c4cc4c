//! A response whose body is read: until the result of the call.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;

use super::{
    ApiResponse,
    body::SendProgress,
    encoding,
    envelope::{ResponseHead, read_envelope},
    expected::Expected,
    idle::IdleTimeout,
};
use crate::{
    body::collect::{CollectError, CollectLimited, CollectLimits},
    client::{BotToken, Error, retry_after},
};

/// The longest response body that is read, before and after decompressing it. Telegram's longest is that of
/// getUpdates, 4 MiB.
const MAX_RESPONSE: usize = 32 << 20;

const LIMITS: CollectLimits = CollectLimits {
    max_bytes: MAX_RESPONSE,
    read_timeout: None,
};

pin_project! {
    /// Reads the body of a response.
    pub(super) struct Reading<B> {
        head: ResponseHead,
        gzip: bool,
        expected: Expected,
        date: Option<HeaderValue>,
        sent: SendProgress,
        #[pin]
        body: CollectLimited<B>,
        idle: IdleTimeout,
    }
}

impl<B> Reading<B> {
    /// Begins to read. `idle` is that of the request, `sent` how much of it was sent.
    pub(super) fn new(
        response: Response<B>,
        expected: Expected,
        sent: SendProgress,
        idle: IdleTimeout,
    ) -> Self {
        let headers = response.headers();
        Self {
            head: ResponseHead {
                status: response.status(),
                // For every status: a proxy may have rewritten that of a refusal to 200.
                wait: retry_after::in_header(headers),
            },
            gzip: encoding::is_gzip(headers),
            expected,
            date: headers.get(header::DATE).cloned(),
            sent,
            body: CollectLimited::new(response.into_body(), LIMITS),
            idle,
        }
    }

    /// Records that the call wasn't carried out.
    pub(super) fn refused(&self) {
        self.sent.refused();
    }
}

impl<B> Reading<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// Polls for the result of a call that was made with this token.
    pub(super) fn poll_result(
        self: Pin<&mut Self>,
        token: &BotToken,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ApiResponse, Error>> {
        let mut this = self.project();
        let ResponseHead { status, wait } = *this.head;
        let Poll::Ready(read) = this.body.as_mut().poll(cx) else {
            ready!(this.idle.poll_stalled(this.body.received() as u64, cx));
            let late = Error::timeout(true).with_status(status);
            return Poll::Ready(Err(late.with_retry_after(wait)));
        };
        // A connection that has taken a part of this request can't be used for another one.
        this.sent.stop();
        let read = read.map_err(|error| body_error(error, status));
        let done =
            read.and_then(|body| result(*this.head, *this.gzip, *this.expected, body, token));
        Poll::Ready(match done {
            Ok(response) => Ok(response.dated(this.date.take())),
            Err(error) => Err(error.or_retry_after(wait)),
        })
    }
}

/// The result in a body.
fn result(
    head: ResponseHead,
    gzip: bool,
    expected: Expected,
    body: Bytes,
    token: &BotToken,
) -> Result<ApiResponse, Error> {
    let body = if gzip {
        encoding::gunzip(&body, MAX_RESPONSE).ok_or_else(|| Error::http(head.status))?
    } else {
        body
    };
    let response = match expected.read(&body) {
        Some((json, result)) => ApiResponse::typed(json, result),
        None => ApiResponse::new(read_envelope(head, &body, token.expose())?),
    };
    Ok(response.with_status(head.status))
}

/// The error of a response body that broke off or is too long.
fn body_error<E: Into<BoxError>>(error: CollectError<E>, status: StatusCode) -> Error {
    match error {
        CollectError::TooLarge { .. } => Error::http(status),
        CollectError::Timeout => Error::timeout(true).with_status(status),
        CollectError::Body(error) => Error::transport(error, true).with_status(status),
    }
}
