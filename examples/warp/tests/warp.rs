//! Runs the example as people do: without a token, and in production against a Telegram on this machine.
#![allow(clippy::unwrap_used)]

use std::{
    net::{SocketAddr, TcpListener},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};
use tower_telegram_test::{Telegram, Via, update};

/// The program, without the variables that it reads.
fn example() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warp"));
    for name in [
        "LISTEN",
        "TELEGRAM_API_URL",
        "TELEGRAM_BOT_TOKEN",
        "WEBHOOK_SECRET",
        "WEBHOOK_URL",
    ] {
        command.env_remove(name);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn stdout(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    text
}

/// A port that is free now; nothing else on the machine asks for it.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// The bot in production, once its webhook with this path is set.
async fn serve(path: &str) -> (Telegram, SocketAddr, Child) {
    let telegram = Telegram::start().await.unwrap();
    let listen = free_address();
    let bot = example()
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", format!("http://{listen}{path}"))
        .env("LISTEN", listen.to_string())
        .spawn()
        .unwrap();
    let set = telegram.wait_for_call("setWebhook").await.unwrap();
    assert!(set.is_ok(), "{set:?}");
    (telegram, listen, bot)
}

/// The response to a GET.
async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: bot.example\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn it_plays_the_conversation() {
    let text = stdout(&example().output().await.unwrap());
    for line in [
        "sendMessage “Say something.”",
        "sendMessage “hello”",
        "401 rejected",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}

/// From setWebhook to SIGTERM.
#[tokio::test]
async fn d10_it_serves_beside_its_other_routes_until_sigterm() {
    let (telegram, listen, bot) = serve("/some/where").await;

    let exchange = telegram.deliver(update::text(7, "hello")).await;
    let reply = exchange.reply.unwrap();
    assert_eq!(reply.via, Via::WebhookReply);
    assert_eq!(reply.text("text").as_deref(), Some("hello"));
    assert!(get(listen, "/health").await.ends_with("\r\n\r\nok"));
    let stranger = get(listen, "/some/where").await;
    assert!(stranger.starts_with("HTTP/1.1 401"), "{stranger}");

    let id = bot.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(kill.unwrap().success());
    stdout(&bot.wait_with_output().await.unwrap());
}

/// Many routers read some characters as a pattern. A bot's token, which is in many webhook paths, has a colon.
#[tokio::test]
async fn a_path_that_looks_like_a_pattern_matches_only_itself() {
    for (path, other) in [
        ("/123:ABC", "/123:other"),
        ("/a%20b", "/a%20c"),
        ("/a:", "/a"),
        ("/:a", "/b"),
        ("/*a", "/b"),
        ("/{a}", "/b"),
    ] {
        let (telegram, listen, _bot) = serve(path).await;
        let exchange = telegram.deliver(update::text(7, "hello")).await;
        assert_eq!(exchange.attempts.len(), 1, "{path}: {exchange:?}");
        assert!(exchange.reply.is_some(), "{path}: {exchange:?}");
        let stranger = get(listen, path).await;
        assert!(stranger.starts_with("HTTP/1.1 401"), "{path}: {stranger}");
        let stranger = get(listen, other).await;
        assert!(stranger.starts_with("HTTP/1.1 404"), "{other}: {stranger}");
    }
}

/// It may open few files, and a stranger holds more connections than it allows.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a11_it_outlives_a_stranger_with_every_descriptor() {
    let telegram = Telegram::start().await.unwrap();
    let listen = free_address();
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -Sn 64 && exec \"$0\""])
        .arg(env!("CARGO_BIN_EXE_warp"))
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", format!("http://{listen}/telegram"))
        .env("LISTEN", listen.to_string())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    let _bot = limited.spawn().unwrap();
    let set = telegram.wait_for_call("setWebhook").await.unwrap();
    assert!(set.is_ok(), "{set:?}");

    let mut strangers = Vec::new();
    for at in 0..100 {
        let mut stream = TcpStream::connect(listen).await.unwrap();
        if at % 2 == 0 {
            drop(stream.write_all(b"POST /telegram HT").await);
        }
        strangers.push(stream);
    }
    for text in ["one", "two", "three"] {
        let delivery = telegram.deliver(update::text(7, text));
        let exchange = timeout(Duration::from_secs(20), delivery).await.unwrap();
        assert_eq!(exchange.attempts.len(), 1, "{exchange:?}");
        assert_eq!(exchange.reply.unwrap().text("text").as_deref(), Some(text));
    }
    drop(strangers);
}
