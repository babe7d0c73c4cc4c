//! A bot that replies to messages and sends a file, written for frankenstein.

use std::path::Path;

use frankenstein::{
    AsyncTelegramApi,
    methods::{SendDocumentParams, SendMessageParams},
    types::{Message, ReplyParameters},
    updates::{Update, UpdateContent},
};

pub(crate) async fn handle<Api: AsyncTelegramApi>(
    api: &Api,
    update: Update,
) -> Result<(), Api::Error> {
    let UpdateContent::Message(message) = update.content else {
        return Ok(());
    };
    match message.text.as_deref() {
        Some("/source") => send_source(api, &message).await,
        _ => reply(api, &message).await,
    }
}

async fn reply<Api: AsyncTelegramApi>(api: &Api, message: &Message) -> Result<(), Api::Error> {
    let to = ReplyParameters::builder()
        .message_id(message.message_id)
        .build();
    let text = match &message.text {
        Some(text) => format!("You wrote: {text}"),
        None => "I read only text.".to_owned(),
    };
    let params = SendMessageParams::builder()
        .chat_id(message.chat.id)
        .text(text)
        .reply_parameters(to)
        .build();
    api.send_message(&params).await?;
    Ok(())
}

async fn send_source<Api: AsyncTelegramApi>(
    api: &Api,
    message: &Message,
) -> Result<(), Api::Error> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/replies/bot.rs");
    let params = SendDocumentParams::builder()
        .chat_id(message.chat.id)
        .document(path)
        .caption("This bot.")
        .build();
    api.send_document(&params).await?;
    Ok(())
}
