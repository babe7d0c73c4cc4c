//! Runs the app in production against a Telegram on this machine: the layers around all of it don't break the webhook.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../tests/program/mod.rs"]
mod program;

use std::{env, net::SocketAddr, process::Stdio, time::Duration};

use program::{assert_refused, free_address, get, in_production, program, start, terminate};
use tokio::process::Child;
use tower_telegram_test::{RawRequest, Telegram, Via, update};

struct App {
    program: Child,
    telegram: Telegram,
    address: SocketAddr,
}

impl App {
    /// An app that has set its webhook.
    async fn start(timeout: Duration) -> Self {
        let telegram = Telegram::start().await.unwrap();
        let address = free_address();
        let url = format!("http://{address}/telegram");
        let mut bot = program(env!("CARGO_BIN_EXE_axum_existing"));
        bot.env("TIMEOUT", timeout.as_secs().to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        let bot = in_production(bot, &telegram, &url, address);
        let program = start(bot, &telegram).await;
        Self {
            program,
            telegram,
            address,
        }
    }

    async fn get(&self, path: &str) -> String {
        get(self.address, path).await
    }

    /// Stops it as a service manager does.
    async fn terminate(self) {
        terminate(self.program).await;
    }
}

#[tokio::test]
async fn the_bot_and_the_routes_beside_it_share_the_pool() {
    let app = App::start(Duration::from_secs(10)).await;
    let list = app.telegram.deliver(update::command(7, "/list")).await;
    assert_eq!(
        list.reply.unwrap().text("text").as_deref(),
        Some("No notes yet.")
    );
    for text in ["milk", "bread"] {
        let exchange = app.telegram.deliver(update::text(7, text)).await;
        assert_eq!(
            exchange.reply.unwrap().text("text").unwrap(),
            format!("Saved: {text}")
        );
    }
    let response = app.get("/api/notes/count").await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(response.contains("x-request-id: "), "{response}");
    assert!(response.ends_with("\r\n\r\n2"), "{response}");
    assert!(app.get("/livez").await.ends_with("ok"));
    assert!(app.get("/telegram").await.starts_with("HTTP/1.1 401"));

    let list = app.telegram.deliver(update::command(7, "/list")).await;
    assert_eq!(
        list.reply.unwrap().text("text").as_deref(),
        Some("milk\nbread")
    );
    app.terminate().await;
}

#[tokio::test]
async fn a_compressed_reply_is_carried_out() {
    let app = App::start(Duration::from_secs(10)).await;
    let text = "milk ".repeat(200);
    let exchange = app.telegram.deliver(update::text(7, &text)).await;
    let attempt = exchange.last().unwrap();
    assert_eq!(attempt.header("content-encoding"), Some("gzip"));
    assert!(attempt.header("x-request-id").is_some());
    let reply = exchange.reply.unwrap();
    assert_eq!(reply.via, Via::WebhookReply);
    assert!(reply.text("text").unwrap().starts_with("Saved: milk milk "));
    app.terminate().await;
}

#[tokio::test]
async fn a_handler_that_outlasts_the_timeout_replies_to_the_redelivery() {
    let app = App::start(Duration::from_secs(1)).await;
    let exchange = app.telegram.deliver(update::command(7, "/slow 2")).await;
    let statuses: Vec<_> = exchange
        .attempts
        .iter()
        .map(|attempt| attempt.status)
        .collect();
    assert_eq!(statuses.first(), Some(&Some(503)), "{statuses:?}");
    assert_eq!(statuses.last(), Some(&Some(200)), "{statuses:?}");
    assert_eq!(
        exchange.reply.unwrap().text("text").as_deref(),
        Some("done")
    );
    app.terminate().await;
}

#[tokio::test]
async fn the_body_limit_lets_the_longest_update_in_and_stops_longer_bodies() {
    let app = App::start(Duration::from_secs(10)).await;
    let mut update = update::text(7, "long");
    update["message"]["padding"] = "x".repeat(511 << 10).into();
    let exchange = app.telegram.deliver(update).await;
    assert_eq!(exchange.attempts.len(), 1);
    assert_eq!(
        exchange.reply.unwrap().text("text").as_deref(),
        Some("Saved: long")
    );

    // Rejected by its declared length, or when it gets too long.
    let too_long = RawRequest::new().body("x".repeat((1 << 20) + 1));
    let attempt = app.telegram.post_raw(too_long.clone()).await.unwrap();
    assert_eq!(attempt.status, Some(413), "{attempt:?}");
    let in_chunks = too_long.chunked(16 << 10);
    let attempt = app.telegram.post_raw(in_chunks).await.unwrap();
    assert_eq!(attempt.status, Some(413), "{attempt:?}");
    app.terminate().await;
}

#[tokio::test]
async fn a_path_that_looks_like_a_pattern_matches_only_itself() {
    let path = env!("CARGO_BIN_EXE_axum_existing");
    program::beside_routes::compares_the_path_of_an_axum_route(path).await;
}

#[tokio::test]
async fn a_timeout_that_is_no_number_is_refused_by_its_name() {
    let telegram = Telegram::start().await.unwrap();
    let mut bot = program(env!("CARGO_BIN_EXE_axum_existing"));
    bot.env("TIMEOUT", "soon");
    let bot = in_production(bot, &telegram, "http://bot.example", free_address());
    assert_refused(bot, "TIMEOUT").await;
}
