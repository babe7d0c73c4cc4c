//! A `reqwest::Client` as the transport.

use std::{
    error, fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{client::ApiBody, task::polled_after_completion};

/// Any [`reqwest::Client`] under [`BotApi`](crate::client::BotApi), with its proxies, certificates and
/// resolvers.
///
/// ```
/// use tower_telegram::client::{BotApi, Client, ReqwestTransport};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let http = reqwest::Client::builder().referer(false).build()?;
/// let api = BotApi::telegram(ReqwestTransport::new(http), &"123456:a-Secret_One".parse()?);
/// let client = Client::from_service(api);
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// The address of a call holds the bot's token. reqwest's errors name the address; here it is taken
/// out of them. After a redirect reqwest tells the next server where it came from, unless
/// `referer(false)` is said, as above.
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    client: reqwest::Client,
}

impl ReqwestTransport {
    /// Calls over this client.
    pub fn new(client: reqwest::Client) -> Self {
        Self { client }
    }
}

impl From<reqwest::Client> for ReqwestTransport {
    fn from(client: reqwest::Client) -> Self {
        Self::new(client)
    }
}

impl Service<Request<ApiBody>> for ReqwestTransport {
    type Response = Response<ReqwestBody>;
    type Error = ReqwestError;
    type Future = ReqwestFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReqwestError>> {
        self.client.poll_ready(cx).map_err(ReqwestError::new)
    }

    fn call(&mut self, request: Request<ApiBody>) -> ReqwestFuture {
        let request = request.map(reqwest::Body::wrap);
        let call = reqwest::Request::try_from(request).map(|request| self.client.call(request));
        ReqwestFuture {
            call: call.map_err(Some),
        }
    }
}

type Pending = <reqwest::Client as Service<reqwest::Request>>::Future;

/// The response future of [`ReqwestTransport`].
pub struct ReqwestFuture {
    call: Result<Pending, Option<reqwest::Error>>,
}

/// Without the call itself, which would print the address.
impl fmt::Debug for ReqwestFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestFuture").finish_non_exhaustive()
    }
}

impl Future for ReqwestFuture {
    type Output = Result<Response<ReqwestBody>, ReqwestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let done = match &mut self.call {
            Ok(call) => ready!(Pin::new(call).poll(cx)),
            Err(error) => Err(error.take().unwrap_or_else(|| polled_after_completion())),
        };
        let response =
            done.map(|response| Response::from(response).map(|body| ReqwestBody { body }));
        Poll::Ready(response.map_err(ReqwestError::new))
    }
}

pin_project! {
    /// The body of an answer.
    #[derive(Debug)]
    pub struct ReqwestBody {
        #[pin]
        body: reqwest::Body,
    }
}

impl Body for ReqwestBody {
    type Data = Bytes;
    type Error = ReqwestError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReqwestError>>> {
        self.project()
            .body
            .poll_frame(cx)
            .map_err(ReqwestError::new)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why reqwest got no answer, without the address.
#[derive(Debug)]
pub struct ReqwestError(reqwest::Error);

impl ReqwestError {
    fn new(error: reqwest::Error) -> Self {
        Self(error.without_url())
    }
}

impl fmt::Display for ReqwestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection failed")
    }
}

impl error::Error for ReqwestError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.0)
    }
}
