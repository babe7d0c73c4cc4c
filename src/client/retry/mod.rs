//! Repeats a call that failed, where that can help and can't do it twice.
//!
//! 1. 429 with `retry_after`: waits that long and a little more, whatever the method.
//! 2. A failure that can't have arrived, such as a refused connection: any method, after a back-off.
//! 3. A failure that may have arrived, such as a time-out or a 502: only what is
//!    [idempotent](super::ApiRequest::is_idempotent), after a back-off.
//! 4. Anything else is the caller's at once: another 4xx, a result that doesn't fit, a call that
//!    couldn't be written, a call that [can't be sent again](super::ApiRequest::is_replayable).
//! 5. So is a refusal of several messages at once (`sendMediaGroup`, `copyMessages`, `forwardMessages`), 429 too:
//!    some of them may have been sent. [`set_idempotent`](super::ApiRequest::set_idempotent) has them repeated.
//! 6. So is the last failure when the attempts are used up, or when the wait would end after the
//!    time for all of it, or after the call's [`Deadline`](crate::webhook::Deadline).
//!
//! 7. A back-off draws on a budget that all calls of a layer share: 10 repeats a second, and one for each five
//!    calls that succeed. A server that fails altogether isn't called five times as often as usual. Where the
//!    budget is used up, the failure is the caller's at once. Waits that the server names don't draw on it.
//!
//! Only the call itself waits; others go on. Each retry is an event with the method, the attempt,
//! the status and the delay.
//!
//! Below a [`RateLimitLayer`](super::RateLimitLayer) the attempts count as one call, and a 429
//! doesn't pause the chat. Above it each attempt counts, and a 429 makes the chat pause.
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
//!     // Telegram has had enough the first time.
//!     let calls = Arc::new(AtomicUsize::new(0));
//!     move |_: Request<ApiBody>| {
//!         let answer = match calls.fetch_add(1, Ordering::Relaxed) {
//!             0 => r#"{"ok":false,"error_code":429,"parameters":{"retry_after":5}}"#,
//!             _ => r#"{"ok":true,"result":true}"#,
//!         };
//!         ready(Ok::<_, Infallible>(Response::new(answer.to_owned())))
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
//! The waits are tokio's timer: a call that is repeated must run on a tokio runtime with its time
//! driver on.

pub(in crate::client) mod layer;
pub(in crate::client) mod policy;
mod service;
#[cfg(test)]
mod tests;

pub use self::service::{ResponseFuture, Retry};
