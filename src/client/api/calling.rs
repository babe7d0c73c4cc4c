//! A call whose HTTP request is on its way: until the head of the response.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower_service::Service;

use super::{
    ApiBody, ApiRequest, ApiResponse, Download, body::SendProgress, bot_api::BotApi, encoding,
    expected::Expected, idle::IdleTimeout, reading::Reading,
};
use crate::{body::chunks::Chunks, client::Error, task::polled_after_completion};

impl<S> BotApi<S> {
    /// Sends a call with files. To the idle limit it adds the time in which the server stores them.
    pub(super) fn upload<B>(
        &mut self,
        call: &ApiRequest,
        body: (HeaderValue, Chunks),
    ) -> Result<Calling<S::Future>, Error>
    where
        S: Service<Request<ApiBody>, Response = Response<B>>,
    {
        let request = self.encode(call, body)?;
        let storing = Duration::from_secs(request.body().size_hint().lower() >> 20);
        let limit = self.idle_limit(call);
        let limit = limit.map(|limit| limit.saturating_add(storing));
        Ok(self.send(request, limit, call.expected()))
    }

    /// Sends a request. `limit` is how long the connection may be idle.
    pub(super) fn send<B>(
        &mut self,
        request: Request<ApiBody>,
        limit: Option<Duration>,
        expected: Expected,
    ) -> Calling<S::Future>
    where
        S: Service<Request<ApiBody>, Response = Response<B>>,
    {
        let sent = request.body().sent();
        Calling {
            future: self.inner.call(request),
            sent,
            idle: Some(IdleTimeout::new(limit)),
            expected,
        }
    }
}

pin_project! {
    /// Waits for the head of the response.
    pub(super) struct Calling<F> {
        #[pin]
        future: F,
        sent: SendProgress,
        // The body goes on with it. `None` when the head has come.
        idle: Option<IdleTimeout>,
        expected: Expected,
    }
}

/// A response whose head has come.
pub(super) enum BegunResponse<B> {
    /// A file, whose body the caller reads.
    File(ApiResponse),
    /// Everything else.
    Body(Reading<B>),
}

impl<F, B, E> Future for Calling<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Result<BegunResponse<B>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(timer) = this.idle else {
            polled_after_completion();
        };
        let Poll::Ready(response) = this.future.poll(cx) else {
            ready!(timer.poll_stalled(this.sent.bytes(), cx));
            return Poll::Ready(Err(Error::timeout(this.sent.is_complete())));
        };
        let response = response.map_err(|error| transport_error(error, this.sent))?;
        let timer = this.idle.take().unwrap_or_default();
        if matches!(this.expected, Expected::File) && is_whole_file(response.status()) {
            return Poll::Ready(file(response, timer).map(BegunResponse::File));
        }
        let reading = Reading::new(response, *this.expected, this.sent.clone(), timer);
        Poll::Ready(Ok(BegunResponse::Body(reading)))
    }
}

/// The error of the transport, or of the file that couldn't be read for the request's body.
fn transport_error(error: impl Into<BoxError>, sent: &SendProgress) -> Error {
    match sent.take_failure() {
        Some(failure) => Error::upload(failure),
        None => Error::transport(error, sent.is_complete()),
    }
}

/// Whether a response with this status has the whole file. Of the other successes none was asked for: a part of it, no
/// content, or content that comes later.
fn is_whole_file(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION
    )
}

/// The response with a file. One that is compressed in spite of the request is an error.
fn file<B>(response: Response<B>, idle: IdleTimeout) -> Result<ApiResponse, Error>
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    let status = response.status();
    if let Some(coding) = encoding::coding(response.headers()) {
        let why = format!("the file was sent with the encoding {coding}");
        return Err(Error::decode(why).with_status(status));
    }
    Ok(ApiResponse::file(Download::new(response, idle)).with_status(status))
}
