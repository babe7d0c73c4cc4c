//! Runs the examples as people do.
#![allow(clippy::unwrap_used, clippy::panic)]

// An example's own tests aren't run with the others.
#[allow(dead_code)]
#[path = "../replicas/verdict.rs"]
mod verdict;

use std::{
    env,
    net::TcpListener,
    path::PathBuf,
    process::{Output, Stdio},
};

use tokio::process::{Child, Command};
use tower_telegram_test::{Telegram, Via, update};

/// Cargo builds the examples beside the tests' own folder.
fn path(name: &str) -> PathBuf {
    let mut path: PathBuf = env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push(name);
    path
}

fn example(name: &str) -> Command {
    let mut command = Command::new(path(name));
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
async fn serves_in_production(name: &str, scheme: &str) {
    let telegram = Telegram::start().await.unwrap();
    // Free a moment ago; nothing else on the machine asks for it.
    let listen = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let bot = example(name)
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", format!("{scheme}://{listen}/some/where"))
        .env("WEBHOOK_SECRET", "only-for-the-test")
        .env("LISTEN", listen.to_string())
        .spawn()
        .unwrap();

    let set = telegram.wait_for_call("setWebhook").await.unwrap();
    assert!(set.is_ok(), "{set:?}");
    let certificate = !set.files.is_empty();
    assert_eq!(certificate, scheme == "https", "{set:?}");
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
async fn d10_the_axum_example_serves_in_production_until_sigterm() {
    serves_in_production("axum", "http").await;
}

#[tokio::test]
async fn d10_the_hyper_example_serves_in_production_until_sigterm() {
    serves_in_production("hyper", "http").await;
}

/// The embedded Telegram trusts the uploaded certificate, and nothing else.
#[tokio::test]
async fn g4_the_self_signed_example_is_reached_by_who_trusts_only_its_certificate() {
    plays_its_conversation("self_signed").await;
    serves_in_production("self_signed", "https").await;
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

#[tokio::test]
async fn the_client_example_tries_again_and_sends() {
    let output = example("client").output().await.unwrap();
    let text = stdout(&output);
    for line in ["I am Test bot", "message 1 is sent", "message 3 is sent"] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
    let log = String::from_utf8(output.stderr).unwrap();
    for line in [
        r#"retrying a call method="getMe" attempt=1 kind=Http status=502"#,
        r#"retrying a call method="sendMessage" attempt=1 kind=Api status=429"#,
    ] {
        assert!(log.contains(line), "no {line:?} in\n{log}");
    }
}

#[tokio::test]
async fn the_media_example_uploads_an_album_with_progress() {
    let text = stdout(&example("media").output().await.unwrap());
    for line in [
        "gradient.png: 12420 of 12420 bytes",
        ": 3145728 of 3145728 bytes",
        "lines.txt: 380000 of ? bytes",
        "message 3: lines.txt",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}

#[tokio::test]
async fn the_polling_example_answers_and_ends() {
    let text = stdout(&example("polling").output().await.unwrap());
    for line in [
        "< sendMessage Hello! Is this your first bot?",
        "< sendPhoto made just now",
        "< sendMessage through the client",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}

#[tokio::test]
async fn the_polling_example_in_production_serves_until_it_is_told_to_stop() {
    let telegram = Telegram::start().await.unwrap();
    let child = example("polling")
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .spawn()
        .unwrap();
    let id = telegram.enqueue(update::text(7, "hello")).unwrap();
    telegram.wait_until_confirmed(id).await.unwrap();
    let call = telegram.wait_for_call("sendMessage").await.unwrap();
    assert_eq!(call.text("text").as_deref(), Some("hello"));
    terminate(&child).await;
    let output = child.wait_with_output().await.unwrap();
    stdout(&output);
    assert_eq!(telegram.pending_updates(), 0);
}

#[tokio::test]
async fn d11_the_replicas_example_loses_nothing_with_those_it_kills() {
    let text = stdout(&example("replicas").output().await.unwrap());
    for line in [
        "killing webhook ",
        "killing worker ",
        "once:         400\n",
        "twice:        0\n",
        "never:        0\n",
        "out of order: 0\n",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}

#[tokio::test]
async fn the_replicas_example_says_so_where_there_is_no_redis() {
    let output = example("replicas").env("PATH", "").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("needs redis-server"), "{errors}");
}

/// A bot in production whose soft limit of files is low, while a stranger holds more connections than
/// it allows.
#[cfg(target_os = "linux")]
async fn outlives_a_stranger(name: &str) {
    use tokio::io::AsyncWriteExt as _;

    let telegram = Telegram::start().await.unwrap();
    let listen = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut bot = Command::new("sh");
    bot.args(["-c", "ulimit -Sn 64 && exec \"$0\""])
        .arg(path(name))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", format!("http://{listen}/telegram"))
        .env("WEBHOOK_SECRET", "only-for-the-test")
        .env("LISTEN", listen.to_string());
    let bot = bot.spawn().unwrap();
    let set = telegram.wait_for_call("setWebhook").await.unwrap();
    assert!(set.is_ok(), "{set:?}");

    let mut strangers = Vec::new();
    for at in 0..100 {
        let mut stream = tokio::net::TcpStream::connect(listen).await.unwrap();
        if at % 2 == 0 {
            drop(stream.write_all(b"POST /telegram HT").await);
        }
        strangers.push(stream);
    }
    for text in ["one", "two", "three"] {
        let delivery = telegram.deliver(update::text(7, text));
        let exchange = tokio::time::timeout(std::time::Duration::from_secs(20), delivery).await;
        let exchange = exchange.unwrap();
        assert_eq!(exchange.attempts.len(), 1, "{exchange:?}");
        assert_eq!(exchange.reply.unwrap().text("text").as_deref(), Some(text));
    }
    terminate(&bot).await;
    let output = bot.wait_with_output().await.unwrap();
    assert!(stdout(&output).contains("finishing what runs"));
    drop(strangers);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a11_the_hyper_example_outlives_a_stranger_with_every_descriptor() {
    outlives_a_stranger("hyper").await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a11_the_axum_example_outlives_a_stranger_with_every_descriptor() {
    outlives_a_stranger("axum").await;
}
