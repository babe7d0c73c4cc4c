//! Handles each update once, however often Telegram sends it.
//!
//! Telegram sends an update again when its response is late, lost, or not a 2xx, and a broken connection doesn't
//! show the server how far the handler got. So:
//!
//! 1. The handler runs in the response future of the first request. If that future is dropped before the handler
//!    has ended, by a hang-up or by a time-out above, the handler goes on in a task of its own.
//! 2. An update that is redelivered while its handler runs **joins** it: the handler is called once, and the last
//!    request to arrive gets the reply, because Telegram would execute the replies of two responses twice. The
//!    other requests get the same status and no body.
//! 3. An update that was handled isn't handled again. Each redelivery gets 200 and the reply: Telegram drops an
//!    update in the step in which it executes the reply, so a redelivery shows that the response was lost, and
//!    the reply with it.
//! 4. A store keeps the replies for that, within bounds: see [`MemoryStore`]. A reply that can't be kept is lost with
//!    its response. So is one with an upload from a reader, because a reader can be read only once; a redelivery gets it
//!    if nothing of the reader was read yet, and the store is the one in memory. A reply that the client sends, because
//!    the update was [acknowledged early](super::deadline), isn't repeated.
//! 5. An update that fails (by an error, a panic, or a status that isn't a 2xx) gets 500 and a `Retry-After` within
//!    the time for which Telegram keeps it, so that Telegram sends it again
//!    ([`setWebhook`](https://core.telegram.org/bots/api#setwebhook)).
//! 6. After five attempts (see [`DeliveryLayer::max_attempts`]) the update is abandoned: the [dead-letter
//!    hook](DeliveryLayer::dead_letter) gets it and Telegram a 200, so that it doesn't hold up its chat for a
//!    day. A permanent failure is abandoned at once: one that [says so](crate::webhook::Failure::permanent), a
//!    reply that can never be sent, or an error whose chain ends in a refusal of the Bot API, such as 403 from a
//!    user who has blocked the bot. An attempt for which a layer below had no room, lock or time isn't counted.
//! 7. A [store](DeliveryStore) that fails leads to 503, not to a guess.
//! 8. Too many updates at once lead to 503, and so does every new one after [`DeliveryHandle::close`]. The claim of
//!    a handler that shutdown cancels is released, and the attempt isn't counted. The same holds for a handler
//!    whose runtime ends, if the store needs no runtime, such as the one in memory.
//! 9. An update from a queue's worker (feature `redis`) passes through, because the queue does all of this. An
//!    update from `Polling` is claimed like any other, so that the store remembers it over a restart, and `Polling`
//!    sets the number of attempts. It is recorded as handled once the call of its reply has ended; its claim is held
//!    until then, and its reply isn't kept.
//!
//! The layer belongs above `ParseLayer` and `ReplyLayer`, and below `UpdateLayer`. It costs three allocations for
//! each update, and the memory of its record for a day: see [`MemoryStore`].
//!
//! # Polling of the handler
//!
//! The response future of the first request polls the handler until it is dropped; only then does the handler
//! move to a task of its own. So:
//!
//! - The handler has the task-locals and spans of the caller, until the caller is gone.
//! - A handler that blocks its thread also blocks the connection of its request, and with it a deadline above.
//!   Such work belongs on `tokio::task::spawn_blocking`.
//! - A caller that keeps the future without polling it keeps the handler waiting, and the requests that have
//!   joined it. Servers poll it, and tower's layers poll it or drop it.
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
//! // Telegram sends it again, and once more because a response was lost.
//! assert_eq!(service.clone().oneshot(update()?).await?.status(), StatusCode::OK);
//! assert_eq!(service.oneshot(update()?).await?.status(), StatusCode::OK);
//! assert_eq!(CALLS.load(Ordering::Relaxed), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Panics
//!
//! A call outside a Tokio runtime panics, because the handler would have no runtime to go on in. The future may
//! be dropped anywhere.

mod backend;
pub(crate) mod dead_letter;
mod future;
mod handled_ids;
mod in_flight;
mod kept_replies;
mod layer;
mod lazy_call;
mod memory_store;
mod running_update;
mod segmented_queue;
mod service;
mod sharded_map;
mod shutdown;
mod store;
mod unrecorded_failures;

#[cfg_attr(shuttle, allow(unused_imports))]
pub(crate) use self::running_update::UnrecordedUpdate;
pub use self::{
    dead_letter::DeadLetter,
    future::ResponseFuture,
    layer::DeliveryLayer,
    memory_store::MemoryStore,
    service::DeliveryService,
    shutdown::{DeliveryHandle, ShutdownReport},
    store::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
};
