//! Thousands of updates under redelivery and lost answers.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use teloxide::{
    dispatching::UpdateHandler, dptree, error_handlers::IgnoringErrorHandler, prelude::*,
};
use tower::{ServiceExt as _, service_fn};
use tower_telegram::{
    server::Server,
    types::AllowedUpdates,
    webhook::{DeliveryLayer, Webhook, delivery::MemoryStore},
};
use tower_telegram_teloxide::{Bridge, TeloxideUpdate};
use tower_telegram_test::{Faults, Telegram, update};

use crate::support;

const CHATS: usize = 250;

/// The texts that were handled in each chat, in their order.
type Handled = Arc<Mutex<HashMap<i64, Vec<usize>>>>;

/// A Telegram that sends 5 % of all updates again, and loses the answers to 5 % of its requests.
async fn faulty_telegram() -> Telegram {
    let builder = Telegram::builder().max_wait(Duration::ZERO);
    let telegram = builder.max_attempts(20).start().await.unwrap();
    telegram.faults(Faults::new().duplicates(0.05).lost_answers(0.05).seed(16));
    telegram
}

/// Records each message, and answers every tenth.
fn tree() -> UpdateHandler<teloxide::RequestError> {
    Update::filter_message().endpoint(async |bot: Bot, handled: Handled, message: Message| {
        let number = message.text().unwrap().parse().unwrap();
        record(&handled, message.chat.id, number);
        if number % 10 == 0 {
            let done = format!("{number} done");
            bot.send_message(message.chat.id, done).await?;
        }
        ResponseResult::Ok(())
    })
}

fn record(handled: &Handled, chat: ChatId, number: usize) {
    let mut chats = handled.lock().unwrap();
    chats.entry(chat.0).or_default().push(number);
}

/// Sends that many messages, in turn to each chat, and returns how many requests were too many.
async fn send(telegram: &Telegram, updates: usize) -> usize {
    let deliveries = (0..updates)
        .map(|number| telegram.deliver(update::text(chat(number), &number.to_string())));
    let exchanges = join_all(deliveries).await;
    for exchange in &exchanges {
        assert!(exchange.is_delivered(), "{exchange}");
    }
    let attempts = exchanges.iter().map(|exchange| exchange.attempts.len());
    attempts.sum::<usize>() - updates
}

fn chat(number: usize) -> i64 {
    i64::try_from(1 + number % CHATS).unwrap()
}

/// Each once, in the order in which Telegram has them.
fn assert_handled_once(handled: &Handled, updates: usize) {
    let handled = handled.lock().unwrap();
    for first in 0..CHATS {
        let expected: Vec<_> = (first..updates).step_by(CHATS).collect();
        assert_eq!(handled[&chat(first)], expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m1_ten_thousand_updates_are_handled_once_each_under_redelivery_and_lost_answers() {
    const UPDATES: usize = 10_000;
    let telegram = faulty_telegram().await;
    let handled = Handled::default();
    let bot = support::start(&telegram, tree(), dptree::deps![Arc::clone(&handled)]).await;

    let repeated = send(&telegram, UPDATES).await;
    bot.stop().await;

    assert!(repeated > UPDATES * 9 / 100, "{repeated} were repeated");
    assert_handled_once(&handled, UPDATES);
    assert_eq!(telegram.sent_messages().len(), UPDATES / 10);
}

/// Requests go to the two in turn, so that many redeliveries come to the other one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m1_two_replicas_that_share_a_store_handle_each_update_once() {
    const UPDATES: usize = 2_000;
    let telegram = faulty_telegram().await;
    let handled = Handled::default();
    let store = Arc::new(MemoryStore::new());
    let replica = || {
        let bridge = Bridge::new(tree());
        let webhook = Webhook::without_secret_token()
            .delivery(DeliveryLayer::with_store(Arc::clone(&store)))
            .allowed_updates(AllowedUpdates::ALL)
            .parse_as::<TeloxideUpdate>()
            .service(bridge.service);
        let mut dispatcher = support::quiet(&telegram, bridge.handler)
            .dependencies(dptree::deps![Arc::clone(&handled)])
            .build();
        let stop = dispatcher.shutdown_token();
        let dispatching = tokio::spawn(async move {
            let errors = IgnoringErrorHandler::new();
            dispatcher
                .dispatch_with_listener(bridge.listener, errors)
                .await;
        });
        (webhook, stop, dispatching)
    };
    let (first, second) = (replica(), replica());
    let webhooks = [first.0, second.0];
    let turn = Arc::new(AtomicUsize::new(0));
    let front = service_fn(move |request| {
        let webhook = webhooks[turn.fetch_add(1, Ordering::Relaxed) % 2].clone();
        webhook.oneshot(request)
    });
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let serving = tokio::spawn(server.serve(front));
    telegram.set_webhook(&url, None).unwrap();

    let repeated = send(&telegram, UPDATES).await;
    for (stop, dispatching) in [(first.1, first.2), (second.1, second.2)] {
        drop(stop.shutdown().unwrap());
        dispatching.await.unwrap();
    }
    serving.abort();

    assert!(repeated > UPDATES * 9 / 100, "{repeated} were repeated");
    assert_handled_once(&handled, UPDATES);
}
