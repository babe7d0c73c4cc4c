//! A Telegram on loopback to test bots against.
//!
//! It has the Bot API, the sender of webhook requests and the people who use the bot, over real sockets, without
//! an account or a network.
//!
//! ```
//! use tower_telegram::{
//!     Client,
//!     client::Error,
//!     methods::{AnswerCallbackQuery, SendMessage},
//!     polling::Polling,
//!     types::{InlineKeyboardButton, InlineKeyboardMarkup, Update, UpdateKind},
//!     webhook::Webhook,
//! };
//! use tower_telegram_test::Telegram;
//!
//! // The bot.
//! async fn handle(client: Client, update: Update) -> Result<(), Error> {
//!     match update.kind {
//!         UpdateKind::Message(message) => {
//!             let yes = InlineKeyboardButton::callback("Yes", "begin");
//!             let question = SendMessage::new(message.chat.id, "Shall we begin?")
//!                 .reply_markup(InlineKeyboardMarkup::row([yes]));
//!             client.send(question).await?;
//!         }
//!         UpdateKind::CallbackQuery(query) => {
//!             client.send(AnswerCallbackQuery::new(query.id).text("Good")).await?;
//!             client.send(SendMessage::new(query.from.id, "Let us.")).await?;
//!         }
//!         _ => {}
//!     }
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A Telegram, and the bot connected to it.
//! let telegram = Telegram::start().await?;
//! let client = Client::with_base_url(&telegram.token().parse()?, telegram.api_url())?;
//! let bot = client.clone();
//! let updates = Webhook::without_secret_token()
//!     .handler(move |update| handle(bot.clone(), update))
//!     .into_updates();
//! tokio::spawn(Polling::new(client).run(updates));
//!
//! // Somebody who uses it.
//! let ada = telegram.user("Ada");
//! ada.sends("/start").await?;
//! let question = ada.waits_for_message().await?;
//! assert_eq!(question.text.as_deref(), Some("Shall we begin?"));
//!
//! let press = ada.presses(&question, "Yes").await?;
//! assert_eq!(press.answer().await?.text.as_deref(), Some("Good"));
//!
//! let call = telegram.wait_for::<SendMessage>(|call| call.text == "Let us.").await?;
//! assert_eq!(call.chat_id, ada.id().into());
//!
//! // And in a group.
//! let engines = telegram.group("Engines");
//! ada.in_chat(&engines).sends("hi").await?;
//! ada.in_chat(&engines).waits_for_message().await?;
//! assert_eq!(telegram.sent_messages().len(), 3);
//! # Ok(())
//! # }
//! ```
//!
//! # People
//!
//! [`Telegram::user`] is a person, [`Telegram::group`] and its siblings are chats. A [`User`] sends, presses,
//! pays, votes, joins, and waits for what the bot does; the bot hears of it by its webhook, if it has set one,
//! and else from `getUpdates`. With a webhook an act ends when the bot has answered, and what it answered is
//! in [`Delivered::exchange`]. Without one it ends when the update waits for the bot; [`Delivered::handled`] waits
//! until the bot has confirmed it.
//!
//! What the bot does is remembered: [`Telegram::sent_messages`], [`Telegram::messages_in`], [`Chat::info`], and call
//! by call [`Telegram::wait_for`], [`Telegram::calls_of`], [`Telegram::calls`]. A wait in vain ends with an error
//! that lists what happened instead.
//!
//! # Updates and requests
//!
//! A test of how a bot takes updates, rather than of what it does with them, works without people.
//!
//! 1. The bot is pointed at [`Telegram::api_url`], as at any Bot API server, and sets its webhook;
//!    or the test does it for the bot with [`Telegram::set_webhook`].
//! 2. The test sends updates with [`Telegram::deliver`] (again and again, as Telegram would),
//!    [`Telegram::deliver_once`], or, for requests that Telegram would never send, [`Telegram::post_raw`].
//!    [`update`] has some to start from. A bot that polls gets its updates from [`Telegram::enqueue`].
//! 3. The test looks at what the bot did: the [`Exchange`], and the [`Call`]s of the Bot API,
//!    whether they came as requests or in a webhook response.
//! 4. Chats that are named by a number are made up as they are needed, and nothing about them is refused that
//!    could be true: any message may be edited, any member banned. A test that wants something else says so
//!    with [`Telegram::answer`], or asks for [`strict_chats`](TelegramBuilder::strict_chats). Where there are
//!    people, names of chats and ids of queries and files must be known.
//! 5. What goes wrong by chance, it says with [`Telegram::faults`]. Time is Tokio's, so that `start_paused`
//!    skips every pause; [`Telegram::advance`] moves it on.
//!
//! ```
//! use tower_telegram_test::{Telegram, Via, update};
//! # use tokio::{io::{AsyncReadExt, AsyncWriteExt}, net::TcpListener};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let bot = TcpListener::bind("127.0.0.1:0").await?;
//! # let address = bot.local_addr()?;
//! # tokio::spawn(async move {
//! #     let (mut stream, _) = bot.accept().await.unwrap();
//! #     let (mut request, mut all) = ([0; 4096], Vec::new());
//! #     while !all.ends_with(b"}}") {
//! #         let read = stream.read(&mut request).await.unwrap();
//! #         all.extend_from_slice(&request[..read]);
//! #     }
//! #     let body = r#"{"method":"sendMessage","chat_id":7,"text":"Hello, Ada"}"#;
//! #     let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
//! #     stream.write_all((head + body).as_bytes()).await.unwrap();
//! # });
//! let telegram = Telegram::start().await?;
//! // … the bot listens on `address` …
//! telegram.set_webhook(&format!("http://{address}/webhook"), "secret")?;
//!
//! let exchange = telegram.deliver(update::text(7, "hello")).await;
//! assert!(exchange.is_delivered());
//!
//! let call = telegram.wait_for_call("sendMessage").await?;
//! assert_eq!(call.text("text").as_deref(), Some("Hello, Ada"));
//! assert_eq!(call.via, Via::WebhookReply);
//! # Ok(())
//! # }
//! ```
//!
//! Like a Bot API server in local mode, it takes webhooks with `http` and any port. With `https` it trusts the
//! certificate that was uploaded, or what [`TelegramBuilder::trusted_root`] gives it, by OpenSSL's rules: a
//! name counts as a common name only if there is no DNS name, and a webhook at an address with an uploaded
//! certificate needs the address as a *name*, not as an address. It speaks TLS 1.2 and 1.3 and doesn't take
//! certificates that rustls can't read: version 1, short keys, SHA-1.
//!
//! # What is imitated
//!
//! - **The wire**, in both directions: headers and their order, which responses count and which only look fine,
//!   pauses between attempts, time-outs, answers byte for byte.
//! - **Arguments** of all methods of the schema: what is required, of which type, in JSON, forms and multipart
//!   bodies. A method that isn't in the schema is a 404.
//! - **Messages** with their numbers (private chats and groups share theirs, supergroups and channels have their
//!   own), entities out of HTML, `MarkdownV2` and Markdown and those that Telegram finds, replies, albums, polls,
//!   invoices, checklists; edits, deletions, forwards, copies, pins, reactions. Lengths, captions and buttons
//!   are checked.
//! - **Chats** with their members and what each may do: bans, restrictions, promotions, invite links, requests to
//!   join, titles, photos, descriptions, permissions; bots that are blocked, removed, never started, or only
//!   find a supergroup where there was a group; [privacy mode](TelegramBuilder::privacy_mode).
//! - **Topics** of forums: they are made, changed, closed and deleted, and messages go into those that there are.
//! - **Queries**: each is answered once, only if it was asked, and in time: 30 seconds for inline queries, 10 for
//!   checkouts, 150 for the rest.
//! - **Stars**: what people pay is in the bot's transactions and its balance, and is given back once.
//! - **Files**: what anybody uploads has a `file_id` that `getFile` and the file's address lead back from, up to
//!   [20 MiB](TelegramBuilder::max_download).
//! - **Settings**: commands, name, descriptions, menu button and default rights are read back as they were set.
//!
//! What is refused is refused with the code of the real one, and with its text where that is known.
//!
//! # What isn't
//!
//! - Any other method is answered with a value that its type can read, made of the call's arguments and of
//!   constants, and changes nothing: stickers, gifts, subscriptions, stories, business accounts, games.
//! - The bot isn't notified of what it does itself (the real one tells of members that it bans, and of polls that
//!   it stops), nor of messages of other bots.
//! - Rich messages are kept without what is in them. Photos have one size, thumbnails none; no file is looked into.
//! - Only queries get old: messages can be edited and deleted, links used at any time later; bans and
//!   restrictions don't end by themselves. Links aren't counted down as people join.
//! - There are no limits of rate and of an upload's size, and a dice always shows 4. A test that wants those
//!   has [`Telegram::answer_once`].
//!
//! # Bounds
//!
//! It ends with the last clone of its [`Telegram`], [`User`] and [`Chat`], connections included. It keeps the
//! last 10 000 calls, with at most 256 MiB of files, as much again of what can be downloaded, 10 000 messages
//! of each chat, and 100 000 updates that wait (for `getUpdates`, of at most 128 MiB); it
//! takes 1024 connections at once, and bodies up to [`TelegramBuilder::max_upload`].
//!
//! The program `telegram-test-server` is one of its own, for bots in any language.

mod allowed_updates;
mod answer;
mod api;
mod args;
mod attempt;
mod backoff;
mod builder;
mod call;
mod call_log;
mod certificate;
mod certificate_names;
mod chat;
mod chats;
mod clock;
mod connection;
mod connection_ramp;
mod delivered;
mod delivery;
mod error;
mod faults;
mod files;
mod format;
mod http1;
mod json;
mod overrides;
mod pending_update;
mod people;
mod poll_queue;
mod polling;
mod punycode;
mod raw_request;
mod route;
mod schema;
mod sender;
mod session;
mod sha256;
mod state;
mod telegram;
#[cfg(test)]
mod tests;
mod tls;
mod typed;
mod typed_calls;
pub mod update;
mod uploaded_file;
mod user;
mod webhook;
mod webhook_reply;
mod webhook_request;
mod webhook_settings;
mod webhook_url;

pub use self::{
    answer::Answer,
    attempt::{Attempt, AttemptError},
    builder::TelegramBuilder,
    call::{Call, Via},
    chat::Chat,
    delivered::{Delivered, Sent},
    error::{Error, Exchange, Outcome},
    faults::Faults,
    files::{Download, generated_bytes, generated_sha256},
    raw_request::RawRequest,
    telegram::Telegram,
    tls::TlsError,
    uploaded_file::UploadedFile,
    user::{InlineQuery, Press, User},
    webhook_settings::WebhookSettings,
};

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
