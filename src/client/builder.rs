//! The builder of a client.

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

/// Builds a [`Client`]: its server, its transport, and the layers around its calls.
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
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientBuilder<T, L = Identity> {
    api: BotApi<T>,
    token: BotToken,
    layers: L,
}

impl<T> ClientBuilder<T> {
    /// A builder for Telegram's own servers over `transport`, which is any HTTP client that is a service.
    /// `Client::builder` does the same with the default transport.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use tower_telegram::client::{ApiBody, ClientBuilder};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let http = tower::service_fn(async |_: Request<ApiBody>| {
    ///     Ok::<_, std::io::Error>(Response::new(r#"{"ok":true,"result":true}"#.to_owned()))
    /// });
    /// let client = ClientBuilder::new(http, &"123456:a-Secret_One".parse()?).build();
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(transport: T, token: &BotToken) -> Self {
        Self {
            api: BotApi::telegram(transport, token),
            token: token.clone(),
            layers: Identity::new(),
        }
    }
}

impl<T, L> ClientBuilder<T, L> {
    /// Sets the base URL of a server of your own, such as `http://localhost:8081`. A name and password in it are sent
    /// as basic authorization. Default: [`TELEGRAM_API_URL`](super::TELEGRAM_API_URL). See
    /// [Using a Local Bot API Server](https://core.telegram.org/bots/api#using-a-local-bot-api-server).
    ///
    /// # Errors
    ///
    /// When the URL isn't an absolute `http` or `https` URL, or has a query or a fragment.
    pub fn base_url(mut self, url: &str) -> Result<Self, InvalidBaseUrl> {
        self.api.set_base_url(url, &self.token)?;
        Ok(self)
    }

    /// Calls Telegram's test environment. See [`BotApi::test_environment`].
    pub fn test_environment(mut self) -> Self {
        self.api = self.api.test_environment();
        self
    }

    /// Sets how long a connection may be idle during a call. Default: 60 s. See [`BotApi::read_timeout`].
    pub fn read_timeout(mut self, limit: Duration) -> Self {
        self.api = self.api.read_timeout(limit);
        self
    }

    /// Lets a connection be idle for any time. See [`BotApi::without_read_timeout`].
    pub fn without_read_timeout(mut self) -> Self {
        self.api = self.api.without_read_timeout();
        self
    }

    /// Opens the files of a server in local mode on this machine. See [`BotApi::local_files`].
    pub fn local_files(mut self) -> Self {
        self.api = self.api.local_files();
        self
    }

    /// Sets how much longer a server of your own may take for files. Default: 10 minutes. See
    /// [`BotApi::file_timeout`].
    pub fn file_timeout(mut self, more: Duration) -> Self {
        self.api = self.api.file_timeout(more);
        self
    }

    /// Opens the files of a server in local mode in another folder. See [`BotApi::local_files_at`].
    pub fn local_files_at(mut self, server_folder: &str, our_folder: impl Into<PathBuf>) -> Self {
        self.api = self.api.local_files_at(server_folder, our_folder);
        self
    }

    /// Fetches the files of a server in local mode over HTTP. See [`BotApi::local_files_at_url`].
    ///
    /// # Errors
    ///
    /// When `url` isn't an absolute `http` or `https` URL, or has a query or a fragment.
    pub fn local_files_at_url(
        mut self,
        server_folder: &str,
        url: &str,
    ) -> Result<Self, InvalidBaseUrl> {
        self.api = self.api.local_files_at_url(server_folder, url)?;
        Ok(self)
    }

    /// Replaces the transport; the other settings stay.
    ///
    /// ```
    /// # #[cfg(feature = "client")]
    /// use tower_telegram::{Client, client::HttpTransport};
    ///
    /// # #[cfg(feature = "client")]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let http = HttpTransport::builder().connect_timeout(std::time::Duration::from_secs(3)).build()?;
    /// let client = Client::builder(&"123456:a-Secret_One".parse()?).transport(http).build();
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "client"))]
    /// # fn main() {}
    /// ```
    pub fn transport<U>(self, transport: U) -> ClientBuilder<U, L> {
        ClientBuilder {
            api: self.api.with_inner(transport),
            token: self.token,
            layers: self.layers,
        }
    }

    /// Adds a layer around the calls. The first one added is the outermost, as in `tower::ServiceBuilder`.
    ///
    /// ```
    /// # #[cfg(feature = "client")]
    /// use tower_telegram::{
    ///     Client,
    ///     client::{MigrateChatLayer, RateLimitLayer, RetryLayer},
    /// };
    ///
    /// # #[cfg(feature = "client")]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::builder(&"123456:a-Secret_One".parse()?)
    ///     .layer(RetryLayer::new())
    ///     .layer(RateLimitLayer::new())
    ///     .layer(MigrateChatLayer::new())
    ///     .build();
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "client"))]
    /// # fn main() {}
    /// ```
    pub fn layer<M>(self, layer: M) -> ClientBuilder<T, Stack<M, L>> {
        ClientBuilder {
            api: self.api,
            token: self.token,
            layers: Stack::new(layer, self.layers),
        }
    }

    /// Builds the client. No connection is made before the first call.
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
    /// A builder of a client with settings or layers, over the default transport.
    pub fn builder(token: &BotToken) -> ClientBuilder<HttpTransport> {
        ClientBuilder::new(HttpTransport::new(), token)
    }
}
