//! The bot of `bot.rs`, started as teloxide's own examples are.
//!
//! ```sh
//! TELOXIDE_TOKEN=… cargo run -p tower-telegram-teloxide --example dialogue_teloxide
//! ```

mod bot;

use teloxide::{dispatching::dialogue::InMemStorage, prelude::*};

#[tokio::main]
async fn main() {
    let bot = Bot::from_env();

    Dispatcher::builder(bot, bot::tree())
        .dependencies(dptree::deps![InMemStorage::<bot::Step>::new()])
        .enable_ctrlc_handler()
        .build()
        .dispatch()
        .await;
}
