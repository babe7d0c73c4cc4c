//! The tests of a bot that is one of a framework's routes, beside `/health`.

use std::{ffi::OsStr, net::SocketAddr};

use tokio::process::Child;
use tower_telegram_test::{Telegram, Via, update};

use super::{assert_refused, free_address, get, in_production, prints, program, start, terminate};

/// A bot in production, with this path in the URL of its webhook.
async fn serve(path: impl AsRef<OsStr>, webhook_path: &str) -> (Telegram, SocketAddr, Child) {
    let telegram = Telegram::start().await.unwrap();
    let listen = free_address();
    let url = format!("http://{listen}{webhook_path}");
    let bot = in_production(program(path), &telegram, &url, listen);
    let bot = start(bot, &telegram).await;
    (telegram, listen, bot)
}

pub(crate) async fn plays_the_conversation(path: &str) {
    let lines = [
        "sendMessage “Say something.”",
        "sendMessage “hello”",
        "401 rejected",
    ];
    prints(program(path), &lines).await;
}

/// From setWebhook to SIGTERM.
pub(crate) async fn serves_until_sigterm(path: &str) {
    let (telegram, listen, bot) = serve(path, "/some/where").await;
    let exchange = telegram.deliver(update::text(7, "hello")).await;
    let reply = exchange.reply.unwrap();
    assert_eq!(reply.via, Via::WebhookReply);
    assert_eq!(reply.text("text").as_deref(), Some("hello"));
    assert!(get(listen, "/health").await.ends_with("\r\n\r\nok"));
    let stranger = get(listen, "/some/where").await;
    assert!(stranger.starts_with("HTTP/1.1 401"), "{stranger}");
    terminate(bot).await;
}

/// Many routers read some characters as a pattern. A bot's token, which is in many webhook paths, has a colon.
pub(crate) async fn compares_the_path_as_it_is(path: &str) {
    for (webhook, other) in [AXUM_PATHS, &[("/:a", "/b"), ("/*a", "/b")]].concat() {
        matches_only_itself(path, webhook, other).await;
    }
}

/// A webhook's path that axum can serve, and another path, which isn't the webhook's.
const AXUM_PATHS: &[(&str, &str)] = &[
    ("/123:ABC", "/123:other"),
    ("/a%20b", "/a%20c"),
    ("/a:", "/a"),
    ("/a*", "/a"),
    ("/{a}", "/b"),
    ("/{*a}", "/b"),
    ("/a}{b", "/ab"),
];

/// The same for axum, which takes no path with a segment that begins like its patterns before version 0.8.
pub(crate) async fn compares_the_path_of_an_axum_route(path: impl AsRef<OsStr>) {
    let path = path.as_ref();
    for (webhook, other) in AXUM_PATHS {
        matches_only_itself(path, webhook, other).await;
    }
    for webhook in ["/:a", "/*a", "/a/:b"] {
        let telegram = Telegram::start().await.unwrap();
        let url = format!("http://bot.example{webhook}");
        let bot = in_production(program(path), &telegram, &url, free_address());
        assert_refused(bot, "WEBHOOK_URL").await;
        assert!(!telegram.calls().iter().any(|call| call.is("setWebhook")));
    }
}

async fn matches_only_itself(path: impl AsRef<OsStr>, webhook: &str, other: &str) {
    let (telegram, listen, _bot) = serve(path, webhook).await;
    let exchange = telegram.deliver(update::text(7, "hello")).await;
    assert_eq!(exchange.attempts.len(), 1, "{webhook}: {exchange:?}");
    assert!(exchange.reply.is_some(), "{webhook}: {exchange:?}");
    let stranger = get(listen, webhook).await;
    assert!(
        stranger.starts_with("HTTP/1.1 401"),
        "{webhook}: {stranger}"
    );
    // It doesn't reach the webhook.
    let stranger = get(listen, other).await;
    assert!(
        !stranger.starts_with("HTTP/1.1 401"),
        "{webhook}, {other}: {stranger}"
    );
}
