//! A bot with 12 routes, written twice: with a router, in 27 lines, and with one `match`, in 39.
//!
//! All are behind the same webhook, so the difference is the router's cost: the search in its tables, the moves of the
//! update with its request's head, and the box of the handler's future. The head isn't in that box, because no argument
//! of these handlers waits for anything.
//!
//! A handler of a router can take the [`Deadline`](tower_telegram::webhook::Deadline), which a function given to
//! [`Webhook::handler`] can't; as the first entry of a request's extensions it takes three allocations. The `match` is
//! also written as a service, which can take it too.

use std::{convert::Infallible, fmt::Write as _};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tower::service_fn;
use tower_telegram::{
    Reply,
    methods::{AnswerCallbackQuery, AnswerInlineQuery, SendMessage},
    router::{Command, NewMessage, Router},
    types::{
        CallbackQuery, ChatId, ChatMemberUpdated, InlineQuery, InlineQueryResult, Message, Update,
        UpdateKind, UpdateType,
    },
    webhook::{SecretToken, Webhook},
};
use tower_telegram_benches::count::BoxError;

use crate::paths::{Path, SECRET, answered, path};

pub(crate) const ALL: &[Path] = &[
    path("routes/match", None, |rounds| {
        let webhook = Webhook::new(SecretToken::new(SECRET)?);
        answered(StatusCode::OK, rounds, webhook.handler(matched), request)
    }),
    path(
        "routes/match, as a service",
        Some("routes/match"),
        |rounds| {
            let webhook = Webhook::new(SecretToken::new(SECRET)?);
            let webhook = webhook.allowed_updates(router().allowed_updates());
            let service = service_fn(async |request: Request<Update>| {
                Ok::<_, Infallible>(matched(request.into_body()).await)
            });
            answered(StatusCode::OK, rounds, webhook.service(service), request)
        },
    ),
    path(
        "routes/router",
        Some("routes/match, as a service"),
        |rounds| {
            let webhook = Webhook::new(SecretToken::new(SECRET)?);
            answered(StatusCode::OK, rounds, webhook.router(router()), request)
        },
    ),
];

/// A command, a text, a pressed button and an inline query in turn.
fn request(n: u32) -> Result<Request<Full<Bytes>>, BoxError> {
    let id = 100_000_000 + i64::from(n);
    let from =
        r#"{"id":7,"is_bot":false,"first_name":"Ada","username":"ada","language_code":"en"}"#;
    let chat = r#"{"id":7,"first_name":"Ada","username":"ada","type":"private"}"#;
    let message =
        format_args!(r#""message_id":{id},"from":{from},"chat":{chat},"date":1700000000"#);
    // All at once: what it costs to grow a string depends on what else is on the heap.
    let mut body = String::with_capacity(640);
    writeln!(body, "{{\"update_id\":{id},")?;
    match n % 4 {
        0 => write!(
            body,
            r#""message":{{{message},"text":"/roll 6","entities":[{{"offset":0,"length":5,"type":"bot_command"}}]}}"#
        )?,
        1 => write!(
            body,
            r#""message":{{{message},"text":"When does the next train leave?"}}"#
        )?,
        2 => write!(
            body,
            r#""callback_query":{{"id":"30070012345678901","from":{from},"message":{{{message},"text":"Vote"}},"chat_instance":"1","data":"vote:7"}}"#
        )?,
        _ => write!(
            body,
            r#""inline_query":{{"id":"1","from":{from},"query":"trains","offset":""}}"#
        )?,
    }
    body.push('}');
    let request = Request::post("/bot")
        .header("content-type", "application/json")
        .header("x-telegram-bot-api-secret-token", SECRET);
    Ok(request.body(Full::new(body.into()))?)
}

fn say(chat: impl Into<ChatId>, text: &str) -> SendMessage {
    SendMessage::new(chat, text)
}

// With a router.

fn router() -> Router {
    Router::new()
        .command("start", async |chat: ChatId| say(chat, "Hello."))
        .command("help", async |chat: ChatId| say(chat, "Ask me."))
        .command("roll", roll)
        .command("stop", async |chat: ChatId| say(chat, "Stopped."))
        .command("settings", async |chat: ChatId| say(chat, "None."))
        .callback("vote", vote)
        .callback("page", vote)
        .callback("close", vote)
        .on(UpdateType::InlineQuery, find)
        .on(UpdateType::EditedMessage, async |_: Message| {})
        .on(UpdateType::MyChatMember, async |_: ChatMemberUpdated| {})
        .message(echo)
}

async fn roll(Command(sides): Command<u32>, chat: ChatId) -> SendMessage {
    say(chat, if sides > 6 { "Many." } else { "Four." })
}

async fn vote(query: CallbackQuery) -> AnswerCallbackQuery {
    AnswerCallbackQuery::new(query.id)
}

async fn find(query: InlineQuery) -> AnswerInlineQuery {
    AnswerInlineQuery::new(query.id, Vec::<InlineQueryResult>::new())
}

async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
    Some(say(message.chat.id, message.text.as_deref()?))
}

// With one match.

async fn matched(update: Update) -> Reply {
    match update.kind {
        UpdateKind::Message(message) => on_message(&message),
        UpdateKind::CallbackQuery(query) => {
            let data = query.data.as_deref().unwrap_or_default();
            match data.split_once(':').map_or(data, |(name, _)| name) {
                "vote" | "page" | "close" => AnswerCallbackQuery::new(query.id).into(),
                _ => Reply::nothing(),
            }
        }
        UpdateKind::InlineQuery(query) => {
            AnswerInlineQuery::new(query.id, Vec::<InlineQueryResult>::new()).into()
        }
        _ => Reply::nothing(),
    }
}

fn on_message(message: &Message) -> Reply {
    let chat = message.chat.id;
    if let Some(command) = message.bot_command() {
        let text = match command.name {
            "start" => "Hello.",
            "help" => "Ask me.",
            "roll" => match command.arguments.parse::<u32>() {
                Ok(7..) => "Many.",
                Ok(_) => "Four.",
                Err(_) => "An argument is missing.",
            },
            "stop" => "Stopped.",
            "settings" => "None.",
            _ => return echoed(message),
        };
        return say(chat, text).into();
    }
    echoed(message)
}

fn echoed(message: &Message) -> Reply {
    match &message.text {
        Some(text) => say(message.chat.id, text).into(),
        None => Reply::nothing(),
    }
}
