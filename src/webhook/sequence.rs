//! Handles the updates of a chat one after the other.
//!
//! Telegram does so itself, but by the type of update: a message and a press of a button in the same
//! chat come at once, and the same user's two presses of buttons in different chats don't.
//!
//! 1. An update waits until those of its chat that came before it have been answered; in the order in
//!    which their futures were first polled. Other chats go on meanwhile.
//! 2. What names no chat is in line with its user's private chat: an inline query, say. What names
//!    neither, such as a poll, waits for nothing.
//! 3. Bots that share an endpoint don't wait for each other.
//! 4. An update that would have to wait where too many do already is answered with 503 and
//!    `Retry-After: 1`: Telegram sends it again. Unless told otherwise that is 100 for a chat (as many
//!    requests as Telegram has open) and 1000 in all.
//! 5. Who hangs up leaves the line, or ends its turn. So does a panic.
//!
//! It belongs below [`DeliveryLayer`](super::DeliveryLayer), where a handler goes on when whoever asked
//! has hung up: its turn does, too. An update that is turned away here is none of its attempts there.
//!
//! Clones of the layer and of its services share the line; with replicas, each has its own.
//!
//! The service is ready when the one below is. An update that waits keeps none of it: it makes the
//! service below ready when its turn has come, and until then those behind it wait too.
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

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Request, Response, header};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

pub use self::key::SequenceKey;
use self::key::{Key, KeyOf};
use super::{RawUpdate, Rejection};
use crate::keyed_queues::{KeyedQueues, Place, Room, Turn};

/// Handles the updates of a chat one after the other. See the [module](self).
#[derive(Clone)]
pub struct SequenceLayer {
    key: KeyOf,
    room: Room,
    queues: Arc<KeyedQueues<Key>>,
}

impl SequenceLayer {
    /// The same as [`by_chat`](Self::by_chat).
    pub fn new() -> Self {
        Self::by_chat()
    }

    /// One after the other in a chat. What names no chat goes by its user.
    pub fn by_chat() -> Self {
        Self::with(KeyOf::chat())
    }

    /// One after the other for a user, in whichever chats. What names no user goes by its chat.
    ///
    /// A group's members no longer wait for each other.
    pub fn by_user() -> Self {
        Self::with(KeyOf::user())
    }

    /// One after the other for whatever you like; what has no key waits for nothing.
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
        Self::with(KeyOf::new(key))
    }

    fn with(key: KeyOf) -> Self {
        Self {
            key,
            room: Room {
                in_all: 1000,
                per_key: 100,
            },
            queues: Arc::default(),
        }
    }

    /// How many updates may wait, those being handled not counted.
    pub fn max_waiting(mut self, updates: usize) -> Self {
        self.room.in_all = updates;
        self
    }

    /// How many updates of one chat (or what else the key is) may wait.
    pub fn max_waiting_per_key(mut self, updates: usize) -> Self {
        self.room.per_key = updates;
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
            .field("max_waiting", &self.room.in_all)
            .field("max_waiting_per_key", &self.room.per_key)
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
        // Whatever becomes of the service that was polled ready, none is left behind that keeps a
        // permit from others.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        ResponseFuture {
            state: match self.layer.line_up(&request) {
                Line::Free => State::handle(ready, request, None),
                Line::Turn(turn) => State::handle(ready, request, Some(turn)),
                Line::Wait(place) => State::Waiting {
                    turn: WaitForTurn::new(place),
                    inner: self.inner.clone(),
                    request,
                },
                Line::Full => State::Rejected,
            },
        }
    }
}

/// Where an update stands.
enum Line {
    /// It has no key.
    Free,
    Turn(Turn<Key>),
    Wait(Place<Key>),
    Full,
}

impl SequenceLayer {
    fn line_up(&self, request: &Request<RawUpdate>) -> Line {
        let Some(key) = self.key.find(request) else {
            return Line::Free;
        };
        match self.queues.try_enter(key, self.room).map(Place::try_turn) {
            Some(Ok(turn)) => Line::Turn(turn),
            Some(Err(place)) => Line::Wait(place),
            None => Line::Full,
        }
    }
}

/// A turn that is waited for, or has come.
enum WaitForTurn {
    Waiting(Pin<Box<dyn Future<Output = Turn<Key>> + Send>>),
    Come(Turn<Key>),
}

impl WaitForTurn {
    fn new(place: Place<Key>) -> Self {
        Self::Waiting(Box::pin(place.turn()))
    }

    fn poll_come(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Waiting(waiting) = self {
            *self = Self::Come(ready!(waiting.as_mut().poll(cx)));
        }
        Poll::Ready(())
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
            turn: WaitForTurn,
            inner: S,
            request: Request<RawUpdate>,
        },
        Handling {
            #[pin]
            future: F,
            // Behind the future, so that the next one's turn begins when that is gone.
            turn: Option<Turn<Key>>,
        },
        Rejected,
        Done,
    }
}

impl<S: Service<Request<RawUpdate>>> State<S, S::Future> {
    fn handle(mut ready: S, request: Request<RawUpdate>, turn: Option<Turn<Key>>) -> Self {
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
                StateProj::Waiting { turn, inner, .. } => {
                    ready!(turn.poll_come(cx));
                    ready!(inner.poll_ready(cx)).err().map(Err)
                }
                StateProj::Handling { future, .. } => Some(ready!(future.poll(cx))),
                StateProj::Rejected => Some(Ok(overloaded())),
                StateProj::Done => return Poll::Pending,
            };
            // The turn ends with the answer, whenever this future is dropped.
            let taken = state.as_mut().project_replace(State::Done);
            if let Some(answer) = answer {
                return Poll::Ready(answer);
            }
            if let StateOwned::Waiting {
                turn: WaitForTurn::Come(turn),
                inner,
                request,
            } = taken
            {
                state.set(State::handle(inner, request, Some(turn)));
            }
        }
    }
}

fn overloaded<B: Default>() -> Response<B> {
    let mut response = Rejection::Overloaded.into_response();
    let second = HeaderValue::from_static("1");
    response.headers_mut().insert(header::RETRY_AFTER, second);
    response
}

#[cfg(test)]
mod tests;
