//! A call whose files are being opened: until its HTTP request.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use tower_service::Service;

use super::{ApiBody, ApiRequest, bot_api::BotApi, calling::Calling};
use crate::{
    body::{
        chunks::Chunks,
        multipart::{self, OpenError},
    },
    client::Error,
    task::polled_after_completion,
    types::Upload,
};

type OpenedBody = Pin<Box<dyn Future<Output = Result<(HeaderValue, Chunks), OpenError>> + Send>>;

/// Opens the files of a call, because their lengths have to be known before it is sent.
pub(super) struct Opening<S> {
    body: OpenedBody,
    /// The service that was polled ready, and its call. `None` once the call is made.
    api: Option<(BotApi<S>, ApiRequest)>,
}

impl<S> Opening<S> {
    pub(super) fn new(api: BotApi<S>, call: ApiRequest, json: Bytes, uploads: Vec<Upload>) -> Self {
        Self {
            body: Box::pin(multipart::open_and_encode(json, uploads)),
            api: Some((api, call)),
        }
    }

    /// Polls for the call, which is made when all files are open.
    pub(super) fn poll_calling<B>(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Calling<S::Future>, Error>>
    where
        S: Service<Request<ApiBody>, Response = Response<B>>,
    {
        let body = ready!(self.body.as_mut().poll(cx)).map_err(Error::from_opening)?;
        let Some((mut api, call)) = self.api.take() else {
            polled_after_completion();
        };
        Poll::Ready(api.upload(&call, body))
    }
}
