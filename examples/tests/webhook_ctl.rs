//! Runs `webhook_ctl` as people do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod program;

use std::{env, path::PathBuf, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};
use tower_telegram_test::{Answer, Telegram};

const URL: &str = "https://bot.example/telegram";

/// Cargo builds the examples beside the tests' own folder.
fn webhook_ctl(args: &[&str]) -> Command {
    let mut path: PathBuf = env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push("webhook_ctl");
    let mut command = program::program(path);
    command.args(args);
    command
}

fn at(telegram: &Telegram, args: &[&str]) -> Command {
    let mut command = webhook_ctl(args);
    command
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", URL)
        .env("WEBHOOK_SECRET", "se-cret");
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
    let mut rest = &*text;
    for line in [
        "No TELEGRAM_BOT_TOKEN",
        "$ webhook_ctl set",
        "allowed updates: message,poll\n",
        "$ webhook_ctl info\nurl: https://bot.example/telegram",
        "$ webhook_ctl delete\ndeleted\n",
        "$ webhook_ctl info\nurl: \n",
    ] {
        let at = rest.find(line);
        let at = at.unwrap_or_else(|| panic!("no {line:?} in\n{rest}\nof\n{text}"));
        rest = &rest[at + line.len()..];
    }
}

#[tokio::test]
async fn it_sets_shows_and_deletes_the_webhook_of_a_bot() {
    let telegram = telegram().await;
    let set = [
        "set",
        "--max-connections",
        "7",
        "--allowed",
        "poll,chat_member",
        "--drop-pending",
    ];
    let text = output(at(&telegram, &set)).await;
    assert!(text.contains("connections: 7\n"), "{text}");
    assert!(!text.contains("se-cret"), "{text}");

    // As `WebhookEnv` has it, so that the bot finds nothing to change.
    let webhook = telegram.webhook().unwrap();
    assert!(webhook.url.starts_with(URL), "{}", webhook.url);
    assert_eq!(webhook.secret_token.as_deref(), Some("se-cret"));
    let names = webhook.allowed_updates.unwrap();
    assert_eq!(names, ["poll", "chat_member"]);
    let call = telegram.wait_for_call("setWebhook").await.unwrap();
    assert_eq!(call.text("drop_pending_updates").as_deref(), Some("true"));

    let text = output(at(&telegram, &["info"])).await;
    for line in [
        format!("url: {}\n", webhook.url),
        "allowed updates: poll,chat_member\n".to_owned(),
        "connections: 7\n".to_owned(),
    ] {
        assert!(text.contains(&line), "no {line:?} in\n{text}");
    }

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
        (&["set", "se-cret"], "usage:"),
        (&["set", "--secret", "se-cret"], "usage:"),
        (&["set", "--max-connections"], "usage:"),
        (&["set", "--max-connections", "x"], "needs a number"),
        (&["set", "--max-connections", "0"], "max_connections"),
        (&["set", "--allowed", "message,mesage"], "mesage"),
        (&["set", "--allowed", ""], "--allowed"),
        (&["info", "--xml"], "usage:"),
        (&["delete", "now"], "usage:"),
        (&["watch", "--json"], "usage:"),
    ] {
        let line = failure(at(&telegram, args)).await;
        assert!(line.contains(words), "{args:?}: {line}");
        assert!(!line.contains("se-cret"), "{args:?}: {line}");
    }
    assert!(telegram.calls().is_empty());
}

/// The client's errors show their cause, and have it as their source.
#[tokio::test]
async fn the_cause_of_a_failed_call_is_named_once() {
    let telegram = telegram().await;
    let mut refused = at(&telegram, &["info"]);
    refused.env("TELEGRAM_BOT_TOKEN", format!("{}x", telegram.token()));
    let mut unreachable = at(&telegram, &["info"]);
    unreachable.env("TELEGRAM_API_URL", "http://127.0.0.1:1");
    for (command, cause) in [
        (refused, "401 Unauthorized"),
        (unreachable, "Connection refused"),
    ] {
        let line = failure(command).await;
        assert_eq!(line.matches(cause).count(), 1, "{line}");
    }
}

#[tokio::test]
async fn a_missing_or_malformed_setting_is_named() {
    for (removed, args) in [
        ("TELEGRAM_BOT_TOKEN", &["info"][..]),
        ("TELEGRAM_BOT_TOKEN", &["set"]),
        ("WEBHOOK_URL", &["set"]),
    ] {
        let mut command = at(&telegram().await, args);
        command.env_remove(removed);
        let line = failure(command).await;
        assert!(line.contains(removed), "{line}");
    }
    // At Telegram itself, where the URL must be public.
    let mut command = webhook_ctl(&["set"]);
    command
        .env("TELEGRAM_BOT_TOKEN", "1:a")
        .env("WEBHOOK_URL", "http://127.0.0.1:8080/");
    let line = failure(command).await;
    assert!(line.contains("https"), "{line}");
}

#[tokio::test]
async fn what_telegram_refuses_ends_in_a_line() {
    let telegram = telegram().await;
    let words = "Bad Request: bad webhook: Failed to resolve host: Name or service not known";
    telegram.answer("setWebhook", Answer::error(400, words));
    let line = failure(at(&telegram, &["set"])).await;
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
