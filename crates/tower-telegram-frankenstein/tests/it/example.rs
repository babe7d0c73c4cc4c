//! The example: a bot of frankenstein's types under a function `main` of tower-telegram.

use std::{env, fs, net::TcpListener, path::Path, process::Stdio, time::Duration};

use tokio::process::{Child, Command};
use tower_telegram_test::{Answer, Faults, Telegram};

/// Cargo builds the examples beside the tests' own folder.
fn command(name: &str, telegram: &Telegram) -> Command {
    let mut path = env::current_exe().unwrap();
    path.pop();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = free.local_addr().unwrap().to_string();
    drop(free);
    let mut command = Command::new(path.with_file_name("examples").join(name));
    command
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", format!("http://{listen}/telegram"))
        .env("LISTEN", listen)
        .env_remove("WEBHOOK_SECRET")
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

fn run(name: &str, telegram: &Telegram) -> Child {
    command(name, telegram).spawn().unwrap()
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

/// As a service manager does, and not as Ctrl-C.
async fn terminate(process: &Child) {
    let id = process.id().unwrap().to_string();
    let mut kill = Command::new("kill");
    let sent = kill.args(["-TERM", &id]).status().await.unwrap();
    assert!(sent.success());
}

#[tokio::test]
async fn m9_at_sigterm_a_frankenstein_bot_ends_what_its_handlers_have_begun() {
    let telegram = Telegram::start().await.unwrap();
    // The handler waits for the result of its call when the signal comes.
    let slow = Faults::new().slow_answers(1.0, Duration::from_secs(1));
    telegram.faults(slow.methods(["sendMessage"]));
    let mut bot = run("replies", &telegram);
    telegram.wait_for_call("setWebhook").await.unwrap();
    let ada = telegram.user("Ada");
    let sent = ada.sends("hello").await.unwrap();
    telegram.wait_for_call("sendMessage").await.unwrap();
    terminate(&bot).await;

    let status = bot.wait().await.unwrap();
    assert_eq!(status.code(), Some(0), "{status}");
    sent.handled().await.unwrap();
    let reply = ada.waits_for_message().await.unwrap();
    assert_eq!(reply.text.as_deref(), Some("You wrote: hello"));
    assert_eq!(telegram.pending_updates(), 0);
}

#[tokio::test]
async fn m9_a_frankenstein_bot_whose_webhook_cant_be_set_ends_with_the_reason() {
    let telegram = Telegram::start().await.unwrap();
    let refusal = Answer::error(400, "Bad Request: no such host");
    telegram.answer("setWebhook", refusal);
    let output = command("replies", &telegram).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    let mut lines = errors.lines();
    assert!(lines.any(|line| line.contains("no such host")), "{errors}");
}

/// The lines of a diff with one of two signs, or none.
fn side(diff: &str, sign: char) -> String {
    let lines = diff.lines().filter_map(|line| {
        let line = if line.is_empty() { " " } else { line };
        line.strip_prefix([' ', sign])
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// The lines of a file without its module docs.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("//!"));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[test]
fn m9_the_guide_shows_the_difference_of_the_two_mains() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("../../src/guide/from_frankenstein.md")).unwrap();
    let (_, rest) = guide.split_once("```diff\n").unwrap();
    let (diff, _) = rest.split_once("```").unwrap();
    let folder = root.join("examples/replies");
    assert_eq!(side(diff, '-'), code(&folder.join("frankenstein.rs")));
    assert_eq!(side(diff, '+'), code(&folder.join("main.rs")));

    // Checked by the step `compare` of CI.
    let compiled = fs::read_to_string(root.join("../../benches/compare/Cargo.toml")).unwrap();
    let path = "crates/tower-telegram-frankenstein/examples/replies/frankenstein.rs";
    assert!(compiled.contains(path), "{path}");
}
