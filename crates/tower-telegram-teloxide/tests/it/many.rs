//! Ten thousand updates under redelivery and lost answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use teloxide::{dptree, prelude::*};
use tower_telegram_test::{Faults, Telegram, update};

use crate::support;

const UPDATES: usize = 10_000;
const CHATS: usize = 250;

/// The texts that were handled in each chat, in their order.
type Handled = Arc<Mutex<HashMap<i64, Vec<usize>>>>;

fn record(handled: &Handled, chat: ChatId, number: usize) {
    let mut chats = handled.lock().unwrap();
    chats.entry(chat.0).or_default().push(number);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m1_ten_thousand_updates_are_handled_once_each_under_redelivery_and_lost_answers() {
    let telegram = Telegram::builder()
        .max_wait(Duration::ZERO)
        .max_attempts(20)
        .start()
        .await
        .unwrap();
    let faults = Faults::new().duplicates(0.05).lost_answers(0.05).seed(16);
    telegram.faults(faults);

    let handled = Handled::default();
    let tree =
        Update::filter_message().endpoint(async |bot: Bot, handled: Handled, message: Message| {
            let number = message.text().unwrap().parse().unwrap();
            record(&handled, message.chat.id, number);
            if number % 10 == 0 {
                bot.send_message(message.chat.id, format!("{number} done"))
                    .await?;
            }
            ResponseResult::Ok(())
        });
    let bot = support::start(&telegram, tree, dptree::deps![Arc::clone(&handled)]).await;

    let chat = |number| i64::try_from(1 + number % CHATS).unwrap();
    let deliveries = (0..UPDATES)
        .map(|number| telegram.deliver(update::text(chat(number), &number.to_string())));
    let exchanges = join_all(deliveries).await;
    bot.stop().await;

    for exchange in &exchanges {
        assert!(exchange.is_delivered(), "{exchange}");
    }
    let attempts: usize = exchanges
        .iter()
        .map(|exchange| exchange.attempts.len())
        .sum();
    let repeated = attempts - UPDATES;
    assert!(repeated > UPDATES * 9 / 100, "{repeated} were repeated");

    // Each once, in the order in which Telegram has them.
    let handled = handled.lock().unwrap();
    for first in 0..CHATS {
        let expected: Vec<_> = (first..UPDATES).step_by(CHATS).collect();
        assert_eq!(handled[&chat(first)], expected);
    }
    assert_eq!(telegram.sent_messages().len(), UPDATES / 10);
}
