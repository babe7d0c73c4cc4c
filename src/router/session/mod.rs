//! Sessions: a bot's memory of a chat or a user from one update to the next.
//!
//! 1. A [`SessionLayer`] around routes gives their handlers a [`Session<T>`](Session) as an argument. It is read
//!    from the store when the handler takes it. Where nothing is stored yet, it is `T::default()`.
//! 2. A session that the handler changed is stored once the handler has succeeded, before Telegram gets the
//!    reply. A handler that fails stores nothing, so that the next attempt finds the session unchanged. Nor does
//!    one whose reply can't be sent, because it is over 1 MiB or has a file that can't be opened. If another task still
//!    has the session when the handler has ended, its changes aren't stored, and a warning in the log says so.
//!    Call [`Router::on_error`](super::Router::on_error), and `layer` with a layer that turns errors into replies,
//!    after the `layer` call with the `SessionLayer`.
//! 3. A session belongs to a chat, to a user, or to a user in a chat: [`SessionKey`]. Default: to a chat. A business
//!    account's chat with a customer isn't the bot's own chat with them, and has a session of its own.
//! 4. Two updates that change one session at the same time don't lose each other's change: the second one's
//!    handler runs again, with the first one's change, and so do its calls to Telegram. So does a handler whose
//!    session can't be read or written because the store is down. Neither counts as a failed attempt.
//!    A [`SequenceLayer`](crate::webhook::SequenceLayer) on the webhook makes the second wait instead, and with
//!    a lock over replicas too.
//! 5. Telegram sends an update again if its process ended, or the store's response was lost, after a change was stored
//!    and before the update was recorded as handled. The handler then finds the session as it was before that change, so
//!    that no change is made twice. For this the store keeps what the session was before its last change, too. A
//!    redelivery finds the present session if another update has changed it in between, and the default after
//!    [`Session::remove`], of which nothing is kept.
//! 6. Layers of different types over one store need different [names](SessionLayer::name).
//! 7. A session [expires](SessionLayer::expires_after) when it hasn't been changed for a time. Default: 30 days.
//! 8. When the JSON of `T` changes, give the layer another [version](SessionLayer::version): sessions of other
//!    versions are [converted](SessionLayer::migrate), or else start from the default. Sessions that can't be
//!    read start from the default too, with a warning in the log.
//!
//! # A conversation
//!
//! A conversation is an enum with a variant for each step, and its handler a `match`. This one has four steps.
//! `/cancel` ends it, and so do ten minutes without an answer:
//!
//! ```
//! use std::time::Duration;
//!
//! use serde::{Deserialize, Serialize};
//! use tower_telegram::{
//!     methods::SendMessage,
//!     router::{
//!         NewMessage, Router,
//!         session::{MemorySessions, Session, SessionLayer},
//!     },
//!     types::ChatId,
//! };
//!
//! #[derive(Default, Deserialize, Serialize)]
//! enum Order {
//!     #[default]
//!     Start,
//!     Dish,
//!     Size { dish: String },
//!     Address { dish: String, size: String },
//! }
//!
//! async fn order(mut order: Session<Order>, NewMessage(message): NewMessage) -> SendMessage {
//!     let text = message.text.as_deref().unwrap_or_default();
//!     let (next, answer) = match order.take() {
//!         Order::Start => (Order::Dish, "What would you like?".to_owned()),
//!         Order::Dish => (Order::Size { dish: text.into() }, "Small or large?".to_owned()),
//!         Order::Size { dish } if text == "small" || text == "large" => {
//!             (Order::Address { dish, size: text.into() }, "Where to?".to_owned())
//!         }
//!         asked @ Order::Size { .. } => (asked, "Small or large, please.".to_owned()),
//!         Order::Address { dish, size } => {
//!             (Order::Start, format!("One {size} {dish} to {text}. Thank you!"))
//!         }
//!     };
//!     *order = next;
//!     SendMessage::new(message.chat.id, answer)
//! }
//!
//! async fn cancel(mut order: Session<Order>, chat: ChatId) -> SendMessage {
//!     order.remove();
//!     SendMessage::new(chat, "Cancelled.")
//! }
//!
//! let sessions = SessionLayer::<Order, _>::new(MemorySessions::new())
//!     .expires_after(Duration::from_secs(10 * 60));
//! let router: Router = Router::new()
//!     .command("cancel", cancel)
//!     .message(order)
//!     .layer(sessions);
//! #
//! # use http::Request;
//! # use tower::ServiceExt as _;
//! # use tower_telegram::types::Update;
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! # for (update_id, (text, expected)) in (1..).zip([
//! #     ("hi", "What would you like?"),
//! #     ("soup", "Small or large?"),
//! #     ("huge", "Small or large, please."),
//! #     ("large", "Where to?"),
//! #     ("/cancel", "Cancelled."),
//! #     ("hi", "What would you like?"),
//! #     ("soup", "Small or large?"),
//! #     ("small", "Where to?"),
//! #     ("the mill", "One small soup to the mill. Thank you!"),
//! # ]) {
//! #     let json = serde_json::json!({"update_id": update_id, "message": {
//! #         "message_id": 1, "date": 0, "text": text, "chat": {"id": 42, "type": "private"},
//! #         "entities": [{"type": "bot_command", "offset": 0, "length": 7}],
//! #     }});
//! #     let update = Update::from_slice(json.to_string().as_bytes()).unwrap();
//! #     let reply = router.clone().oneshot(Request::new(update)).await.unwrap();
//! #     let reply: serde_json::Value = serde_json::from_slice(reply.json().unwrap()).unwrap();
//! #     assert_eq!(reply["text"], expected);
//! # }
//! # });
//! ```

mod extract;
mod key;
mod layer;
mod memory;
mod slot;
mod store;
#[cfg(test)]
mod tests;
mod text;

pub use self::{
    extract::{Session, SessionRejection},
    key::SessionKey,
    layer::{SessionFuture, SessionLayer, SessionService},
    memory::MemorySessions,
    store::{SessionError, SessionStore, StoredSession},
};
