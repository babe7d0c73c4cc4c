//! Runs `webhook_ctl` as people do.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{env, path::PathBuf, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};
use tower_telegram_test::{Answer, Telegram};

const URL: &str = "https://bot.example/telegram";

/// A self-signed certificate, whose key wasn't kept.
const PEM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/registration/bot.pem");

/// Cargo builds the examples beside the tests' own folder.
fn webhook_ctl(args: &[&str]) -> Command {
    let mut path: PathBuf = env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push("webhook_ctl");
    let mut command = Command::new(path);
    command
        .args(args)
        .env_remove("TELEGRAM_BOT_TOKEN")
        .env_remove("TELEGRAM_API_URL")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn at(telegram: &Telegram, args: &[&str]) -> Command {
    let mut command = webhook_ctl(args);
    command
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url());
    command
}

async fn telegram() -> Telegram {
    let builder = Telegram::builder().webhook_cooldown(Duration::ZERO);
    builder.start().await.unwrap()
}

/// The output of a command that succeeds.
async fn output(mut command: Command) -> String {
    let output = command.output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The line that it ends with when it doesn't.
async fn failure(mut command: Command) -> String {
    let output = command.output().await.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(output.stdout.is_empty(), "{errors}");
    assert!(errors.starts_with("webhook_ctl: "), "{errors}");
    assert!(
        errors.ends_with('\n') && errors.lines().count() == 1,
        "{errors}"
    );
    errors
}

#[tokio::test]
async fn without_a_token_it_shows_what_it_does() {
    let text = output(webhook_ctl(&[])).await;
    for line in [
        "allowed updates: message,callback_query",
        "\"url\": \"https://bot.example/telegram\"",
        "deleted",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
    assert!(
        text.trim_end()
            .ends_with("allowed updates: message,callback_query")
    );
}

#[tokio::test]
async fn it_sets_shows_and_deletes_a_webhook() {
    let telegram = telegram().await;
    let set = [
        "set",
        URL,
        "--secret",
        "se-cret",
        "--max-connections",
        "7",
        "--allowed",
        "poll,chat_member",
        "--ip",
        "8.8.8.8",
        "--certificate",
        PEM,
        "--drop-pending",
    ];
    let text = output(at(&telegram, &set)).await;
    assert!(text.contains("connections: 7\n"), "{text}");
    assert!(!text.contains("se-cret"), "{text}");

    let webhook = telegram.webhook().unwrap();
    assert_eq!(webhook.url, URL);
    let content = std::fs::read(PEM).unwrap();
    assert_eq!(webhook.secret_token.as_deref(), Some("se-cret"));
    assert_eq!(webhook.ip_address.as_deref(), Some("8.8.8.8"));
    assert_eq!(webhook.certificate.as_deref(), Some(&*content));
    let names = webhook.allowed_updates.unwrap();
    assert_eq!(names, ["poll", "chat_member"]);
    let call = telegram.wait_for_call("setWebhook").await.unwrap();
    assert_eq!(call.text("drop_pending_updates").as_deref(), Some("true"));

    let json = output(at(&telegram, &["info", "--json"])).await;
    let info: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(info["url"], URL);
    assert_eq!(info["max_connections"], 7);
    assert_eq!(info["has_custom_certificate"], true);

    output(at(&telegram, &["delete", "--drop-pending"])).await;
    assert_eq!(telegram.webhook(), None);
    let call = telegram.wait_for_call("deleteWebhook").await.unwrap();
    assert_eq!(call.text("drop_pending_updates").as_deref(), Some("true"));
    let text = output(at(&telegram, &["info"])).await;
    assert!(text.starts_with("url: \n"), "{text}");
}

#[tokio::test]
async fn what_cannot_work_is_refused_in_a_line_and_nothing_is_sent() {
    let telegram = telegram().await;
    for (args, words) in [
        (&[][..], "usage:"),
        (&["put"], "usage:"),
        (&["set"], "usage:"),
        (&["set", URL, "again"], "usage:"),
        (&["set", URL, "--secert", "se-cret"], "unexpected --secert"),
        (&["set", URL, "--secret"], "--secret needs a value"),
        (&["set", URL, "--secret", "se cret"], "secret token"),
        (&["set", URL, "--secret=se-cret"], "usage:"),
        (&["set", URL, "--max-connections", "x"], "needs a number"),
        (&["set", URL, "--max-connections", "101"], "from 1 to 100"),
        (&["set", URL, "--allowed", "message,mesage"], "mesage"),
        (&["set", URL, "--allowed", ""], "no type of update"),
        (
            &["set", URL, "--certificate", "/no/such/file"],
            "/no/such/file",
        ),
        (&["set", URL, "--certificate", "/proc/self/cmdline"], "pem"),
        (&["set", URL, "--ip", "10.0.0.1"], "10.0.0.1"),
        (&["set", "http://127.0.0.1:8080/"], "https"),
        (&["set", "https://ada:se-cret%@bot.example/"], "user name"),
        (&["info", "--xml"], "unexpected --xml"),
        (&["delete", "now"], "usage:"),
        (&["watch", "--json"], "unexpected --json"),
    ] {
        let line = failure(at(&telegram, args)).await;
        assert!(line.contains(words), "{args:?}: {line}");
        assert!(!line.contains("se-cret"), "{args:?}: {line}");
    }
    assert!(telegram.calls().is_empty());
    let mut nobodys = webhook_ctl(&["info"]);
    nobodys.env("TELEGRAM_API_URL", telegram.api_url());
    let line = failure(nobodys).await;
    assert!(line.contains("TELEGRAM_BOT_TOKEN must be set"), "{line}");
}

#[tokio::test]
async fn without_a_token_a_command_is_tried_out_and_that_is_said() {
    let tried = webhook_ctl(&["set", URL]).output().await.unwrap();
    let note = String::from_utf8(tried.stderr).unwrap();
    assert_eq!(tried.status.code(), Some(0), "{note}");
    assert!(note.contains("this was an embedded Telegram"), "{note}");
    assert_eq!(note.lines().count(), 1, "{note}");
    assert!(!tried.stdout.is_empty());
    let line = failure(webhook_ctl(&["set", "http://bot.example/"])).await;
    assert!(line.contains("https"), "{line}");
}

#[tokio::test]
async fn only_local_relaxes_the_checks() {
    let telegram = telegram().await;
    let set = ["set", "http://127.0.0.1:8080/", "--max-connections", "1000"];
    failure(at(&telegram, &set)).await;
    assert_eq!(telegram.webhook(), None);
    output(at(&telegram, &[&set[..], &["--local"]].concat())).await;
    assert_eq!(telegram.webhook().unwrap().max_connections, 1000);
}

#[tokio::test]
async fn what_telegram_refuses_ends_in_a_line() {
    let telegram = telegram().await;
    let words = "Bad Request: bad webhook: Failed to resolve host: Name or service not known";
    telegram.answer("setWebhook", Answer::error(400, words));
    let line = failure(at(&telegram, &["set", URL])).await;
    assert!(line.contains(words), "{line}");
    telegram.answer("getWebhookInfo", Answer::error(401, "Unauthorized"));
    let line = failure(at(&telegram, &["info"])).await;
    assert!(line.contains("401 Unauthorized"), "{line}");
}

#[tokio::test]
async fn the_watch_says_how_it_is() {
    let telegram = telegram().await;
    let line = failure(at(&telegram, &["watch"])).await;
    assert!(line.contains("no webhook is set"), "{line}");

    telegram.set_webhook(URL, None).unwrap();
    let mut watch = at(&telegram, &["watch"]).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap();
    assert_eq!(line.as_deref(), Some("the webhook is healthy"));
}
