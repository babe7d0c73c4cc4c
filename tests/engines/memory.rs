//! An engine in memory, as short as one can be: what the traits ask for, and nothing more. It forgets all when the
//! test ends.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};
use tower_telegram::{
    Client,
    queue::{
        BegunEntry, Enqueued, EntryRecord, HeldPartitions, PartitionClaim, QueueError, QueueReader,
        QueueWriter, QueuedDeadLetter, RecordKind, RecordResult, TakenEntries, TakenEntry,
        WantedEntries, Worker, chat_key, partition,
    },
    webhook::{BotId, RawUpdate},
};

use crate::engine::{Engine, LEASE, Options};

/// The queue, which all of its writers and readers share.
#[derive(Clone)]
pub(crate) struct Memory {
    options: Options,
    state: Arc<Mutex<State>>,
    /// Changes with each update that is added.
    added: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    partitions: HashMap<u16, Partition>,
    seen: HashSet<(Option<BotId>, i64)>,
    dead: Vec<(Option<BotId>, RawUpdate, u32, String)>,
    /// When each worker's last heartbeat ends.
    workers: HashMap<u64, Instant>,
    last_number: u64,
}

#[derive(Default)]
struct Partition {
    entries: BTreeMap<u64, Stored>,
    /// The last claim on it: its worker, its token, and its end.
    claim: Option<(u64, u64, Instant)>,
}

struct Stored {
    bot: Option<BotId>,
    update: RawUpdate,
    attempts: u32,
    attempt_name: Arc<str>,
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The partition, unless another worker has claimed it since.
    fn held(&mut self, claim: PartitionClaim) -> Option<&mut Partition> {
        let partition = self.partitions.get_mut(&claim.partition)?;
        let is_last = |(_, token, _): &(u64, u64, Instant)| *token == claim.fencing_token;
        partition
            .claim
            .as_ref()
            .is_some_and(is_last)
            .then_some(partition)
    }

    fn record(&mut self, record: &EntryRecord) -> RecordResult {
        let id: u64 = record.id.parse().unwrap();
        let Some(partition) = self.held(record.claim) else {
            return RecordResult::Lost;
        };
        let Some(entry) = partition.entries.get_mut(&id) else {
            return match record.kind {
                RecordKind::Begin { .. } | RecordKind::ReadAhead => RecordResult::Gone,
                _ => RecordResult::Recorded,
            };
        };
        match &record.kind {
            RecordKind::Begin { attempt_name } => {
                entry.attempts += u32::from(entry.attempt_name != *attempt_name);
                entry.attempt_name = Arc::clone(attempt_name);
                let update = Ok((entry.bot, entry.update.clone()));
                return RecordResult::Begun(BegunEntry::new(entry.attempts, update));
            }
            // Each attempt waits for its own record.
            RecordKind::ReadAhead => return RecordResult::Gone,
            RecordKind::Count { attempts } => entry.attempts = *attempts,
            RecordKind::DeadLetter { attempts, failure } => {
                let (attempts, failure) = (*attempts, failure.to_string());
                let Stored { bot, update, .. } = partition.entries.remove(&id).unwrap();
                self.dead.push((bot, update, attempts, failure));
            }
            _ => drop(partition.entries.remove(&id)),
        }
        RecordResult::Recorded
    }
}

impl QueueWriter for Memory {
    async fn put(&self, bot: Option<BotId>, update: &RawUpdate) -> Result<Enqueued, QueueError> {
        let mut state = self.state();
        let number = state.next_number();
        let partition = partition(&chat_key(bot, update), self.options.partitions);
        let most = self.options.max_backlog / usize::from(self.options.partitions);
        if state.seen.contains(&(bot, update.update_id())) {
            return Ok(Enqueued::Known);
        }
        let entries = &mut state.partitions.entry(partition).or_default().entries;
        if entries.len() >= most {
            return Ok(Enqueued::Full);
        }
        let stored = Stored {
            bot,
            update: update.clone(),
            attempts: 0,
            attempt_name: Arc::default(),
        };
        entries.insert(number, stored);
        state.seen.insert((bot, update.update_id()));
        self.added.send_replace(number);
        Ok(Enqueued::Added)
    }
}

struct MemoryReader {
    memory: Memory,
    worker: u64,
    additions: tokio::sync::Mutex<watch::Receiver<u64>>,
}

impl QueueReader for MemoryReader {
    fn lease(&self) -> Duration {
        LEASE
    }

    async fn claim(
        &self,
        held: &[PartitionClaim],
        is_leaving: bool,
    ) -> Result<HeldPartitions, QueueError> {
        let (now, mut state) = (Instant::now(), self.memory.state());
        if is_leaving {
            state.workers.remove(&self.worker);
        } else {
            state.workers.insert(self.worker, now + LEASE);
        }
        state.workers.retain(|_, end| *end > now);
        let number = self.memory.options.partitions;
        let share = usize::from(number).div_ceil(state.workers.len().max(1));
        let mut claims = Vec::new();
        for &claim in held {
            if let Some(partition) = state.held(claim) {
                partition.claim = Some((self.worker, claim.fencing_token, now + LEASE));
                claims.push(claim);
            }
        }
        for number in 0..number {
            if is_leaving || claims.len() >= share {
                break;
            }
            let token = state.next_number();
            let partition = state.partitions.entry(number).or_default();
            if partition.claim.is_none_or(|(_, _, end)| end <= now) {
                partition.claim = Some((self.worker, token, now + LEASE));
                claims.push(PartitionClaim::new(number, token));
            }
        }
        Ok(HeldPartitions::new(claims, share))
    }

    async fn release(&self, claims: &[PartitionClaim]) -> Result<(), QueueError> {
        let mut state = self.memory.state();
        for claim in claims {
            if let Some(partition) = state.held(*claim) {
                partition.claim = None;
            }
        }
        Ok(())
    }

    async fn take(&self, wanted: &[WantedEntries]) -> Result<Vec<TakenEntries>, QueueError> {
        let mut state = self.memory.state();
        let take = |wanted: &WantedEntries| {
            let Some(partition) = state.held(wanted.claim) else {
                return TakenEntries::Lost;
            };
            let after = wanted.after.as_ref().map_or(0, |id| id.parse().unwrap());
            let unread = partition.entries.range(after + 1..);
            let entry = |(id, stored): (&u64, &Stored)| {
                let key = chat_key(stored.bot, &stored.update);
                TakenEntry::new(id.to_string(), key)
            };
            let entries: Vec<_> = unread.take(wanted.count).map(entry).collect();
            TakenEntries::Read {
                is_end: entries.len() < wanted.count,
                entries,
            }
        };
        Ok(wanted.iter().map(take).collect())
    }

    async fn record(&self, records: &[EntryRecord]) -> Result<Vec<RecordResult>, QueueError> {
        let mut state = self.memory.state();
        Ok(records.iter().map(|record| state.record(record)).collect())
    }

    async fn wait(&self) -> Option<u16> {
        // The sender is in this reader.
        self.additions.lock().await.changed().await.unwrap();
        None
    }

    fn reports_additions(&self) -> bool {
        true
    }
}

impl Engine for Memory {
    type Writer = Self;

    async fn start(options: Options) -> Self {
        Self {
            options,
            state: Arc::default(),
            added: watch::Sender::new(0),
        }
    }

    async fn writer(&self) -> Self {
        self.clone()
    }

    async fn worker(&self, client: Client) -> Worker {
        static WORKERS: AtomicU64 = AtomicU64::new(0);
        let memory = self.clone();
        let open = move || MemoryReader {
            additions: tokio::sync::Mutex::new(memory.added.subscribe()),
            memory: memory.clone(),
            worker: WORKERS.fetch_add(1, Ordering::Relaxed),
        };
        Worker::new(open, client)
    }

    async fn updates(&self) -> usize {
        let state = self.state();
        let counts = state.partitions.values().map(|each| each.entries.len());
        counts.sum()
    }

    async fn dead_letters(&self) -> Vec<QueuedDeadLetter> {
        let state = self.state();
        let letters = state.dead.iter().enumerate();
        let letter = |(id, (bot, update, attempts, failure)): (usize, &(_, _, _, String))| {
            QueuedDeadLetter::new(
                &id.to_string(),
                *bot,
                RawUpdate::clone(update),
                *attempts,
                failure,
            )
        };
        letters.map(letter).collect()
    }
}
