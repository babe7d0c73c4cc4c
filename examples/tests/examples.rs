//! Runs the examples as people do.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    env,
    net::TcpListener,
    path::PathBuf,
    process::{Output, Stdio},
};

use tokio::process::{Child, Command};
use tower_telegram::testing::{Telegram, Via, update};

/// Cargo builds the examples beside the tests' own folder.
fn example(name: &str) -> Command {
    let mut path: PathBuf = env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push(name);
    let mut command = Command::new(path);
    for (name, _) in env::vars() {
        if name.starts_with("TELEGRAM_") || name.starts_with("WEBHOOK_") || name == "LISTEN" {
            command.env_remove(name);
        }
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

async fn plays_its_conversation(name: &str) {
    let output = example(name).output().await.unwrap();
    let text = stdout(&output);
    for line in [
        "sendMessage “Привет, мир! ✨”",
        "answerCallbackQuery “Welcome!”",
        "sendPhoto “made just now” +",
        "sendMessage (called) “through the client”",
        "401 turned away",
        "14 requests: 11 handled, 1 turned away, 2 to be sent again",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}

#[tokio::test]
async fn the_axum_example_plays_its_conversation_and_ends_well() {
    plays_its_conversation("axum").await;
}

#[tokio::test]
async fn the_hyper_example_plays_its_conversation_and_ends_well() {
    plays_its_conversation("hyper").await;
}

/// A production bot against the embedded Telegram, from setWebhook to SIGTERM.
async fn serves_in_production(name: &str) {
    let telegram = Telegram::start().await.unwrap();
    // Free a moment ago; nothing else on the machine asks for it.
    let listen = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let bot = example(name)
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", format!("http://{listen}/some/where"))
        .env("WEBHOOK_SECRET", "only-for-the-test")
        .env("LISTEN", listen.to_string())
        .spawn()
        .unwrap();

    let set = telegram.wait_for_call("setWebhook").await.unwrap();
    assert!(set.is_ok(), "{set:?}");
    assert_eq!(
        set.text("secret_token").as_deref(),
        Some("only-for-the-test")
    );

    let exchange = telegram.deliver(update::text(7, "hello")).await;
    let reply = exchange.reply.unwrap();
    assert_eq!(reply.via, Via::WebhookReply);
    assert_eq!(reply.text("text").as_deref(), Some("hello"));

    terminate(&bot).await;
    let output = bot.wait_with_output().await.unwrap();
    assert!(stdout(&output).contains("finishing what runs"));
}

async fn terminate(child: &Child) {
    let pid = child.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-TERM", &pid]).status().await;
    assert!(kill.unwrap().success());
}

#[tokio::test]
async fn the_axum_example_serves_in_production_until_sigterm() {
    serves_in_production("axum").await;
}

#[tokio::test]
async fn the_hyper_example_serves_in_production_until_sigterm() {
    serves_in_production("hyper").await;
}

#[tokio::test]
async fn a_token_without_an_address_is_refused_in_a_line() {
    let output = example("axum")
        .env("TELEGRAM_BOT_TOKEN", "1:a")
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("WEBHOOK_URL must be set"), "{errors}");
}
