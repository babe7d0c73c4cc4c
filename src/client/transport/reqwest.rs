//! A `reqwest::Client` as the transport.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use reqwest::redirect;
use tower_service::Service;

use super::{
    replaceable_client::ReplaceableClient,
    response::{TransportBody, TransportError, TransportFuture},
};
use crate::client::ApiBody;

/// A [`reqwest::Client`] under [`BotApi`](crate::client::BotApi), with its proxies, certificates and
/// resolvers.
///
/// ```no_run
/// use tower_telegram::client::{BotApi, Client, ReqwestTransport};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let http = ReqwestTransport::new(|| reqwest::Client::builder().no_proxy())?;
/// let api = BotApi::telegram(http, &"123456:a-Secret_One".parse()?);
/// let client = Client::from_service(api);
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
///
/// # Connections
///
/// The server of the Bot API closes a connection after 413, 431, 501 and 505 without a body, and doesn't say so.
/// reqwest would keep that connection, and can't be asked to close it. So after such a response the transport
/// builds another client from the same settings for the calls that follow; calls that are being made go on. A call
/// that was made at the very moment of such a response may still be lost.
/// [`HttpTransport`](crate::client::HttpTransport) closes just that connection, in time.
///
/// # Security
///
/// The URL of a call contains the bot's token. reqwest's errors name the URL; here it is taken out of them. No
/// redirect is followed, because the server that it leads to would get the call, and the URL in the header
/// `Referer`. That is why this takes a builder, and not a client that may follow redirects.
#[derive(Clone)]
pub struct ReqwestTransport {
    client: Arc<ReplaceableClient>,
}

impl ReqwestTransport {
    /// Calls over a client with these settings, except that redirects are never followed. The closure is called
    /// again when the client has to be built anew; `reqwest::Client::builder` is one.
    ///
    /// # Errors
    ///
    /// When reqwest can't build a client with these settings.
    pub fn new<F>(settings: F) -> Result<Self, TransportError>
    where
        F: Fn() -> reqwest::ClientBuilder + Send + Sync + 'static,
    {
        let settings = move || settings().redirect(redirect::Policy::none()).referer(false);
        let client = ReplaceableClient::new(settings).map_err(TransportError::reqwest)?;
        Ok(Self {
            client: Arc::new(client),
        })
    }
}

impl Service<Request<ApiBody>> for ReqwestTransport {
    type Response = Response<TransportBody>;
    type Error = TransportError;
    type Future = TransportFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        // As reqwest's own service is.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ApiBody>) -> TransportFuture {
        let request = match reqwest::Request::try_from(request.map(reqwest::Body::wrap)) {
            Ok(request) => request,
            Err(error) => return TransportFuture::failed(TransportError::reqwest(error)),
        };
        let mut current = self.client.current();
        let call = current.client.call(request);
        TransportFuture::reqwest(call, Arc::clone(&self.client), current.number)
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport").finish_non_exhaustive()
    }
}
