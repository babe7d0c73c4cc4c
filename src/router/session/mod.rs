//! What a bot remembers of a chat or a user between updates.
//!
//! 1. [`SessionLayer`] goes around the routes that have sessions. A handler has the session of its update
//!    among its arguments, as a [`Session<T>`](Session): it is read when the handler is called, and a `T` that
//!    wasn't stored yet is its default.
//! 2. What a handler changed is stored after it has succeeded. Of one that fails nothing is stored, so that its
//!    next attempt finds what this one found.
//!    A layer or hook that makes a reply of a handler's error belongs around the `SessionLayer`, and so is added
//!    after it.
//! 3. A session belongs to a chat, a user, or a user in a chat: [`SessionKey`].
//! 4. Two updates that change one session at the same time don't lose each other's change: the second is
//!    tried again. So is an update whose session can't be read or written because the store is down; neither
//!    is counted as a failed attempt. A [`SequenceLayer`](crate::webhook::SequenceLayer) on the webhook
//!    has them handled one after the other instead, and with a lock over replicas too.
//!    Two layers over one store need [names](SessionLayer::name).
//! 5. A session ends when it wasn't changed for 30 days, unless told otherwise.
//! 6. When `T` changes, give it another [version](SessionLayer::version): what was stored by another is
//!    [converted](SessionLayer::migrate), or else begins anew. So does what can't be read.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use tower_telegram::{
//!     methods::SendMessage,
//!     router::{
//!         NewMessage, Router,
//!         session::{MemorySessions, Session, SessionLayer},
//!     },
//! };
//!
//! /// A conversation is an enum, and a handler a match.
//! #[derive(Default, Deserialize, Serialize)]
//! enum Order {
//!     #[default]
//!     Begin,
//!     Size { dish: String },
//! }
//!
//! async fn order(mut order: Session<Order>, NewMessage(message): NewMessage) -> Option<SendMessage> {
//!     let text = message.text?;
//!     let (next, answer) = match &*order {
//!         Order::Begin => (Order::Size { dish: text.into() }, "Small or large?".into()),
//!         Order::Size { dish } => (Order::Begin, format!("One {text} {dish}.")),
//!     };
//!     *order = next;
//!     Some(SendMessage::new(message.chat.id, answer))
//! }
//!
//! let sessions = SessionLayer::<Order, _>::new(MemorySessions::new());
//! let router: Router = Router::new().message(order).layer(sessions);
//! # let _ = router;
//! ```

mod extract;
mod key;
mod layer;
mod memory;
mod slot;
mod store;
#[cfg(test)]
mod tests;

pub use self::{
    extract::{Session, SessionRejection},
    key::SessionKey,
    layer::{SessionFuture, SessionLayer, WithSession},
    memory::MemorySessions,
    store::{SessionError, SessionStore, StoredSession},
};
