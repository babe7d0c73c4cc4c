//! The client: typed calls over an erased stack.

use std::{
    fmt,
    future::Future,
    task::{Context, Poll},
};

use tower_service::Service;

#[cfg(feature = "tokio")]
use super::deadline;
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

/// Where Telegram's own servers are.
pub const TELEGRAM_API: &str = "https://api.telegram.org";

/// A client of the Bot API, over whatever stack it was made from. Cheap to clone.
///
/// It is a `Service<ApiRequest>` too, so that it can stand behind more layers.
#[derive(Clone)]
pub struct Client {
    stack: ErasedService,
}

impl Client {
    /// A client of Telegram's own servers, over the default transport. No connection is made, and
    /// no runtime needed, before the first call.
    #[cfg(feature = "client")]
    pub fn new(token: &BotToken) -> Self {
        Self::from_service(BotApi::telegram(HttpTransport::new(), token))
    }

    /// A client of a server of your own, over the default transport.
    ///
    /// # Errors
    ///
    /// When `base_url` isn't an absolute `http` or `https` URL.
    #[cfg(feature = "client")]
    pub fn with_base_url(token: &BotToken, base_url: &str) -> Result<Self, InvalidBaseUrl> {
        let api = BotApi::new(HttpTransport::new(), token, base_url)?;
        Ok(Self::from_service(api))
    }

    /// A client over any stack, down to the [`BotApi`] at its foot. Errors of layers in between
    /// become [`Error`]s.
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

    /// The same client with a deadline for its calls, such as the one that a handler finds in its
    /// request's extensions: [`RetryLayer`](super::RetryLayer) and
    /// [`RateLimitLayer`](super::RateLimitLayer) don't wait beyond it, and a call that would begin after it isn't
    /// made ([`ErrorKind::DeadlineExceeded`](super::ErrorKind::DeadlineExceeded)). What is under way isn't cut
    /// short.
    #[cfg(feature = "tokio")]
    pub fn with_deadline(&self, deadline: crate::task::Deadline) -> Self {
        Self::from_service(deadline::WithDeadline {
            inner: self.clone(),
            deadline,
        })
    }

    /// Calls a method.
    ///
    /// # Errors
    ///
    /// When Telegram refuses it, or it got no answer that can be read: see [`Error::kind`].
    pub fn send<M: Method>(
        &self,
        method: M,
    ) -> impl Future<Output = Result<M::Output, Error>> + use<'_, M> {
        let call = encode(method);
        async move { self.call_once(call?).await?.decode::<M>() }
    }

    /// Calls what a handler has answered, where it can't be the answer to a webhook request. What the
    /// method returns is thrown away, as it would be there; a reply of nothing is done at once.
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

    /// Begins to download a file. Nothing of it is kept: its pieces are given out as they come.
    ///
    /// Where `file` has no `file_path`, as in updates, getFile is called for it first. Telegram's own
    /// servers give files of up to 20 MB, and a path is good for at least an hour.
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
    /// As [`send`](Self::send); when there is no such file; when the path is one on the server's disk
    /// and none of [`local_files`](BotApi::local_files), `local_files_at` and `local_files_at_url` is set; when
    /// it isn't there ([`ErrorKind::LocalFile`](super::ErrorKind::LocalFile)). A file that ends before its
    /// `file_size` or `Content-Length` is an error at its end.
    pub async fn download(&self, file: &File) -> Result<Download, Error> {
        let found;
        let (path, size) = if let Some(path) = &file.file_path {
            (path, file.file_size)
        } else {
            found = self.send(GetFile::new(file.file_id.clone())).await?;
            let path = found.file_path.as_ref();
            let path = path.ok_or_else(|| Error::decode("telegram gave the file no path"))?;
            (path, found.file_size.or(file.file_size))
        };
        let response = self.call_once(ApiRequest::download(path)).await?;
        let download = response
            .into_download()
            .ok_or_else(|| Error::decode("a layer answered with something else than a file"))?;
        Ok(download.with_file_size(size))
    }

    pub(crate) fn call_once(&self, call: ApiRequest) -> CallFuture {
        self.stack.call_once(call)
    }
}

/// Takes the method, so that it isn't kept while the call is made.
#[allow(clippy::needless_pass_by_value)]
fn encode<M: Method>(method: M) -> Result<ApiRequest, Error> {
    ApiRequest::new(&method)
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
