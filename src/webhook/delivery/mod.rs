//! Each update once, however often Telegram sends it.
//!
//! Telegram sends an update again when the answer is late, lost, or not a 2xx, and a connection that
//! breaks tells a server nothing about what the handler has done. So:
//!
//! 1. The handler runs in the response future of who asked first. If that is dropped before it is done,
//!    by a hang-up or by a time-out above, the handler goes on, on a task of its own.
//! 2. An update that is redelivered while it runs **joins** it: there is one call, and the request that
//!    came last has the reply, as two replies in two answers would be carried out twice. The others get
//!    the same status and no body.
//! 3. An update that is done isn't handled again. Each redelivery is answered with 200 and the reply:
//!    Telegram drops an update in the step in which it carries out the reply, so one that is redelivered
//!    shows that its answer was lost, and its reply with it.
//! 4. For that a store keeps the replies, within bounds: see [`MemoryStore`]. What can't be kept, such as
//!    an upload from a reader that can be read only once, is lost with its answer. A reply that the client
//!    sends, because the update was [acknowledged early](super::deadline), isn't given again.
//! 5. One that fails (an error, a panic, or a status that isn't a 2xx) is answered with 500 and a
//!    `Retry-After` inside its [life](https://core.telegram.org/bots/api#setwebhook), so that Telegram sends it again.
//! 6. After five attempts, unless told otherwise, it goes to the [dead-letter
//!    hook](DeliveryLayer::dead_letter) and ends in a 200, so that it doesn't hold up its chat for a
//!    day. A failure that a repeat can't change does so at once: one that [says
//!    so](crate::webhook::Failure::permanent), a reply that can never be sent, or an error whose chain
//!    ends in a refusal of the Bot API, such as 403 from a user who has blocked the bot.
//!    What a layer below had no room, lock or time for is never counted.
//! 7. A [store](DeliveryStore) that fails is 503, not a guess.
//! 8. Too many at once are 503, and so is what comes after [`DeliveryHandle::close`]. A handler that a
//!    shutdown cuts off gives its claim back, and isn't counted; so does one whose runtime ends, where the
//!    store needs no runtime, as the one in memory.
//! 9. An update that a worker took from a queue (feature `redis`) passes: there the queue does all this. One from
//!    `Polling` is claimed and recorded as ever, so that a store remembers it over a restart, and `Polling` says how many
//!    attempts there are. Its reply isn't recorded: the client sends it, and no answer can lose it.
//!
//! It belongs above the layers that parse and reply, and below the one that reads the request. What it
//! costs is three allocations, and what is remembered of each update for a day: see [`MemoryStore`].
//!
//! # Who polls the handler
//!
//! The response future of the first request polls the handler until it is dropped; only then does the handler
//! move to a task of its own. So:
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

mod backend;
mod dead_letter;
mod future;
mod handled_ids;
mod in_flight;
mod kept_replies;
mod layer;
mod lazy_call;
mod memory_store;
mod running_update;
mod service;
mod shutdown;
mod store;

pub use self::{
    dead_letter::DeadLetter,
    future::ResponseFuture,
    layer::DeliveryLayer,
    memory_store::MemoryStore,
    service::Deduplicate,
    shutdown::{DeliveryHandle, ShutdownReport},
    store::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
};
