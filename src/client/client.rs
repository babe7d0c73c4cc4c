//! The client: typed calls over a type-erased stack of services.

use std::{
    fmt,
    future::Future,
    task::{Context, Poll},
};

use tower_service::Service;

#[cfg(feature = "tokio")]
use super::{api::CallProgress, deadline};
use super::{
    api::{ApiRequest, ApiResponse, Download},
    erased::{CallFuture, ErasedService},
    error::Error,
};
#[cfg(feature = "client")]
use super::{
    api::{BotApi, InvalidBaseUrl},
    token::BotToken,
    transport::HttpTransport,
};
use crate::{Method, Reply, methods::GetFile, types::File};

/// The base URL of Telegram's own servers.
pub const TELEGRAM_API_URL: &str = "https://api.telegram.org";

/// A client of the Bot API.
///
/// It is cheap to clone, and its clones share the connections and layers. It can be made outside of a runtime.
/// A client is a `Service<ApiRequest>` too, so that more layers can be put around it.
///
/// ```
/// use http::{Request, Response};
/// use tower_telegram::{
///     BotToken, Client,
///     client::{ApiBody, BotApi},
///     methods::GetMe,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // In place of an HTTP client, for a test: every call has the same result.
/// let http = tower::service_fn(async |_: Request<ApiBody>| {
///     let body = r#"{"ok":true,"result":{"id":7,"is_bot":true,"first_name":"Bot"}}"#;
///     Ok::<_, std::convert::Infallible>(Response::new(body.to_owned()))
/// });
/// let client = Client::from_service(BotApi::telegram(http, &BotToken::new("7:secret")?));
///
/// let me = client.send(GetMe::new()).await?;
/// assert_eq!(me.first_name, "Bot");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    stack: ErasedService,
}

impl Client {
    /// A client of Telegram's own servers over the default transport, without layers.
    ///
    /// No connection is made, and no runtime is needed, before the first call.
    ///
    /// ```
    /// use tower_telegram::Client;
    ///
    /// let client = Client::new(&"123456:a-Secret_One".parse()?);
    /// # let _ = client;
    /// # Ok::<(), tower_telegram::client::InvalidBotToken>(())
    /// ```
    #[cfg(feature = "client")]
    pub fn new(token: &BotToken) -> Self {
        Self::from_service(BotApi::telegram(HttpTransport::new(), token))
    }

    /// A client of a
    /// [server of your own](https://core.telegram.org/bots/api#using-a-local-bot-api-server) over the default
    /// transport, without layers.
    ///
    /// ```
    /// use tower_telegram::Client;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let token = "123456:a-Secret_One".parse()?;
    /// let client = Client::with_base_url(&token, "http://localhost:8081")?;
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When `base_url` isn't an absolute `http` or `https` URL, or has a query or a fragment.
    #[cfg(feature = "client")]
    pub fn with_base_url(token: &BotToken, base_url: &str) -> Result<Self, InvalidBaseUrl> {
        let api = BotApi::new(HttpTransport::new(), token, base_url)?;
        Ok(Self::from_service(api))
    }

    /// A client over any stack of services; the innermost is usually a [`BotApi`](super::BotApi). The errors of
    /// layers become [`Error`]s.
    ///
    /// ```
    /// use tower::ServiceBuilder;
    /// # #[cfg(feature = "client")]
    /// use tower_telegram::client::{BotApi, Client, HttpTransport, RetryLayer};
    ///
    /// # #[cfg(feature = "client")]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let api = BotApi::telegram(HttpTransport::new(), &"123456:a-Secret_One".parse()?);
    /// let calls = ServiceBuilder::new().layer(RetryLayer::new()).service(api);
    /// let client = Client::from_service(calls);
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "client"))]
    /// # fn main() {}
    /// ```
    pub fn from_service<S>(service: S) -> Self
    where
        S: Service<ApiRequest, Response = ApiResponse>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: Send + 'static,
    {
        Self {
            stack: ErasedService::new(service),
        }
    }

    /// The same client with a deadline for its calls, such as the one in the extensions of a handler's request.
    ///
    /// A call that would begin after the deadline isn't made
    /// ([`ErrorKind::DeadlineExceeded`](super::ErrorKind::DeadlineExceeded)), and
    /// [`RetryLayer`](super::RetryLayer) and [`RateLimitLayer`](super::RateLimitLayer) don't wait beyond it. A call
    /// that has begun isn't cut short.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tokio::time::Instant;
    /// use tower_telegram::{
    ///     Client,
    ///     client::{ApiRequest, ApiResponse, Error, ErrorKind},
    ///     methods::DeleteMessage,
    ///     webhook::Deadline,
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let api = tower::service_fn(async |_: ApiRequest| Ok::<_, Error>(ApiResponse::new("true")));
    /// let client = Client::from_service(api);
    ///
    /// let in_time = client.with_deadline(Deadline::at(Instant::now() + Duration::from_secs(8)));
    /// assert!(in_time.send(DeleteMessage::new(42, 7)).await.is_ok());
    /// let too_late = client.with_deadline(Deadline::at(Instant::now()));
    /// let error = too_late.send(DeleteMessage::new(42, 7)).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub fn with_deadline(&self, deadline: crate::task::Deadline) -> Self {
        Self::from_service(deadline::WithDeadline {
            inner: self.clone(),
            deadline,
        })
    }

    /// Calls a method, and returns its result.
    ///
    /// ```no_run
    /// # use tower_telegram::{Client, client::Error};
    /// use tower_telegram::{methods::SendMessage, types::ParseMode};
    ///
    /// # async fn run(client: Client) -> Result<(), Error> {
    /// let text = "<b>Hello</b>, world";
    /// let message = client.send(SendMessage::new(42, text).parse_mode(ParseMode::Html)).await?;
    /// println!("sent as message {}", message.message_id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the call can't be sent, Telegram refuses it, or there is no response that can be read: see
    /// [`Error::kind`].
    pub fn send<M: Method>(
        &self,
        method: M,
    ) -> impl Future<Output = Result<M::Output, Error>> + use<'_, M> {
        let call = encode(method);
        async move { self.call_once(call?).await?.into_output::<M>() }
    }

    /// Calls the method of a handler's reply, for replies that can't be the response to a webhook request. The result
    /// is discarded, as Telegram discards that of such a response. An empty reply makes no call.
    ///
    /// ```no_run
    /// # use tower_telegram::{Client, client::Error};
    /// use tower_telegram::{Reply, methods::SendMessage};
    ///
    /// # async fn run(client: Client) -> Result<(), Error> {
    /// client.send_reply(&SendMessage::new(42, "late, but here").into()).await?;
    /// client.send_reply(&Reply::nothing()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_reply(&self, reply: &Reply) -> Result<(), Error> {
        match ApiRequest::from_reply(reply)? {
            Some(call) => self.call_once(call).await.map(drop),
            None => Ok(()),
        }
    }

    /// As [`send_reply`](Self::send_reply), and `progress` says meanwhile whether Telegram may have the reply.
    #[cfg(feature = "tokio")]
    pub(crate) async fn send_watched_reply(
        &self,
        reply: &Reply,
        progress: &CallProgress,
    ) -> Result<(), Error> {
        let Some(mut call) = ApiRequest::from_reply(reply)? else {
            return Ok(());
        };
        call.extensions_mut().insert(progress.clone());
        self.call_once(call).await.map(drop)
    }

    /// Begins to download a file. It is streamed: none of its chunks is kept in memory.
    ///
    /// If `file` has no `file_path`, which files in updates don't have, [`GetFile`] is called first. Telegram's own
    /// servers return files of up to 20 MB, and a path is valid for at least an hour. A server in local mode returns
    /// paths on its disk: see [`BotApi::local_files`](super::BotApi::local_files).
    ///
    /// See [`getFile`](https://core.telegram.org/bots/api#getfile).
    ///
    /// ```no_run
    /// # use tower_telegram::{Client, types::Document};
    /// # async fn run(client: Client, file_id: &str) -> Result<(), Box<dyn std::error::Error>> {
    /// use tower_telegram::methods::GetFile;
    ///
    /// let file = client.send(GetFile::new(file_id)).await?;
    /// let mut download = client.download(&file).await?;
    /// while let Some(chunk) = download.chunk().await? {
    ///     println!("{} bytes", chunk.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send). Also when the file doesn't exist; when the path is one on the server's disk and none
    /// of `local_files`, `local_files_at` and `local_files_at_url` is set
    /// ([`ErrorKind::Invalid`](super::ErrorKind::Invalid)); or when there is no file at that path
    /// ([`ErrorKind::LocalFile`](super::ErrorKind::LocalFile)). A file that ends before its `file_size` or
    /// `Content-Length` is an error at its end.
    pub async fn download(&self, file: &File) -> Result<Download, Error> {
        let found;
        let (path, size) = if let Some(path) = &file.file_path {
            (path, file.file_size)
        } else {
            found = self.send(GetFile::new(file.file_id.clone())).await?;
            let path = found.file_path.as_ref();
            let path = path.ok_or_else(|| Error::decode("the file has no path"))?;
            (path, found.file_size.or(file.file_size))
        };
        let response = self.call_once(ApiRequest::download(path)).await?;
        let download = response
            .into_download()
            .ok_or_else(|| Error::decode("a layer returned a result in place of a file"))?;
        Ok(download.with_file_size(size))
    }

    pub(crate) fn call_once(&self, call: ApiRequest) -> CallFuture {
        self.stack.call_once(call)
    }
}

/// Takes the method by value, so that it is dropped before the call is made.
#[allow(clippy::needless_pass_by_value)]
fn encode<M: Method>(method: M) -> Result<ApiRequest, Error> {
    Ok(ApiRequest::new(&method)?.typed::<M>())
}

impl Service<ApiRequest> for Client {
    type Response = ApiResponse;
    type Error = Error;
    type Future = CallFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.stack.poll_ready(cx)
    }

    fn call(&mut self, call: ApiRequest) -> Self::Future {
        self.stack.call(call)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiRequest, Client};

    #[test]
    fn handles_are_clone_send_and_sync() {
        fn check<T: Clone + Send + Sync>() {}
        check::<Client>();
        check::<ApiRequest>();
    }
}
