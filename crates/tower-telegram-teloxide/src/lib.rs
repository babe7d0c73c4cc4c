//! teloxide bots behind [tower-telegram](tower_telegram).
//!
//! A [`Bridge`] connects a teloxide `Dispatcher` with the layers of tower-telegram. The bot's handlers, its dialogues and
//! its dependencies stay as they are; only `main` changes. The bot then has
//!
//! - **deliveries:** an update is answered with 200 when its handler has ended, and not when it is taken. A redelivery
//!   joins the handler that is still running. An update whose handler fails or panics is sent again; after five attempts
//!   in all it goes to a dead-letter hook: see [`DeliveryLayer`](tower_telegram::webhook::DeliveryLayer);
//! - **deadlines:** a slow handler costs no second run: see [`DeadlineLayer`](tower_telegram::webhook::DeadlineLayer);
//! - **replicas** that share their deliveries through Redis, or take updates from one queue (the feature `redis` of
//!   tower-telegram);
//! - the secret token, limits for requests, spans, metrics and health of the [webhook](tower_telegram::webhook).
//!
//! # Example
//!
//! A bot of teloxide, behind the webhook. The server here sends one message, as Telegram would.
//!
//! ```
//! use std::time::Duration;
//!
//! use teloxide::{error_handlers::IgnoringErrorHandlerSafe, prelude::*, types::Message};
//! use tower_telegram::{
//!     Client,
//!     methods::SetWebhook,
//!     server::Server,
//!     shutdown_signal,
//!     types::AllowedUpdates,
//!     webhook::{DeliveryLayer, SecretToken, Webhook},
//! };
//! use tower_telegram_teloxide::{Bridge, TeloxideUpdate};
//!
//! async fn echo(bot: Bot, message: Message) -> ResponseResult<()> {
//!     bot.send_message(message.chat.id, message.text().unwrap_or("?")).await?;
//!     Ok(())
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let telegram = tower_telegram_test::Telegram::start().await?;
//! # let (token, api_url) = (telegram.token(), telegram.api_url());
//! let bot = Bot::new(token).set_api_url(api_url.parse()?);
//! let client = Client::with_base_url(&token.parse()?, api_url)?;
//! let secret = SecretToken::generate()?;
//!
//! let delivery = DeliveryLayer::new();
//! let deliveries = delivery.handle();
//! let bridge = Bridge::new(Update::filter_message().endpoint(echo));
//! // The dispatcher's tree is the filter, and Telegram sends what it has handlers for.
//! let webhook = Webhook::new(secret.clone())
//!     .delivery(delivery)
//!     .allowed_updates(AllowedUpdates::ALL)
//!     .parse_as::<TeloxideUpdate>()
//!     .service(bridge.service);
//! let server = Server::bind("127.0.0.1:0").await?;
//! let url = format!("http://{}", server.local_addr()?);
//! let wanted = SetWebhook::new(url).secret_token(secret).for_local_server();
//! let listener = bridge.listener.with_shutdown(shutdown_signal()?);
//! let (listener, registered) = listener.ensure_webhook(client, wanted);
//!
//! let serve = server.serve_with_shutdown(webhook, listener.stopped());
//! let mut dispatcher = Dispatcher::builder(bot, bridge.handler).build();
//! # let stop = dispatcher.shutdown_token();
//! let dispatch = dispatcher.dispatch_with_listener(listener, IgnoringErrorHandlerSafe::new());
//! # let test = async move {
//! #     telegram.wait_for_call("setWebhook").await?;
//! #     while telegram.webhook().is_none() { tokio::task::yield_now().await; }
//! #     let ada = telegram.user("Ada");
//! #     ada.sends("Hello").await?;
//! #     assert_eq!(ada.waits_for_message().await?.text.as_deref(), Some("Hello"));
//! #     if let Ok(stopped) = stop.shutdown() { stopped.await; }
//! #     Ok::<_, tower_telegram_test::Error>(())
//! # };
//! # let (_, _, tested) = tokio::join!(serve, dispatch, test);
//! # tested?;
//! # #[cfg(any())]
//! tokio::join!(serve, dispatch);
//!
//! // At SIGTERM and Ctrl-C. Handlers go on after their request has ended, so wait for them, too.
//! deliveries.shutdown(Duration::from_secs(30)).await;
//! // If the webhook couldn't be set, dispatching has ended as well.
//! registered.await?;
//! # Ok(())
//! # }
//! ```
//!
//! The same [`service`](Bridge::service) takes updates from [`polling`](tower_telegram::polling) and from the worker of
//! a queue: `webhook.into_updates()` in place of a server.
//!
//! # When an update has ended
//!
//! A listener's stream can't know how a handler ended, so [`Bridge::new`] wraps the tree of handlers:
//!
//! | the handler | the attempt | Telegram's response |
//! |---|---|---|
//! | returns `Ok` | has succeeded | 200 |
//! | returns an error | has failed: see [`failure_of`]; [`Bridge::with_errors`] decides otherwise | 500, and the update is sent again; 200 if that can't help |
//! | panics | has failed | 500, and the update is sent again |
//! | isn't found, and the dispatcher's default handler ends | has succeeded | 200 |
//! | hasn't begun when the dispatcher stops | isn't counted | 503, and the update is sent again |
//! | is for an update that teloxide can't read | isn't made | 200, after the hook for unreadable updates |
//!
//! So a handler that returns an error runs again, where teloxide's own listeners would pass over the update. A handler
//! that sends a message and fails afterwards sends it again.
//!
//! # Calls
//!
//! A bot's calls can go on through teloxide's `Bot`. A [`ClientBot`] makes them through the client of tower-telegram
//! instead, with its layers: retries, Telegram's limits, spans and metrics.
//!
//! # Functions that take no tree
//!
//! `repl_with_listener` and `CommandReplExt::repl_with_listener` make the tree of handlers by themselves. For them there
//! is a [`plain_listener`], which answers when the dispatcher takes an update.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod allowed;
mod bridge;
mod error;
mod handler;
mod listener;
mod pending;
mod requester;
mod service;
mod update;

pub use self::{
    bridge::{Bridge, plain_listener},
    error::{DispatcherStopped, TeloxideError, failure_of},
    listener::{Listener, ListenerStream},
    requester::{ClientBot, ClientRequest, ClientUpload, SendFuture},
    service::{DispatchFuture, DispatchUpdate},
    update::TeloxideUpdate,
};

/// The README's example is tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
