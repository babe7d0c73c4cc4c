//! The example: the same bot under both functions `main`.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::{Child, Command};
use tower_telegram_test::{Answer, Faults, Telegram};

/// Cargo builds the examples beside the tests' own folder.
fn example(name: &str) -> PathBuf {
    let mut path = env::current_exe().unwrap();
    path.pop();
    path.with_file_name("examples").join(name)
}

fn command(name: &str, telegram: &Telegram) -> Command {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = free.local_addr().unwrap().to_string();
    drop(free);
    let mut command = Command::new(example(name));
    command
        .env("TELOXIDE_TOKEN", telegram.token())
        .env("TELOXIDE_API_URL", telegram.api_url())
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

async fn reserves_a_table(name: &str, first_call: &str) {
    let telegram = Telegram::start().await.unwrap();
    let _bot = run(name, &telegram);
    telegram.wait_for_call(first_call).await.unwrap();
    let ada = telegram.user("Ada");
    for (text, expected) in [
        ("hello", "A table for how many?"),
        ("many", "Please send a number."),
        ("4", "At which hour?"),
        ("eight", "A table for 4 at eight. See you!"),
    ] {
        ada.sends(text).await.unwrap();
        let reply = ada.waits_for_message().await.unwrap();
        assert_eq!(reply.text.as_deref(), Some(expected), "{name}");
    }
}

#[tokio::test]
async fn m9_a_teloxide_bot_runs_unchanged_under_another_main() {
    reserves_a_table("dialogue_teloxide", "getUpdates").await;
    reserves_a_table("dialogue", "getWebhookInfo").await;
}

/// As a service manager does, and not as Ctrl-C.
async fn terminate(process: &Child) {
    let id = process.id().unwrap().to_string();
    let mut kill = Command::new("kill");
    let sent = kill.args(["-TERM", &id]).status().await.unwrap();
    assert!(sent.success());
}

#[tokio::test]
async fn m9_at_sigterm_a_teloxide_bot_ends_what_its_handlers_have_begun() {
    let telegram = Telegram::start().await.unwrap();
    // The handler waits for the result of its call when the signal comes.
    let slow = Faults::new().slow_answers(1.0, Duration::from_secs(1));
    telegram.faults(slow.methods(["sendMessage"]));
    let mut bot = run("dialogue", &telegram);
    telegram.wait_for_call("setWebhook").await.unwrap();
    let ada = telegram.user("Ada");
    let sent = ada.sends("hello").await.unwrap();
    telegram.wait_for_call("sendMessage").await.unwrap();
    terminate(&bot).await;

    let status = bot.wait().await.unwrap();
    assert_eq!(status.code(), Some(0), "{status}");
    sent.handled().await.unwrap();
    let reply = ada.waits_for_message().await.unwrap();
    assert_eq!(reply.text.as_deref(), Some("A table for how many?"));
    assert_eq!(telegram.pending_updates(), 0);
}

#[tokio::test]
async fn m9_a_teloxide_bot_whose_webhook_cant_be_set_ends_with_the_reason() {
    let telegram = Telegram::start().await.unwrap();
    let refusal = Answer::error(400, "Bad Request: no such host");
    telegram.answer("setWebhook", refusal);
    let output = command("dialogue", &telegram).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    let mut lines = errors.lines();
    assert!(lines.any(|line| line.contains("no such host")), "{errors}");
}

/// The lines of `main` and of the imports: without module docs and blank lines.
fn code(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("//!"));
    lines.map(str::to_owned).collect()
}

/// The lines of a diff with one of two signs, or none.
fn side(diff: &str, sign: char) -> Vec<String> {
    let lines = diff.lines().filter_map(|line| {
        let line = if line.is_empty() { " " } else { line };
        line.strip_prefix([' ', sign])
    });
    lines.map(str::to_owned).collect()
}

#[test]
fn m9_the_guide_shows_the_difference_of_the_two_mains() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("../../src/guide/from_teloxide.md")).unwrap();
    let (_, rest) = guide.split_once("```diff\n").unwrap();
    let (diff, _) = rest.split_once("```").unwrap();
    let folder = root.join("examples/dialogue");
    let trimmed = |lines: Vec<String>| lines.join("\n").trim().to_owned();
    let (before, after) = (
        code(&folder.join("teloxide.rs")),
        code(&folder.join("main.rs")),
    );
    assert_eq!(trimmed(side(diff, '-')), trimmed(before));
    assert_eq!(trimmed(side(diff, '+')), trimmed(after));
}
