//! What the bot does.

use std::{error::Error, time::Duration};

use tower_telegram::{
    Client, IntoReply as _, Reply,
    methods::{AnswerCallbackQuery, SendMessage, SendPhoto},
    types::{
        CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, InputFile, Message, Update,
        UpdateKind,
    },
};

use crate::picture;

type BoxError = Box<dyn Error + Send + Sync>;

/// Handles an update: a text is echoed, `/start` greets with buttons, a button is answered, `/photo`
/// sends a picture, `/call TEXT` answers through the client; `/slow SECONDS`, `/fail` and `/panic`
/// show what happens then. Anything else is answered with nothing.
///
/// # Errors
///
/// `/fail` does, and `/call` where Telegram refuses the call.
pub async fn handle(client: Client, update: Update) -> Result<Reply, BoxError> {
    match update.kind {
        UpdateKind::Message(message) => answer(&client, &message).await,
        UpdateKind::CallbackQuery(query) => Ok(pressed(&query).into_reply()?),
        _ => Ok(Reply::nothing()),
    }
}

async fn answer(client: &Client, message: &Message) -> Result<Reply, BoxError> {
    let chat = message.chat.id;
    let Some(command) = message.bot_command() else {
        let echo = message
            .text
            .clone()
            .map(|text| SendMessage::new(chat, text));
        return Ok(echo.into_reply()?);
    };
    match command.name {
        "start" => Ok(greeting(chat).into_reply()?),
        "photo" => Ok(photo(chat).into_reply()?),
        "call" => {
            client
                .send(SendMessage::new(chat, command.arguments))
                .await?;
            Ok(Reply::nothing())
        }
        "slow" => {
            let seconds = command.arguments.parse()?;
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok(SendMessage::new(chat, "done").into_reply()?)
        }
        "fail" => Err("as asked".into()),
        #[allow(clippy::panic)]
        "panic" => panic!("as asked"),
        _ => Ok(Reply::nothing()),
    }
}

fn greeting(chat: i64) -> SendMessage {
    let keyboard = InlineKeyboardMarkup::rows([[
        InlineKeyboardButton::callback("Yes", "yes"),
        InlineKeyboardButton::callback("No", "no"),
    ]]);
    SendMessage::new(chat, "Hello! Is this your first bot?").reply_markup(keyboard)
}

fn pressed(query: &CallbackQuery) -> AnswerCallbackQuery {
    let text = match query.data.as_deref() {
        Some("yes") => "Welcome!",
        _ => "Welcome back!",
    };
    AnswerCallbackQuery::new(query.id.clone()).text(text)
}

fn photo(chat: i64) -> SendPhoto {
    SendPhoto::new(
        chat,
        InputFile::bytes("gradient.png", picture::gradient(64)),
    )
    .caption("made just now")
}
