//! One bot, talked to by people: behind a webhook and behind getUpdates it is the same to them.

use tower_telegram::{
    Client,
    client::Error,
    methods::{
        AnswerCallbackQuery, AnswerPreCheckoutQuery, EditMessageText, SendDocument, SendInvoice,
        SendMessage,
    },
    polling::Polling,
    types::{
        InlineKeyboardButton as Button, InlineKeyboardMarkup, InputFile, LabeledPrice,
        MaybeInaccessibleMessage, Message, ParseMode, Update, UpdateKind,
    },
    webhook::{Webhook, WebhookService},
};
use tower_telegram_test::Telegram;

use crate::support::{
    adapter::{Endpoint, secret},
    servers::serve_hyper,
    wire::SECRET,
};

async fn handle(client: Client, update: Update) -> Result<Option<SendMessage>, Error> {
    match update.kind {
        UpdateKind::Message(message) => return on_message(&client, &message).await,
        UpdateKind::CallbackQuery(query) => {
            let answer = AnswerCallbackQuery::new(query.id).text("As you like");
            client.send(answer).await?;
            if let Some(MaybeInaccessibleMessage::Message(message)) = query.message {
                let edit = EditMessageText::new(message.chat.id, message.message_id, "Begun");
                client.send(edit).await?;
            }
        }
        UpdateKind::PreCheckoutQuery(query) => {
            client
                .send(AnswerPreCheckoutQuery::new(query.id, true))
                .await?;
        }
        _ => {}
    }
    Ok(None)
}

async fn on_message(client: &Client, message: &Message) -> Result<Option<SendMessage>, Error> {
    let chat = message.chat.id;
    if let Some(payment) = &message.successful_payment {
        let thanks = format!("Thanks for {}", payment.total_amount);
        return Ok(Some(SendMessage::new(chat, thanks)));
    }
    match message.text.as_deref().unwrap_or_default() {
        "/file" => {
            let file = InputFile::bytes("a.txt", "hello");
            client.send(SendDocument::new(chat, file)).await?;
            Ok(None)
        }
        "/buy" => {
            let price = vec![LabeledPrice::new("Loom", 500)];
            let invoice = SendInvoice::new(chat, "Loom", "Weaves", "loom", "XTR", price);
            client.send(invoice).await?;
            Ok(None)
        }
        "/start" => {
            let keyboard = InlineKeyboardMarkup::row([Button::callback("Begin", "begin")]);
            let hello = SendMessage::new(chat, "<b>Hello</b>").parse_mode(ParseMode::Html);
            Ok(Some(hello.reply_markup(keyboard)))
        }
        text => Ok(Some(SendMessage::new(chat, text))),
    }
}

fn client(telegram: &Telegram) -> Client {
    let token = telegram.token().parse().expect("a token");
    Client::with_base_url(&token, telegram.api_url()).expect("a URL")
}

async fn behind_a_webhook() -> Telegram {
    let telegram = Telegram::start().await.expect("a port");
    let bot = client(&telegram);
    let service: WebhookService<_, Update> =
        Webhook::new(secret(SECRET)).handler(move |update| handle(bot.clone(), update));
    let Endpoint::Socket(address) = serve_hyper(service).await else {
        panic!("no socket")
    };
    let url = format!("http://{address}/");
    telegram.set_webhook(&url, SECRET).expect("set");
    telegram
}

async fn behind_polling() -> Telegram {
    let telegram = Telegram::start().await.expect("a port");
    let client = client(&telegram);
    let bot = client.clone();
    let updates = Webhook::without_secret_token()
        .handler(move |update| handle(bot.clone(), update))
        .into_updates();
    tokio::spawn(Polling::new(client).run(updates));
    telegram
}

async fn talk(telegram: &Telegram) {
    let ada = telegram.user("Ada");
    ada.sends("/start").await.expect("told");
    let hello = ada.waits_for_message().await.expect("an answer");
    assert_eq!(hello.text.as_deref(), Some("Hello"));
    let press = ada.presses(&hello, "Begin").await.expect("told");
    let answer = press.answer().await.expect("answered");
    assert_eq!(answer.text.as_deref(), Some("As you like"));
    let begun = ada.waits_for_change(&hello).await.expect("a change");
    assert_eq!(begun.text.as_deref(), Some("Begun"));
    assert!(begun.reply_markup.is_none());

    let engines = telegram.supergroup("Engines");
    let in_group = ada.in_chat(&engines);
    in_group.sends("hi").await.expect("told");
    let echo = in_group.waits_for_message().await.expect("an echo");
    assert_eq!((echo.message_id, echo.text.as_deref()), (2, Some("hi")));

    ada.sends("/buy").await.expect("told");
    let invoice = ada.waits_for_message().await.expect("an invoice");
    ada.pays(&invoice).await.expect("paid");
    let thanks = ada.waits_for_message().await.expect("thanks");
    assert_eq!(thanks.text.as_deref(), Some("Thanks for 500"));

    ada.sends("/file").await.expect("told");
    let file = ada.waits_for_message().await.expect("a file");
    let document = file.document.expect("a document");
    assert_eq!(document.file_size, Some(5));
    let call = telegram.calls_of::<SendDocument>().pop().expect("a call");
    assert_eq!(call.chat_id, ada.id().into());

    ada.blocks_bot().await.expect("told");
    let refused = client(telegram)
        .send(SendMessage::new(ada.id(), "Ada?"))
        .await;
    let error = refused.expect_err("blocked");
    assert!(
        error.to_string().contains("bot was blocked by the user"),
        "{error}"
    );
    assert_eq!(telegram.sent_messages().len(), 5);
}

#[tokio::test]
async fn people_talk_with_a_bot_behind_a_webhook() {
    Box::pin(talk(&behind_a_webhook().await)).await;
}

#[tokio::test]
async fn people_talk_with_a_bot_that_polls() {
    Box::pin(talk(&behind_polling().await)).await;
}
