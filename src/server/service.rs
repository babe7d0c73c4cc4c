//! The service of one connection, which records when a request is under way.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use super::{RequestBody, state::ConnectionState};
use crate::webhook::PeerAddr;

#[derive(Debug)]
pub(super) struct ConnectionService<S> {
    pub(super) inner: S,
    pub(super) peer: SocketAddr,
    pub(super) state: Arc<ConnectionState>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for ConnectionService<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>> + Clone,
{
    type Response = Response<ConnectionBody<B>>;
    type Error = S::Error;
    type Future = ConnectionFuture<S>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.state.begin_request();
        let mut request = request.map(RequestBody::new);
        request.extensions_mut().insert(PeerAddr(self.peer));
        ConnectionFuture {
            inner: Oneshot::new(self.inner.clone(), request),
            ended: Some(RequestEnd(Arc::clone(&self.state))),
        }
    }
}

pin_project! {
    pub(super) struct ConnectionFuture<S>
    where
        S: Service<Request<RequestBody>>,
    {
        #[pin]
        inner: Oneshot<S, Request<RequestBody>>,
        ended: Option<RequestEnd>,
    }
}

impl<S, B> Future for ConnectionFuture<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>>,
{
    type Output = Result<Response<ConnectionBody<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let ended = this.ended.take();
        if let Some(ended) = &ended {
            ended.0.answer(response.status());
        }
        Poll::Ready(Ok(response.map(|inner| ConnectionBody { inner, ended })))
    }
}

/// The request is over once this is dropped.
#[derive(Debug)]
struct RequestEnd(Arc<ConnectionState>);

impl Drop for RequestEnd {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

pin_project! {
    pub(super) struct ConnectionBody<B> {
        #[pin]
        inner: B,
        ended: Option<RequestEnd>,
    }
}

impl<B: Body> Body for ConnectionBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let state = this.ended.as_ref().map(|ended| &ended.0);
        if let Some(state) = state {
            state.begin_piece();
        }
        let frame = ready!(this.inner.poll_frame(cx));
        if let Some(state) = state {
            state.send_piece();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
