//! Each update once, however often Telegram sends it.
//!
//! Telegram sends an update again when the answer is late, lost, or not a 2xx, and a connection that
//! breaks tells a server nothing about what the handler has done. So:
//!
//! 1. The handler runs on a task of its own. A hang-up doesn't end it.
//! 2. An update that comes again while it runs **joins** it: there is one call, and whoever asked last
//!    has the reply, as a reply that is sent twice is carried out twice. The others get the same status
//!    and no body.
//! 3. If nobody waits when the handler ends, its reply is kept, and given to the next who asks, once.
//! 4. An update that is done is answered with an empty 200 and not handled again.
//! 5. One that fails (an error, a panic, or a status that isn't a 2xx) is answered with 500 and a
//!    `Retry-After` inside its [life](https://core.telegram.org/bots/api#setwebhook), so that Telegram sends it again.
//! 6. After five attempts, unless told otherwise, it goes to the [dead-letter
//!    hook](DeliveryLayer::dead_letter) and ends in a 200, so that it doesn't hold up its chat for a
//!    day.
//! 7. A [store](DeliveryStore) that fails is 503, not a guess.
//! 8. Too many at once are 503, and so is what comes after [`DeliveryHandle::close`].
//! 9. An update that a worker took from a queue (feature `redis`) passes: there the queue does all this.
//!
//! It belongs above the layers that parse and reply, and below the one that reads the request. What it
//! costs is a task, and what is remembered of each update for a day: see [`MemoryStore`].
//!
//! # Example
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//!
//! use http::{Request, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt as _};
//! use tower_telegram::{
//!     handler_fn,
//!     types::Update,
//!     webhook::{RawUpdate, ServiceBuilderExt as _, delivery::DeliveryLayer},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! static CALLS: AtomicU32 = AtomicU32::new(0);
//! let service = ServiceBuilder::new()
//!     .layer(DeliveryLayer::new())
//!     .parse::<Update>()
//!     .reply()
//!     .service(handler_fn(async |update: Update| {
//!         match CALLS.fetch_add(1, Ordering::Relaxed) {
//!             0 => Err("not now"),
//!             _ => Ok(()),
//!         }
//!     }));
//!
//! let update = || {
//!     let json = r#"{"update_id":7,"poll":{"id":"1"}}"#;
//!     RawUpdate::from_bytes(json.into()).map(Request::new)
//! };
//! let failed = service.clone().oneshot(update()?).await?;
//! assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! assert_eq!(failed.headers()["retry-after"], "1");
//!
//! // Telegram sends it again, and then, as an answer got lost, once more.
//! assert_eq!(service.clone().oneshot(update()?).await?.status(), StatusCode::OK);
//! assert_eq!(service.oneshot(update()?).await?.status(), StatusCode::OK);
//! assert_eq!(CALLS.load(Ordering::Relaxed), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Panics
//!
//! Called outside a Tokio runtime, it panics, as it has no place to run a task.

mod dead_letter;
mod drain;
mod flights;
pub(crate) mod life;
mod memory;
mod seen;
mod store;
mod task;

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use tokio::sync::oneshot;
use tower_layer::Layer;
use tower_service::Service;

pub use self::{
    dead_letter::DeadLetter,
    drain::{DeliveryHandle, ShutdownReport},
    memory::MemoryStore,
    store::{Claim, DeliveryKey, DeliveryStore, StoreError, Ticket},
};
use self::{
    dead_letter::DeadLetterHook,
    flights::{Answer, Boarding, Flights},
    task::{Shared, begin, has_reply, run, turned_away},
};
use super::{BotId, RawUpdate, Rejection, ReplyBody};

/// How many updates may be handled at the same time, unless told otherwise. Telegram's own most is
/// 100 connections; those whose connections are gone count too.
const MAX_RUNNING: usize = 1000;

/// In the extensions of a request whose update comes from a queue that sees to it that it counts once,
/// whoever it is that waits. The layers that do so for Telegram's deliveries step aside.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "redis"), allow(dead_code))]
pub(crate) struct Queued;

/// Handles each update once. See the [module](self).
///
/// What it makes shares one record of what runs, and so do its clones.
#[derive(Debug)]
pub struct DeliveryLayer<St = MemoryStore> {
    store: Arc<St>,
    flights: Arc<Flights>,
    max_attempts: u32,
    dead_letter: Option<DeadLetterHook>,
}

impl<St> Clone for DeliveryLayer<St> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            flights: Arc::clone(&self.flights),
            max_attempts: self.max_attempts,
            dead_letter: self.dead_letter.clone(),
        }
    }
}

impl DeliveryLayer {
    /// Remembers in memory: for one process.
    pub fn new() -> Self {
        Self::with_store(MemoryStore::new())
    }
}

impl Default for DeliveryLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<St> DeliveryLayer<St> {
    /// Remembers in a store: one that replicas share, for example.
    pub fn with_store(store: impl Into<Arc<St>>) -> Self {
        Self {
            store: store.into(),
            flights: Arc::new(Flights::new(MAX_RUNNING)),
            max_attempts: 5,
            dead_letter: None,
        }
    }

    /// How often an update is tried before it is given up; 5 unless told otherwise. 0 counts as 1.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// How many updates may be handled at the same time, those included whose connections are gone;
    /// 1000 unless told otherwise. More are turned away with 503.
    pub fn max_running(mut self, updates: usize) -> Self {
        self.flights = Arc::new(Flights::new(updates));
        self
    }

    /// Who takes an update that was given up. Telegram is answered once the future is done; if it
    /// panics, the update isn't given up yet.
    ///
    /// ```
    /// use tower_telegram::webhook::delivery::DeliveryLayer;
    ///
    /// let layer = DeliveryLayer::new().dead_letter(|letter| async move {
    ///     eprintln!("{}: {}", letter.update.update_id(), letter.failure);
    /// });
    /// ```
    pub fn dead_letter<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(DeadLetter) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.dead_letter = Some(DeadLetterHook::new(hook));
        self
    }

    /// For ending well. Take it after [`max_running`](Self::max_running) was set.
    pub fn handle(&self) -> DeliveryHandle {
        DeliveryHandle {
            flights: Arc::clone(&self.flights),
        }
    }
}

impl<S, St> Layer<S> for DeliveryLayer<St> {
    type Service = Deliver<S, St>;

    fn layer(&self, inner: S) -> Self::Service {
        Deliver {
            inner,
            shared: Arc::new(Shared {
                store: Arc::clone(&self.store),
                flights: Arc::clone(&self.flights),
                max_attempts: self.max_attempts,
                dead_letter: self.dead_letter.clone(),
            }),
        }
    }
}

/// The service of [`DeliveryLayer`].
#[derive(Debug)]
pub struct Deliver<S, St = MemoryStore> {
    inner: S,
    shared: Arc<Shared<St>>,
}

impl<S: Clone, St> Clone for Deliver<S, St> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S, St> Service<Request<RawUpdate>> for Deliver<S, St>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
    St: DeliveryStore,
{
    type Response = Response<ReplyBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Error, St>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RawUpdate>) -> Self::Future {
        let key = DeliveryKey {
            bot: request.extensions().get().copied().unwrap_or(BotId(0)),
            update_id: request.body().update_id(),
        };
        if request.extensions().get::<Queued>().is_some() {
            return ResponseFuture {
                state: State::Passing {
                    handling: Box::pin(self.inner.call(request)),
                },
                key,
                shared: Arc::clone(&self.shared),
            };
        }
        let pause = Duration::from_secs(1);
        let state = match self.shared.flights.board(key) {
            Boarding::Joined(answer) => State::Waiting { answer },
            Boarding::First(answer) => {
                let fresh = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, fresh);
                let shared = Arc::clone(&self.shared);
                let update = request.body().clone();
                let task = tokio::spawn(run(shared, key, update, begin(ready, request)));
                self.shared.flights.took_off(key, task.abort_handle());
                State::Waiting { answer }
            }
            Boarding::Full => State::answered(turned_away(Rejection::Overloaded, pause)),
            Boarding::Closed => State::answered(turned_away(Rejection::ShuttingDown, pause)),
        };
        ResponseFuture {
            state,
            key,
            shared: Arc::clone(&self.shared),
        }
    }
}

/// The response future of [`Deliver`]. Dropped, it doesn't end the handler.
pub struct ResponseFuture<E, St: DeliveryStore = MemoryStore> {
    state: State<E>,
    key: DeliveryKey,
    shared: Arc<Shared<St>>,
}

enum State<E> {
    Waiting { answer: oneshot::Receiver<Answer> },
    Answered { answer: Option<Box<Answer>> },
    Passing { handling: Passing<E> },
}

type Passing<E> = Pin<Box<dyn Future<Output = Result<Answer, E>> + Send>>;

impl<E> State<E> {
    fn answered(answer: Answer) -> Self {
        Self::Answered {
            answer: Some(Box::new(answer)),
        }
    }
}

impl<E, St: DeliveryStore> Future for ResponseFuture<E, St> {
    type Output = Result<Response<ReplyBody>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.state {
            State::Waiting { answer } => ready!(Pin::new(answer).poll(cx)).ok(),
            State::Answered { answer } => answer.take().map(|answer| *answer),
            State::Passing { handling } => return handling.as_mut().poll(cx),
        };
        // Cut off, or polled again.
        let answer =
            answer.unwrap_or_else(|| turned_away(Rejection::ShuttingDown, Duration::from_secs(1)));
        self.state = State::Answered { answer: None };
        Poll::Ready(Ok(answer))
    }
}

/// Whoever asked may leave at the very moment at which the answer is given to them.
impl<E, St: DeliveryStore> Drop for ResponseFuture<E, St> {
    fn drop(&mut self) {
        let State::Waiting { answer } = &mut self.state else {
            return;
        };
        answer.close();
        if let Ok(answer) = answer.try_recv()
            && has_reply(&answer)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (shared, key) = (Arc::clone(&self.shared), self.key);
            runtime.spawn(async move { shared.take_back(key, answer).await });
        }
    }
}

impl<E, St: DeliveryStore> fmt::Debug for ResponseFuture<E, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
