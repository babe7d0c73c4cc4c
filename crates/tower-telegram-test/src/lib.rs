//! A Telegram server on loopback to test bots against, with simulated users.
//!
//! It has the Bot API, the sender of webhook requests, and the users of the bot. It runs in the test's own
//! process over real sockets, without an account or a network. The bot can be written with any framework.
//!
//! # Testing a bot in ten lines
//!
//! 1. [`Telegram::start`] starts the server.
//! 2. The bot is started with [`Telegram::api_url`] and [`Telegram::token`] in place of Telegram's.
//! 3. [`Telegram::user`] is a user, who [sends](User::sends) messages, [presses](User::presses) buttons,
//!    and [waits](User::waits_for_message) for the bot's messages.
//!
//! ```
//! use tower_telegram::{
//!     Client, methods::SendMessage, polling::Polling, types::Update, webhook::Webhook,
//! };
//! use tower_telegram_test::Telegram;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let telegram = Telegram::start().await?;
//!
//! // The bot.
//! let client = Client::with_base_url(&telegram.token().parse()?, telegram.api_url())?;
//! let bot = Webhook::without_secret_token().handler(async |update: Update| {
//!     let message = update.new_message()?;
//!     Some(SendMessage::new(message.chat.id, message.text.as_deref()?))
//! });
//! tokio::spawn(Polling::new(client).run(bot.into_updates()));
//!
//! // The test.
//! let ada = telegram.user("Ada");
//! ada.sends("Hello").await?;
//! let reply = ada.waits_for_message().await?;
//! assert_eq!(reply.text.as_deref(), Some("Hello"));
//! # Ok(())
//! # }
//! ```
//!
//! A wait that ends without a result is an error that lists the latest calls and updates.
//!
//! # Users and chats
//!
//! [`Telegram::group`], [`Telegram::supergroup`] and [`Telegram::channel`] are chats. Users act in their
//! private chat with the bot, or [in another](User::in_chat). They also pay, vote, react, join, and block
//! the bot. The bot is notified by its webhook, if it has set one, and otherwise by `getUpdates`.
//!
//! - With a webhook, an action ends when the bot has responded, and [`Delivered::exchange`] has the response.
//! - Without one, it ends when the update waits for the bot. [`Delivered::handled`] then waits until the
//!   bot has confirmed the update.
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
//! # let telegram = Telegram::start().await?;
//! # let client = Client::with_base_url(&telegram.token().parse()?, telegram.api_url())?;
//! # let bot = client.clone();
//! # let updates = Webhook::without_secret_token()
//! #     .handler(move |update| handle(bot.clone(), update))
//! #     .into_updates();
//! # tokio::spawn(Polling::new(client).run(updates));
//! // A user in the private chat.
//! let ada = telegram.user("Ada");
//! ada.sends("/start").await?;
//! let question = ada.waits_for_message().await?;
//! assert_eq!(question.text.as_deref(), Some("Shall we begin?"));
//!
//! let press = ada.presses(&question, "Yes").await?;
//! assert_eq!(press.answer().await?.text.as_deref(), Some("Good"));
//!
//! // A call of the bot as its type.
//! let call = telegram.wait_for::<SendMessage>(|call| call.text == "Let us.").await?;
//! assert_eq!(call.chat_id, ada.id().into());
//!
//! // The same user in a group.
//! let engines = telegram.group("Engines");
//! ada.in_chat(&engines).sends("hi").await?;
//! ada.in_chat(&engines).waits_for_message().await?;
//! assert_eq!(telegram.sent_messages().len(), 3);
//! # Ok(())
//! # }
//! ```
//!
//! The bot's results can also be read later: [`Telegram::sent_messages`], [`Telegram::messages_in`],
//! [`Chat::info`], and for single calls [`Telegram::wait_for`], [`Telegram::calls_of`],
//! [`Telegram::calls`].
//!
//! # Single updates and requests
//!
//! A test of how a bot receives updates needs no users.
//!
//! 1. The bot sets its webhook, or the test does it with [`Telegram::set_webhook`].
//! 2. The test sends updates with [`Telegram::deliver`], which repeats failed attempts like Telegram, or
//!    with [`Telegram::deliver_once`]. [`Telegram::post_raw`] sends requests that Telegram would never
//!    send. [`update`] has updates to start from. [`Telegram::enqueue`] is for a bot that polls.
//! 3. The test checks the [`Exchange`], and the [`Call`]s of the bot, which are made as requests or in a
//!    webhook response.
//! 4. [`Telegram::faults`] adds random failures. Time is Tokio's, so that `start_paused` skips all pauses;
//!    [`Telegram::advance`] moves it.
//!
//! Until a test has users, the server accepts each chat number, and each call that could succeed on the real one: any
//! message can be edited, any member banned. [`strict_chats`](TelegramBuilder::strict_chats) refuses unknown chats, and
//! [`Telegram::answer`] gives another answer. Once a test has users, a call with an unknown `@name`, query ID or file ID
//! is refused.
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
//! Like a Bot API server in local mode, it allows webhooks with `http` and any port. For `https` it trusts
//! the uploaded certificate, or those of [`TelegramBuilder::trusted_root`], by OpenSSL's rules: a common
//! name counts only if there is no DNS name, and a webhook at an IP address with an uploaded certificate
//! needs the address as a *name*. It speaks TLS 1.2 and 1.3, and rejects certificates that rustls can't
//! read: version 1, short keys, SHA-1.
//!
//! # Imitated behaviour
//!
//! - **HTTP**, in both directions: headers and their order, the responses that count as a success, pauses
//!   between attempts, time-outs, and answers byte for byte.
//! - **Arguments** of all methods of the schema: required ones, their types, in JSON, forms and multipart
//!   bodies. A method that isn't in the schema is a 404.
//! - **Messages** with their numbers (private chats and groups share theirs, supergroups and channels have
//!   their own), entities from HTML, `MarkdownV2` and Markdown and those that Telegram detects, replies,
//!   albums, polls, invoices, checklists; edits, deletions, forwards, copies, pins, reactions. Lengths,
//!   captions and buttons are checked.
//! - **Chats** with their members and rights: bans, restrictions, promotions, invite links, requests to
//!   join, titles, photos, descriptions, permissions; bots that are blocked, removed, never started, or get
//!   a supergroup in place of a group; [privacy mode](TelegramBuilder::privacy_mode).
//! - **Topics** of forums: they are created, changed, closed and deleted, and messages go only into existing ones.
//! - **Queries**: each can be answered once, and for a limited time: 30 seconds for inline queries, 10 for
//!   checkouts, 150 for all others.
//! - **Stars**: payments are in the bot's transactions and its balance, and can be refunded once.
//! - **Files**: each uploaded file has a `file_id`, from which `getFile` leads back to its bytes, up to [20
//!   MiB](TelegramBuilder::max_download).
//! - **Settings**: commands, name, descriptions, menu button and default rights can be read back.
//!
//! A refusal has the code of the real server, and its text where that is known.
//!
//! # Limits of the imitation
//!
//! - All other methods return a value of their type, made of the call's arguments and constants, and change
//!   no state: stickers, gifts, subscriptions, stories, business accounts, games.
//! - The bot isn't notified of its own actions (the real server reports members that it bans, and polls
//!   that it stops), nor of messages of other bots.
//! - Rich messages are stored without their content. Photos have one size and no thumbnail; files aren't inspected.
//! - Only queries expire: messages can be edited and deleted, and links used, at any later time; bans and
//!   restrictions don't end by themselves. Links don't count the users who join.
//! - There are no limits on rates or sizes of uploads, and a dice always shows 4. A test can set such
//!   answers with [`Telegram::answer_once`].
//!
//! # Resources
//!
//! The server ends with the last clone of its [`Telegram`], [`User`] and [`Chat`], and closes its
//! connections. It keeps the last 10 000 calls with at most 256 MiB of files, another 256 MiB of files for
//! downloads, 10 000 messages of each chat, and 100 000 waiting updates (at most 128 MiB for `getUpdates`).
//! It accepts 1024 connections at once, and bodies up to [`TelegramBuilder::max_upload`].
//!
//! The program `telegram-test-server` is the same server for bots in any language.

mod bot_api;
mod builder;
mod chats;
mod clock;
mod error;
mod faults;
mod format;
mod http1;
mod json;
#[cfg(feature = "playground")]
pub mod playground;
mod polling;
mod schema;
mod state;
mod telegram;
#[cfg(test)]
mod tests;
pub mod update;
mod users;
mod webhook;

pub use self::{
    bot_api::{
        answer::Answer,
        call::{Call, Via},
        files::{FileDownload, generated_bytes, generated_sha256},
        uploaded_file::UploadedFile,
    },
    builder::TelegramBuilder,
    error::{Error, Exchange, ExchangeOutcome},
    faults::Faults,
    telegram::Telegram,
    users::{
        chat::Chat,
        delivered::{Delivered, Sent},
        person::User,
        queries::{InlineQuery, Press},
    },
    webhook::{
        attempt::{Attempt, AttemptError},
        raw_request::RawRequest,
        settings::WebhookSettings,
        tls::TlsError,
    },
};

#[cfg(feature = "playground")]
pub use self::playground::{Playground, PlaygroundError, playground};

/// The README's example is tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
