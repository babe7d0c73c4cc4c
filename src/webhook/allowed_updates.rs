//! A filter by the type of update.
//!
//! 1. A type that is in the [`AllowedUpdates`]: the request is passed on.
//! 2. Any other type: 200 with no body, so that Telegram doesn't send the update again. The payload isn't read.
//!
//! Give [`setWebhook`](https://core.telegram.org/bots/api#setwebhook) the same value, and Telegram doesn't send the
//! other types at all, except for updates from before that call.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_telegram::{
//!     types::UpdateType,
//!     webhook::{AllowedUpdatesLayer, RawUpdate},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new()
//!     .layer(AllowedUpdatesLayer::new([UpdateType::Message]))
//!     .service(service_fn(async |_: Request<RawUpdate>| {
//!         Ok::<_, std::convert::Infallible>(Response::new("handled".to_owned()))
//!     }));
//! let update = |json: &'static str| {
//!     RawUpdate::from_bytes(Bytes::from_static(json.as_bytes())).map(Request::new)
//! };
//!
//! let wanted = update(r#"{"update_id":7,"message":{}}"#)?;
//! assert_eq!(service.clone().oneshot(wanted).await?.body(), "handled");
//!
//! let other = service.oneshot(update(r#"{"update_id":8,"poll":{}}"#)?).await?;
//! assert_eq!((other.status(), other.body().as_str()), (StatusCode::OK, ""));
//! # Ok(())
//! # }
//! ```

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{RawUpdate, ResponseFuture};
use crate::types::AllowedUpdates;

/// Passes on the updates of some types, and drops the others. Default: the types that Telegram sends by default.
/// See the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowedUpdatesLayer {
    allowed: AllowedUpdates,
}

impl AllowedUpdatesLayer {
    /// Passes on updates of these types.
    pub fn new(allowed: impl Into<AllowedUpdates>) -> Self {
        Self {
            allowed: allowed.into(),
        }
    }
}

impl<S> Layer<S> for AllowedUpdatesLayer {
    type Service = AllowedUpdatesService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AllowedUpdatesService {
            inner,
            allowed: self.allowed,
        }
    }
}

/// The service of [`AllowedUpdatesLayer`].
#[derive(Clone, Copy, Debug)]
pub struct AllowedUpdatesService<S> {
    inner: S,
    allowed: AllowedUpdates,
}

impl<S> AllowedUpdatesService<S> {
    inner_accessors!();

    pub(super) fn allowed(&self) -> AllowedUpdates {
        self.allowed
    }
}

impl<S, R> Service<Request<RawUpdate>> for AllowedUpdatesService<S>
where
    S: Service<Request<RawUpdate>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<RawUpdate>) -> Self::Future {
        let update = request.body();
        if self.allowed.contains(update.update_type()) {
            return ResponseFuture::inner(self.inner.call(request));
        }
        tracing::debug!(
            update_id = update.update_id(),
            update_type = update.name(),
            "update of an unwanted type dropped"
        );
        ResponseFuture::early(None)
    }
}
