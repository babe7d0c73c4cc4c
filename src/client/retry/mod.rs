//! Repeats failed calls, if that may succeed and can't do anything twice.
//!
//! 1. A 429 with `retry_after` is repeated after that wait and up to a second more, whatever the method, except for
//!    those of rule 5.
//! 2. A call that failed and can't have arrived, for example because the connection was refused, is repeated after a
//!    back-off, whatever the method.
//! 3. A call that failed and may have arrived, for example because of a timeout or a 502, is repeated after a back-off
//!    if it is [idempotent](super::ApiRequest::is_idempotent).
//! 4. Every other error is returned at once: another 4xx, a result of another type, a call that couldn't be encoded,
//!    a call that [can't be sent again](super::ApiRequest::is_replayable).
//! 5. The refusal of a call with several messages (`sendMediaGroup`, `copyMessages`, `forwardMessages`) is returned at
//!    once, even a 429, because some of the messages may have been sent.
//!    [`ApiRequest::idempotent`](super::ApiRequest::idempotent) has an example of a call that is repeated all
//!    the same.
//! 6. The error is returned when all attempts have been made, or when the wait would end after the time for the whole
//!    call or after the call's [`Deadline`](crate::webhook::Deadline).
//! 7. All calls of a layer share a budget for repeats after a back-off: 10 a second, and one for every five calls that
//!    succeed. So a server that is down doesn't get five times as many calls as usual. When the budget is used up, the
//!    error is returned at once. Repeats after a wait that the server named don't use the budget.
//!
//! A waiting call doesn't delay others. Each repeat is logged with the method, the attempt, the error and the delay.
//!
//! Below a [`RateLimitLayer`](super::RateLimitLayer) all attempts count as one call, and a 429 doesn't pause the chat.
//! Above it each attempt counts, and a 429 pauses the chat.
//!
//! # Example
//!
//! ```
//! use std::{
//!     convert::Infallible,
//!     future::ready,
//!     sync::{
//!         Arc,
//!         atomic::{AtomicUsize, Ordering},
//!     },
//! };
//!
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, service_fn};
//! use tower_telegram::{
//!     BotToken, Client,
//!     client::{ApiBody, BotApi, RetryLayer},
//!     methods::DeleteMessage,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::time::pause();
//! let http = service_fn({
//!     // The first call is over a limit.
//!     let calls = Arc::new(AtomicUsize::new(0));
//!     move |_: Request<ApiBody>| {
//!         let response = match calls.fetch_add(1, Ordering::Relaxed) {
//!             0 => r#"{"ok":false,"error_code":429,"parameters":{"retry_after":5}}"#,
//!             _ => r#"{"ok":true,"result":true}"#,
//!         };
//!         ready(Ok::<_, Infallible>(Response::new(response.to_owned())))
//!     }
//! });
//! let api = BotApi::telegram(http, &BotToken::new("1:secret")?);
//! let service = ServiceBuilder::new().layer(RetryLayer::new()).service(api);
//! let client = Client::from_service(service);
//!
//! let began = tokio::time::Instant::now();
//! assert!(client.send(DeleteMessage::new(42, 7)).await?);
//! assert!(began.elapsed().as_secs() >= 5);
//! # Ok(())
//! # }
//! ```
//!
//! # Panics
//!
//! A call that is repeated must run on a tokio runtime whose time driver is enabled, because it waits with tokio's
//! timer.

pub(in crate::client) mod layer;
pub(in crate::client) mod policy;
mod service;
#[cfg(test)]
mod tests;

pub use self::service::{ResponseFuture, Retry};
