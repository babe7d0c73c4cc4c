//! Delays calls, so that the bot stays within Telegram's limits.
//!
//! 1. Methods that send or change messages count; all others pass without a delay. The limits count messages and not
//!    calls: `sendMediaGroup`, `copyMessages` and `forwardMessages` count for as many as they have media or
//!    `message_ids`, at most 100.
//! 2. The limits are those that Telegram
//!    [asks bots to stay within](https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this): at
//!    most 30 messages in any second overall, one in any second to a chat, and 20 in any minute to a group or channel.
//!    Each limit can be changed and removed. Calls with `allow_paid_broadcast` have a limit of 1000 in any second in
//!    place of the 30.
//!
//!    A call with more messages than a limit allows at once is made when the whole limit is free. Later calls wait for
//!    as long as its messages would have taken: after an album of 7, the next message to its chat waits 7 seconds.
//! 3. A chat is identified by its id or its `@name`, whose case is ignored. A name and an id count as different chats,
//!    so use one of them for each chat.
//! 4. Calls to a chat are made in the order in which they were first polled. A chat with many waiting calls doesn't
//!    delay other chats.
//! 5. A call that is dropped while it waits doesn't count. A call whose
//!    [`Deadline`](crate::webhook::Deadline) ends before its turn, or before a pause, is rejected at once with
//!    [`ErrorKind::DeadlineExceeded`](super::ErrorKind::DeadlineExceeded), and doesn't count either. If a later event
//!    makes it too late, it is rejected at its deadline.
//! 6. A 429 makes its chat pause for `retry_after`, for an hour at most. Where the call names no chat, such as
//!    an edit of an inline message, the calls of its method that name none pause, and no others: Telegram's limits
//!    are those of a method, and a limit of the whole bot shows as a 429 to each call.
//!
//! Clones of the layer and of its services share the limits, including those that are set later, and the counts.
//! Telegram's limits are those of a bot, so each bot needs its own layer. With the feature `redis`, the replicas of a
//! bot can share the limits: see [`RateLimitLayer::shared`](super::RateLimitLayer::shared).
//!
//! The service is always ready, because the call isn't known before. Each call waits in its future, and polls the inner
//! service for readiness when its turn has come. Until the inner service is ready, the calls behind it wait too.
//! The number of waiting calls isn't limited; put tower's load shed and concurrency limit above this layer if it should
//! be.
//!
//! # Example
//!
//! ```
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_telegram::{
//!     client::{ApiRequest, ApiResponse, Error, Rate, RateLimitLayer},
//!     methods::SendMessage,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! # tokio::time::pause();
//! let service = ServiceBuilder::new()
//!     .layer(RateLimitLayer::new().per_group(Rate::per_minute(10)))
//!     .service(service_fn(async |_: ApiRequest| Ok::<_, Error>(ApiResponse::new("true"))));
//!
//! let began = tokio::time::Instant::now();
//! for _ in 0..11 {
//!     let call = ApiRequest::new(&SendMessage::new("@channel", "hi"))?;
//!     service.clone().oneshot(call).await?;
//! }
//! assert_eq!(began.elapsed().as_secs(), 60);
//! # Ok(())
//! # }
//! ```
//!
//! # Panics
//!
//! A call that has to wait must run on a tokio runtime whose time driver is enabled, because it waits with tokio's
//! timer.

mod call;
pub(in crate::client) mod layer;
mod limiter;
mod memory;
mod policy;
mod queued;
pub(in crate::client) mod rate;
mod service;
mod shared;
mod shared_limits;
#[cfg(test)]
mod tests;
mod window;

pub use self::{
    service::{RateLimit, ResponseFuture},
    shared_limits::{LimitKey, LimitScope, SharedLimits, SharedLimitsError},
};
