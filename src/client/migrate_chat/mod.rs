//! Sends calls for a group that has become a supergroup to the supergroup.
//!
//! 1. When Telegram refuses a call because its group has become a supergroup, the call is repeated once with the
//!    supergroup's id. The refused call did nothing, so this is done for every method.
//! 2. Later calls with the group's id are made with the supergroup's, for as long as that is remembered.
//! 3. The hook [`on_migrate`](super::MigrateChatLayer::on_migrate) is called with both ids, so that the bot can store
//!    the new one. Without that, the first call to each such group is refused once after each restart.
//!
//! Only `chat_id` is read and replaced. The group's id stays valid for reading, for example as the `from_chat_id` of a
//! forwarded message.
//!
//! Above a `RateLimitLayer`, both calls count. See
//! [`ResponseParameters`](https://core.telegram.org/bots/api#responseparameters).
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
//! // In place of Telegram's server: the group -5 has become the supergroup -1005.
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
