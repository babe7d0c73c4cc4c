//! [`BotApi`]: its settings, and the HTTP requests that it makes of calls.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderValue, Request, Uri, header};

use super::{
    ApiBody, ApiRequest,
    base_url::{BaseUrl, InvalidBaseUrl},
    body::CallProgress,
    encoding,
    local_files::LocalFiles,
    url::ApiUrl,
};
use crate::{
    body::chunks::Chunks,
    client::{BotToken, Error},
};

/// How long a connection may be idle by default.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// How much longer a server of one's own may take for a file by default: enough for 2 GB at 27 Mbit/s.
const FILE_TIMEOUT: Duration = Duration::from_secs(600);

/// The beginning of a JSON string that makes a server in local mode read a file from its disk.
const FILE_URI: &str = "\"file:";

/// Calls the Bot API over an HTTP service.
///
/// It adds the URL and the token, so that no layer above it sees the token. Layers that log requests belong above it,
/// because the URL of each request below it contains the token. See
/// [Making requests](https://core.telegram.org/bots/api#making-requests).
///
/// ```
/// use tower_telegram::client::{ApiBody, BotApi, Client};
/// use http::{Request, Response};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Any HTTP client that is a service. This one always returns the same response.
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
    pub(super) inner: S,
    /// Shared, because the service is cloned for each call.
    pub(super) address: Arc<ApiUrl>,
    read_timeout: Option<Duration>,
    file_timeout: Duration,
    /// Shared for the same reason; few calls use it.
    pub(super) local_files: Arc<LocalFiles>,
}

impl<S> BotApi<S> {
    inner_accessors!();
}

impl<S> BotApi<S> {
    /// Calls the server at `base_url`: `https://api.telegram.org` or a server of your own. A name and password in the
    /// URL are sent as basic authorization.
    ///
    /// # Errors
    ///
    /// When `base_url` isn't an absolute `http` or `https` URL, or has a query or a fragment.
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
            file_timeout: FILE_TIMEOUT,
            local_files: Arc::default(),
        }
    }

    /// Calls Telegram's [test environment](https://core.telegram.org/bots/features#dedicated-test-environment),
    /// which has users, bots and tokens of its own.
    pub fn test_environment(mut self) -> Self {
        Arc::make_mut(&mut self.address).set_test_environment();
        self
    }

    /// How long a connection may be idle: no byte of the request is sent and none of the response received.
    /// Default: 60 s. Zero is no limit, because every call takes some time. Over the limit, a call fails with
    /// [`ErrorKind::Timeout`](crate::client::ErrorKind::Timeout).
    ///
    /// The time that Telegram needs is added to the limit: the `timeout` of getUpdates; a second for each MiB that is
    /// uploaded, because the server stores files before it responds; and [`file_timeout`](Self::file_timeout).
    ///
    /// Needs the feature `tokio` for its timer; without it there is no limit.
    pub fn read_timeout(mut self, limit: Duration) -> Self {
        self.read_timeout = Some(limit).filter(|limit| !limit.is_zero());
        self
    }

    /// Lets a connection be idle for any time, so that a call to a server that doesn't respond never ends by itself.
    pub fn without_read_timeout(mut self) -> Self {
        self.read_timeout = None;
        self
    }

    /// How much longer than [`read_timeout`](Self::read_timeout) a server of your own may take for getFile,
    /// and for calls with a `file://` URI. Default: 10 minutes.
    ///
    /// Such a server responds to getFile once it has the whole file, and to a send once it has uploaded the file, which
    /// takes minutes for 2 GB. Every server other than `api.telegram.org` counts as your own; Telegram's responds at
    /// once.
    pub fn file_timeout(mut self, more: Duration) -> Self {
        self.file_timeout = more;
        self
    }

    /// Has [`Client::download`](crate::Client::download) open the absolute paths that a server in
    /// [local mode](https://core.telegram.org/bots/api#using-a-local-bot-api-server) on this machine returns. Needs the
    /// feature `tokio`.
    ///
    /// A file that doesn't exist is an error of kind [`LocalFile`](crate::client::ErrorKind::LocalFile). If the server
    /// runs in a container, its folder has to be mounted here;
    /// [`local_files_at`](Self::local_files_at) is for a folder that is mounted at another path.
    ///
    /// # Security
    ///
    /// The server can name any file that this process can read.
    pub fn local_files(mut self) -> Self {
        self.local_files = Arc::new(LocalFiles::SamePath);
        self
    }

    /// As [`local_files`](Self::local_files), for a server whose folder is mounted here at another path: after
    /// `local_files_at("/var/lib/telegram-bot-api", "/mnt/tg")`, the server's `/var/lib/telegram-bot-api/x` is opened
    /// at `/mnt/tg/x`. Needs the feature `tokio`.
    ///
    /// A path that isn't below the server's folder, or leads out of it by `..`, is an error of kind
    /// [`LocalFile`](crate::client::ErrorKind::LocalFile), and no file is opened. The server may run on Windows.
    pub fn local_files_at(mut self, server_folder: &str, our_folder: impl Into<PathBuf>) -> Self {
        self.local_files = Arc::new(LocalFiles::Folder {
            server: server_folder.into(),
            ours: our_folder.into(),
        });
        self
    }

    /// As [`local_files_at`](Self::local_files_at), for a server whose folder is served over HTTP, for example by
    /// nginx: after `local_files_at_url("/var/lib/telegram-bot-api", "http://files")`, the server's
    /// `/var/lib/telegram-bot-api/x` is fetched from `http://files/x`. A name and password in the URL are sent as
    /// basic authorization.
    ///
    /// # Errors
    ///
    /// When `url` isn't an absolute `http` or `https` URL, or has a query or a fragment.
    pub fn local_files_at_url(
        mut self,
        server_folder: &str,
        url: &str,
    ) -> Result<Self, InvalidBaseUrl> {
        self.local_files = Arc::new(LocalFiles::Url {
            server: server_folder.into(),
            base: BaseUrl::parse(url)?,
        });
        Ok(self)
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

    /// The URL of its calls, which doesn't print the token.
    pub(in crate::client) fn address(&self) -> &dyn fmt::Debug {
        &*self.address
    }

    pub(in crate::client) fn with_inner<T>(self, inner: T) -> BotApi<T> {
        BotApi {
            inner,
            address: self.address,
            read_timeout: self.read_timeout,
            file_timeout: self.file_timeout,
            local_files: self.local_files,
        }
    }

    /// The HTTP request of a call.
    pub(super) fn encode(
        &self,
        call: &ApiRequest,
        body: (HeaderValue, Chunks),
    ) -> Result<Request<ApiBody>, Error> {
        let (content_type, pieces) = body;
        let mut request = Request::new(ApiBody::new(pieces));
        if let Some(progress) = call.extensions().get::<CallProgress>() {
            progress.begin(request.body().sent());
        }
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.address.method(call.method_name())?;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        if let Some(accepted) = encoding::ACCEPTED {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
        }
        if let Some(authorization) = self.address.authorization() {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }

    /// The HTTP request for a file.
    pub(super) fn fetch(uri: Uri, authorization: Option<HeaderValue>) -> Request<ApiBody> {
        let mut request = Request::new(ApiBody::new(Chunks::default()));
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        // Without it, a server may compress the file: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        if let Some(authorization) = authorization {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        request
    }

    /// How long the connection may be idle during this call, without the time for its uploads.
    pub(super) fn idle_limit(&self, call: &ApiRequest) -> Option<Duration> {
        let mut limit = self.read_timeout?.saturating_add(call.server_wait());
        if self.address.is_own_server() && moves_files(call) {
            limit = limit.saturating_add(self.file_timeout);
        }
        Some(limit)
    }
}

/// Whether a server of one's own fetches or sends a file before it responds.
fn moves_files(call: &ApiRequest) -> bool {
    // Searching text is faster than searching bytes.
    let has_uri = || std::str::from_utf8(call.json()).is_ok_and(|json| json.contains(FILE_URI));
    call.method().eq_ignore_ascii_case("getFile") || has_uri()
}

impl<S: fmt::Debug> fmt::Debug for BotApi<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BotApi")
            .field("inner", &self.inner)
            .field("address", &self.address)
            .field("read_timeout", &self.read_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::GetUpdates;

    #[test]
    fn adding_to_the_longest_limit_does_not_overflow() {
        let token = BotToken::new("123:secret").unwrap();
        let api = BotApi::telegram((), &token).read_timeout(Duration::MAX);
        let updates = GetUpdates::new().timeout(50);
        let call = ApiRequest::new(&updates).unwrap();
        assert_eq!(api.idle_limit(&call), Some(Duration::MAX));
    }
}
