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
mod queue;
mod redis_server;

use std::{
    collections::BTreeSet,
    env, fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use bot::{Program, free_address, get, start_bot, until};
use serde_json::Value;
use tower_telegram_test::{RawRequest, Telegram, update};

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Whether Debian's package `prometheus` is installed, which CI must have.
fn is_installed() -> bool {
    let found = Command::new("promtool").arg("--version").output();
    if let Err(error) = &found {
        assert!(env::var_os("CI").is_none(), "no promtool: {error}");
        eprintln!("not tested, because there is no promtool: {error}");
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

/// A panel of the dashboard.
struct DashboardPanel {
    title: String,
    unit: String,
    /// Queries, and the format of the names of their series.
    queries: Vec<(String, String)>,
}

fn panels() -> Vec<DashboardPanel> {
    let text = fs::read_to_string(here("dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let panel = |panel: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let query = |target: &Value| {
            // The range that Grafana would insert for a scrape each second.
            let query = text(&target["expr"]).replace("$__rate_interval", "5s");
            (query, text(&target["legendFormat"]))
        };
        let targets = panel["targets"].as_array().unwrap();
        DashboardPanel {
            title: text(&panel["title"]),
            unit: text(&panel["description"]),
            queries: targets.iter().map(query).collect(),
        }
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

fn start_prometheus(folder: &Path, bots: &[SocketAddr]) -> (Program, SocketAddr) {
    let config = fs::read_to_string(here("prometheus.yml")).unwrap();
    let bots: Vec<_> = bots.iter().map(|bot| format!("\"{bot}\"")).collect();
    let config = config.replace("\"127.0.0.1:9100\"", &bots.join(", "));
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
    // Two updates of a chat at once, of which the second has to wait, and each is delivered twice.
    let slow = |update_id: u64| {
        let mut slow = update::text(11, "/slow");
        slow["update_id"] = update_id.into();
        let request = RawRequest::new().update(&slow);
        async move {
            let statuses = [
                telegram.post_raw(request.clone()).await.unwrap().status,
                telegram.post_raw(request).await.unwrap().status,
            ];
            assert_eq!(statuses, [Some(200), Some(200)]);
        }
    };
    tokio::join!(slow(1_000_001), slow(1_000_002));
    let wrong = RawRequest::new().body("{}").secret("wrong");
    let rejected = telegram.post_raw(wrong).await.unwrap();
    assert_eq!(rejected.status, Some(401));
    // Until it is abandoned.
    let mut failing = update::text(12, "/fail");
    failing["update_id"] = 1_000_003.into();
    let failing = RawRequest::new().update(&failing);
    for expected in [500, 500, 500, 500, 200] {
        let attempt = telegram.post_raw(failing.clone()).await.unwrap();
        assert_eq!(attempt.status, Some(expected));
    }
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
    let Some(redis) = redis_server::start_redis().await else {
        return;
    };
    let telegram = Telegram::start().await.unwrap();
    let admin = free_address();
    let _bot = start_bot(&telegram, admin, None).await;
    let worker = queue::start_worker(&redis, &telegram).await;
    let folder = env::temp_dir().join(format!("tower-telegram-prometheus-{}", std::process::id()));
    let (prometheus, address) = start_prometheus(&folder, &[admin, worker]);
    until("prometheus is up", || get(address, "/-/ready")).await;
    let up = || ask(address, "query", "sum(up{job=\"bot\"}) == 2", "").pop();
    until("bot and worker are scraped", up).await;

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
    // One of two slow updates waited for the other, which is no part of its handler's time.
    let waited = "sum(messaging_process_duration_seconds_sum) \
                  - sum(telegram_handler_duration_seconds_sum) > 1.5";
    assert_eq!(ask(address, "query", waited, "").len(), 1);
    // The worker measures its partitions every ten seconds.
    let waiting = "sum(telegram_queue_depth) == 3 and max(telegram_queue_age_seconds) > 5";
    until("the queue's age is scraped", || {
        ask(address, "query", waiting, "").pop()
    })
    .await;

    // Each of the dashboard's queries is one that Prometheus knows the metrics of.
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    let range = format!("&start={}&end={now}&step=1", now - 30);
    let mut drawn = Vec::new();
    for panel in panels() {
        let mut drawing = picture::Panel::new(&panel.title, &panel.unit);
        for (query, legend) in &panel.queries {
            let series = ask(address, "query_range", query, &range);
            // No call is repeated in this run, no update is deferred, and no delivery fails before Telegram is asked.
            let may_be_empty = [
                "telegram_client_retries",
                "telegram_updates_deferred",
                "telegram_updates_claims_lost",
                "telegram_updates_joined",
                "telegram_webhook_last_error_age",
            ];
            let may_be_empty = may_be_empty.iter().any(|name| query.contains(name));
            let title = &panel.title;
            assert!(
                may_be_empty || !series.is_empty(),
                "{title}: no data for {query}"
            );
            drawing.add(legend, &series);
        }
        drawn.push(drawing);
    }

    // And each alert's rule is well.
    let rules = get(address, "/api/v1/rules").unwrap();
    let rules: Value = serde_json::from_str(&rules).unwrap();
    let rules = rules["data"]["groups"][0]["rules"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(rules.len(), 10);
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
    assert!(said.contains("10 rules found"), "{said}");
}

/// The names of the alerts in a file.
fn alerts_in(text: &str, before: &str) -> BTreeSet<String> {
    let parts = text.split(before).skip(1);
    let is_name = |c: char| c.is_ascii_alphanumeric();
    parts
        .map(|part| part.chars().take_while(|c| is_name(*c)).collect())
        .collect()
}

#[test]
fn l10_each_alert_fires_on_the_series_it_is_for_and_none_on_healthy_ones() {
    if !is_installed() {
        return;
    }
    let tests = here("alerts_test.yml");
    let (is_fine, said) = promtool(&["test", "rules", &tests.display().to_string()], "");
    assert!(is_fine, "{said}");
    let rules = fs::read_to_string(here("alerts.yml")).unwrap();
    let tests = fs::read_to_string(tests).unwrap();
    let rules = alerts_in(&rules, "- alert: ");
    assert_eq!(rules.len(), 10, "{rules:?}");
    assert_eq!(alerts_in(&tests, "{alertname=\""), rules);
}

/// The metrics in the guide's table, as Prometheus names them, and their labels.
fn documented() -> (Vec<String>, Vec<String>) {
    let guide = here("../../src/guide/observability.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, table) = guide.split_once("<!-- metrics -->").unwrap();
    let (table, _) = table.split_once("<!-- end of metrics -->").unwrap();
    let (mut names, mut labels) = (Vec::new(), Vec::new());
    for row in table.lines().filter(|row| row.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`').replace('.', "_");
        let unit = if cells[3] == "s" { "_seconds" } else { "" };
        let suffix = if cells[2] == "counter" { "_total" } else { "" };
        names.push(format!("{name}{unit}{suffix}"));
        let of_metric = cells[4].split(',').filter(|label| !label.is_empty());
        labels.extend(of_metric.map(|label| label.trim().trim_matches('`').replace('.', "_")));
    }
    (names, labels)
}

/// The names of this crate's metrics in a query.
fn metrics_in<'a>(query: &'a str, labels: &[String]) -> Vec<&'a str> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_ours = |word: &&str| {
        ["telegram_", "messaging_", "http_"]
            .iter()
            .any(|prefix| word.starts_with(prefix))
            && !labels.iter().any(|label| label == word)
    };
    let words = words.filter(is_ours);
    words
        .map(|word| {
            let suffixes = ["_bucket", "_count", "_sum"];
            let suffix = suffixes.iter().find_map(|suffix| word.strip_suffix(suffix));
            suffix.unwrap_or(word)
        })
        .collect()
}

/// The panels have all metrics, and neither they nor the alerts have a name that there isn't.
#[test]
fn l10_each_metric_of_the_guide_is_in_a_panel() {
    let (documented, labels) = documented();
    assert!(documented.len() > 10, "{documented:?}");
    let queries: Vec<_> = panels()
        .into_iter()
        .flat_map(|panel| panel.queries)
        .map(|(query, _)| query)
        .collect();
    let shown: Vec<_> = queries
        .iter()
        .flat_map(|query| metrics_in(query, &labels))
        .collect();
    for name in &documented {
        assert!(shown.contains(&&**name), "no panel shows {name}");
    }
    let alerts = fs::read_to_string(here("alerts.yml")).unwrap();
    let code = alerts.lines().map(|line| line.split('#').next().unwrap());
    let is_prose = |line: &&str| ["look:", "summary:"].iter().any(|key| line.contains(key));
    let expressions: Vec<_> = code.filter(|line| !is_prose(line)).collect();
    let alerts = expressions.join("\n");
    for name in shown.into_iter().chain(metrics_in(&alerts, &labels)) {
        let is_known = documented.iter().any(|documented| documented == name);
        assert!(is_known, "the guide has no metric {name}");
    }
}
