//! Runs the app in production against a Telegram on this machine: the layers around all of it don't break the webhook.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    env,
    net::{SocketAddr, TcpListener},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};
use tower_telegram_test::{RawRequest, Telegram, Via, update};

/// Longer than anything takes here. Whatever takes this long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

struct App {
    program: Child,
    telegram: Telegram,
    address: SocketAddr,
}

impl App {
    /// An app that has set its webhook.
    async fn start(timeout: Duration) -> Self {
        let telegram = Telegram::start().await.unwrap();
        // Free a moment ago; nothing else on the machine asks for it.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let program = Command::new(env!("CARGO_BIN_EXE_axum_existing"))
            .env("TELEGRAM_BOT_TOKEN", telegram.token())
            .env("TELEGRAM_API_URL", telegram.api_url())
            .env("WEBHOOK_URL", format!("http://{address}/telegram"))
            .env("LISTEN", address.to_string())
            .env("TIMEOUT", timeout.as_secs().to_string())
            .env_remove("WEBHOOK_SECRET")
            .env_remove("DATABASE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let set = telegram.wait_for_call("setWebhook").await.unwrap();
        assert!(set.is_ok(), "{set:?}");
        Self {
            program,
            telegram,
            address,
        }
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        response
    }

    /// Stops it as a service manager does.
    async fn terminate(mut self) {
        let id = self.program.id().unwrap().to_string();
        let kill = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(kill.unwrap().success());
        let ended = timeout(PATIENCE, self.program.wait()).await;
        assert!(ended.expect("it ends").unwrap().success());
    }
}

#[tokio::test]
async fn the_bot_and_the_routes_beside_it_share_the_pool() {
    let app = App::start(Duration::from_secs(10)).await;
    for text in ["milk", "bread"] {
        let exchange = app.telegram.deliver(update::text(7, text)).await;
        assert_eq!(
            exchange.reply.unwrap().text("text").unwrap(),
            format!("Saved: {text}")
        );
    }
    let response = app.get("/api/notes/7").await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(response.contains("x-request-id: "), "{response}");
    assert!(response.ends_with(r#"["milk","bread"]"#), "{response}");
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

    // Rejected by its declared length. Without one, it is cut off, and the webhook can't read the rest.
    let too_long = RawRequest::new().body("x".repeat((1 << 20) + 1));
    let attempt = app.telegram.post_raw(too_long.clone()).await.unwrap();
    assert_eq!(attempt.status, Some(413), "{attempt:?}");
    let in_chunks = too_long.chunked(16 << 10);
    let attempt = app.telegram.post_raw(in_chunks).await.unwrap();
    assert_eq!(attempt.status, Some(400), "{attempt:?}");
    app.terminate().await;
}
