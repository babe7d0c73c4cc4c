//! A bot of 12 routes.

use tower::BoxError;
use tower_telegram::{
    Client, Reply,
    methods::{AnswerCallbackQuery, AnswerInlineQuery, EditMessageText, SendDice, SendMessage},
    router::{
        CallbackData, Command, FromRef, HandlerError, NewMessage, Router, StartPayload, State,
        command,
        session::{MemorySessions, Session, SessionLayer},
    },
    types::{
        CallbackPayload, CallbackQuery, ChatId, InlineKeyboardButton, InlineKeyboardMarkup,
        InlineQuery, InlineQueryResult, MaybeInaccessibleMessage, Message, Update, UpdateType,
        User,
    },
    webhook::RawUpdate,
};

#[derive(Clone)]
struct App {
    client: Client,
    greeting: &'static str,
}

impl FromRef<App> for Client {
    fn from_ref(app: &App) -> Self {
        app.client.clone()
    }
}

#[derive(serde::Deserialize, serde::Serialize)]
struct Vote {
    poll: u32,
    is_for: bool,
}

impl CallbackPayload for Vote {
    const NAME: &str = "vote";
}

pub(super) fn router(client: Client) -> Router {
    let sessions = SessionLayer::<Count, _>::new(MemorySessions::new());
    Router::<App>::new()
        .command("count", count)
        .layer(sessions)
        .command("start", start)
        .command(command("roll").usage("<sides>"), roll)
        .command("fail", fail)
        .command("play", play)
        .command("raw", raw)
        .callback(Vote::NAME, vote)
        .callback("close", close)
        .on(UpdateType::EditedMessage, edited)
        .on(UpdateType::InlineQuery, find)
        .route([UpdateType::Message], is_ping, async |chat: ChatId| {
            SendMessage::new(chat, "pong")
        })
        .message(echo)
        .on_error(apologize)
        .with_state(App {
            client,
            greeting: "Hello",
        })
}

#[derive(Default, serde::Deserialize, serde::Serialize)]
struct Count(u32);

async fn count(mut count: Session<Count>, chat: ChatId) -> SendMessage {
    count.0 += 1;
    SendMessage::new(chat, format!("{} so far", count.0))
}

async fn start(
    State(app): State<App>,
    StartPayload(payload): StartPayload,
    user: User,
    chat: ChatId,
) -> Result<SendMessage, BoxError> {
    let from = payload.map(|from| format!(" from {from}"));
    let text = format!(
        "{}, {}{}",
        app.greeting,
        user.first_name,
        from.unwrap_or_default()
    );
    let yes = Vote {
        poll: 7,
        is_for: true,
    };
    let keyboard = InlineKeyboardMarkup::row([
        InlineKeyboardButton::data("Yes", &yes)?,
        InlineKeyboardButton::callback("Close", "close"),
    ]);
    Ok(SendMessage::new(chat, text).reply_markup(keyboard))
}

async fn roll(Command(sides): Command<u32>, chat: ChatId) -> SendMessage {
    SendMessage::new(chat, format!("A die of {sides} sides"))
}

async fn fail() -> Result<(), BoxError> {
    Err("out of coffee".into())
}

async fn apologize(failed: HandlerError) -> Result<SendMessage, BoxError> {
    match failed.chat_id {
        Some(chat) => Ok(SendMessage::new(chat, format!("Sorry: {}", failed.error))),
        None => Err(failed.error),
    }
}

async fn play(Command(what): Command, chat: ChatId) -> Reply {
    match &*what {
        "dice" => SendDice::new(chat).into(),
        _ => SendMessage::new(chat, "Which game?").into(),
    }
}

async fn raw(raw: RawUpdate, NewMessage(message): NewMessage) -> SendMessage {
    let again: Update = raw.parse().unwrap();
    let is_same = again.any_message() == Some(&*message);
    SendMessage::new(message.chat.id, format!("The same: {is_same}"))
}

async fn vote(
    CallbackData(vote): CallbackData<Vote>,
    client: Client,
    query: CallbackQuery,
) -> Result<(), BoxError> {
    let text = format!("Poll {}, for it: {}", vote.poll, vote.is_for);
    client
        .send(AnswerCallbackQuery::new(query.id).text(text))
        .await?;
    Ok(())
}

async fn close(query: CallbackQuery) -> Option<EditMessageText> {
    let MaybeInaccessibleMessage::Message(message) = query.message? else {
        return None;
    };
    Some(EditMessageText::new(
        message.chat.id,
        message.message_id,
        "Closed",
    ))
}

async fn edited(message: Message) -> Option<SendMessage> {
    let text = format!("Now it is {}", message.text?);
    Some(SendMessage::new(message.chat.id, text))
}

async fn find(query: InlineQuery) -> AnswerInlineQuery {
    AnswerInlineQuery::new(query.id, Vec::<InlineQueryResult>::new()).cache_time(7)
}

fn is_ping(update: &Update) -> bool {
    let message = update.any_message();
    message.is_some_and(|message| message.text.as_deref() == Some("ping"))
}

async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
    Some(SendMessage::new(message.chat.id, message.text?))
}
