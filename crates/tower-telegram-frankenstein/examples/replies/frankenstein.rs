//! The bot of `bot.rs`, started as bots on frankenstein are.
//!
//! It needs frankenstein's feature `client-reqwest`, and a TLS library that the other crates here don't need, so the
//! workspace `benches/compare` compiles it.

mod bot;

use frankenstein::{AsyncTelegramApi as _, client_reqwest::Bot, methods::GetUpdatesParams};

#[tokio::main]
async fn main() {
    let token = std::env::var("BOT_TOKEN").expect("BOT_TOKEN is set");
    let bot = Bot::new(&token);

    let mut params = GetUpdatesParams::builder().build();
    loop {
        match bot.get_updates(&params).await {
            Ok(response) => {
                for update in response.result {
                    params.offset = Some(i64::from(update.update_id) + 1);
                    let bot = bot.clone();
                    tokio::spawn(async move { bot::handle(&bot, update).await });
                }
            }
            Err(error) => eprintln!("{error:?}"),
        }
    }
}
