//! Follows groups that have become supergroups.
//!
//! 1. A call that Telegram refuses as its group has moved is made once more, to the new number.
//!    Nothing was done the first time, so this goes for any method.
//! 2. Later calls to the old number go to the new one at once, as long as it is remembered.
//! 3. [`on_migrate`](super::MigrateChatLayer::on_migrate) hears of each move, so that the bot can store it.
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

pub(in crate::client) mod layer;
mod migrations;
mod service;
#[cfg(test)]
mod tests;

pub use self::service::{MigrateChat, ResponseFuture};
