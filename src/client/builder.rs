//! Puts a client together.

use std::{fmt, path::PathBuf, time::Duration};

use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower::layer::util::{Identity, Stack};
use tower_layer::Layer;
use tower_service::Service;

#[cfg(feature = "client")]
use super::transport::HttpTransport;
use super::{
    api::{ApiBody, ApiRequest, ApiResponse, BotApi, InvalidBaseUrl},
    client::Client,
    token::BotToken,
};

/// Makes a [`Client`]: its server, its transport, and the layers around its calls.
///
/// ```
/// use std::time::Duration;
/// use tower_telegram::Client;
///
/// # #[cfg(feature = "client")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder(&"123456:a-Secret_One".parse()?)
///     .base_url("http://localhost:8081")?
///     .read_timeout(Duration::from_secs(20))
///     .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(60)))
///     .build();
/// # let _ = client;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "client"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
#[must_use = "it makes a client when it is built"]
pub struct ClientBuilder<T, L = Identity> {
    api: BotApi<T>,
    token: BotToken,
    layers: L,
}

impl<T> ClientBuilder<T> {
    /// Calls Telegram's own servers over `transport`: any HTTP client that is a service.
    /// `Client::builder` is the same over the default one.
    pub fn new(transport: T, token: &BotToken) -> Self {
        Self {
            api: BotApi::telegram(transport, token),
            token: token.clone(),
            layers: Identity::new(),
        }
    }
}

impl<T, L> ClientBuilder<T, L> {
    /// A server of your own in place of Telegram's, such as `http://localhost:8081`. See
    /// [Using a Local Bot API Server](https://core.telegram.org/bots/api#using-a-local-bot-api-server).
    ///
    /// # Errors
    ///
    /// When it isn't an absolute `http` or `https` URL.
    pub fn base_url(mut self, url: &str) -> Result<Self, InvalidBaseUrl> {
        self.api.set_base_url(url, &self.token)?;
        Ok(self)
    }

    /// See [`BotApi::test_environment`].
    pub fn test_environment(mut self) -> Self {
        self.api = self.api.test_environment();
        self
    }

    /// See [`BotApi::read_timeout`].
    pub fn read_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.api = self.api.read_timeout(limit.into());
        self
    }

    /// See [`BotApi::local_files`].
    pub fn local_files(mut self) -> Self {
        self.api = self.api.local_files();
        self
    }

    /// See [`BotApi::file_timeout`].
    pub fn file_timeout(mut self, more: Duration) -> Self {
        self.api = self.api.file_timeout(more);
        self
    }

    /// See [`BotApi::local_files_at`].
    pub fn local_files_at(mut self, server_folder: &str, our_folder: impl Into<PathBuf>) -> Self {
        self.api = self.api.local_files_at(server_folder, our_folder);
        self
    }

    /// See [`BotApi::local_files_at_url`].
    ///
    /// # Errors
    ///
    /// When `url` isn't an absolute `http` or `https` URL.
    pub fn local_files_at_url(
        mut self,
        server_folder: &str,
        url: &str,
    ) -> Result<Self, InvalidBaseUrl> {
        self.api = self.api.local_files_at_url(server_folder, url)?;
        Ok(self)
    }

    /// Another transport.
    pub fn transport<U>(self, transport: U) -> ClientBuilder<U, L> {
        ClientBuilder {
            api: self.api.with_inner(transport),
            token: self.token,
            layers: self.layers,
        }
    }

    /// A layer around the calls. The first is the outermost, as in `tower::ServiceBuilder`.
    pub fn layer<M>(self, layer: M) -> ClientBuilder<T, Stack<M, L>> {
        ClientBuilder {
            api: self.api,
            token: self.token,
            layers: Stack::new(layer, self.layers),
        }
    }

    /// Makes it. No connection is made yet.
    pub fn build<B>(self) -> Client
    where
        T: Service<Request<ApiBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
        T::Error: Into<BoxError>,
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
        L: Layer<BotApi<T>>,
        L::Service: Service<ApiRequest, Response = ApiResponse> + Clone + Send + Sync + 'static,
        <L::Service as Service<ApiRequest>>::Error: Into<BoxError>,
        <L::Service as Service<ApiRequest>>::Future: Send + 'static,
    {
        Client::from_service(self.layers.layer(self.api))
    }
}

impl<T, L> fmt::Debug for ClientBuilder<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("address", self.api.address())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "client")]
impl Client {
    /// A client with settings or layers of your own, over the default transport.
    pub fn builder(token: &BotToken) -> ClientBuilder<HttpTransport> {
        ClientBuilder::new(HttpTransport::new(), token)
    }
}
