//! [`BotApi`] as a service: a call's way over HTTP, and its response future.

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower_service::Service;

use super::{
    ApiBody, ApiRequest, ApiResponse,
    body::SendProgress,
    bot_api::BotApi,
    download::{self, Download},
    encoding,
    envelope::{AnswerHead, read_envelope},
    idle::IdleTimeout,
    local_files::FilePlace,
    request::Target,
    url::ApiUrl,
};
use crate::{
    body::{
        chunks::{self, Chunks},
        collect::{CollectError, CollectLimited, CollectLimits},
        multipart::{self, OpenError},
    },
    client::{BotToken, Error, retry_after, several::list_of_messages},
    task::polled_after_completion,
    telemetry::{
        call_span,
        metric::{self, method_label, status_label},
        names,
        timer::MetricTimer,
    },
};

/// The longest response body that is read, before and after decompressing it. Telegram's longest is that of
/// getUpdates, 4 MiB.
const MAX_ANSWER: usize = 32 << 20;

type Opening = Pin<Box<dyn Future<Output = Result<(HeaderValue, Chunks), OpenError>> + Send>>;
type OpeningFile = Pin<Box<dyn Future<Output = Result<Download, Error>> + Send>>;

impl<S, B> Service<ApiRequest> for BotApi<S>
where
    S: Service<Request<ApiBody>, Response = Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = ApiResponse;
    type Error = Error;
    type Future = ResponseFuture<S, S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner
            .poll_ready(cx)
            .map_err(|error| Error::transport(error, false))
    }

    fn call(&mut self, call: ApiRequest) -> Self::Future {
        let method = call.method_name();
        call_span::sent_to(call.extensions(), self.address.host(), || {
            self.address.template(&method)
        });
        let state = self
            .begin(call)
            .unwrap_or_else(|error| State::Failed { error: Some(error) });
        ResponseFuture {
            method,
            address: Arc::clone(&self.address),
            timer: MetricTimer::start(),
            state,
        }
    }
}

impl<S> BotApi<S> {
    fn begin<B>(&mut self, mut call: ApiRequest) -> Result<State<S, S::Future, B>, Error>
    where
        S: Service<Request<ApiBody>, Response = Response<B>> + Clone,
    {
        let limit = self.idle_limit(&call);
        match call.target() {
            Target::File { path } => {
                let request = if download::is_on_disk(path) {
                    match self.local_files.find(path)? {
                        FilePlace::Disk(path) => {
                            let opening = Box::pin(Download::open(path));
                            return Ok(State::OpeningFile { opening });
                        }
                        FilePlace::Web(uri, authorization) => Self::fetch(uri, authorization),
                    }
                } else {
                    let authorization = self.address.authorization().cloned();
                    Self::fetch(self.address.file(path)?, authorization)
                };
                Ok(self.send(request, limit, true))
            }
            Target::Method { uploads, .. } if uploads.is_empty() => {
                let body = multipart::json(call.take_json());
                let request = self.encode(&call, body)?;
                Ok(self.send(request, limit, false))
            }
            Target::Method { json, uploads } => {
                if uploads.iter().any(chunks::needs_opening) {
                    let opening = multipart::open_and_encode(json.clone(), uploads.clone());
                    return Ok(State::Opening {
                        opening: Box::pin(opening),
                        // The service that was polled ready makes the call.
                        api: Some((self.take(), call)),
                    });
                }
                let body = multipart::encode(json, uploads).map_err(Error::encode)?;
                self.upload(&call, body)
            }
        }
    }

    fn upload<B>(
        &mut self,
        call: &ApiRequest,
        body: (HeaderValue, Chunks),
    ) -> Result<State<S, S::Future, B>, Error>
    where
        S: Service<Request<ApiBody>, Response = Response<B>>,
    {
        let request = self.encode(call, body)?;
        let storing = Duration::from_secs(request.body().size_hint().lower() >> 20);
        let limit = self.idle_limit(call);
        let limit = limit.map(|limit| limit.saturating_add(storing));
        Ok(self.send(request, limit, false))
    }

    fn take(&mut self) -> Self
    where
        S: Clone,
    {
        let fresh = self.clone();
        std::mem::replace(self, fresh)
    }

    fn send<B>(
        &mut self,
        request: Request<ApiBody>,
        limit: Option<Duration>,
        is_file: bool,
    ) -> State<S, S::Future, B>
    where
        S: Service<Request<ApiBody>, Response = Response<B>>,
    {
        let sent = request.body().sent();
        State::Calling {
            is_file,
            future: self.inner.call(request),
            sent,
            idle: Some(IdleTimeout::new(limit)),
        }
    }
}

pin_project! {
    /// The response future of [`BotApi`].
    pub struct ResponseFuture<S, F, B> {
        method: Cow<'static, str>,
        // For its token, which no error may show.
        address: Arc<ApiUrl>,
        timer: MetricTimer,
        #[pin]
        state: State<S, F, B>,
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
    #[project = StateProj]
    enum State<S, F, B> {
        /// Files are being opened, because their lengths have to be known first.
        Opening { opening: Opening, api: Option<(BotApi<S>, ApiRequest)> },
        OpeningFile { opening: OpeningFile },
        Calling {
            #[pin]
            future: F,
            sent: SendProgress,
            idle: Option<IdleTimeout>,
            is_file: bool,
        },
        Reading {
            status: StatusCode,
            wait: Option<Duration>,
            gzip: bool,
            date: Option<HeaderValue>,
            sent: SendProgress,
            #[pin]
            body: CollectLimited<B>,
            idle: IdleTimeout,
        },
        Failed { error: Option<Error> },
    }
}

const LIMITS: CollectLimits = CollectLimits {
    max_bytes: MAX_ANSWER,
    read_timeout: None,
};

impl<S, B> Future for ResponseFuture<S, S::Future, B>
where
    S: Service<Request<ApiBody>, Response = Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Result<ApiResponse, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let done = ready!(poll_state(this.state.as_mut(), this.address, cx));
        if metric::IS_ON {
            let status = match &done {
                Ok(response) => Some(response.status()),
                Err(error) => error.status(),
            };
            names::REQUEST_DURATION.record(
                this.timer.elapsed().as_secs_f64(),
                [
                    method_label(this.method),
                    status_label(status),
                    done.as_ref()
                        .err()
                        .map_or("", |error| error.kind().name())
                        .into(),
                ],
            );
        }
        let done = done.map_err(|error| of_method(error, this.method.clone()));
        if done.as_ref().is_err_and(|error| !error.may_have_arrived())
            && let StateProj::Reading { sent, .. } = this.state.project()
        {
            sent.refused();
        }
        Poll::Ready(done)
    }
}

fn poll_state<S, B>(
    mut state: Pin<&mut State<S, S::Future, B>>,
    address: &ApiUrl,
    cx: &mut Context<'_>,
) -> Poll<Result<ApiResponse, Error>>
where
    S: Service<Request<ApiBody>, Response = Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    loop {
        let next = match state.as_mut().project() {
            StateProj::Opening { opening, api } => {
                let body = ready!(opening.as_mut().poll(cx)).map_err(Error::from_opening)?;
                let Some((mut api, call)) = api.take() else {
                    polled_after_completion();
                };
                api.upload(&call, body)?
            }
            StateProj::OpeningFile { opening } => {
                return opening.as_mut().poll(cx).map_ok(ApiResponse::file);
            }
            StateProj::Calling {
                future,
                sent,
                idle,
                is_file,
            } => {
                let Some(timer) = idle else {
                    polled_after_completion();
                };
                let Poll::Ready(response) = future.poll(cx) else {
                    ready!(timer.poll_stalled(sent.bytes(), cx));
                    return Poll::Ready(Err(Error::timeout(sent.is_complete())));
                };
                let response = response.map_err(|error| transport_error(error, sent))?;
                let timer = idle.take().unwrap_or_default();
                let status = response.status();
                if *is_file && is_whole_file(status) {
                    if let Some(coding) = encoding::coding(response.headers()) {
                        let why = format!("the file was sent with the encoding {coding}");
                        return Poll::Ready(Err(Error::decode(why).under(status)));
                    }
                    let download = Download::new(response, timer);
                    return Poll::Ready(Ok(ApiResponse::file(download).with_status(status)));
                }
                State::Reading {
                    status,
                    // For every status: a proxy may have rewritten that of a refusal to 200.
                    wait: retry_after::in_header(response.headers()),
                    gzip: encoding::is_gzip(response.headers()),
                    date: response.headers().get(header::DATE).cloned(),
                    sent: sent.clone(),
                    body: CollectLimited::new(response.into_body(), LIMITS),
                    idle: timer,
                }
            }
            StateProj::Reading {
                status,
                wait,
                gzip,
                date,
                sent,
                mut body,
                idle,
            } => {
                let Poll::Ready(read) = body.as_mut().poll(cx) else {
                    ready!(idle.poll_stalled(body.received() as u64, cx));
                    let late = Error::timeout(true).under(*status);
                    return Poll::Ready(Err(late.with_retry_after(*wait)));
                };
                // A connection that has taken a part of this request can't be used for another one.
                sent.stop();
                let read = read.map_err(|error| body_error(error, *status));
                let head = AnswerHead {
                    status: *status,
                    wait: *wait,
                };
                let done = read.and_then(|body| finish(head, *gzip, body, address.token()));
                let done = done.map(|response| response.dated(date.take()));
                return Poll::Ready(done.map_err(|error| error.or_retry_after(*wait)));
            }
            StateProj::Failed { error } => {
                let error = error.take().unwrap_or_else(|| polled_after_completion());
                return Poll::Ready(Err(error));
            }
        };
        state.set(next);
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

/// The error of a call of this method. If Telegram refused one of several messages, those before it have been sent.
/// A response that broke off may have been such a refusal.
fn of_method(error: Error, method: Cow<'static, str>) -> Error {
    let may_be_refusal = error.status().is_some() && !error.is_foreign();
    if may_be_refusal && list_of_messages(&method).is_some() {
        return error.partly_carried_out().with_method(method);
    }
    error.with_method(method)
}

fn finish(
    head: AnswerHead,
    gzip: bool,
    body: Bytes,
    token: &BotToken,
) -> Result<ApiResponse, Error> {
    let body = if gzip {
        encoding::gunzip(&body, MAX_ANSWER).ok_or_else(|| Error::http(head.status))?
    } else {
        body
    };
    let status = head.status;
    let result = read_envelope(head, &body, token.expose())?;
    Ok(ApiResponse::new(result).with_status(status))
}

/// The error of the transport, or of the file that couldn't be read for the request's body.
fn transport_error(error: impl Into<BoxError>, sent: &SendProgress) -> Error {
    match sent.take_failure() {
        Some(failure) => Error::upload(failure),
        None => Error::transport(error, sent.is_complete()),
    }
}

/// The error of a response body that broke off or is too long.
fn body_error<E: Into<BoxError>>(error: CollectError<E>, status: StatusCode) -> Error {
    match error {
        CollectError::TooLarge { .. } => Error::http(status),
        CollectError::Timeout => Error::timeout(true).under(status),
        CollectError::Body(error) => Error::transport(error, true).under(status),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::{
        client::{Client, ErrorKind},
        methods::GetMe,
    };

    fn token() -> BotToken {
        BotToken::new("123:secret").unwrap()
    }

    /// A client whose every call gets this response.
    fn client_with_response(status: u16, body: &'static str) -> Client {
        let http = tower::service_fn(move |request: Request<ApiBody>| async move {
            assert_eq!(request.method(), "POST");
            assert_eq!(request.uri(), "http://localhost:81/bot123:secret/getMe");
            let answer = Response::builder().status(status).body(body.to_owned());
            Ok::<_, Infallible>(answer.unwrap())
        });
        Client::from_service(BotApi::new(http, &token(), "http://localhost:81/").unwrap())
    }

    #[tokio::test]
    async fn a_result_is_typed() {
        let client = client_with_response(
            200,
            r#"{"ok":true,"result":{"id":123,"is_bot":true,"first_name":"B"},"description":"x"}"#,
        );
        assert_eq!(client.send(GetMe::new()).await.unwrap().id, 123);
    }

    #[tokio::test]
    async fn f5_a_refusal_has_its_code_description_and_parameters() {
        let error = client_with_response(
            429,
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#,
        )
        .send(GetMe::new())
        .await
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Api);
        assert_eq!(error.status(), Some(StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(
            error.to_string(),
            "getMe: telegram refused the call: 429 Too Many Requests: retry after 7"
        );
    }

    #[tokio::test]
    async fn f5_a_response_of_another_program_has_its_status() {
        for body in [
            "<html>502</html>",
            "",
            "{\"ok\":true",
            "{}",
            "[]",
            "{\"ok\":true}",
        ] {
            let error = client_with_response(502, body)
                .send(GetMe::new())
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Http, "{body}");
            assert_eq!(error.status(), Some(StatusCode::BAD_GATEWAY), "{body}");
        }
        let odd = client_with_response(200, r#"{"ok":true,"result":7}"#);
        assert_eq!(
            odd.send(GetMe::new()).await.unwrap_err().kind(),
            ErrorKind::Decode
        );
    }

    #[tokio::test]
    async fn a6_no_error_shows_the_token() {
        let http = tower::service_fn(|_: Request<ApiBody>| async {
            Err::<Response<String>, _>(std::io::Error::other("broken"))
        });
        let api = BotApi::new(http, &token(), "http://localhost").unwrap();
        let client = Client::from_service(api);
        let error = client.send(GetMe::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);
        for shown in [
            format!("{error} {error:?}"),
            format!("{client:?} {:?}", token()),
        ] {
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
