//! The response types of the transports, which are the same for each HTTP client.

#[cfg(feature = "reqwest")]
use std::sync::Arc;
use std::{
    error, fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};

#[cfg(feature = "reqwest")]
use tower_service::Service;

#[cfg(feature = "reqwest")]
use super::{early_answer::is_last, replaceable_client::ReplaceableClient};
#[cfg(feature = "reqwest")]
use crate::task::polled_after_completion;

/// The response future of the transports.
pub struct TransportFuture(CallKind);

enum CallKind {
    #[cfg(feature = "client")]
    Hyper(hyper_util::client::legacy::ResponseFuture),
    #[cfg(feature = "reqwest")]
    Reqwest(ReqwestCall),
    /// The request couldn't be converted.
    #[cfg(feature = "reqwest")]
    Failed(Option<TransportError>),
}

/// A call of a client that is replaced after a response on which the server closes the connection.
#[cfg(feature = "reqwest")]
struct ReqwestCall {
    call: PendingReqwest,
    client: Arc<ReplaceableClient>,
    number: u64,
}

#[cfg(feature = "reqwest")]
type PendingReqwest = <reqwest::Client as Service<reqwest::Request>>::Future;

impl TransportFuture {
    #[cfg(feature = "client")]
    pub(super) fn hyper(call: hyper_util::client::legacy::ResponseFuture) -> Self {
        Self(CallKind::Hyper(call))
    }

    #[cfg(feature = "reqwest")]
    pub(super) fn reqwest(
        call: PendingReqwest,
        client: Arc<ReplaceableClient>,
        number: u64,
    ) -> Self {
        Self(CallKind::Reqwest(ReqwestCall {
            call,
            client,
            number,
        }))
    }

    #[cfg(feature = "reqwest")]
    pub(super) fn failed(error: TransportError) -> Self {
        Self(CallKind::Failed(Some(error)))
    }
}

/// Without the call itself, which would print the URL.
impl fmt::Debug for TransportFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportFuture").finish_non_exhaustive()
    }
}

impl Future for TransportFuture {
    type Output = Result<Response<TransportBody>, TransportError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match &mut self.0 {
            #[cfg(feature = "client")]
            CallKind::Hyper(call) => match ready!(Pin::new(call).poll(cx)) {
                Ok(response) => {
                    Ok(response.map(|body| TransportBody(ResponseBodyKind::Hyper(body))))
                }
                Err(error) => Err(TransportError(error.into())),
            },
            #[cfg(feature = "reqwest")]
            CallKind::Reqwest(call) => match ready!(Pin::new(&mut call.call).poll(cx)) {
                Ok(response) => {
                    let response = Response::<reqwest::Body>::from(response);
                    if is_last(&response) {
                        call.client.replace(call.number);
                    }
                    Ok(response.map(|body| TransportBody(ResponseBodyKind::Reqwest(body))))
                }
                Err(error) => Err(TransportError::reqwest(error)),
            },
            #[cfg(feature = "reqwest")]
            CallKind::Failed(error) => {
                Err(error.take().unwrap_or_else(|| polled_after_completion()))
            }
        })
    }
}

/// The body of a transport's response.
#[derive(Debug)]
pub struct TransportBody(ResponseBodyKind);

#[derive(Debug)]
enum ResponseBodyKind {
    #[cfg(feature = "client")]
    Hyper(hyper::body::Incoming),
    #[cfg(feature = "reqwest")]
    Reqwest(reqwest::Body),
}

impl Body for TransportBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        match &mut self.0 {
            #[cfg(feature = "client")]
            ResponseBodyKind::Hyper(body) => {
                let frame = Pin::new(body).poll_frame(cx);
                frame.map_err(|error| TransportError(error.into()))
            }
            #[cfg(feature = "reqwest")]
            ResponseBodyKind::Reqwest(body) => {
                let frame = Pin::new(body).poll_frame(cx);
                frame.map_err(TransportError::reqwest)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            #[cfg(feature = "client")]
            ResponseBodyKind::Hyper(body) => body.is_end_stream(),
            #[cfg(feature = "reqwest")]
            ResponseBodyKind::Reqwest(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            #[cfg(feature = "client")]
            ResponseBodyKind::Hyper(body) => body.size_hint(),
            #[cfg(feature = "reqwest")]
            ResponseBodyKind::Reqwest(body) => body.size_hint(),
        }
    }
}

/// The error of a transport that got no response, or can't be built. It doesn't contain the URL, because the token is a
/// part of it.
#[derive(Debug)]
pub struct TransportError(Box<dyn error::Error + Send + Sync>);

impl TransportError {
    #[cfg(feature = "reqwest")]
    pub(super) fn reqwest(error: reqwest::Error) -> Self {
        Self(error.without_url().into())
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection failed")
    }
}

impl error::Error for TransportError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.0)
    }
}
