//! Reads the update as the handler's type.
//!
//! 1. JSON that fits `U`: the inner service gets an `http::Request<U>`. Our
//!    [`Update`](crate::types::Update) always fits: what it has no type for it keeps raw.
//! 2. A body that isn't JSON: 400. Telegram sends it again, because it can only have been damaged on its way.
//! 3. JSON that doesn't fit `U`, and never will: the [hook](ParseLayer::on_unreadable) gets the raw update and the
//!    error, and the response is 200, because an update that is refused holds up its chat for a day. With
//!    [`retry_unreadable`](ParseLayer::retry_unreadable) the response is 500.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_telegram::webhook::{ParseLayer, RawUpdate};
//!
//! #[derive(serde::Deserialize)]
//! struct Mine {
//!     update_id: u32,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new()
//!     .layer(ParseLayer::<Mine>::new().on_unreadable(|raw, error| eprintln!("{raw:?}: {error}")))
//!     .service(service_fn(async |update: Request<Mine>| {
//!         let response = Response::new(update.body().update_id.to_string());
//!         Ok::<_, std::convert::Infallible>(response)
//!     }));
//! let update = |json: &'static str| {
//!     RawUpdate::from_bytes(Bytes::from_static(json.as_bytes())).map(Request::new)
//! };
//!
//! let fits = update(r#"{"update_id":7,"message":{}}"#)?;
//! assert_eq!(service.clone().oneshot(fits).await?.body(), "7");
//!
//! // Too large for the `u32`: the hook is called, and Telegram doesn't send it again.
//! let unfit = service.oneshot(update(r#"{"update_id":5000000000,"message":{}}"#)?).await?;
//! assert_eq!((unfit.status(), unfit.body().as_str()), (StatusCode::OK, ""));
//! # Ok(())
//! # }
//! ```

use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use serde_core::de::DeserializeOwned;
use tower_layer::Layer;
use tower_service::Service;

use super::{RawUpdate, Rejection, ResponseFuture, missing_layer::EncodedReply};
use crate::{telemetry::handler_start::HandlerStart, types::ParseError};

pub(super) type UnreadableHook = Arc<dyn Fn(&RawUpdate, &ParseError) + Send + Sync>;

/// Reads the update as a `U`. See the [module](self).
pub struct ParseLayer<U> {
    unreadable: Unreadable,
    keeps_raw: bool,
    marker: PhantomData<fn() -> U>,
}

/// The settings for an update that doesn't fit.
#[derive(Clone, Default)]
struct Unreadable {
    hook: Option<UnreadableHook>,
    retry: bool,
}

impl<U> ParseLayer<U> {
    /// Reads updates as a `U`.
    pub fn new() -> Self {
        Self {
            unreadable: Unreadable::default(),
            keeps_raw: false,
            marker: PhantomData,
        }
    }

    /// A hook that is called with each update that doesn't fit `U`, and with the error.
    #[must_use]
    pub fn on_unreadable(
        mut self,
        hook: impl Fn(&RawUpdate, &ParseError) + Send + Sync + 'static,
    ) -> Self {
        self.unreadable.hook = Some(Arc::new(hook));
        self
    }

    /// For handlers that read the update themselves.
    pub(super) fn unreadable_hook(&self) -> Option<UnreadableHook> {
        self.unreadable.hook.clone()
    }

    /// Leaves the [`RawUpdate`] in the extensions of the request, beside the `U`, for services that take both.
    /// Its bytes aren't copied, and stay in memory until the handler has dropped the request. Default: it is
    /// dropped once it has been read.
    #[must_use]
    pub fn keep_raw(mut self) -> Self {
        self.keeps_raw = true;
        self
    }

    /// Responds to an update that doesn't fit `U` with 500, so that Telegram sends it again until it is a day old; the
    /// chat's later updates wait behind it. Default: 200, and it isn't sent again.
    #[must_use]
    pub fn retry_unreadable(mut self) -> Self {
        self.unreadable.retry = true;
        self
    }
}

impl<U> Default for ParseLayer<U> {
    fn default() -> Self {
        Self::new()
    }
}

impl<U> Clone for ParseLayer<U> {
    fn clone(&self) -> Self {
        Self {
            unreadable: self.unreadable.clone(),
            keeps_raw: self.keeps_raw,
            marker: PhantomData,
        }
    }
}

impl<U> fmt::Debug for ParseLayer<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParseLayer")
            .field("type", &std::any::type_name::<U>())
            .field("retry_unreadable", &self.unreadable.retry)
            .finish_non_exhaustive()
    }
}

impl<S, U> Layer<S> for ParseLayer<U> {
    type Service = Parse<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        Parse {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`ParseLayer`].
pub struct Parse<S, U> {
    inner: S,
    layer: ParseLayer<U>,
}

impl<S, U> Parse<S, U> {
    inner_accessors!();
}

impl<S: Clone, U> Clone for Parse<S, U> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<S: fmt::Debug, U> fmt::Debug for Parse<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parse")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}

impl Unreadable {
    /// The rejection of an update that can't be read. `None` for one that ends with 200.
    fn decide(&self, raw: &RawUpdate, error: ParseError) -> Option<Rejection> {
        if error.is_syntax() {
            return Some(Rejection::Malformed(error));
        }
        log_unreadable(raw, &error);
        if let Some(hook) = &self.hook {
            hook(raw, &error);
        }
        self.retry.then_some(Rejection::Unreadable(error))
    }
}

pub(crate) fn log_unreadable(raw: &RawUpdate, error: &ParseError) {
    tracing::warn!(
        update_id = raw.update_id(),
        update_type = raw.name(),
        %error,
        "update doesn't fit the handler's type"
    );
}

impl<S, U> Service<Request<RawUpdate>> for Parse<S, U>
where
    S: Service<Request<U>>,
    S::Response: EncodedReply<Body: Default>,
    U: DeserializeOwned + 'static,
{
    type Response = Response<<S::Response as EncodedReply>::Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<RawUpdate>) -> Self::Future {
        let (mut head, raw) = request.into_parts();
        match raw.parse() {
            Ok(update) => {
                if self.layer.keeps_raw {
                    head.extensions.insert(raw);
                }
                ResponseFuture::inner(self.inner.call(Request::from_parts(head, update)))
            }
            Err(error) => {
                HandlerStart::clear(&head.extensions);
                ResponseFuture::early(self.layer.unreadable.decide(&raw, error))
            }
        }
    }
}
