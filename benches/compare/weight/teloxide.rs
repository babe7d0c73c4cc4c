//! The same bot on teloxide: it sets its webhook and serves it.

use std::error::Error;

use teloxide::{prelude::*, update_listeners::webhooks};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let bot = Bot::from_env();
    let url = std::env::var("WEBHOOK_URL")?.parse()?;
    let options = webhooks::Options::new(([0, 0, 0, 0], 8080).into(), url);
    let listener = webhooks::axum(bot.clone(), options).await?;
    teloxide::repl_with_listener(
        bot,
        async |bot: Bot, message: Message| {
            if let Some(text) = message.text() {
                bot.send_message(message.chat.id, text).await?;
            }
            Ok(())
        },
        listener,
    )
    .await;
    Ok(())
}
