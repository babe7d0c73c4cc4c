//! A handler that fails now and then, and what it has done.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::time::sleep;
use tower_telegram::{Reply, types::Update};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Has what happened to each update until Telegram is done with it, so that it doesn't grow itself.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Mutex<HashMap<i64, Entry>>,
    acked: AtomicU64,
    calls: AtomicU64,
    errors: AtomicU64,
    panics: AtomicU64,
    abandoned: AtomicU64,
    lost: AtomicU64,
    repeated: AtomicU64,
    replies_repeated: AtomicU64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    effects: u32,
    is_abandoned: bool,
    replies: u32,
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, HashMap<i64, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn abandoned(&self, id: i64) {
        add(&self.abandoned, 1);
        self.entries().entry(id).or_default().is_abandoned = true;
    }

    /// Telegram was answered with a 2xx, and with a reply or not.
    pub(crate) fn acked(&self, id: i64, has_reply: bool) {
        let mut entries = self.entries();
        let entry = entries.entry(id).or_default();
        entry.replies += u32::from(has_reply);
        if entry.effects == 0 && !entry.is_abandoned {
            add(&self.lost, 1);
        }
    }

    /// Telegram won't send it again.
    pub(crate) fn over(&self, id: i64) {
        let entry = self.entries().remove(&id).unwrap_or_default();
        add(&self.acked, 1);
        if entry.effects > 1 || entry.replies > 1 {
            println!("{id}: {entry:?}");
        }
        add(&self.repeated, entry.effects.saturating_sub(1).into());
        add(
            &self.replies_repeated,
            entry.replies.saturating_sub(1).into(),
        );
    }

    /// One that was over was sent again, and mustn't have begun anew.
    pub(crate) fn again(&self, id: i64, has_reply: bool) {
        let begun = self.entries().remove(&id).is_some();
        if begun || has_reply {
            println!("{id} was over, and began again");
        }
        add(&self.repeated, begun.into());
        add(&self.replies_repeated, has_reply.into());
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        let left = self.entries().len() as u64;
        let problems = [
            (read(&self.lost), "got a 2xx without being handled"),
            (read(&self.repeated), "handled to success again"),
            (read(&self.replies_repeated), "replies given out again"),
            (left, "left over"),
            (u64::from(read(&self.acked) == 0), "runs without an update"),
        ];
        let problems = problems.into_iter().filter(|(count, _)| *count > 0);
        problems
            .map(|(count, what)| format!("{count} {what}"))
            .collect()
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the bot: {} updates, {} calls, {} errors, {} panics, {} abandoned; {} lost, {} handled twice, \
             {} replies twice",
            read(&self.acked),
            read(&self.calls),
            read(&self.errors),
            read(&self.panics),
            read(&self.abandoned),
            read(&self.lost),
            read(&self.repeated),
            read(&self.replies_repeated),
        )
    }
}

/// 1 % errors and 1 % panics; else it takes a while and makes a reply every other time.
pub(crate) async fn handle(ledger: Arc<Ledger>, update: Update) -> Result<Reply, BoxError> {
    let id = update.update_id;
    add(&ledger.calls, 1);
    sleep(Duration::from_millis(fastrand::u64(0..20))).await;
    if fastrand::u32(..100) == 0 {
        add(&ledger.errors, 1);
        return Err("it fails".into());
    }
    let panics = fastrand::u32(..100) == 0;
    add(&ledger.panics, panics.into());
    assert!(!panics, "it panics");
    ledger.entries().entry(id).or_default().effects += 1;
    if id % 2 == 0 {
        return Ok(Reply::nothing());
    }
    let text = format!("{id} is done");
    Ok(Reply::raw(
        "sendMessage",
        &json!({"chat_id": id % 1000, "text": text}),
    )?)
}
