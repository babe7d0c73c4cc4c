//! Follows groups that have become supergroups.
//!
//! 1. A call that Telegram refuses as its group has moved is made once more, to the new number.
//!    Nothing was done the first time, so this goes for any method.
//! 2. Later calls to the old number go to the new one at once, as long as it is remembered.
//! 3. [`on_migrate`](MigrateChatLayer::on_migrate) hears of each move, so that the bot can store it.
//!    A bot that doesn't has one more call refused for each group after each restart.
//!
//! Only `chat_id` is looked at and changed. The old number is still good for reading, such as the
//! `from_chat_id` of a message that is forwarded.
//!
//! Above a `RateLimitLayer`, both calls count.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, service_fn};
//! use tower_telegram::{
//!     BotToken, Client,
//!     client::{ApiBody, BotApi, MigrateChatLayer},
//!     methods::LeaveChat,
//!     types::UploadError,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use http_body_util::BodyExt as _;
//! // A Telegram where the group -5 has become the supergroup -1005.
//! let http = service_fn(async |call: Request<ApiBody>| {
//!     let json = call.into_body().collect().await?.to_bytes();
//!     Ok::<_, UploadError>(Response::new(match &json[..] {
//!         br#"{"chat_id":-1005}"# => r#"{"ok":true,"result":true}"#.to_owned(),
//!         _ => r#"{"ok":false,"error_code":400,"parameters":{"migrate_to_chat_id":-1005}}"#.to_owned(),
//!     }))
//! });
//! let migrate = MigrateChatLayer::new().on_migrate(|from, to| println!("{from} is now {to}"));
//! let api = BotApi::telegram(http, &BotToken::new("1:secret")?);
//! let client = Client::from_service(ServiceBuilder::new().layer(migrate).service(api));
//!
//! assert!(client.send(LeaveChat::new(-5)).await?);
//! # Ok(())
//! # }
//! ```

use std::{
    collections::{HashMap, VecDeque},
    error, fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower::ServiceExt as _;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    ApiRequest, ApiResponse, Error,
    into_error::{IntoErrorFuture, MapToClientError},
};
use crate::types::ChatId;

/// Follows groups that have become supergroups. See the [module](self).
#[derive(Clone)]
pub struct MigrateChatLayer {
    max_remembered: usize,
    moves: Arc<Mutex<Moves>>,
    hook: Option<Arc<MigrationHook>>,
}

type MigrationHook = dyn Fn(&ChatId, i64) + Send + Sync;

/// Where groups have moved.
#[derive(Default)]
struct Moves {
    to: HashMap<i64, i64>,
    /// The groups, the first one remembered first.
    order: VecDeque<i64>,
}

impl MigrateChatLayer {
    /// Remembers the last 10,000 moves. Clones, and the services made with them, share them.
    pub fn new() -> Self {
        Self {
            max_remembered: 10_000,
            moves: Arc::default(),
            hook: None,
        }
    }

    /// How many moves are remembered at most. With none, each call to an old number is refused
    /// first.
    pub fn max_remembered(mut self, moves: usize) -> Self {
        self.max_remembered = moves;
        self
    }

    /// Is called with the old number and the new one when a move is found that isn't remembered. The
    /// call waits for it: hand what takes long to a task.
    pub fn on_migrate<F>(mut self, hook: F) -> Self
    where
        F: Fn(&ChatId, i64) + Send + Sync + 'static,
    {
        self.hook = Some(Arc::new(hook));
        self
    }

    fn moves(&self) -> MutexGuard<'_, Moves> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call as it goes out, where its group is known to have moved.
    fn follow(&self, group: i64, call: ApiRequest) -> ApiRequest {
        let to = self.moves().to.get(&group).copied();
        to.and_then(|to| call.with_chat_id(to).ok()).unwrap_or(call)
    }

    /// The call to make after this failure, where it says that the group has moved.
    fn again(&self, group: i64, call: &ApiRequest, error: &Error) -> Option<ApiRequest> {
        let to = error.migrate_to_chat_id().filter(|to| *to != group)?;
        let new = self.moves().remember(group, to, self.max_remembered);
        if new && let (Some(hook), Some(from)) = (&self.hook, call.chat_id()) {
            hook(from, to);
        }
        if !call.is_replayable() {
            return None;
        }
        call.with_chat_id(to).ok()
    }
}

impl Default for MigrateChatLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MigrateChatLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MigrateChatLayer")
            .field("max_remembered", &self.max_remembered)
            .finish_non_exhaustive()
    }
}

impl Moves {
    /// Whether this is news.
    fn remember(&mut self, group: i64, to: i64, max: usize) -> bool {
        let before = self.to.insert(group, to);
        if before.is_none() {
            self.order.push_back(group);
        }
        while self.order.len() > max {
            let forgotten = self.order.pop_front();
            forgotten.map(|group| self.to.remove(&group));
        }
        before != Some(to)
    }
}

/// The group that a call goes to. Only groups move, and their numbers lie between those of users
/// and those of supergroups and channels.
fn group(call: &ApiRequest) -> Option<i64> {
    let id = match call.chat_id()? {
        ChatId::Id(id) => *id,
        // Telegram takes a number in quotes too.
        ChatId::Username(name) => name.parse().ok()?,
        _ => return None,
    };
    (-999_999_999_999..0).contains(&id).then_some(id)
}

impl<S> Layer<S> for MigrateChatLayer {
    type Service = MigrateChat<S>;

    fn layer(&self, inner: S) -> MigrateChat<S> {
        MigrateChat {
            inner: MapToClientError { inner },
            layer: self.clone(),
        }
    }
}

/// The service of [`MigrateChatLayer`].
#[derive(Clone)]
pub struct MigrateChat<S> {
    inner: MapToClientError<S>,
    layer: MigrateChatLayer,
}

impl<S: fmt::Debug> fmt::Debug for MigrateChat<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MigrateChat")
            .field("inner", &self.inner.inner)
            .field("layer", &self.layer)
            .finish()
    }
}

impl<S> Service<ApiRequest> for MigrateChat<S>
where
    S: Service<ApiRequest, Response = ApiResponse> + Clone + Send + 'static,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
    S::Future: Send,
{
    type Response = ApiResponse;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: ApiRequest) -> ResponseFuture<S::Future> {
        let Some(group) = group(&call) else {
            let future = self.inner.call(call);
            return State::Passing { future }.into();
        };
        // The one that was polled ready makes the first call, and the clone the second, if any.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone.clone());
        let layer = self.layer.clone();
        let first = inner.call(layer.follow(group, call.clone()));
        let future = Box::pin(async move {
            let error = match first.await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            match layer.again(group, &call, &error) {
                Some(call) => clone.oneshot(call).await,
                None => Err(error),
            }
        });
        State::Following { future }.into()
    }
}

type MigrateFuture = Pin<Box<dyn Future<Output = Result<ApiResponse, Error>> + Send>>;

pin_project! {
    /// The response future of [`MigrateChat`].
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Passing { #[pin] future: IntoErrorFuture<F> },
        Following { future: MigrateFuture },
    }
}

impl<F> From<State<F>> for ResponseFuture<F> {
    fn from(state: State<F>) -> Self {
        Self { state }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<ApiResponse, E>>,
    E: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Output = Result<ApiResponse, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Passing { future } => future.poll(cx),
            StateProj::Following { future } => future.as_mut().poll(cx),
        }
    }
}

#[cfg(test)]
mod tests;
