//! frankenstein bots behind [tower-telegram](tower_telegram).
//!
//! - **Calls:** a [`Bot`] has frankenstein's methods, from its trait
//!   [`AsyncTelegramApi`](frankenstein::AsyncTelegramApi), and makes them through a [`Client`](tower_telegram::Client): with
//!   retries, Telegram's limits, spans and metrics, and one pool of connections. Files are streamed.
//! - **Updates:** the webhook reads frankenstein's `Update` by
//!   [`parse_as`](tower_telegram::webhook::Webhook::parse_as). Each update is handled once, and answered when its handler
//!   has ended. Polling and a queue's workers do the same.
//!
//! # Example
//!
//! A bot of frankenstein's types, behind the webhook. The server here sends one message, as Telegram would.
//!
//! ```
//! use frankenstein::{
//!     AsyncTelegramApi as _,
//!     methods::SendMessageParams,
//!     updates::{Update, UpdateContent},
//! };
//! use tower_telegram::{
//!     Client,
//!     methods::SetWebhook,
//!     server::Server,
//!     webhook::{SecretToken, Webhook},
//! };
//! use tower_telegram_frankenstein::{Bot, Error};
//!
//! async fn echo(bot: Bot, update: Update) -> Result<(), Error> {
//!     if let UpdateContent::Message(message) = update.content {
//!         let text = message.text.unwrap_or_default();
//!         let reply = SendMessageParams::builder().chat_id(message.chat.id).text(text).build();
//!         bot.send_message(&reply).await?;
//!     }
//!     Ok(())
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let telegram = tower_telegram_test::Telegram::start().await?;
//! # let (token, api_url) = (telegram.token(), telegram.api_url());
//! let client = Client::with_base_url(&token.parse()?, api_url)?;
//! let secret = SecretToken::generate()?;
//! let bot = Bot::new(client.clone());
//!
//! let webhook = Webhook::new(secret.clone())
//!     .parse_as::<Update>()
//!     .handler(move |update| echo(bot.clone(), update));
//! let server = Server::bind("127.0.0.1:0").await?;
//! let url = format!("http://{}", server.local_addr()?);
//! tokio::spawn(server.serve(webhook));
//! let wanted = SetWebhook::new(url).secret_token(secret).for_local_server();
//! client.ensure_webhook(&wanted).await?;
//! # let ada = telegram.user("Ada");
//! # ada.sends("Hello").await?;
//! # assert_eq!(ada.waits_for_message().await?.text.as_deref(), Some("Hello"));
//! # Ok(())
//! # }
//! ```
//!
//! # What differs from frankenstein's own clients
//!
//! - The error is [`Error`]: its refusals are frankenstein's `ErrorResponse`, and it is never one of reqwest or ureq.
//! - A `MethodResponse` has no `description`, which Telegram adds to a few results.
//! - Of frankenstein's features only `trait-async` is needed, and no second HTTP client.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod bot;
mod error;
mod files;

pub use self::{bot::Bot, error::Error};

/// The README's example is tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
