//! A span for each call of the Bot API.
//!
//! This is the only safe place to trace calls. Below [`BotApi`](super::BotApi) the URL of each request has the
//! bot's token in it, so a trace layer there, and the logs of the HTTP client, write it down.
//!
//! 1. One span a call, at level `INFO`, named `telegram.call`: its method, the path with `{token}` in it, the
//!    server, the status, how often it was repeated, how long it waited under the limits. The page
//!    [`guide::observability`](crate::guide::observability) lists the fields.
//! 2. It is a child of the span in which the call is made: in a handler, that of the update.
//! 3. It belongs outside [`RetryLayer`](super::RetryLayer) and [`RateLimitLayer`](super::RateLimitLayer), so that
//!    it covers all attempts and waits. Below them it is one span for each attempt.
//! 4. Neither parameters nor results are recorded. The chat is, [if asked for](TraceCallsLayer::with_chat).
//! 5. Closures as those of tower-http's `TraceLayer` replace the span or add to it. One that panics is logged, and the call
//!    goes on.
//! 6. A call that is dropped before it has ended, such as by a time limit around it, has the `error.type` `cancelled`, and
//!    one below which something panicked has `panic`.
//!
//! A call through the client in which nothing records spans costs about 50 instructions more.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response};
//! # #[cfg(feature = "tokio")]
//! use tower_telegram::{
//!     client::{ApiBody, ClientBuilder, RetryLayer, TraceCallsLayer},
//!     methods::GetMe,
//! };
//!
//! # #[cfg(feature = "tokio")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let http = tower::service_fn(async |_: Request<ApiBody>| {
//! #     let me = r#"{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"B"}}"#;
//! #     Ok::<_, std::io::Error>(Response::new(me.to_owned()))
//! # });
//! let client = ClientBuilder::new(http, &"123456:a-Secret_One".parse()?)
//!     // The first is the outermost.
//!     .layer(TraceCallsLayer::new())
//!     .layer(RetryLayer::new())
//!     .build();
//! client.send(GetMe::new()).await?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "tokio"))]
//! # fn main() {}
//! ```

mod hooks;
mod service;

use std::{fmt, sync::Arc, time::Duration};

use tower_layer::Layer;
use tracing::Span;

use self::hooks::CallHooks;
pub use self::service::{ResponseFuture, TraceCalls};
use super::{ApiRequest, ApiResponse, Error};

/// Records a span for each call. See the [module](self).
#[derive(Clone, Default)]
pub struct TraceCallsLayer {
    /// `None` for those that nothing was set on.
    hooks: Option<Arc<CallHooks>>,
}

impl TraceCallsLayer {
    /// Records calls without their chats.
    pub fn new() -> Self {
        Self::default()
    }

    fn hook(mut self, set: impl FnOnce(&mut CallHooks)) -> Self {
        set(Arc::make_mut(self.hooks.get_or_insert_default()));
        self
    }

    /// Records the chat that a call names, as `telegram.chat.id`. Default: it isn't recorded, because it says who
    /// talks to the bot.
    pub fn with_chat(self) -> Self {
        self.hook(|hooks| hooks.with_chat = true)
    }

    /// The span of a call, in place of the layer's own.
    ///
    /// The layer records the fields that the span has; those that it lacks aren't recorded. Don't record
    /// [`ApiRequest::json`]: it is what people write.
    ///
    /// ```
    /// use tower_telegram::client::TraceCallsLayer;
    /// use tracing::field::Empty;
    ///
    /// let layer = TraceCallsLayer::new().make_span_with(|call| {
    ///     tracing::debug_span!("call", method = call.method(), "error.type" = Empty)
    /// });
    /// # let _ = layer;
    /// ```
    pub fn make_span_with(
        self,
        make: impl Fn(&ApiRequest) -> Span + Send + Sync + 'static,
    ) -> Self {
        self.hook(|hooks| hooks.make_span = Some(Arc::new(make)))
    }

    /// A function that is called within the span before the call is made. Default: none.
    pub fn on_request(self, hook: impl Fn(&ApiRequest, &Span) + Send + Sync + 'static) -> Self {
        self.hook(|hooks| hooks.on_request = Some(Arc::new(hook)))
    }

    /// A function that is called within the span with the response of a call that succeeds, and the call's whole
    /// duration. Default: none.
    pub fn on_response(
        self,
        hook: impl Fn(&ApiResponse, Duration, &Span) + Send + Sync + 'static,
    ) -> Self {
        self.hook(|hooks| hooks.on_response = Some(Arc::new(hook)))
    }

    /// A function that is called within the span with the error of a call that fails, and the call's whole
    /// duration. Default: none; the error is recorded as fields of the span.
    ///
    /// ```
    /// use tower_telegram::client::TraceCallsLayer;
    ///
    /// let layer = TraceCallsLayer::new().on_failure(|error, took, _span| {
    ///     tracing::warn!(%error, ?took, "call failed");
    /// });
    /// # let _ = layer;
    /// ```
    pub fn on_failure(
        self,
        hook: impl Fn(&Error, Duration, &Span) + Send + Sync + 'static,
    ) -> Self {
        self.hook(|hooks| hooks.on_failure = Some(Arc::new(hook)))
    }
}

impl<S> Layer<S> for TraceCallsLayer {
    type Service = TraceCalls<S>;

    fn layer(&self, inner: S) -> TraceCalls<S> {
        TraceCalls::new(inner, self.hooks.clone())
    }
}

impl fmt::Debug for TraceCallsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_chat = self.hooks.as_ref().is_some_and(|hooks| hooks.with_chat);
        f.debug_struct("TraceCallsLayer")
            .field("with_chat", &with_chat)
            .finish_non_exhaustive()
    }
}
