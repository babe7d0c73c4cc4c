//! A conversation of four steps that can be cancelled, and that is forgotten after an hour without an answer.
//!
//! ```sh
//! cargo run --example conversation
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot
//! in production.
//!
//! A copy of this file needs these dependencies:
//!
//! ```toml
//! axum = { version = "0.8", default-features = false, features = ["http1", "tokio"] }
//! serde = { version = "1.0.220", features = ["derive"] }
//! tokio = { version = "1.47", features = ["macros", "rt-multi-thread"] }
//! tower-telegram = { version = "0.1", features = ["server"] }
//! tower-telegram-test = "0.1"
//! tracing-subscriber = { version = "0.3", default-features = false, features = ["fmt", "std"] }
//! ```

use std::{error::Error, time::Duration};

use serde::{Deserialize, Serialize};
use tower_telegram::{
    Client,
    client::RetryLayer,
    methods::SendMessage,
    router::{
        NewMessage, Router, command,
        session::{MemorySessions, Session, SessionLayer},
    },
    server::Server,
    shutdown_signal,
    types::ChatId,
    webhook::{SequenceLayer, Webhook, registration::WebhookEnv},
};
use tower_telegram_test::Playground;

type BoxError = Box<dyn Error + Send + Sync>;

/// The step of an order: a variant for each question, with the answers so far.
#[derive(Default, Deserialize, Serialize)]
enum Order {
    #[default]
    NotBegun,
    Dish,
    Size {
        dish: String,
    },
    Address {
        dish: String,
        size: String,
    },
    Confirm {
        dish: String,
        size: String,
        address: String,
    },
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let conversation = Playground::new()
        .says("/order")
        .says("soup")
        .says("large")
        .says("/cancel");
    let conversation = conversation
        .says("/order")
        .says("soup")
        .says("huge")
        .says("small");
    if conversation
        .says("1 Main Street")
        .says("yes")
        .play()
        .await?
    {
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let settings = WebhookEnv::from_env()?;
    let client = Client::builder_from_env()?.layer(RetryLayer::new()).build();

    // In memory, for one process. `redis::RedisSessions` keeps them for any number.
    let sessions = SessionLayer::<Order, _>::new(MemorySessions::new())
        // An order without an answer for an hour is forgotten.
        .expires_after(Duration::from_secs(60 * 60))
        // Increase this when `Order` changes its shape.
        .version(1);
    let bot: Router = Router::new()
        .command(command("order").description("Order a dish"), begin)
        .command(command("cancel").description("Forget the order"), cancel)
        .message(answer)
        .layer(sessions);
    client.ensure_commands(&bot.commands()).await?;

    let webhook = Webhook::new(settings.secret())
        // Two messages of a chat are handled one after the other, so that each finds the step before it.
        .sequence(SequenceLayer::new())
        .router(bot);
    let deliveries = webhook.deliveries();
    let wanted = settings
        .set_webhook()
        .allowed_updates(webhook.allowed_updates());
    let app = axum::Router::new().route_service(&settings.axum_route()?, webhook);
    let server = Server::bind(settings.listen()).await?;
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    server.serve_with_shutdown(app, stop).await;
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

async fn begin(mut order: Session<Order>, chat: ChatId) -> SendMessage {
    *order = Order::Dish;
    SendMessage::new(chat, "Which dish? /cancel ends this at any time.")
}

async fn cancel(mut order: Session<Order>, chat: ChatId) -> SendMessage {
    *order = Order::NotBegun;
    SendMessage::new(chat, "Forgotten.")
}

/// The answer to the last question decides what comes next.
async fn answer(mut order: Session<Order>, NewMessage(message): NewMessage) -> Option<SendMessage> {
    let text = String::from(message.text?);
    let (next, reply) = match order.take() {
        Order::NotBegun => (Order::NotBegun, "/order begins an order.".to_owned()),
        Order::Dish => (Order::Size { dish: text }, "Small or large?".to_owned()),
        Order::Size { dish } => match text.to_lowercase().as_str() {
            size @ ("small" | "large") => (
                Order::Address {
                    dish,
                    size: size.to_owned(),
                },
                "Where to?".to_owned(),
            ),
            // Not an answer: the question is asked again.
            _ => (Order::Size { dish }, "Small, or large?".to_owned()),
        },
        Order::Address { dish, size } => {
            let question = format!("A {size} {dish} to {text}: yes or no?");
            (
                Order::Confirm {
                    dish,
                    size,
                    address: text,
                },
                question,
            )
        }
        Order::Confirm {
            dish,
            size,
            address,
        } if text.eq_ignore_ascii_case("yes") => (
            Order::NotBegun,
            format!("A {size} {dish} is on its way to {address}."),
        ),
        Order::Confirm { .. } => (Order::NotBegun, "Forgotten. /order begins anew.".to_owned()),
    };
    *order = next;
    Some(SendMessage::new(message.chat.id, reply))
}
