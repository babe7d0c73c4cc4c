//! Each update once, however often Telegram sends it.
//!
//! Telegram sends an update again when the answer is late, lost, or not a 2xx, and a connection that
//! breaks tells a server nothing about what the handler has done. So:
//!
//! 1. The handler runs in the response future of who asked first. If that is dropped before it is done,
//!    by a hang-up or by a time-out above, the handler goes on, on a task of its own.
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
//! costs is three allocations, and what is remembered of each update for a day: see [`MemoryStore`].
//!
//! # Who polls the handler
//!
//! Who asked first, for as long as they wait; nobody hands it to another task before it has to be. So:
//!
//! - Task-locals and spans of the caller are the handler's too, until the caller is gone.
//! - A handler that blocks its thread also blocks the connection that it came by, and with it a
//!   deadline above. Such work belongs on `tokio::task::spawn_blocking`.
//! - A caller that keeps the future without polling it keeps the handler waiting, and those who joined
//!   it. Servers poll it, and tower's layers poll it or drop it.
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
//! Called outside a Tokio runtime, it panics, as the handler would have no place to go on. The future may
//! be dropped anywhere.

mod dead_letter;
mod future;
mod handle_once;
mod handled_ids;
mod in_flight;
mod lazy_call;
mod memory_store;
pub(crate) mod retry_after;
mod shutdown;
mod store;

use std::{
    error::Error,
    future::Future,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

pub use self::{
    dead_letter::DeadLetter,
    future::ResponseFuture,
    memory_store::MemoryStore,
    shutdown::{DeliveryHandle, ShutdownReport},
    store::{Claim, DeliveryKey, DeliveryStore, StoreError, Ticket},
};
use self::{
    dead_letter::DeadLetterHook,
    handle_once::{Luggage, Place, Shared, fly},
    in_flight::{Boarding, Flights},
    lazy_call::Handling,
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
        let shared = &self.shared;
        if request.extensions().get::<Queued>().is_some() {
            let passing = Box::pin(self.inner.call(request));
            return ResponseFuture::passing(passing, key, shared);
        }
        match shared.flights.board(key) {
            Boarding::First => {
                let fresh = self.inner.clone();
                let ready = mem::replace(&mut self.inner, fresh);
                let place = Place::new(shared, key);
                let luggage = Luggage::new(shared, request.body());
                let handling = Box::pin(Handling::Waiting {
                    service: ready,
                    request,
                });
                let flying = fly(place, luggage, handling);
                ResponseFuture::flying(flying, key, shared)
            }
            Boarding::Joined(answer) => ResponseFuture::joined(answer, key, shared),
            Boarding::Full => ResponseFuture::turned_away(Rejection::Overloaded, key, shared),
            Boarding::Closed => ResponseFuture::turned_away(Rejection::ShuttingDown, key, shared),
        }
    }
}
