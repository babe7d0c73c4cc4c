//! Holds calls back, so that Telegram needn't refuse them.
//!
//! 1. Methods that send or change messages count; all others pass untouched.
//! 2. Never more than 30 in any second overall, one in any second to a chat, 20 in any minute to a
//!    group or channel: that is what Telegram tells bots to keep to. Each limit can be set, and
//!    switched off.
//! 3. A chat is its number or its `@name`, whose case doesn't matter. That a name and a number are
//!    the same chat isn't known here: stay with one.
//! 4. Calls to a chat are made in the order in which they were first polled. A chat that is far
//!    behind doesn't hold up others.
//! 5. A call that is dropped while it waits has used up nothing.
//! 6. A 429 seen on its way back makes its chat pause for `retry_after`; the whole bot, where the
//!    call names no chat.
//!
//! Clones of the layer and of its services share the limits; a layer with a limit set anew begins
//! anew. Telegram counts by bot, so each bot wants a layer of its own, and with the feature `redis`
//! its replicas can share one (`RateLimitLayer::shared`).
//!
//! The service is always ready, as no call is known yet when it is asked: each waits in its future,
//! and asks the service below when its time has come. It counts from when that one is ready, and
//! until then those behind it wait too.
//! What must not pile up needs a limit above, such as tower's load shed over its concurrency limit.
//!
//! # Example
//!
//! ```
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_telegram::{
//!     client::{ApiRequest, ApiResponse, Error, Rate, RateLimitLayer},
//!     methods::SendMessage,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! # tokio::time::pause();
//! let service = ServiceBuilder::new()
//!     .layer(RateLimitLayer::new().per_group(Rate::per_minute(10)))
//!     .service(service_fn(async |_: ApiRequest| Ok::<_, Error>(ApiResponse::new("true"))));
//!
//! let began = tokio::time::Instant::now();
//! for _ in 0..11 {
//!     let call = ApiRequest::new(&SendMessage::new("@channel", "hi"))?;
//!     service.clone().oneshot(call).await?;
//! }
//! assert_eq!(began.elapsed().as_secs(), 60);
//! # Ok(())
//! # }
//! ```
//!
//! # Panics
//!
//! The waits are tokio's timer: a call that has to wait must run on a tokio runtime with its time
//! driver on.

mod memory;
mod policy;
#[cfg(feature = "redis")]
mod shared;
mod store;
mod window;

use std::{
    error, fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{sync::Mutex, time::sleep};
use tower::ServiceExt as _;
use tower_layer::Layer;
use tower_service::Service;

pub use self::policy::Rate;
use self::{
    memory::Memory,
    policy::{Chat, Limits, counts},
    store::{Log, Store},
};
use super::{ApiRequest, ApiResponse, Error, into_error::IntoError};
use crate::task::keyed_queue::KeyedQueues;

/// Holds calls back, so that Telegram needn't refuse them. See the [module](self).
#[derive(Clone)]
pub struct RateLimitLayer {
    limits: Limits,
    limiter: Arc<Limiter<Log>>,
}

impl RateLimitLayer {
    /// Telegram's limits: 30 a second overall, one a second to a chat, 20 a minute to a group or
    /// channel.
    pub fn new() -> Self {
        let limits = Limits::TELEGRAM;
        Self::with_log(limits, Log::Memory(Memory::new(limits)))
    }

    fn with_log(limits: Limits, log: Log) -> Self {
        let limiter = Arc::new(Limiter::new(log));
        Self { limits, limiter }
    }

    fn with_limits(&self, limits: Limits) -> Self {
        Self::with_log(limits, self.limiter.store.with_limits(limits))
    }

    /// Keeps to the limits together with all that share these: the replicas of a bot. Each should have
    /// the same limits set.
    ///
    /// The order in which calls to a chat are made is each replica's own. A call that is dropped at the
    /// very moment at which Redis is asked may have used up its turn.
    #[cfg(feature = "redis")]
    pub fn shared(self, limits: crate::redis::RedisLimits) -> Self {
        let shared = Box::new(shared::Shared::new(self.limits, limits));
        Self::with_log(self.limits, Log::Shared(shared))
    }

    /// How many calls the bot makes in all. `None` switches the limit off.
    pub fn overall(self, rate: impl Into<Option<Rate>>) -> Self {
        self.with_limits(Limits {
            overall: rate.into(),
            ..self.limits
        })
    }

    /// How many calls go to a chat of any kind. `None` switches the limit off.
    pub fn per_chat(self, rate: impl Into<Option<Rate>>) -> Self {
        self.with_limits(Limits {
            chat: rate.into(),
            ..self.limits
        })
    }

    /// How many calls go to a group or channel, besides the limit of any chat. `None` switches the
    /// limit off.
    pub fn per_group(self, rate: impl Into<Option<Rate>>) -> Self {
        self.with_limits(Limits {
            group: rate.into(),
            ..self.limits
        })
    }
}

impl Default for RateLimitLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit {
            inner: IntoError { inner },
            limiter: self.limiter.clone(),
        }
    }
}

/// The service of [`RateLimitLayer`].
#[derive(Clone)]
pub struct RateLimit<S> {
    inner: IntoError<S>,
    limiter: Arc<Limiter<Log>>,
}

impl<S: fmt::Debug> fmt::Debug for RateLimit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("inner", &self.inner.inner)
            .finish_non_exhaustive()
    }
}

impl<S> Service<ApiRequest> for RateLimit<S>
where
    S: Service<ApiRequest, Response = ApiResponse> + Clone + Send + 'static,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
    S::Future: Send,
{
    type Response = ApiResponse;
    type Error = Error;
    type Future = ResponseFuture;

    /// The service below is asked when the call's time has come: a permit that it gave out now
    /// would be kept from others all the while.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: ApiRequest) -> ResponseFuture {
        let inner = self.inner.clone();
        let future: Boxed = if counts(call.method()) {
            let limiter = self.limiter.clone();
            Box::pin(async move { limiter.call(inner, call).await })
        } else {
            Box::pin(inner.oneshot(call))
        };
        ResponseFuture { future }
    }
}

type Boxed = Pin<Box<dyn Future<Output = Result<ApiResponse, Error>> + Send>>;

/// The response future of [`RateLimit`].
pub struct ResponseFuture {
    future: Boxed,
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl Future for ResponseFuture {
    type Output = Result<ApiResponse, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

/// Lets calls go when there is room for them.
struct Limiter<T> {
    store: T,
    chats: Arc<KeyedQueues<Chat>>,
    /// The queue of those that are first in their chat's.
    all: Mutex<()>,
}

impl<T: Store> Limiter<T> {
    fn new(store: T) -> Self {
        Self {
            store,
            chats: Arc::default(),
            all: Mutex::new(()),
        }
    }

    async fn call<S>(&self, inner: IntoError<S>, call: ApiRequest) -> Result<ApiResponse, Error>
    where
        IntoError<S>: Service<ApiRequest, Response = ApiResponse, Error = Error> + Clone,
    {
        let chat = Chat::of(&call);
        let answer = self.begin(chat.as_ref(), inner, call).await?.await;
        if let Err(error) = &answer
            && error.is_rate_limited()
            && let Some(time) = error.retry_after()
        {
            self.store.pause(chat.as_ref(), time).await;
        }
        answer
    }

    /// Makes the call when there is room for it. Nothing is taken down before, so that who goes
    /// away has used up nothing; and nothing is waited for after, so that calls can't bunch up
    /// below and be sent faster than they were let go.
    async fn begin<S>(
        &self,
        chat: Option<&Chat>,
        inner: IntoError<S>,
        call: ApiRequest,
    ) -> Result<<IntoError<S> as Service<ApiRequest>>::Future, Error>
    where
        IntoError<S>: Service<ApiRequest, Response = ApiResponse, Error = Error> + Clone,
    {
        let _first_in_chat = match chat {
            Some(chat) => Some(self.chats.enter(chat.clone()).turn().await),
            None => None,
        };
        loop {
            if chat.is_some() {
                self.room(chat).await;
            }
            let _first_of_all = self.all.lock().await;
            self.room(None).await;
            let mut inner = inner.clone();
            let ready = inner.ready().await?;
            // The chat may have been told to pause in the meantime.
            if self.store.take(chat).await {
                return Ok(ready.call(call));
            }
        }
    }

    /// Waits for room in this scope.
    async fn room(&self, scope: Option<&Chat>) {
        while let Some(time) = self.store.shut_for(scope).await {
            sleep(time).await;
        }
    }
}

#[cfg(test)]
mod tests;
