//! The response future of [`BotApi`](super::BotApi).

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower_service::Service;

use super::{
    ApiBody, ApiResponse, Download,
    calling::{BegunResponse, Calling},
    opening::Opening,
    reading::Reading,
    url::ApiUrl,
};
use crate::{
    client::{Error, several::list_of_messages},
    task::polled_after_completion,
    telemetry::request_timer::RequestTimer,
};

pub(super) type OpeningFile = Pin<Box<dyn Future<Output = Result<Download, Error>> + Send>>;

pin_project! {
    /// The response future of [`BotApi`](super::BotApi).
    pub struct ResponseFuture<S, F, B> {
        method: Cow<'static, str>,
        // For its token, which no error may show.
        address: Arc<ApiUrl>,
        timer: RequestTimer,
        #[pin]
        state: State<S, F, B>,
    }
}

impl<S, F, B> ResponseFuture<S, F, B> {
    pub(super) fn new(
        method: Cow<'static, str>,
        address: Arc<ApiUrl>,
        state: State<S, F, B>,
    ) -> Self {
        Self {
            timer: RequestTimer::start(&method),
            method,
            address,
            state,
        }
    }
}

impl<S, F, B> fmt::Debug for ResponseFuture<S, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The stage of a call.
    #[project = StateProj]
    pub(super) enum State<S, F, B> {
        /// Files are opened for an upload.
        Opening { opening: Opening<S> },
        /// A file on this machine's disk is opened in place of a download.
        OpeningFile { opening: OpeningFile },
        /// The request is sent.
        Calling { #[pin] calling: Calling<F> },
        /// The response is read.
        Reading { #[pin] reading: Reading<B> },
        /// The call can't be sent. `None` once the response or the error was returned.
        Failed { error: Option<Error> },
    }
}

impl<S, B> State<S, S::Future, B>
where
    S: Service<Request<ApiBody>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn poll_response(
        mut self: Pin<&mut Self>,
        address: &ApiUrl,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ApiResponse, Error>> {
        loop {
            let next = match self.as_mut().project() {
                StateProj::Opening { opening } => {
                    let calling = ready!(opening.poll_calling(cx))?;
                    State::Calling { calling }
                }
                StateProj::OpeningFile { opening } => {
                    return opening.as_mut().poll(cx).map_ok(ApiResponse::file);
                }
                StateProj::Calling { calling } => match ready!(calling.poll(cx))? {
                    BegunResponse::File(response) => return Poll::Ready(Ok(response)),
                    BegunResponse::Body(reading) => State::Reading { reading },
                },
                StateProj::Reading { reading } => return reading.poll_result(address.token(), cx),
                StateProj::Failed { error } => {
                    let error = error.take().unwrap_or_else(|| polled_after_completion());
                    return Poll::Ready(Err(error));
                }
            };
            self.set(next);
        }
    }
}

impl<S, B> Future for ResponseFuture<S, S::Future, B>
where
    S: Service<Request<ApiBody>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Result<ApiResponse, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let done = ready!(this.state.as_mut().poll_response(this.address, cx));
        let (status, error_type) = match &done {
            Ok(response) => (Some(response.status()), ""),
            Err(error) => (error.status(), error.kind().name()),
        };
        this.timer.end(status, error_type);
        let done = done.map_err(|error| of_method(error, this.method.clone()));
        if done.as_ref().is_err_and(|error| !error.may_have_arrived())
            && let StateProj::Reading { reading } = this.state.as_mut().project()
        {
            reading.refused();
        }
        // The connection's body is dropped with it.
        this.state.set(State::Failed { error: None });
        Poll::Ready(done)
    }
}

/// The error of a call of this method. If Telegram refused one of several messages, those before it have been sent.
/// A response that broke off may have been such a refusal.
fn of_method(error: Error, method: Cow<'static, str>) -> Error {
    let may_be_refusal = error.status().is_some() && !error.is_foreign();
    if may_be_refusal && list_of_messages(&method).is_some() {
        return error.partly_carried_out().with_method(method);
    }
    error.with_method(method)
}
