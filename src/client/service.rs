//! From an [`ApiRequest`] to an HTTP request, and back.

use std::{
    error, fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{ApiBody, ApiRequest, ApiResponse, BotToken, Error, TELEGRAM_API};
use crate::{
    json::{self, FromJson as _, Reader, Result as Read},
    webhook::read_body::{Limits, ReadBody},
};

/// The most of an answer that is read. Telegram's longest is that of getUpdates, 4 MiB.
const MAX_ANSWER: usize = 32 << 20;

/// Calls the Bot API over an HTTP service.
///
/// It adds the address and the token, so that no layer above it sees the token; whatever traces
/// URIs belongs above it, not below.
#[derive(Clone)]
pub struct BotApi<S> {
    inner: S,
    /// Up to and with the slash before the method's name. Holds the token.
    prefix: std::sync::Arc<str>,
}

impl<S> BotApi<S> {
    /// Calls the API at `base_url`, which is `https://api.telegram.org` or a server of your own.
    ///
    /// # Errors
    ///
    /// When `base_url` isn't an absolute `http` or `https` URL.
    pub fn new(inner: S, token: &BotToken, base_url: &str) -> Result<Self, InvalidBaseUrl> {
        let base = base_url.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| InvalidBaseUrl)?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        if !known || uri.host().is_none_or(str::is_empty) || uri.query().is_some() {
            return Err(InvalidBaseUrl);
        }
        Ok(Self::at(inner, token, base))
    }

    /// Calls Telegram's own servers.
    pub fn telegram(inner: S, token: &BotToken) -> Self {
        Self::at(inner, token, TELEGRAM_API)
    }

    fn at(inner: S, token: &BotToken, base: &str) -> Self {
        Self {
            inner,
            prefix: format!("{base}/bot{}/", token.expose()).into(),
        }
    }

    fn encode(&self, call: &ApiRequest) -> Result<Request<ApiBody>, Error> {
        let (content_type, body) = ApiBody::of(call)?;
        // The error would hold the address, and with it the token.
        let uri = Uri::try_from(format!("{}{}", self.prefix, call.method()))
            .map_err(|_| Error::encode("a method's name that doesn't fit a URI"))?;
        let length = HeaderValue::from(body.len());
        let mut request = Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::CONTENT_LENGTH, length);
        Ok(request)
    }
}

impl<S: fmt::Debug> fmt::Debug for BotApi<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BotApi")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

/// A base URL that can't be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidBaseUrl;

impl fmt::Display for InvalidBaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the base url of the bot api must be an absolute http or https url")
    }
}

impl error::Error for InvalidBaseUrl {}

impl<S, B> Service<ApiRequest> for BotApi<S>
where
    S: Service<Request<ApiBody>, Response = Response<B>>,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
    B: Body,
{
    type Response = ApiResponse;
    type Error = Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner
            .poll_ready(cx)
            .map_err(|error| Error::transport(error, false))
    }

    fn call(&mut self, call: ApiRequest) -> Self::Future {
        let state = match self.encode(&call) {
            Ok(request) => State::Calling {
                future: self.inner.call(request),
            },
            Err(error) => State::Failed { error: Some(error) },
        };
        ResponseFuture { state }
    }
}

pin_project! {
    /// The response future of [`BotApi`].
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Calling { #[pin] future: F },
        Reading { status: StatusCode, #[pin] body: ReadBody<B> },
        Failed { error: Option<Error> },
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<Box<dyn error::Error + Send + Sync>>,
    B: Body,
{
    type Output = Result<ApiResponse, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const LIMITS: Limits = Limits {
            max_bytes: MAX_ANSWER,
            read_timeout: None,
        };
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Calling { future } => {
                    let response =
                        ready!(future.poll(cx)).map_err(|error| Error::transport(error, true))?;
                    State::Reading {
                        status: response.status(),
                        body: ReadBody::new(response.into_body(), LIMITS),
                    }
                }
                StateProj::Reading { status, body } => {
                    let body =
                        ready!(body.poll(cx)).map_err(|error| Error::transport(error, true))?;
                    return Poll::Ready(read_answer(*status, &body));
                }
                StateProj::Failed { error } => {
                    let error = error
                        .take()
                        .unwrap_or_else(|| Error::encode("polled again"));
                    return Poll::Ready(Err(error));
                }
            };
            state.set(next);
        }
    }
}

/// Telegram's envelope around every result.
#[derive(Default)]
struct Answer<'a> {
    ok: Option<bool>,
    result: Option<&'a str>,
    error_code: Option<i64>,
    description: Option<Box<str>>,
    retry_after: Option<i64>,
    migrate_to_chat_id: Option<i64>,
}

fn read_answer(status: StatusCode, body: &Bytes) -> Result<ApiResponse, Error> {
    let text = json::utf8(body).map_err(|_| Error::http(status))?;
    let mut r = Reader::new(text);
    let Ok(answer) = Answer::read(&mut r) else {
        return Err(Error::http(status));
    };
    match (answer.ok, answer.result) {
        (Some(true), Some(result)) => Ok(ApiResponse::new(body.slice_ref(result.as_bytes()))),
        (Some(false), _) => Err(answer.into_error(status)),
        _ => Err(Error::http(status)),
    }
}

impl<'a> Answer<'a> {
    fn read(r: &mut Reader<'a>) -> Read<Self> {
        let mut answer = Self::default();
        let mut more = r.open_object()?;
        while more {
            match &*r.key_text()? {
                "ok" => r.field(&mut answer.ok, "ok")?,
                "result" => answer.result = Some(r.raw()?),
                "error_code" => r.field(&mut answer.error_code, "error_code")?,
                "description" => answer.description = Some(r.text()?.into()),
                "parameters" => answer.read_parameters(r)?,
                _ => r.skip()?,
            }
            more = r.next_member()?;
        }
        r.finish()?;
        Ok(answer)
    }

    fn read_parameters(&mut self, r: &mut Reader<'a>) -> Read<()> {
        let parameters = crate::types::ResponseParameters::from_json(r)?;
        self.retry_after = parameters.retry_after;
        self.migrate_to_chat_id = parameters.migrate_to_chat_id;
        Ok(())
    }

    fn into_error(self, status: StatusCode) -> Error {
        let code = self.error_code.and_then(|code| u16::try_from(code).ok());
        let code = code.and_then(|code| StatusCode::from_u16(code).ok());
        let seconds = self.retry_after.and_then(|s| u64::try_from(s).ok());
        Error::api(
            code.unwrap_or(status),
            self.description.unwrap_or_default(),
            seconds.map(Duration::from_secs),
            self.migrate_to_chat_id,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::{
        client::{Client, ErrorKind},
        methods::{GetMe, SendPhoto},
        types::InputFile,
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
            "telegram refused the call: 429 Too Many Requests: retry after 7"
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

    #[test]
    fn uploads_go_as_a_form_and_the_rest_as_json() {
        let api = BotApi::new((), &token(), "https://api.telegram.org").unwrap();
        let content_type = |photo: InputFile| {
            let call = ApiRequest::new(&SendPhoto::new(1, photo)).unwrap();
            let request = api.encode(&call).unwrap();
            let length = request.headers()["content-length"]
                .to_str()
                .unwrap()
                .to_owned();
            assert_eq!(length, request.body().len().to_string());
            request.headers()["content-type"]
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(content_type("file-id".into()), "application/json");
        let upload = InputFile::bytes("a.png", &b"png"[..]);
        assert!(content_type(upload).starts_with("multipart/form-data; boundary="));
    }

    #[test]
    fn only_absolute_http_urls_are_bases() {
        for bad in [
            "",
            "api.telegram.org",
            "/x",
            "ftp://a",
            "http://",
            "http://a?b=c",
        ] {
            assert!(BotApi::new((), &token(), bad).is_err(), "{bad}");
        }
        for good in ["http://localhost:1/", "https://a/proxy"] {
            assert!(BotApi::new((), &token(), good).is_ok(), "{good}");
        }
    }
}
