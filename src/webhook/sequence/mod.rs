//! Sequential handling of the updates of a chat.
//!
//! Telegram orders updates by their type: it sends a message and a press of a button in the same chat at the same
//! time, and two presses of the same user in different chats one after the other. With this layer:
//!
//! 1. An update waits until the earlier updates of its chat have their responses, in the order in which their
//!    futures were first polled. Other chats don't wait.
//! 2. An update without a chat, such as an inline query, waits for those of its user's private chat. An update with
//!    neither, such as a poll, doesn't wait.
//! 3. Bots that share an endpoint don't wait for each other.
//! 4. If too many updates wait already, the next is rejected with 503 and `Retry-After: 1`, and Telegram sends it
//!    again. Default: 100 for a chat (the most connections that Telegram opens) and 1000 in all.
//! 5. A request that hangs up leaves the queue, or ends its turn. So does a panic.
//!
//! The layer belongs below [`DeliveryLayer`](super::DeliveryLayer), where a handler and its turn go on after a
//! hang-up. A rejection by this layer isn't counted as an attempt there.
//!
//! Clones of the layer and of its services share their queues. So do replicas that share a
//! [lock](SequenceLayer::with_lock):
//!
//! 1. The first update in a replica's queue waits for the lock, beside the first ones of other replicas.
//! 2. An update that has waited for 40 seconds in all (see [`SequenceLayer::max_wait`]) is rejected with 503 and
//!    `Retry-After`, before Telegram closes the connection after 60. A lock that fails leads to 503, not to a guess.
//! 3. The response doesn't wait until the turn is released; the chat's next update does.
//! 4. The turn of a replica that died ends with its lease. A replica that was only unreachable may still run its
//!    handler then, at the same time as the next one's: its [`Lease`] shows that.
//!
//! The service is ready when the inner one is. A waiting update holds no permit of the inner service: it makes the
//! inner service ready when its turn has come, and the updates behind it wait until then.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode, header};
//! use tower::{Layer, Service, ServiceExt, service_fn};
//! use tower_telegram::webhook::{RawUpdate, SequenceLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let handler = service_fn(async |_: Request<RawUpdate>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
//! });
//! let mut service = SequenceLayer::new().max_waiting_per_key(1).layer(handler);
//! let update = |json: &'static str| {
//!     RawUpdate::from_bytes(Bytes::from_static(json.as_bytes())).map(Request::new)
//! };
//! let message = update(r#"{"update_id":1,"message":{"chat":{"id":7}}}"#)?;
//! let pressed = update(r#"{"update_id":2,"callback_query":{"message":{"chat":{"id":7}}}}"#)?;
//! let edited = update(r#"{"update_id":3,"edited_message":{"chat":{"id":7}}}"#)?;
//!
//! let message = service.ready().await?.call(message);
//! let pressed = service.ready().await?.call(pressed);
//! // One is being handled and one waits, so that there is no room for a third.
//! let edited = service.ready().await?.call(edited).await?;
//! assert_eq!(edited.status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert_eq!(edited.headers()[header::RETRY_AFTER], "1");
//!
//! assert_eq!(message.await?.status(), StatusCode::OK);
//! assert_eq!(pressed.await?.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```

mod key;
mod lease;
mod lock;
mod permit;

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

pub use self::{
    key::SequenceKey,
    lease::{Lease, LeaseKeeper},
    lock::{LockError, LockGuard, SequenceLock},
};
use self::{
    key::{BotKey, KeyExtractor},
    permit::{Permit, TurnError, WaitForTurn, WaitPolicy},
};
use super::{RawUpdate, Rejection, outcome::set_retry_after, redelivery::redelivery_pause};
use crate::client::ErrorChain;
use crate::task::{
    keyed_queue::{Capacity, KeyedQueue, Ticket},
    polled_after_completion,
};
use crate::telemetry::{handler_start::HandlerStart, update_span::turn_waited};

/// Handles the updates of a chat, or of another key, one after the other. See the [module](self).
#[derive(Clone)]
pub struct SequenceLayer {
    key: KeyExtractor,
    capacity: Capacity,
    wait_policy: WaitPolicy,
    queues: Arc<KeyedQueue<BotKey>>,
}

impl SequenceLayer {
    /// The same as [`by_chat`](Self::by_chat).
    pub fn new() -> Self {
        Self::by_chat()
    }

    /// Handles the updates of a chat one after the other. An update without a chat has its user as the key.
    pub fn by_chat() -> Self {
        Self::with(KeyExtractor::chat())
    }

    /// Handles the updates of a user one after the other, over all chats. An update without a user has its chat as
    /// the key. The members of a group don't wait for each other.
    pub fn by_user() -> Self {
        Self::with(KeyExtractor::user())
    }

    /// Handles the updates with the same key one after the other. An update with the key `None` doesn't wait.
    ///
    /// ```
    /// use tower_telegram::webhook::{RawUpdate, SequenceLayer};
    ///
    /// let by_type = SequenceLayer::by(|update: &RawUpdate| Some(update.name().to_owned()));
    /// let one_by_one = SequenceLayer::by(|_: &RawUpdate| Some(0));
    /// # let _ = (by_type, one_by_one);
    /// ```
    pub fn by<K: Into<SequenceKey>>(
        key: impl Fn(&RawUpdate) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        Self::with(KeyExtractor::new(key))
    }

    fn with(key: KeyExtractor) -> Self {
        Self {
            key,
            capacity: Capacity {
                in_all: 1000,
                per_key: 100,
            },
            wait_policy: WaitPolicy::default(),
            queues: Arc::default(),
        }
    }

    /// How many updates may wait in all, not counting the running ones. Default: 1000.
    pub fn max_waiting(mut self, updates: usize) -> Self {
        self.capacity.in_all = updates;
        self
    }

    /// How many updates with the same key may wait. Default: 100.
    pub fn max_waiting_per_key(mut self, updates: usize) -> Self {
        self.capacity.per_key = updates;
        self
    }

    /// How long an update may wait before it is rejected with 503 and `Retry-After`. Default: without a limit, and
    /// with a [lock](Self::with_lock) 40 seconds. It should be shorter than the limit of a
    /// [`DeadlineLayer`](super::DeadlineLayer).
    pub fn max_wait(mut self, limit: Duration) -> Self {
        self.wait_policy.max_wait = Some(limit);
        self
    }

    /// Shares the queues with other replicas, whose layers must use the same keys.
    ///
    /// The service's futures then have to be polled within a Tokio runtime.
    ///
    /// ```no_run
    /// # #[cfg(feature = "redis")]
    /// # fn run() -> Result<(), redis::RedisError> {
    /// use redis::aio::ConnectionManagerConfig;
    /// use tower_telegram::{redis::RedisLocks, webhook::SequenceLayer};
    ///
    /// let connection = redis::Client::open("redis://127.0.0.1/")?
    ///     .get_connection_manager_lazy(ConnectionManagerConfig::new())?;
    /// let layer = SequenceLayer::new().with_lock(RedisLocks::new(connection, "my_bot"));
    /// # drop(layer);
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_lock(mut self, lock: impl SequenceLock) -> Self {
        self.wait_policy.lock = Some(Arc::new(lock));
        self
    }
}

impl Default for SequenceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SequenceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SequenceLayer")
            .field("max_waiting", &self.capacity.in_all)
            .field("max_waiting_per_key", &self.capacity.per_key)
            .field("wait_policy", &self.wait_policy)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for SequenceLayer {
    type Service = Sequence<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Sequence {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`SequenceLayer`].
#[derive(Clone, Debug)]
pub struct Sequence<S> {
    inner: S,
    layer: SequenceLayer,
}

impl<S> Sequence<S> {
    inner_accessors!();
}

impl<S, R> Service<Request<RawUpdate>> for Sequence<S>
where
    S: Service<Request<RawUpdate>, Response = Response<R>> + Clone,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RawUpdate>) -> Self::Future {
        // The service that was polled ready is used up in any case, so that no permit is kept from others.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        ResponseFuture {
            state: match self.layer.enter_queue(&request) {
                SequenceEntry::Unkeyed => State::handle(ready, request, None),
                SequenceEntry::Running(turn) => State::handle(ready, request, Some(turn)),
                SequenceEntry::Waiting(ticket) => {
                    HandlerStart::clear(request.extensions());
                    State::Waiting {
                        began: Instant::now(),
                        turn: WaitForTurn::new(self.layer.wait_policy.clone(), ticket),
                        inner: self.inner.clone(),
                        request,
                    }
                }
                SequenceEntry::Full => {
                    HandlerStart::clear(request.extensions());
                    State::Rejected
                }
            },
        }
    }
}

/// How an update enters the queue of its key.
enum SequenceEntry {
    /// It has no key, so it doesn't wait.
    Unkeyed,
    Running(Permit),
    Waiting(Ticket<BotKey>),
    Full,
}

impl SequenceLayer {
    fn enter_queue(&self, request: &Request<RawUpdate>) -> SequenceEntry {
        let Some(key) = self.key.find(request) else {
            return SequenceEntry::Unkeyed;
        };
        let Some(ticket) = self.queues.try_enter(key, self.capacity) else {
            return SequenceEntry::Full;
        };
        if self.wait_policy.lock.is_some() {
            return SequenceEntry::Waiting(ticket);
        }
        match ticket.try_turn() {
            Ok(turn) => SequenceEntry::Running(Permit::Local { _turn: turn }),
            Err(ticket) => SequenceEntry::Waiting(ticket),
        }
    }
}

pin_project! {
    /// The response future of [`Sequence`].
    pub struct ResponseFuture<S, F> {
        #[pin]
        state: State<S, F>,
    }
}

impl<S, F> fmt::Debug for ResponseFuture<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

pin_project! {
    #[project = StateProj]
    #[project_replace = StateOwned]
    enum State<S, F> {
        Waiting {
            began: Instant,
            turn: WaitForTurn,
            inner: S,
            request: Request<RawUpdate>,
        },
        Handling {
            #[pin]
            future: F,
            // Behind the future, so that the next one's turn begins when that is gone.
            turn: Option<Permit>,
        },
        Rejected,
        Done,
    }
}

impl<S: Service<Request<RawUpdate>>> State<S, S::Future> {
    fn handle(mut ready: S, mut request: Request<RawUpdate>, turn: Option<Permit>) -> Self {
        if let Some(lease) = turn.as_ref().and_then(Permit::lease) {
            request.extensions_mut().insert(lease);
        }
        Self::Handling {
            future: ready.call(request),
            turn,
        }
    }
}

impl<S, R> Future for ResponseFuture<S, S::Future>
where
    S: Service<Request<RawUpdate>, Response = Response<R>>,
    R: Default,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let answer = match state.as_mut().project() {
                StateProj::Waiting {
                    turn,
                    inner,
                    request,
                    ..
                } => match ready!(turn.poll_come(cx)) {
                    Ok(()) => ready!(inner.poll_ready(cx)).err().map(Err),
                    Err(why) => Some(Ok(without_turn(&why, request.body()))),
                },
                StateProj::Handling { future, .. } => Some(ready!(future.poll(cx))),
                StateProj::Rejected => Some(Ok(overloaded())),
                StateProj::Done => polled_after_completion(),
            };
            // The turn ends with the response, whenever this future is dropped.
            if let Some(answer) = answer {
                state.set(State::Done);
                return Poll::Ready(answer);
            }
            if let StateOwned::Waiting {
                began,
                turn: WaitForTurn::Come(turn),
                inner,
                request,
            } = state.as_mut().project_replace(State::Done)
            {
                turn_waited(request.extensions(), began.elapsed());
                HandlerStart::set_now(request.extensions());
                state.set(State::handle(inner, request, Some(turn)));
            }
        }
    }
}

fn overloaded<B: Default>() -> Response<B> {
    rejected(Rejection::Overloaded, Duration::from_secs(1))
}

fn without_turn<B: Default>(why: &TurnError, update: &RawUpdate) -> Response<B> {
    match why {
        TurnError::Late => rejected(Rejection::QueueTimeout, Duration::from_secs(1)),
        TurnError::Unknown(error) => {
            let error = ErrorChain(error);
            let update_id = update.update_id();
            tracing::error!(%error, update_id, "sequence lock unavailable");
            rejected(
                Rejection::LockUnavailable,
                redelivery_pause(update.update_type(), 2),
            )
        }
    }
}

fn rejected<B: Default>(why: Rejection, retry_after: Duration) -> Response<B> {
    let mut response = why.into_response();
    set_retry_after(&mut response, retry_after);
    response
}

#[cfg(test)]
mod tests;
