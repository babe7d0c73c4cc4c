//! A replica with the handler, fed from the queue.

use std::{process, time::Duration};

use redis::{RedisError, aio::ConnectionManager};
use tokio::time::sleep;
use tower_telegram::{methods::SendMessage, shutdown_signal, types::Update, webhook::Webhook};

use crate::{
    bot,
    failure::Failure,
    process::{orphaned, ready},
    verdict::Record,
};

pub(crate) async fn work() -> Result<(), Failure> {
    let connection = bot::connection()?;
    let book = connection.clone();
    // A webhook would have the same.
    let handler = Webhook::without_secret_token()
        .handler(move |update| handle(book.clone(), update))
        .into_updates();

    let worker = bot::queue(connection.clone()).worker(bot::client()?);
    ready("working");
    tokio::select! {
        ended = worker.run_until(handler, shutdown_signal()?) => ended?,
        () = orphaned(connection) => {}
    }
    Ok(())
}

/// Appends a record, without a look at whether it is there already: the records show how often an update was
/// handled.
async fn handle(
    mut book: ConnectionManager,
    update: Update,
) -> Result<Option<SendMessage>, RedisError> {
    let Some(message) = update.new_message() else {
        return Ok(None);
    };
    let number = message.text.as_deref().and_then(|text| text.parse().ok());
    let Some(number) = number else {
        return Ok(None);
    };
    let chat = message.chat.id;
    // It has other things to do too, in which it can be killed.
    sleep(Duration::from_millis(20)).await;
    let record = Record {
        number,
        worker: process::id(),
    };
    let mut write = redis::cmd("RPUSH");
    write.arg(format!("handled:{chat}")).arg(record.to_string());
    let _: usize = write.query_async(&mut book).await?;
    Ok(Some(SendMessage::new(chat, format!("{number} is done"))))
}
