//! A `reqwest::Client` as the transport.

use std::task::{Context, Poll};

use http::{Request, Response};
use reqwest::redirect;
use tower_service::Service;

use super::response::{TransportBody, TransportError, TransportFuture};
use crate::client::ApiBody;

/// A [`reqwest::Client`] under [`BotApi`](crate::client::BotApi), with its proxies, certificates and
/// resolvers.
///
/// ```
/// use tower_telegram::client::{BotApi, Client, ReqwestTransport};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let http = reqwest::Client::builder().no_proxy();
/// let http = ReqwestTransport::new(http)?;
/// let api = BotApi::telegram(http, &"123456:a-Secret_One".parse()?);
/// let client = Client::from_service(api);
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
///
/// reqwest keeps the connection after an answer like 413 that has no body, which the server of the Bot API
/// closes without saying so: the next call on it fails, and may have arrived. Only
/// [`HttpTransport`](crate::client::HttpTransport) can tell.
///
/// # Security
///
/// The address of a call holds the bot's token. reqwest's errors name the address; here it is taken
/// out of them. A redirect isn't followed, because the server that it leads to would get the call, and the
/// address in the header `Referer`; so this takes a builder, and not a client that may follow them.
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    client: reqwest::Client,
}

impl ReqwestTransport {
    /// Calls over a client with these settings, but for redirects: none is followed.
    ///
    /// # Errors
    ///
    /// When reqwest can't build a client with these settings.
    pub fn new(settings: reqwest::ClientBuilder) -> Result<Self, TransportError> {
        let settings = settings.redirect(redirect::Policy::none()).referer(false);
        let client = settings.build().map_err(TransportError::reqwest)?;
        Ok(Self { client })
    }
}

impl Service<Request<ApiBody>> for ReqwestTransport {
    type Response = Response<TransportBody>;
    type Error = TransportError;
    type Future = TransportFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.client.poll_ready(cx).map_err(TransportError::reqwest)
    }

    fn call(&mut self, request: Request<ApiBody>) -> TransportFuture {
        let request = request.map(reqwest::Body::wrap);
        match reqwest::Request::try_from(request) {
            Ok(request) => TransportFuture::reqwest(&mut self.client, request),
            Err(error) => TransportFuture::failed(TransportError::reqwest(error)),
        }
    }
}
