//! A conversation with the bot through an embedded Telegram and a real socket.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tower_telegram_test::{self, Attempt, Call, Exchange, RawRequest, Telegram, Via};

use crate::{
    Failure,
    table::{Row, Table, Tone},
};

/// Real-looking updates, as Telegram sends them; the `update_id` is given when they are sent.
const CONVERSATION: &str = include_str!("conversation.json");

pub(crate) struct Demo {
    telegram: Telegram,
    table: Table,
    seen_calls: usize,
    tally: [usize; 3],
}

impl Demo {
    pub(crate) fn new(telegram: Telegram, webhook_url: &str) -> Self {
        let table = Table::new();
        table.note(&format!(
            "No TELEGRAM_BOT_TOKEN: an embedded Telegram at {} talks to the bot at {webhook_url}",
            telegram.api_url()
        ));
        table.head();
        let seen_calls = telegram.calls().len();
        Self {
            telegram,
            table,
            seen_calls,
            tally: [0; 3],
        }
    }

    /// Plays the conversation and sums it up.
    pub(crate) async fn play(&mut self) -> Result<(), Failure> {
        let steps: Vec<Value> = serde_json::from_str(CONVERSATION)?;
        for step in steps {
            let update = step["update"].clone();
            let remark = step["remark"].as_str().unwrap_or_default();
            match step["secret"].as_str() {
                None => self.deliver(update, remark).await?,
                Some(secret) => self.intrude(&update, secret, remark).await?,
            }
        }
        let [good, away, bad] = self.tally;
        self.table.note(&format!(
            "{} requests: {good} handled, {away} turned away, {bad} to be sent again",
            good + away + bad
        ));
        Ok(())
    }

    /// Sends what is typed, line by line, until there is no more.
    pub(crate) async fn talk(&mut self) -> Result<(), Failure> {
        self.table.note(
            "Type to the bot (/start, /photo, /call hi, /slow 2, /fail, /panic); Ctrl-D ends.",
        );
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Some(line) = lines.next_line().await? {
            let update = if line.starts_with('/') {
                tower_telegram_test::update::command(USER, &line)
            } else {
                tower_telegram_test::update::text(USER, &line)
            };
            self.deliver(update, "").await?;
        }
        Ok(())
    }

    async fn deliver(&mut self, update: Value, remark: &str) -> Result<(), Failure> {
        let exchange = self.telegram.deliver_once(update.clone()).await?;
        let Some(attempt) = exchange.last() else {
            return Ok(());
        };
        let calls = self.new_calls();
        self.show(&update, attempt, &answer_of(&exchange, &calls), remark);
        Ok(())
    }

    async fn intrude(&mut self, update: &Value, secret: &str, remark: &str) -> Result<(), Failure> {
        let mut numbered = update.clone();
        numbered["update_id"] = 1.into();
        let request = RawRequest::new()
            .update(&numbered)
            .secret(secret.to_owned());
        let attempt = self.telegram.post_raw(request).await?;
        self.show(update, &attempt, "", remark);
        Ok(())
    }

    /// What the bot called on its own account since the last time.
    fn new_calls(&mut self) -> Vec<Call> {
        let calls = self.telegram.calls();
        let new = calls[self.seen_calls.min(calls.len())..].to_vec();
        self.seen_calls = calls.len();
        new.into_iter()
            .filter(|call| call.via == Via::Http)
            .collect()
    }

    fn show(&mut self, update: &Value, attempt: &Attempt, answered: &str, remark: &str) {
        let (kind, payload) = payload(update);
        let (tone, words) = outcome(attempt, !answered.is_empty());
        self.tally[tone as usize] += 1;
        self.table.row(&Row {
            kind: kind.to_owned(),
            sent: [&summary(payload), remark].join(" ").trim().to_owned(),
            answered: answered.to_owned(),
            outcome: words,
            tone,
            took: attempt.elapsed,
        });
    }
}

/// Whoever types.
const USER: i64 = 7_000_042;

fn payload(update: &Value) -> (&str, &Value) {
    let members = update.as_object().into_iter().flatten();
    let payload = members.into_iter().find(|(key, _)| *key != "update_id");
    payload.map_or(("", &Value::Null), |(key, value)| (key, value))
}

fn summary(payload: &Value) -> String {
    let text = ["text", "data", "caption", "query"]
        .into_iter()
        .find_map(|key| payload[key].as_str());
    match (text, &payload["photo"]) {
        (Some(text), Value::Array(_)) => format!("[photo] {text}"),
        (Some(text), _) => text.to_owned(),
        (None, Value::Array(_)) => "[photo]".to_owned(),
        (None, _) => String::new(),
    }
}

fn answer_of(exchange: &Exchange, calls: &[Call]) -> String {
    let inline = exchange.reply.iter().map(|call| describe(call, ""));
    let outgoing = calls.iter().map(|call| describe(call, " (called)"));
    inline.chain(outgoing).collect::<Vec<_>>().join(", ")
}

fn describe(call: &Call, remark: &str) -> String {
    let text = ["text", "caption"]
        .into_iter()
        .find_map(|key| call.text(key));
    let files: usize = call.files.iter().map(|file| file.bytes.len()).sum();
    let keyboard = call.params.contains_key("reply_markup");
    [
        Some(call.method.clone() + remark),
        text.map(|text| format!("“{text}”")),
        (files > 0).then(|| format!("+{files} bytes")),
        keyboard.then(|| "+keyboard".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(" ")
}

fn outcome(attempt: &Attempt, answered: bool) -> (Tone, String) {
    match attempt.status {
        Some(200) if answered => (Tone::Good, "200 replied".into()),
        Some(200) => (Tone::Good, "200 nothing to say".into()),
        Some(code @ 400..=499) => (Tone::TurnedAway, format!("{code} turned away")),
        Some(code) => (Tone::Bad, format!("{code} will be sent again")),
        None => (Tone::Bad, "no answer".into()),
    }
}
