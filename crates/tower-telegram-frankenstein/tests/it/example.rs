//! The example: a bot of frankenstein's types under a function `main` of tower-telegram.

use std::{env, fs, net::TcpListener, path::Path, process::Stdio};

use tokio::process::{Child, Command};
use tower_telegram_test::Telegram;

/// Cargo builds the examples beside the tests' own folder.
fn run(name: &str, telegram: &Telegram) -> Child {
    let mut path = env::current_exe().unwrap();
    path.pop();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = free.local_addr().unwrap().to_string();
    drop(free);
    Command::new(path.with_file_name("examples").join(name))
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", format!("http://{listen}/telegram"))
        .env("LISTEN", listen)
        .env_remove("WEBHOOK_SECRET")
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn m9_a_frankenstein_bot_runs_under_the_webhook() {
    let telegram = Telegram::start().await.unwrap();
    let _bot = run("replies", &telegram);
    telegram.wait_for_call("getWebhookInfo").await.unwrap();
    let ada = telegram.user("Ada");
    ada.sends("hello").await.unwrap();
    let reply = ada.waits_for_message().await.unwrap();
    assert_eq!(reply.text.as_deref(), Some("You wrote: hello"));
    ada.sends("/source").await.unwrap();
    let reply = ada.waits_for_message().await.unwrap();
    assert_eq!(reply.caption.as_deref(), Some("This bot."));
}

/// The lines of a diff with one of two signs, or none.
fn side(diff: &str, sign: char) -> String {
    let lines = diff.lines().filter_map(|line| {
        let line = if line.is_empty() { " " } else { line };
        line.strip_prefix([' ', sign])
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[test]
fn m9_the_guide_shows_the_examples_main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("../../src/guide/from_frankenstein.md")).unwrap();
    let (_, rest) = guide.split_once("```diff\n").unwrap();
    let (diff, _) = rest.split_once("```").unwrap();
    let example = fs::read_to_string(root.join("examples/replies/main.rs")).unwrap();
    let lines = example.lines().filter(|line| !line.starts_with("//!"));
    let code = lines.collect::<Vec<_>>().join("\n").trim().to_owned();
    assert_eq!(side(diff, '+'), code);
}
