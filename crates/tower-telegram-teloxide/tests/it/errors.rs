//! The errors of a handler's calls, and the next attempt.

use std::time::Duration;

use teloxide::{RequestError, dptree, prelude::*, requests::Requester};
use tokio::sync::mpsc;
use tower_telegram::{
    Client,
    webhook::{DeliveryLayer, Failure, Webhook},
};
use tower_telegram_teloxide::{Bridge, ClientBot};
use tower_telegram_test::{Answer, Telegram, update};

use crate::support;

/// A Telegram that sends an update again at once, a bot whose handler makes a call, and the abandoned updates.
struct Caller {
    telegram: Telegram,
    abandoned: mpsc::UnboundedReceiver<i64>,
}

/// More than the client sends, which is 1 MiB of parameters.
const TOO_LONG: usize = 2 << 20;

/// Sends the update's text again; for the text "long", one that is too long.
async fn echo<B>(bot: B, message: Message) -> Result<(), RequestError>
where
    B: Requester<Err = RequestError>,
{
    let text = match message.text() {
        Some("long") => "x".repeat(TOO_LONG),
        text => text.unwrap_or_default().to_owned(),
    };
    bot.send_message(message.chat.id, text).await?;
    Ok(())
}

/// With teloxide's own bot, or with one whose calls go through a client.
async fn start(through_client: bool) -> (Caller, support::Running) {
    let telegram = Telegram::builder().max_wait(Duration::ZERO);
    let telegram = telegram.start().await.unwrap();
    let (letters, abandoned) = mpsc::unbounded_channel();
    let delivery = DeliveryLayer::new().dead_letter(move |letter| {
        letters.send(letter.update.update_id()).unwrap();
        async {}
    });
    let webhook = Webhook::without_secret_token().delivery(delivery);
    let token = telegram.token().parse().unwrap();
    let client = Client::with_base_url(&token, telegram.api_url()).unwrap();
    let bot = ClientBot::new(client, support::caller(&telegram));
    let tree = if through_client {
        Update::filter_message().endpoint(echo::<ClientBot>)
    } else {
        Update::filter_message().endpoint(echo::<Bot>)
    };
    let bridge = Bridge::new(tree);
    let running = support::start_bridge(&telegram, webhook, bridge, dptree::deps![bot]).await;
    let caller = Caller {
        telegram,
        abandoned,
    };
    (caller, running)
}

impl Caller {
    /// The statuses of the attempts of an update whose first call is answered like this, and the `Retry-After` of the
    /// first.
    async fn attempts(&mut self, answer: Answer) -> (Vec<u16>, Option<String>) {
        self.telegram.answer_once("sendMessage", answer);
        self.attempts_of("hello").await
    }

    async fn attempts_of(&mut self, text: &str) -> (Vec<u16>, Option<String>) {
        let exchange = self.telegram.deliver(update::text(7, text)).await;
        let attempts = exchange.attempts.iter();
        let statuses = attempts.map(|attempt| attempt.status.unwrap()).collect();
        let pause = exchange.attempts[0].header("retry-after");
        (statuses, pause.map(str::to_owned))
    }

    /// Whether an update has been abandoned since the last time.
    fn abandoned(&mut self) -> bool {
        self.abandoned.try_recv().is_ok()
    }
}

#[tokio::test]
async fn m3_the_next_attempt_comes_after_the_pause_that_telegram_asks_for() {
    for through_client in [false, true] {
        let (mut bot, running) = start(through_client).await;
        let (statuses, pause) = bot.attempts(Answer::too_many_requests(30)).await;
        assert_eq!(statuses, [500, 200], "{through_client}");
        assert_eq!(pause.as_deref(), Some("30"), "{through_client}");
        assert!(!bot.abandoned());
        running.stop().await;
    }
}

#[tokio::test]
async fn m3_a_call_that_telegram_has_carried_out_isnt_repeated() {
    for through_client in [false, true] {
        let (mut bot, running) = start(through_client).await;
        let (statuses, _) = bot.attempts(Answer::ok("not a message")).await;
        assert_eq!(statuses, [200], "{through_client}");
        assert!(bot.abandoned(), "{through_client}");

        let page = Answer::raw(200, "text/html", "<html>One moment, please</html>");
        let (statuses, _) = bot.attempts(page).await;
        assert_eq!(statuses, [500, 200], "{through_client}: a proxy's page");
        assert!(!bot.abandoned());
        running.stop().await;
    }
}

#[tokio::test]
async fn m3_a_call_that_is_too_large_is_permanent() {
    for through_client in [false, true] {
        let (mut bot, running) = start(through_client).await;
        let too_large = Answer::error(413, "Request Entity Too Large");
        let (statuses, _) = bot.attempts(too_large).await;
        assert_eq!(statuses, [200], "{through_client}");
        assert!(bot.abandoned(), "{through_client}");
        running.stop().await;
    }
}

#[tokio::test]
async fn m3_a_call_that_the_client_doesnt_send_is_permanent() {
    let (mut bot, running) = start(true).await;
    let (statuses, _) = bot.attempts_of("long").await;
    assert_eq!(statuses, [200]);
    assert!(bot.abandoned());
    assert!(bot.telegram.sent_messages().is_empty());
    running.stop().await;
}

/// An error of the bot's own, with one of teloxide's in it.
#[derive(Debug)]
struct OrderError(RequestError);

impl std::fmt::Display for OrderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("while ordering")
    }
}

impl std::error::Error for OrderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn m3_a_bots_own_error_can_be_judged_by_its_causes() {
    let blocked = OrderError(RequestError::Api(teloxide::ApiError::BotBlocked));
    let failure: Failure = tower_telegram_teloxide::failure_of(&blocked);
    assert!(failure.is_permanent());
    assert_eq!(
        failure.to_string(),
        "the handler failed: OrderError(Api(BotBlocked))"
    );

    let wait = teloxide::types::Seconds::from_seconds(7);
    let failure = tower_telegram_teloxide::failure_of(&OrderError(RequestError::RetryAfter(wait)));
    assert!(!failure.is_permanent());
    assert_eq!(failure.retry_after(), Some(Duration::from_secs(7)));
}
