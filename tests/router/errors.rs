//! J13: updates whose handler fails.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tower::BoxError;
use tower_telegram::{
    Client,
    methods::SendMessage,
    router::{HandlerError, Router, State},
    types::ChatId,
    webhook::{DeliveryLayer, Failure},
};
use tower_telegram_test::{Answer, Telegram, update};

use super::ways::{serve, start, webhook};
use crate::support::{for_each_server::for_each_server, servers::Server};

for_each_server! { sockets:
    j13_a_refusal_that_a_repeat_cannot_change_is_no_second_attempt
    j13_an_error_that_may_pass_is_tried_again
    j13_an_error_hook_may_reply_to_the_chat_and_end_the_update
}

#[derive(Clone)]
struct App {
    client: Client,
    calls: Arc<AtomicU32>,
}

/// Its errors are the client's own.
async fn forward(
    State(app): State<App>,
    chat: ChatId,
) -> Result<(), tower_telegram::client::Error> {
    app.calls.fetch_add(1, Ordering::Relaxed);
    app.client.send(SendMessage::new(chat, "forwarded")).await?;
    Ok(())
}

struct Bot {
    telegram: Telegram,
    calls: Arc<AtomicU32>,
}

impl Bot {
    async fn start(server: Server, change: impl FnOnce(Router) -> Router) -> Self {
        let (telegram, client) = start().await;
        let calls = Arc::new(AtomicU32::new(0));
        let app = App {
            client,
            calls: Arc::clone(&calls),
        };
        let router = change(Router::new().message(forward).with_state(app));
        let deliveries = DeliveryLayer::new().max_attempts(3);
        let service = webhook().delivery(deliveries).router(router);
        serve(&telegram, server, service).await;
        Self { telegram, calls }
    }

    /// How often the handler runs until Telegram is rid of the update.
    async fn attempts(&self) -> u32 {
        let exchange = self.telegram.deliver(update::text(7, "hi")).await;
        assert!(exchange.is_delivered(), "{exchange:?}");
        self.calls.swap(0, Ordering::Relaxed)
    }
}

fn blocked() -> Answer {
    Answer::error(403, "Forbidden: bot was blocked by the user")
}

async fn j13_a_refusal_that_a_repeat_cannot_change_is_no_second_attempt(server: Server) {
    let bot = Bot::start(server, |router| router).await;
    bot.telegram.answer("sendMessage", blocked());
    assert_eq!(bot.attempts().await, 1);
}

async fn j13_an_error_that_may_pass_is_tried_again(server: Server) {
    let bot = Bot::start(server, |router| router).await;
    let unauthorized = Answer::error(401, "Unauthorized");
    bot.telegram.answer_once("sendMessage", unauthorized);
    assert_eq!(bot.attempts().await, 2);
}

async fn j13_an_error_hook_may_reply_to_the_chat_and_end_the_update(server: Server) {
    let bot = Bot::start(server, |router| {
        router.on_error(async |failed: HandlerError| {
            let chat = failed.chat_id.ok_or("a chat")?;
            match failed.error.downcast_ref::<tower_telegram::client::Error>() {
                Some(_) => Ok(SendMessage::new(chat, "That didn't work.")),
                None => Err(BoxError::from(Failure::permanent(failed.error))),
            }
        })
    })
    .await;
    bot.telegram.answer_once("sendMessage", blocked());
    assert_eq!(bot.attempts().await, 1);
    let told = bot
        .telegram
        .wait_for::<SendMessage>(|call| call.text == "That didn't work.");
    assert_eq!(told.await.unwrap().chat_id, 7.into());
}
