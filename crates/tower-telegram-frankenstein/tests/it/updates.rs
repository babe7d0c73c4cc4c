//! Updates: frankenstein's type through the webhook.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use frankenstein::{
    AsyncTelegramApi as _,
    methods::SendMessageParams,
    updates::{Update, UpdateContent},
};
use tokio::sync::mpsc;
use tower_telegram::{
    Client,
    server::Server,
    webhook::{DeliveryLayer, Webhook},
};
use tower_telegram_frankenstein::{Bot, Error};
use tower_telegram_test::{Answer, Exchange, Faults, RawRequest, Telegram, update};

/// A bot that answers each message, and counts its handler's calls and the abandoned updates.
struct Counted {
    telegram: Telegram,
    handled: Arc<AtomicUsize>,
    abandoned: mpsc::UnboundedReceiver<i64>,
    unreadable: mpsc::UnboundedReceiver<String>,
}

async fn start() -> Counted {
    let telegram = Telegram::builder()
        .max_wait(Duration::ZERO)
        .start()
        .await
        .unwrap();
    let token = telegram.token().parse().unwrap();
    let bot = Bot::new(Client::with_base_url(&token, telegram.api_url()).unwrap());
    let handled = Arc::new(AtomicUsize::new(0));
    let (letters, abandoned) = mpsc::unbounded_channel();
    let (unread, unreadable) = mpsc::unbounded_channel();
    let delivery = DeliveryLayer::new().dead_letter(move |letter| {
        letters.send(letter.update.update_id()).unwrap();
        async {}
    });
    let calls = Arc::clone(&handled);
    let webhook = Webhook::without_secret_token()
        .delivery(delivery)
        .parse_as::<Update>()
        .on_unreadable(move |_, error| unread.send(error.to_string()).unwrap())
        .handler(move |update| {
            calls.fetch_add(1, Ordering::Relaxed);
            answer(bot.clone(), update)
        });
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    tokio::spawn(server.serve(webhook));
    telegram.set_webhook(&url, None).unwrap();
    Counted {
        telegram,
        handled,
        abandoned,
        unreadable,
    }
}

async fn answer(bot: Bot, update: Update) -> Result<(), Error> {
    if let UpdateContent::Message(message) = update.content {
        // More than the client sends, which is 1 MiB of parameters.
        let is_long = message.text.as_deref() == Some("long");
        let length = if is_long { 2 << 20 } else { 5 };
        let reply = SendMessageParams::builder()
            .chat_id(message.chat.id)
            .text("x".repeat(length))
            .build();
        bot.send_message(&reply).await?;
    }
    Ok(())
}

fn statuses(exchange: &Exchange) -> Vec<u16> {
    let statuses = exchange.attempts.iter().map(|attempt| attempt.status);
    statuses.map(Option::unwrap).collect()
}

#[tokio::test]
async fn m8_an_update_is_handled_once_under_redelivery_and_lost_answers() {
    let Counted {
        telegram, handled, ..
    } = start().await;
    telegram.faults(Faults::new().duplicates(0.3).first_answers_lost(2).seed(16));
    for number in 1..=30 {
        let exchange = telegram.deliver(update::text(number, "hi")).await;
        assert!(
            exchange.is_delivered() && exchange.attempts.len() >= 3,
            "{exchange}"
        );
    }
    assert_eq!(handled.load(Ordering::Relaxed), 30);
    let sent = telegram.calls();
    let sent = sent.iter().filter(|call| call.method == "sendMessage");
    assert_eq!(sent.count(), 30);
}

#[tokio::test]
async fn m8_a_handlers_refusal_ends_its_update_and_a_passing_error_doesnt() {
    let mut bot = start().await;
    let telegram = &bot.telegram;
    telegram.answer_once("sendMessage", Answer::error(502, "Bad Gateway"));
    let exchange = telegram.deliver(update::text(7, "hi")).await;
    assert_eq!(statuses(&exchange), [500, 200]);

    telegram.answer_once(
        "sendMessage",
        Answer::error(403, "Forbidden: bot was blocked"),
    );
    let exchange = telegram.deliver(update::text(7, "hi")).await;
    assert_eq!(statuses(&exchange), [200]);
    let abandoned = bot.abandoned.recv().await.unwrap();
    assert_eq!(u64::try_from(abandoned).unwrap(), exchange.update_id);
    assert_eq!(bot.handled.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn m8_the_next_attempt_is_as_for_the_clients_own_errors() {
    let mut bot = start().await;
    let telegram = &bot.telegram;
    telegram.answer_once("sendMessage", Answer::too_many_requests(30));
    let exchange = telegram.deliver(update::text(7, "hi")).await;
    assert_eq!(statuses(&exchange), [500, 200]);
    assert_eq!(exchange.attempts[0].header("retry-after"), Some("30"));

    let page = Answer::raw(200, "text/html", "<html>One moment, please</html>");
    telegram.answer_once("sendMessage", page);
    let exchange = telegram.deliver(update::text(7, "hi")).await;
    assert_eq!(statuses(&exchange), [500, 200], "a proxy's page");
    assert!(bot.abandoned.try_recv().is_err());

    for permanent in [
        Answer::ok("not a message"),
        Answer::error(413, "Request Entity Too Large"),
    ] {
        bot.telegram.answer_once("sendMessage", permanent);
        let exchange = bot.telegram.deliver(update::text(7, "hi")).await;
        assert_eq!(statuses(&exchange), [200]);
        bot.abandoned.try_recv().unwrap();
    }
    let exchange = bot.telegram.deliver(update::text(7, "long")).await;
    assert_eq!(statuses(&exchange), [200], "a call that isn't sent");
    bot.abandoned.try_recv().unwrap();
}

#[tokio::test]
async fn m8_an_update_that_frankenstein_cant_read_goes_to_the_hook_with_the_reason() {
    let mut bot = start().await;
    let json = r#"{"update_id": 9, "message": {"message_id": "seven"}}"#;
    let attempt = bot
        .telegram
        .post_raw(RawRequest::new().body(json))
        .await
        .unwrap();
    assert_eq!(attempt.status, Some(200));
    let error = bot.unreadable.recv().await.unwrap();
    assert!(!error.is_empty());
    assert_eq!(bot.handled.load(Ordering::Relaxed), 0);
}
