//! Holds calls back, so that Telegram needn't refuse them.
//!
//! 1. Methods that send or change messages count; all others pass untouched. `sendMediaGroup`,
//!    `copyMessages` and `forwardMessages` count for as many as they have media or `message_ids`, at most
//!    100: what counts is messages, and not calls.
//! 2. Never more than 30 in any second overall, one in any second to a chat, 20 in any minute to a
//!    group or channel: that is what Telegram tells bots to keep to. Each limit can be set, and
//!    switched off. Calls with `allow_paid_broadcast` have 1000 in any second in place of the 30.
//!    A call of more messages than a limit allows at once goes when the whole limit is free, and later ones
//!    wait as long as its messages would have taken: after an album of 7, a chat's next message 7 seconds.
//! 3. A chat is its number or its `@name`, whose case doesn't matter. That a name and a number are
//!    the same chat isn't known here: stay with one.
//! 4. Calls to a chat are made in the order in which they were first polled. A chat that is far
//!    behind doesn't hold up others.
//! 5. A call that is dropped while it waits has used up nothing. One whose
//!    [`Deadline`](crate::webhook::Deadline), which is in its extensions, ends before its turn would come, or
//!    before a pause ends, is refused at once with
//!    [`ErrorKind::DeadlineExceeded`](super::ErrorKind::DeadlineExceeded), and takes no place. Where only
//!    what happens later makes it too late, it is refused at its deadline.
//! 6. A 429 makes its chat pause for `retry_after`, for an hour at most. Where the call names no chat, such as
//!    an edit of an inline message, the calls of its method that name none pause, and no others: Telegram's limits
//!    are those of a method, and a limit of the whole bot is answered with a 429 to each call.
//!
//! Clones of the layer and of its services share the limits, also those that are set later, and what was
//! counted. Telegram counts by bot, so each bot wants a layer of its own, and with the feature `redis`
//! its replicas can share one (`RateLimitLayer::shared`).
//!
//! The service is always ready, as no call is known yet when it is asked: each waits in its future,
//! and asks the service below when its time has come. It counts from when that one is ready, and
//! until then those behind it wait too.
//! What must not pile up needs a limit above, such as tower's load shed over its concurrency limit.
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
//! The waits are tokio's timer: a call that has to wait must run on a tokio runtime with its time
//! driver on.

mod call;
pub(in crate::client) mod layer;
mod limiter;
mod memory;
pub(in crate::client) mod policy;
mod queued;
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
