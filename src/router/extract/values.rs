//! The router's state, values of the request, the chat and the user as arguments of a handler.

use std::{
    convert::Infallible,
    future::{Future, ready},
};

use super::super::{
    error::MissingFromUpdate,
    from_ref::FromRef,
    parts::{FromUpdateParts, UpdateParts},
};
use crate::{
    Client,
    types::{Chat, ChatId, User},
    webhook::{BotId, RawUpdate},
};

/// The router's state, or a [part](FromRef) of it. It is cloned for each update.
///
/// ```
/// use tower_telegram::{
///     methods::SendMessage,
///     router::{Router, State},
///     types::ChatId,
/// };
///
/// async fn greet(State(greeting): State<&'static str>, chat: ChatId) -> SendMessage {
///     SendMessage::new(chat, greeting)
/// }
///
/// let router: Router = Router::new().message(greet).with_state("Hello");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State<T>(pub T);

impl<T, S> FromUpdateParts<S> for State<T>
where
    T: FromRef<S> + Send,
    S: Sync,
{
    type Rejection = Infallible;

    const NEVER_WAITS: bool = true;

    fn from_update_parts(
        _: &mut UpdateParts,
        state: &S,
    ) -> impl Future<Output = Result<Self, Infallible>> + Send {
        ready(Ok(Self(T::from_ref(state))))
    }
}

/// The client, where it is the router's state or a [part](FromRef) of it.
///
/// ```
/// use tower_telegram::{Client, client::Error, methods::SendMessage, router::Router, types::ChatId};
///
/// async fn twice(client: Client, chat: ChatId) -> Result<SendMessage, Error> {
///     client.send(SendMessage::new(chat.clone(), "once")).await?;
///     Ok(SendMessage::new(chat, "twice"))
/// }
///
/// fn router(client: Client) -> Router {
///     Router::new().command("twice", twice).with_state(client)
/// }
/// ```
impl<S> FromUpdateParts<S> for Client
where
    Self: FromRef<S>,
    S: Sync,
{
    type Rejection = Infallible;

    const NEVER_WAITS: bool = true;

    fn from_update_parts(
        _: &mut UpdateParts,
        state: &S,
    ) -> impl Future<Output = Result<Self, Infallible>> + Send {
        ready(Ok(Self::from_ref(state)))
    }
}

/// A value that a layer has put into the extensions of the request, cloned. See
/// [`Router::layer`](super::super::Router::layer) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<T>(pub T);

impl<T, S> FromUpdateParts<S> for Extension<T>
where
    T: Clone + Send + Sync + 'static,
    S: Sync,
{
    type Rejection = MissingFromUpdate;

    const NEVER_WAITS: bool = true;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
        ready(extension(parts, std::any::type_name::<T>()).map(Self))
    }
}

fn extension<T>(parts: &UpdateParts, what: &'static str) -> Result<T, MissingFromUpdate>
where
    T: Clone + Send + Sync + 'static,
{
    let value = parts.head.extensions.get().cloned();
    value.ok_or(MissingFromUpdate::new(what))
}

macro_rules! impl_by_extension {
    ($($(#[$doc:meta])* $type:ty, $what:literal;)*) => {$(
        $(#[$doc])*
        impl<S: Sync> FromUpdateParts<S> for $type {
            type Rejection = MissingFromUpdate;

            const NEVER_WAITS: bool = true;

            fn from_update_parts(
                parts: &mut UpdateParts,
                _: &S,
            ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
                ready(extension(parts, $what))
            }
        }
    )*};
}

impl_by_extension! {
    /// The bot that the update is for, where [several share an endpoint](crate::webhook::SecretTokens).
    BotId, "a bot's number";
}

/// The update as it came, with its bytes. [`Webhook::router`](crate::webhook::Webhook::router) keeps it where a
/// handler takes it; other stacks do with [`ParseLayer::keep_raw`](crate::webhook::ParseLayer::keep_raw).
///
/// ```
/// use tower_telegram::{router::Router, webhook::RawUpdate};
///
/// async fn log(raw: RawUpdate) {
///     println!("update {} has {} bytes", raw.update_id(), raw.bytes().len());
/// }
///
/// let router: Router = Router::new().fallback(log);
/// ```
impl<S: Sync> FromUpdateParts<S> for RawUpdate {
    type Rejection = MissingFromUpdate;

    const TAKES_RAW: bool = true;

    const NEVER_WAITS: bool = true;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
        ready(extension(
            parts,
            "the raw update (see `Webhook::router` and `FromUpdateParts::TAKES_RAW`)",
        ))
    }
}

/// The time at which Telegram gets its response at the latest, by a
/// [`DeadlineLayer`](crate::webhook::DeadlineLayer).
///
/// Where no response has to be in time, it [never](crate::webhook::Deadline::never) comes: without that layer, behind
/// `Polling` and the queue, and for an attempt that follows an early acknowledgement. An `Option<Extension<Deadline>>`
/// is `None` then.
///
/// ```
/// use std::time::Duration;
///
/// use tower_telegram::{methods::SendMessage, router::Router, types::ChatId, webhook::Deadline};
///
/// async fn search(deadline: Deadline, chat: ChatId) -> SendMessage {
///     let time = deadline.remaining().min(Duration::from_secs(20));
///     SendMessage::new(chat, format!("Searching for {} s", time.as_secs()))
/// }
///
/// let router: Router = Router::new().command("search", search);
/// ```
#[cfg(feature = "tokio")]
impl<S: Sync> FromUpdateParts<S> for crate::webhook::Deadline {
    type Rejection = Infallible;

    const NEVER_WAITS: bool = true;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, Infallible>> + Send {
        let deadline = parts.head.extensions.get().copied();
        ready(Ok(deadline.unwrap_or_else(Self::never)))
    }
}

/// The number of the chat that the update is from: of the message, also of that of a pressed button. Inline
/// queries have none.
///
/// It isn't enough for a reply to a message of a business account, which needs the
/// [connection](crate::types::Update::business_connection_id) too: [`Message::reply`](crate::types::Message::reply)
/// has both.
impl<S: Sync> FromUpdateParts<S> for ChatId {
    type Rejection = MissingFromUpdate;

    const NEVER_WAITS: bool = true;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
        let chat = parts.update.chat().map(|chat| Self::from(chat.id));
        ready(chat.ok_or(MissingFromUpdate::new("a chat")))
    }
}

/// The chat that the update is from, cloned, with its number, type and name: of the message, also of that of a pressed
/// button. Inline queries have none.
///
/// ```
/// use std::{
///     collections::HashMap,
///     sync::{Arc, Mutex},
/// };
///
/// use tower_telegram::{
///     router::{Router, State},
///     types::Chat,
/// };
///
/// type Visits = Arc<Mutex<HashMap<i64, u32>>>;
///
/// async fn count(State(visits): State<Visits>, chat: Chat) {
///     let mut visits = visits.lock().unwrap();
///     *visits.entry(chat.id).or_default() += 1;
/// }
///
/// let router: Router = Router::new().command("visit", count).with_state(Visits::default());
/// ```
impl<S: Sync> FromUpdateParts<S> for Chat {
    type Rejection = MissingFromUpdate;

    const NEVER_WAITS: bool = true;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
        let chat = parts.update.chat().cloned();
        ready(chat.ok_or(MissingFromUpdate::new("a chat")))
    }
}

/// The user who caused the update, cloned. Posts in channels have none.
impl<S: Sync> FromUpdateParts<S> for User {
    type Rejection = MissingFromUpdate;

    const NEVER_WAITS: bool = true;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
        let user = parts.update.from().cloned();
        ready(user.ok_or(MissingFromUpdate::new("a user")))
    }
}
