//! From an [`ApiRequest`] to an HTTP request, and back.

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
    ApiBody, ApiRequest, ApiResponse, InvalidBaseUrl,
    body::SendProgress,
    download::{self, Download},
    encoding,
    envelope::read_envelope,
    idle::IdleTimeout,
    request::Target,
    retry_after::{self, with_wait},
    url::ApiUrl,
};
use crate::{
    body::{
        chunks::{self, Chunks},
        collect::{CollectError, CollectLimited, CollectLimits},
        multipart::{self, OpenError},
    },
    client::{BotToken, Error},
    task::polled_after_completion,
};

/// The most of an answer that is read, also after decompressing it. Telegram's longest is that of
/// getUpdates, 4 MiB.
const MAX_ANSWER: usize = 32 << 20;

/// How long a connection may stand still, unless told otherwise.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

type Opening = Pin<Box<dyn Future<Output = Result<(HeaderValue, Chunks), OpenError>> + Send>>;
type OpeningFile = Pin<Box<dyn Future<Output = Result<Download, Error>> + Send>>;

/// Calls the Bot API over an HTTP service.
///
/// It adds the address and the token, so that no layer above it sees the token; whatever traces
/// URIs belongs above it, not below.
///
/// ```
/// use tower_telegram::client::{ApiBody, BotApi, Client};
/// use http::{Request, Response};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Any HTTP client that is a service; here one that always gives the same answer.
/// let http = tower::service_fn(async |_: Request<ApiBody>| {
///     Ok::<_, std::io::Error>(Response::new(r#"{"ok":true,"result":true}"#.to_owned()))
/// });
/// let api = BotApi::new(http, &"123456:a-Secret_One".parse()?, "http://localhost:8081")?;
/// let client = Client::from_service(api);
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct BotApi<S> {
    inner: S,
    /// A client is cloned for each call.
    address: Arc<ApiUrl>,
    read_timeout: Option<Duration>,
    local_files: bool,
}

impl<S> BotApi<S> {
    inner_accessors!();
}

impl<S> BotApi<S> {
    /// Calls the API at `base_url`, which is `https://api.telegram.org` or a server of your own.
    ///
    /// # Errors
    ///
    /// When `base_url` isn't an absolute `http` or `https` URL.
    pub fn new(inner: S, token: &BotToken, base_url: &str) -> Result<Self, InvalidBaseUrl> {
        Ok(Self::at(inner, ApiUrl::new(base_url, token)?))
    }

    /// Calls Telegram's own servers.
    pub fn telegram(inner: S, token: &BotToken) -> Self {
        Self::at(inner, ApiUrl::telegram(token))
    }

    fn at(inner: S, address: ApiUrl) -> Self {
        Self {
            inner,
            address: Arc::new(address),
            read_timeout: Some(READ_TIMEOUT),
            local_files: false,
        }
    }

    /// Calls Telegram's [test environment](https://core.telegram.org/bots/features#dedicated-test-environment),
    /// which has users, bots and tokens of its own.
    pub fn test_environment(mut self) -> Self {
        Arc::make_mut(&mut self.address).set_test_environment();
        self
    }

    /// How long a connection may stand still: no byte of the request taken and none of the answer
    /// come. 60 s unless told otherwise; `None` is no limit.
    ///
    /// What Telegram takes on purpose is added: the `timeout` of getUpdates, and a second for each
    /// MiB that is uploaded, as files are stored before the answer comes. It needs the feature
    /// `tokio`, for its timer; without it there is no limit.
    pub fn read_timeout(mut self, limit: Option<Duration>) -> Self {
        self.read_timeout = limit;
        self
    }

    /// The server is one in local mode on this machine: where it gives a file's absolute path,
    /// [`Client::download`](crate::Client::download) opens that path. Needs the feature `tokio`.
    ///
    /// # Security
    ///
    /// Such a server can name any file that this process can read.
    pub fn local_files(mut self) -> Self {
        self.local_files = true;
        self
    }

    pub(in crate::client) fn set_base_url(
        &mut self,
        url: &str,
        token: &BotToken,
    ) -> Result<(), InvalidBaseUrl> {
        let base = ApiUrl::new(url, token)?;
        Arc::make_mut(&mut self.address).set_base(base);
        Ok(())
    }

    pub(in crate::client) fn with_inner<T>(self, inner: T) -> BotApi<T> {
        BotApi {
            inner,
            address: self.address,
            read_timeout: self.read_timeout,
            local_files: self.local_files,
        }
    }

    fn encode(&self, call: &ApiRequest, body: (HeaderValue, Chunks)) -> EncodedCall {
        let (content_type, pieces) = body;
        let mut request = Request::new(ApiBody::new(pieces));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.address.method(call.method_name())?;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        if let Some(accepted) = encoding::ACCEPTED {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
        }
        Ok(request)
    }

    fn fetch(&self, path: &str) -> EncodedCall {
        let mut request = Request::new(ApiBody::new(Chunks::default()));
        *request.uri_mut() = self.address.file(path)?;
        Ok(request)
    }

    /// How long the connection may stand still during this call.
    fn patience(&self, call: &ApiRequest, body: &ApiBody) -> Option<Duration> {
        let mut limit = self.read_timeout?.saturating_add(call.held_back());
        if !call.uploads().is_empty() {
            let storing = Duration::from_secs(body.size_hint().lower() >> 20);
            limit = limit.saturating_add(storing);
        }
        Some(limit)
    }
}

type EncodedCall = Result<Request<ApiBody>, Error>;

impl<S: fmt::Debug> fmt::Debug for BotApi<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BotApi")
            .field("inner", &self.inner)
            .field("address", &self.address)
            .field("read_timeout", &self.read_timeout)
            .finish_non_exhaustive()
    }
}

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
        let state = self
            .begin(call)
            .unwrap_or_else(|error| State::Failed { error: Some(error) });
        ResponseFuture {
            method,
            address: Arc::clone(&self.address),
            state,
        }
    }
}

impl<S> BotApi<S> {
    fn begin<B>(&mut self, mut call: ApiRequest) -> Result<State<S, S::Future, B>, Error>
    where
        S: Service<Request<ApiBody>, Response = Response<B>> + Clone,
    {
        match call.target() {
            Target::File { path } if download::is_on_disk(path) => {
                if !self.local_files {
                    return Err(Error::invalid(
                        "an absolute path is opened only with `local_files`",
                    ));
                }
                let opening = Box::pin(Download::open(path.clone()));
                Ok(State::OpeningFile { opening })
            }
            Target::File { path } => {
                let request = self.fetch(path)?;
                Ok(self.send(request, &call))
            }
            Target::Method { uploads, .. } if uploads.is_empty() => {
                let body = multipart::json(call.take_json());
                let request = self.encode(&call, body)?;
                Ok(self.send(request, &call))
            }
            Target::Method { json, uploads } => {
                if uploads.iter().any(chunks::needs_opening) {
                    let opening = multipart::open_and_encode(json.clone(), uploads.clone());
                    return Ok(State::Opening {
                        opening: Box::pin(opening),
                        // The one that is ready goes with the call.
                        api: Some((self.take(), call)),
                    });
                }
                let body = multipart::encode(json, uploads).map_err(Error::encode)?;
                let request = self.encode(&call, body)?;
                Ok(self.send(request, &call))
            }
        }
    }

    fn take(&mut self) -> Self
    where
        S: Clone,
    {
        let fresh = self.clone();
        std::mem::replace(self, fresh)
    }

    fn send<B>(&mut self, request: Request<ApiBody>, call: &ApiRequest) -> State<S, S::Future, B>
    where
        S: Service<Request<ApiBody>, Response = Response<B>>,
    {
        let idle = IdleTimeout::new(self.patience(call, request.body()));
        let sent = request.body().sent();
        State::Calling {
            is_file: matches!(call.target(), Target::File { .. }),
            future: self.inner.call(request),
            sent,
            idle: Some(idle),
        }
    }
}

pin_project! {
    /// The response future of [`BotApi`].
    pub struct ResponseFuture<S, F, B> {
        method: Cow<'static, str>,
        // It has the token, which no error may show.
        address: Arc<ApiUrl>,
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
        /// Files are opened, as their lengths have to be known first.
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
        let this = self.project();
        let done = ready!(poll_state(this.state, this.address, cx));
        Poll::Ready(done.map_err(|error| error.with_method(this.method.clone())))
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
                let request = api.encode(&call, body)?;
                api.send(request, &call)
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
                let response = response.map_err(|error| broken(error, sent))?;
                let timer = idle.take().unwrap_or_default();
                if *is_file && response.status().is_success() {
                    let download = Download::new(response, timer);
                    return Poll::Ready(Ok(ApiResponse::file(download)));
                }
                let status = response.status();
                State::Reading {
                    status,
                    // Nobody waits after a success.
                    wait: (!status.is_success())
                        .then(|| retry_after::in_header(response.headers()))
                        .flatten(),
                    gzip: encoding::is_gzip(response.headers()),
                    date: response.headers().get(header::DATE).cloned(),
                    body: CollectLimited::new(response.into_body(), LIMITS),
                    idle: timer,
                }
            }
            StateProj::Reading {
                status,
                wait,
                gzip,
                date,
                mut body,
                idle,
            } => {
                let Poll::Ready(read) = body.as_mut().poll(cx) else {
                    ready!(idle.poll_stalled(body.received() as u64, cx));
                    let late = Error::timeout(true).under(*status);
                    return Poll::Ready(Err(late.with_retry_after(*wait)));
                };
                let read = read.map_err(|error| unread(error, *status));
                let done = read.and_then(|body| finish(*status, *gzip, body, address.token()));
                let done = done.map(|response| response.dated(date.take()));
                return Poll::Ready(done.map_err(|error| with_wait(error, *wait)));
            }
            StateProj::Failed { error } => {
                let error = error.take().unwrap_or_else(|| polled_after_completion());
                return Poll::Ready(Err(error));
            }
        };
        state.set(next);
    }
}

fn finish(
    status: StatusCode,
    gzip: bool,
    body: Bytes,
    token: &BotToken,
) -> Result<ApiResponse, Error> {
    let body = if gzip {
        encoding::gunzip(&body, MAX_ANSWER).ok_or_else(|| Error::http(status))?
    } else {
        body
    };
    read_envelope(status, &body, token.expose()).map(ApiResponse::new)
}

/// The transport's error, unless it failed for a file that couldn't be read.
fn broken(error: impl Into<BoxError>, sent: &SendProgress) -> Error {
    match sent.take_failure() {
        Some(failure) => Error::upload(failure),
        None => Error::transport(error, sent.is_complete()),
    }
}

/// Half a response came, or far too much of one.
fn unread<E: Into<BoxError>>(error: CollectError<E>, status: StatusCode) -> Error {
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
        methods::{GetMe, GetUpdates},
    };

    fn token() -> BotToken {
        BotToken::new("123:secret").unwrap()
    }

    /// A client whose every call gets this answer.
    fn answering(status: u16, body: &'static str) -> Client {
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
        let client = answering(
            200,
            r#"{"ok":true,"result":{"id":123,"is_bot":true,"first_name":"B"},"description":"x"}"#,
        );
        assert_eq!(client.send(GetMe::new()).await.unwrap().id, 123);
    }

    #[tokio::test]
    async fn f5_a_refusal_keeps_code_words_and_parameters() {
        let error = answering(
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
    async fn f5_what_is_not_the_bot_api_keeps_its_status() {
        for body in [
            "<html>502</html>",
            "",
            "{\"ok\":true",
            "{}",
            "[]",
            "{\"ok\":true}",
        ] {
            let error = answering(502, body).send(GetMe::new()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Http, "{body}");
            assert_eq!(error.status(), Some(StatusCode::BAD_GATEWAY), "{body}");
        }
        let odd = answering(200, r#"{"ok":true,"result":7}"#);
        assert_eq!(
            odd.send(GetMe::new()).await.unwrap_err().kind(),
            ErrorKind::Decode
        );
    }

    #[test]
    fn the_longest_of_limits_is_still_one_when_more_is_added() {
        let api = BotApi::telegram((), &token()).read_timeout(Some(Duration::MAX));
        let updates = GetUpdates::new().timeout(50);
        let call = ApiRequest::new(&updates).unwrap();
        let body = ApiBody::new(Chunks::default());
        assert_eq!(api.patience(&call, &body), Some(Duration::MAX));
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
