//! Runs the bot against a Telegram on loopback, has a real Prometheus scrape it, and evaluates the dashboard there.
//!
//! `WRITE_PANELS=1 cargo test -p observability-example` draws the README's picture from the scraped data.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stderr
)]

mod bot;
mod picture;

use std::{
    env, fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use bot::{Program, free_address, get, start_bot, until};
use serde_json::Value;
use tower_telegram_test::{Telegram, update};

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Whether Debian's package `prometheus` is installed, which CI must have.
fn is_installed() -> bool {
    let found = Command::new("promtool").arg("--version").output();
    if let Err(error) = &found {
        assert!(env::var_os("CI").is_none(), "no promtool: {error}");
        eprintln!("not tested, as there is no promtool: {error}");
    }
    found.is_ok()
}

/// The result of a query, as Prometheus gives it.
fn ask(prometheus: SocketAddr, path: &str, query: &str, more: &str) -> Vec<Value> {
    let escaped: String = query
        .bytes()
        .fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
    let answer = get(prometheus, &format!("/api/v1/{path}?query={escaped}{more}"));
    let answer = answer.unwrap_or_else(|| panic!("prometheus refuses {query}"));
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["status"], "success", "{query}: {answer}");
    answer["data"]["result"].as_array().unwrap().clone()
}

/// The panels' titles, units and queries.
fn panels() -> Vec<(String, String, String)> {
    let text = fs::read_to_string(here("dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let panel = |panel: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let query = text(&panel["targets"][0]["expr"]);
        // The range that Grafana would insert for a scrape each second.
        let query = query.replace("$__rate_interval", "5s");
        (text(&panel["title"]), text(&panel["description"]), query)
    };
    panels.iter().map(panel).collect()
}

/// Runs `promtool` with this input: whether it succeeded, and its output.
fn promtool(arguments: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped());
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

fn start_prometheus(folder: &Path, bot: SocketAddr) -> (Program, SocketAddr) {
    let config = fs::read_to_string(here("prometheus.yml")).unwrap();
    let config = config.replace("127.0.0.1:9100", &bot.to_string());
    let config = config.replace(
        "scrape_interval: 15s",
        "scrape_interval: 1s\n  evaluation_interval: 1s",
    );
    let config = config.replace("alerts.yml", &here("alerts.yml").display().to_string());
    fs::create_dir_all(folder).unwrap();
    let file = folder.join("prometheus.yml");
    fs::write(&file, config).unwrap();
    let address = free_address();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    (Program::start(&mut command), address)
}

/// Something of each kind that the dashboard shows.
async fn use_the_bot(telegram: &Telegram) {
    for round in 0..6 {
        for (chat, text) in [(7, "hello"), (8, "hi"), (9, "/slow")] {
            telegram
                .deliver_once(update::text(chat, text))
                .await
                .unwrap();
        }
        if round % 2 == 0 {
            telegram
                .deliver_once(update::text(10, "/fail"))
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn l10_a_real_prometheus_scrapes_the_bot_and_evaluates_dashboard_and_alerts() {
    if !is_installed() {
        return;
    }
    let telegram = Telegram::start().await.unwrap();
    let admin = free_address();
    let _bot = start_bot(&telegram, admin, None).await;
    let folder = env::temp_dir().join(format!("tower-telegram-prometheus-{}", std::process::id()));
    let (prometheus, address) = start_prometheus(&folder, admin);
    until("prometheus is up", || get(address, "/-/ready")).await;
    let up = || ask(address, "query", "up{job=\"bot\"} == 1", "").pop();
    until("the bot is scraped", up).await;

    use_the_bot(&telegram).await;
    let done =
        "sum(messaging_client_consumed_messages_total{telegram_update_outcome=\"done\"}) >= 18";
    until("all of it is scraped", || {
        ask(address, "query", done, "").pop()
    })
    .await;
    let fails =
        "sum(messaging_client_consumed_messages_total{telegram_update_outcome=\"failed\"}) >= 3";
    assert_eq!(ask(address, "query", fails, "").len(), 1);

    // Each of the dashboard's queries is one that Prometheus knows the metrics of.
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    let range = format!("&start={}&end={now}&step=1", now - 30);
    let mut drawn = Vec::new();
    for (title, unit, query) in panels() {
        let series = ask(address, "query_range", &query, &range);
        // Nothing was repeated or rejected.
        let may_be_empty = ["Repeated calls", "Rejected requests"].contains(&&*title);
        assert!(
            may_be_empty || !series.is_empty(),
            "{title}: no data for {query}"
        );
        drawn.push(picture::Panel::new(title, unit, &series));
    }

    // And each alert's rule is well.
    let rules = get(address, "/api/v1/rules").unwrap();
    let rules: Value = serde_json::from_str(&rules).unwrap();
    let rules = rules["data"]["groups"][0]["rules"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(rules.len(), 7);
    let is_evaluated = |rule: &Value| rule["health"] == "ok";
    assert!(rules.iter().all(is_evaluated), "{rules:?}");

    let metrics = get(admin, "/metrics").unwrap();
    let (is_fine, said) = promtool(&["check", "metrics"], &metrics);
    assert!(is_fine && said.is_empty(), "{said}\n{metrics}");

    drop(prometheus);
    drop(fs::remove_dir_all(&folder));
    if env::var_os("WRITE_PANELS").is_some() {
        fs::write(here("panels.svg"), picture::draw(&drawn)).unwrap();
    }
}

#[test]
fn l10_promtool_takes_the_rules() {
    if !is_installed() {
        return;
    }
    let rules = here("alerts.yml").display().to_string();
    let (is_fine, said) = promtool(&["check", "rules", &rules], "");
    assert!(is_fine, "{said}");
    assert!(said.contains("7 rules found"), "{said}");
}
