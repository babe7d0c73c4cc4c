//! One worker's end of the queue: its claims, and the records about the entries of its partitions.

use std::time::Duration;

use ::redis::Value;
use bytes::Bytes;
use tokio::sync::Mutex;

use super::{
    entry_id::next_id,
    error::{refused, unreadable},
    redis_queue::{QueueKey, RedisQueue, text},
};
use crate::{
    Client,
    queue::{
        BegunEntry, EntryRecord, HeldPartitions, PartitionClaim, PartitionDepth, QueueError,
        QueueReader, RecordKind, RecordResult, TakenEntries, TakenEntry, WantedEntries, Worker,
        bot_of,
    },
    redis::{
        connection::ScriptCall,
        values::{micros, number},
        wake_ups::{WakeUp, WakeUpWaiter},
    },
    task::random::random_u64,
    webhook::{BotId, Failure, RawUpdate},
};

impl RedisQueue {
    /// A worker that takes updates out of the queue. Replies are sent through `client`, because no webhook waits for
    /// them.
    pub fn worker(&self, client: Client) -> Worker {
        let queue = self.clone();
        Worker::new(move || RedisQueueReader::new(queue.clone()), client)
    }
}

struct RedisQueueReader {
    queue: RedisQueue,
    /// The worker's name in Redis.
    name: Box<str>,
    /// The name by which scripts wake it.
    waiter_name: Box<str>,
    waiter: Mutex<WakeUpWaiter>,
}

impl RedisQueueReader {
    fn new(queue: RedisQueue) -> Self {
        let waiter = queue.wake_ups.waiter();
        Self {
            queue,
            name: format!("{}-{:016x}", std::process::id(), random_u64()).into(),
            waiter_name: waiter.name().into(),
            waiter: Mutex::new(waiter),
        }
    }
}

impl QueueReader for RedisQueueReader {
    fn lease(&self) -> Duration {
        self.queue.lease
    }

    fn queue_name(&self) -> &str {
        &self.queue.name
    }

    async fn claim(
        &self,
        held: &[PartitionClaim],
        is_leaving: bool,
    ) -> Result<HeldPartitions, QueueError> {
        let call = self.queue.call("tick", [QueueKey::Workers]);
        let mut call = call
            .arg(&*self.name)
            .arg(micros(self.queue.lease))
            .arg(u8::from(!is_leaving));
        for claim in held {
            call = call.arg(claim.partition).arg(claim.fencing_token);
        }
        let answer = self.queue.query(call).await?;
        let [_, share, held @ ..] = &answer[..] else {
            return Err(unreadable());
        };
        let mut claims = Vec::with_capacity(held.len() / 2);
        for pair in held.chunks_exact(2) {
            claims.push(PartitionClaim::new(number(&pair[0])?, number(&pair[1])?));
        }
        Ok(HeldPartitions::new(claims, number(share)?))
    }

    async fn release(&self, claims: &[PartitionClaim]) -> Result<(), QueueError> {
        let mut call = self.queue.call("leave", []);
        for claim in claims {
            call = call.arg(claim.partition).arg(claim.fencing_token);
        }
        self.queue.query(call).await?;
        Ok(())
    }

    async fn take(&self, wanted: &[WantedEntries]) -> Result<Vec<TakenEntries>, QueueError> {
        let streams = wanted.iter().map(|each| each.claim.partition);
        let keys = [QueueKey::Attempts].into_iter();
        let keys = keys.chain(streams.map(QueueKey::Stream));
        let mut call = self.queue.call("fetch", keys);
        call = call.arg(&*self.waiter_name);
        for WantedEntries {
            claim,
            after,
            count,
            max_bytes,
        } in wanted
        {
            let after = after.as_deref();
            // Behind the last id of all there can be none.
            let from = after.map_or_else(|| Some("-".into()), next_id);
            call = call
                .arg(claim.partition)
                .arg(claim.fencing_token)
                .arg(after.unwrap_or_default())
                .arg(from.unwrap_or_default())
                .arg(count)
                .arg(max_bytes);
        }
        let answers: Vec<Vec<Bytes>> = self.queue.connection.run(call).await?;
        Ok(answers.iter().map(|answer| read_taken(answer)).collect())
    }

    async fn record(&self, records: &[EntryRecord]) -> Result<Vec<RecordResult>, QueueError> {
        let mut claims: Vec<_> = records.iter().map(|each| each.claim).collect();
        claims.sort_unstable_by_key(|claim| (claim.partition, claim.fencing_token));
        claims.dedup();
        let keys = [QueueKey::Attempts, QueueKey::Dead].into_iter();
        let streams = claims.iter().map(|claim| QueueKey::Stream(claim.partition));
        let mut call = self.queue.call("record", keys.chain(streams));
        call = call.arg(self.queue.max_dead_letters).arg(claims.len());
        for claim in &claims {
            call = call.arg(claim.partition).arg(claim.fencing_token);
        }
        for EntryRecord { claim, id, kind } in records {
            let number = claims.iter().position(|each| each == claim);
            // Numbers begin with 1 in Lua.
            let number = number.map_or(1, |number| number + 1);
            call = add_record(call, kind, number, id);
        }
        let answers: Vec<Value> = self.queue.connection.run(call).await?;
        answers.into_iter().map(read_result).collect()
    }

    async fn wait(&self) -> Option<u16> {
        match self.waiter.lock().await.next().await {
            WakeUp::Any => None,
            // A number that is no partition's means any of them.
            WakeUp::Number(partition) => partition.try_into().ok(),
        }
    }

    fn reports_additions(&self) -> bool {
        self.queue.wake_ups.is_subscribed()
    }

    async fn depth(&self, partitions: &[u16]) -> Result<Vec<PartitionDepth>, QueueError> {
        let streams = partitions.iter().copied().map(QueueKey::Stream);
        let answer = self.queue.query(self.queue.call("depth", streams)).await?;
        let mut depths = Vec::with_capacity(partitions.len());
        for (&partition, values) in partitions.iter().zip(answer.chunks_exact(2)) {
            let age = Duration::from_millis(number(&values[1])?);
            depths.push(PartitionDepth::new(partition, number(&values[0])?, age));
        }
        Ok(depths)
    }
}

fn read_taken(answer: &[Bytes]) -> TakenEntries {
    match answer {
        [what, end, entries @ ..] if &**what == b"read" => TakenEntries::Read {
            entries: entries.chunks_exact(5).filter_map(read_entry).collect(),
            is_end: &**end == b"end",
        },
        [what, error] if &**what == b"failed" => TakenEntries::Failed(refused(error)),
        [what] if &**what == b"anew" => TakenEntries::Interrupted,
        _ => TakenEntries::Lost,
    }
}

/// An entry by its id, its chat's key, and its bot, JSON and trace context, which are empty if they weren't read.
fn read_entry(parts: &[Bytes]) -> Option<TakenEntry> {
    let [id, chat_key, bot, json, context] = parts else {
        return None;
    };
    // Without a key it is alone. That it isn't UTF-8 is found when it begins.
    let entry = TakenEntry::new(text(id).ok()?, text(chat_key).unwrap_or_default());
    if bot.is_empty() {
        return Some(entry);
    }
    let update = read_update(bot, chat_key, json);
    Some(entry.with_entry(begun(0, update, context)))
}

/// Adds the arguments of a record under the claim with this number.
fn add_record(call: ScriptCall, kind: &RecordKind, claim: usize, id: &str) -> ScriptCall {
    let record = |what: &str| call.arg(what).arg(claim).arg(id);
    match kind {
        RecordKind::Begin { attempt_name } => record("begin").arg(&**attempt_name),
        RecordKind::ReadAhead => record("look"),
        RecordKind::Settle => record("finish"),
        RecordKind::Count { attempts } => record("count").arg(attempts),
        RecordKind::DeadLetter { attempts, failure } => {
            record("dead_letter").arg(attempts).arg(&**failure)
        }
    }
}

/// A record's result: a number, or a list that begins with a word.
fn read_result(answer: Value) -> Result<RecordResult, QueueError> {
    match answer {
        Value::Int(1) => Ok(RecordResult::Recorded),
        Value::Int(0) => Ok(RecordResult::Lost),
        Value::Array(parts) => {
            let bytes = |part| match part {
                Value::BulkString(bytes) => Ok(Bytes::from(bytes)),
                _ => Err(unreadable()),
            };
            let parts: Result<Vec<_>, _> = parts.into_iter().map(bytes).collect();
            read_entry_result(&parts?)
        }
        _ => Err(unreadable()),
    }
}

fn read_entry_result(answer: &[Bytes]) -> Result<RecordResult, QueueError> {
    Ok(match answer {
        [what, attempt, bot, chat_key, json, context]
            if [&b"begun"[..], b"read"].contains(&&**what) =>
        {
            let update = read_update(bot, chat_key, json);
            let begun = begun(number(attempt)?, update, context);
            match &**what {
                b"begun" => RecordResult::Begun(begun),
                _ => RecordResult::Read(begun),
            }
        }
        [what] if &**what == b"gone" => RecordResult::Gone,
        [what, error] if &**what == b"failed" => RecordResult::Failed(refused(error)),
        _ => return Err(unreadable()),
    })
}

/// An entry with so many attempts.
fn begun(attempt: u32, update: ReadUpdate, context: &[u8]) -> BegunEntry {
    let mut begun = BegunEntry::new(attempt, update);
    let context = text(context).ok().filter(|text| !text.is_empty());
    begun.trace_context = context.map(Into::into);
    begun
}

/// The update of an entry and its bot, or why it is no update.
type ReadUpdate = Result<(Option<BotId>, RawUpdate), Failure>;

/// An entry of another program is no update, and never will be one.
fn read_update(bot: &[u8], chat_key: &[u8], json: &Bytes) -> ReadUpdate {
    let bot = number(bot).map_err(|_| Failure::permanent("the entry's bot is no number"))?;
    if text(chat_key).is_err() {
        return Err(Failure::permanent("the entry's chat isn't UTF-8"));
    }
    let update = RawUpdate::from_bytes(json.clone()).map_err(Failure::permanent)?;
    Ok((bot_of(bot), update))
}
