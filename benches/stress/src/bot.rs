//! A bot whose handler fails and panics, and a ledger of its updates.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::Notify, time::sleep};
use tower_telegram::{Reply, types::Update};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Compares the bot's runs with the responses that Telegram read.
///
/// It has an entry for each update from its first run until Telegram has taken a response, so its size has a bound.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Mutex<HashMap<i64, Entry>>,
    runs: AtomicU64,
    errors: AtomicU64,
    panics: AtomicU64,
    abandoned: AtomicU64,
    taken: AtomicU64,
    executed: AtomicU64,
    unhandled: AtomicU64,
    repeated: AtomicU64,
    wrong_replies: AtomicU64,
    wrong_redeliveries: AtomicU64,
}

#[derive(Debug, Default)]
struct Entry {
    runs: u32,
    successes: u32,
    is_abandoned: bool,
    /// Has a permit once the handler was called.
    called: Arc<Notify>,
    /// The first response of status 200 that Telegram read.
    response: Option<ReadResponse>,
}

#[derive(Debug)]
struct ReadResponse {
    body: Vec<u8>,
    /// How often the handler had been called by then.
    runs: u32,
}

impl Entry {
    /// Whether this is the body of the right response: the reply that the handler made, or none.
    fn is_right(&self, id: i64, body: &[u8]) -> bool {
        match reply_to(id) {
            Some(reply) if self.successes > 0 => {
                let reply = json!({"method": "sendMessage", "chat_id": reply.0, "text": reply.1});
                serde_json::from_slice::<Value>(body).is_ok_and(|sent| sent == reply)
            }
            _ => body.is_empty(),
        }
    }
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

    /// Waits until Telegram has taken the responses to a number of updates.
    pub(crate) async fn taken(&self, updates: u64) {
        while read(&self.taken) < updates {
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn abandoned(&self, id: i64) {
        add(&self.abandoned, 1);
        self.entries().entry(id).or_default().is_abandoned = true;
    }

    /// Waits until the handler was called for an update. One caller at a time.
    pub(crate) async fn called(&self, id: i64) {
        let called = Arc::clone(&self.entries().entry(id).or_default().called);
        called.notified().await;
    }

    /// Telegram has read a response of status 200. It may be lost before Telegram acts on it.
    pub(crate) fn read_ok(&self, id: i64, body: &[u8]) {
        let mut entries = self.entries();
        let entry = entries.entry(id).or_default();
        if entry.successes == 0 && !entry.is_abandoned {
            println!("{id} got a 200 and wasn't handled: {entry:?}");
            add(&self.unhandled, 1);
        }
        if !entry.is_right(id, body) {
            let body = String::from_utf8_lossy(body);
            println!("{id} got the reply {body:?}: {entry:?}");
            add(&self.wrong_replies, 1);
        }
        entry.response = Some(ReadResponse {
            body: body.to_vec(),
            runs: entry.runs,
        });
    }

    /// Telegram has read the response to a redelivery of an update that had a response of status 200.
    pub(crate) fn read_again(&self, id: i64, status: u16, body: &[u8]) {
        let entries = self.entries();
        let Some((entry, first)) = entries
            .get(&id)
            .and_then(|entry| Some((entry, entry.response.as_ref()?)))
        else {
            return add(&self.wrong_redeliveries, 1);
        };
        if status != 200 || body != first.body || entry.runs != first.runs {
            let body = String::from_utf8_lossy(body);
            println!("the redelivery of {id} got {status} {body:?}: {entry:?}");
            add(&self.wrong_redeliveries, 1);
        }
    }

    /// Telegram has taken the response that it read last: it carries out the reply, and won't send the update again.
    pub(crate) fn take(&self, id: i64) {
        let entry = self.entries().remove(&id).unwrap_or_default();
        add(&self.taken, 1);
        if entry.successes > 1 {
            println!("{id} was handled repeatedly: {entry:?}");
            add(&self.repeated, 1);
        }
        let has_reply = entry.response.is_some_and(|first| !first.body.is_empty());
        add(&self.executed, has_reply.into());
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        // Called after the update was taken.
        let left = self.entries().len() as u64;
        let problems = [
            (read(&self.unhandled), "got a 200 without being handled"),
            (read(&self.repeated), "handled to success more than once"),
            (
                read(&self.wrong_replies),
                "got another reply than the handler's",
            ),
            (
                read(&self.wrong_redeliveries),
                "redelivered after the end, and handled again or answered otherwise",
            ),
            (left, "handled after Telegram had taken the response"),
            (u64::from(read(&self.taken) == 0), "runs without an update"),
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
            "the bot: {} updates, {} replies carried out, {} runs of the handler, {} errors, {} panics, {} abandoned",
            read(&self.taken),
            read(&self.executed),
            read(&self.runs),
            read(&self.errors),
            read(&self.panics),
            read(&self.abandoned),
        )
    }
}

/// The chat and the text of the reply to an update. Every other update has one.
fn reply_to(id: i64) -> Option<(i64, String)> {
    (id % 2 != 0).then(|| (id % 1000, format!("{id} is done")))
}

/// Takes up to 20 ms. 1 % of the runs fail, and 1 % panic.
pub(crate) async fn handle(ledger: Arc<Ledger>, update: Update) -> Result<Reply, BoxError> {
    let id = update.update_id;
    add(&ledger.runs, 1);
    {
        let mut entries = ledger.entries();
        let entry = entries.entry(id).or_default();
        entry.runs += 1;
        entry.called.notify_one();
    }
    sleep(Duration::from_millis(fastrand::u64(0..20))).await;
    if fastrand::u32(..100) == 0 {
        add(&ledger.errors, 1);
        return Err("this run fails".into());
    }
    let panics = fastrand::u32(..100) == 0;
    add(&ledger.panics, panics.into());
    assert!(!panics, "this run panics");
    ledger.entries().entry(id).or_default().successes += 1;
    let Some((chat_id, text)) = reply_to(id) else {
        return Ok(Reply::nothing());
    };
    let arguments = json!({"chat_id": chat_id, "text": text});
    Ok(Reply::raw("sendMessage", &arguments)?)
}
