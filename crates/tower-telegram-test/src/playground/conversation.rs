//! The conversation: each step is sent to the bot, and becomes a row.

use std::{io, thread, time::Instant};

use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    error::PlaygroundError,
    program::{BotState, Program},
    steps::{PlaygroundStep, USER, data_of_button, describe, payload, said, summary},
    table::{Row, Table, Tone},
};
use crate::{Attempt, Call, Error, Exchange, RawRequest, Telegram, Via, update};

pub(super) struct Conversation {
    telegram: Telegram,
    table: Table,
    polls: bool,
    seen_calls: usize,
    tally: Tally,
}

/// How many requests ended how.
#[derive(Default)]
struct Tally {
    handled: usize,
    rejected: usize,
    failed: usize,
}

impl Conversation {
    pub(super) fn new(telegram: Telegram, state: BotState, program: &Program) -> Self {
        let table = Table::new();
        let url = telegram.api_url();
        table.note(&match state {
            BotState::HasWebhook => format!(
                "No TELEGRAM_BOT_TOKEN: an embedded Telegram at {url} talks to the bot at {}",
                program.webhook_url()
            ),
            BotState::Polls => {
                format!("No TELEGRAM_BOT_TOKEN: the bot polls an embedded Telegram at {url}")
            }
            BotState::Ended => {
                format!("No TELEGRAM_BOT_TOKEN: the program called an embedded Telegram at {url}")
            }
        });
        let seen_calls = telegram.calls().len();
        Self {
            telegram,
            table,
            polls: state == BotState::Polls,
            seen_calls,
            tally: Tally::default(),
        }
    }

    /// Plays the steps and sums them up.
    pub(super) async fn play(&mut self, steps: &[PlaygroundStep]) -> Result<(), PlaygroundError> {
        self.table.head();
        for step in steps {
            match step {
                PlaygroundStep::Update { update, remark } => {
                    self.deliver(update.clone(), remark).await?;
                }
                PlaygroundStep::Press(label) => {
                    let data = data_of_button(&self.telegram.calls(), label);
                    let data = data.ok_or_else(|| PlaygroundError::NoButton(label.clone()))?;
                    self.deliver(update::callback_query(USER, &data), "")
                        .await?;
                }
                PlaygroundStep::Intrude if self.polls => {}
                PlaygroundStep::Intrude => self.intrude().await?,
            }
        }
        let Tally {
            handled,
            rejected,
            failed,
        } = self.tally;
        let all = handled + rejected + failed;
        self.table.note(&format!(
            "{all} updates: {handled} handled, {rejected} rejected, {failed} failed"
        ));
        Ok(())
    }

    /// Sends each line that is typed, until the end of the input.
    pub(super) async fn talk(&mut self) -> Result<(), PlaygroundError> {
        self.table.note("Type to the bot; Ctrl-D ends.");
        let mut lines = typed_lines();
        while let Some(line) = lines.recv().await {
            if !line.trim().is_empty() {
                self.deliver(said(&line), "").await?;
            }
        }
        Ok(())
    }

    /// A line for each call of a program that has ended.
    pub(super) fn show_calls(&self) {
        for call in self.telegram.calls() {
            let result = if call.is_ok() { "ok" } else { "refused" };
            self.table
                .note(&format!("{}: {result}", describe(&call, "")));
        }
    }

    async fn deliver(&mut self, update: Value, remark: &str) -> Result<(), PlaygroundError> {
        if self.polls {
            return self.enqueue(&update, remark).await;
        }
        let exchange = self.telegram.deliver_once(update.clone()).await?;
        let Some(attempt) = exchange.last() else {
            return Ok(());
        };
        let calls = self.new_calls();
        self.show_attempt(&update, attempt, &answer(&exchange, &calls), remark);
        Ok(())
    }

    /// For a bot that polls: queues the update and waits until the bot has confirmed it.
    async fn enqueue(&mut self, update: &Value, remark: &str) -> Result<(), PlaygroundError> {
        let start = Instant::now();
        let update_id = match self.telegram.enqueue(update.clone()) {
            // Telegram doesn't queue what the bot doesn't ask for.
            Err(Error::NotAllowed { .. }) => return Ok(()),
            result => result?,
        };
        self.telegram.wait_until_confirmed(update_id).await?;
        let took = start.elapsed();
        let calls = self.new_calls();
        let called: Vec<_> = calls.iter().map(|call| describe(call, "")).collect();
        self.tally.handled += 1;
        self.show(
            update,
            remark,
            Row {
                answered: called.join(", "),
                outcome: "confirmed".to_owned(),
                tone: Tone::Good,
                took,
                ..Row::default()
            },
        );
        Ok(())
    }

    async fn intrude(&mut self) -> Result<(), PlaygroundError> {
        let update = said("let me in");
        let mut numbered = update.clone();
        numbered["update_id"] = 1.into();
        // A stranger has a connection of their own.
        let request = RawRequest::new()
            .update(&numbered)
            .secret("guess")
            .set_header("Connection", "close");
        let attempt = self.telegram.post_raw(request).await?;
        self.show_attempt(&update, &attempt, "", "(wrong secret)");
        Ok(())
    }

    /// The bot's calls since the last time, except those by which it gets its updates.
    fn new_calls(&mut self) -> Vec<Call> {
        let calls = self.telegram.calls();
        let new = calls[self.seen_calls.min(calls.len())..].to_vec();
        self.seen_calls = calls.len();
        let is_of_setup = |call: &Call| {
            ["getUpdates", "getWebhookInfo", "setWebhook"]
                .iter()
                .any(|method| call.is(method))
        };
        let is_of_interest = |call: &Call| call.via == Via::Http && !is_of_setup(call);
        new.into_iter().filter(is_of_interest).collect()
    }

    fn show_attempt(&mut self, update: &Value, attempt: &Attempt, answered: &str, remark: &str) {
        let (tone, outcome) = outcome(attempt, !answered.is_empty());
        match tone {
            Tone::Good => self.tally.handled += 1,
            Tone::Rejected => self.tally.rejected += 1,
            Tone::Bad => self.tally.failed += 1,
        }
        self.show(
            update,
            remark,
            Row {
                answered: answered.to_owned(),
                outcome,
                tone,
                took: attempt.elapsed,
                ..Row::default()
            },
        );
    }

    fn show(&self, update: &Value, remark: &str, row: Row) {
        let (kind, payload) = payload(update);
        self.table.row(&Row {
            kind: kind.to_owned(),
            sent: [&summary(payload), remark].join(" ").trim().to_owned(),
            ..row
        });
    }
}

/// The lines of the standard input, read on a thread that doesn't hold up the end of the program.
fn typed_lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let lines = io::stdin().lines().map_while(Result::ok);
        lines
            .take_while(|line| sender.send(line.clone()).is_ok())
            .count()
    });
    receiver
}

fn answer(exchange: &Exchange, calls: &[Call]) -> String {
    let inline = exchange.reply.iter().map(|call| describe(call, ""));
    let outgoing = calls.iter().map(|call| describe(call, " (called)"));
    inline.chain(outgoing).collect::<Vec<_>>().join(", ")
}

fn outcome(attempt: &Attempt, answered: bool) -> (Tone, String) {
    match attempt.status {
        Some(200) if answered => (Tone::Good, "200 replied".into()),
        Some(200) => (Tone::Good, "200 no reply".into()),
        Some(code @ 400..=499) => (Tone::Rejected, format!("{code} rejected")),
        Some(code) => (Tone::Bad, format!("{code} will be sent again")),
        None => (Tone::Bad, "no response".into()),
    }
}
