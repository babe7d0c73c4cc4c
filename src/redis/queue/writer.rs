//! Adding updates to the queue.

use bytes::Bytes;
use tokio::{sync::oneshot, task::yield_now, time::timeout};

use super::{
    additions::{AddingTask, Addition, WaitingAddition},
    error::{refused, unreadable},
    redis_queue::{QueueKey, RedisQueue, text},
};
use crate::{
    queue::{Enqueue, Enqueued, QueueError, QueueWriter, chat_key, number_of, partition},
    redis::{
        connection::{Error, ScriptCall},
        values::{MAX_DELIVERY_TIME, millis},
    },
    webhook::{BotId, RawUpdate},
};

impl RedisQueue {
    /// Adds an update to the queue. `bot` is the update's bot if several share the queue.
    ///
    /// # Errors
    ///
    /// When Redis can't be reached, or the queue has another number of partitions. The update may be in the
    /// queue nevertheless, because an answer can get lost; adding it again is safe.
    pub async fn enqueue(
        &self,
        bot: Option<BotId>,
        update: &RawUpdate,
    ) -> Result<Enqueued, QueueError> {
        let chat_key = chat_key(bot, update);
        let trace_context = self.context.as_ref().and_then(|context| context());
        let addition = Addition {
            partition: partition(&chat_key, self.partitions),
            bot: number_of(bot),
            update_id: update.update_id(),
            chat_key,
            json: update.bytes().clone(),
            trace_context: trace_context.unwrap_or_default(),
        };
        self.add(addition).await
    }

    /// The queue as a service that takes a handler's place. See [`Enqueue`] for its responses.
    pub fn service(&self) -> Enqueue {
        Enqueue::new(self.clone())
    }

    /// Adds an update, together with those that other callers add at the same time.
    async fn add(&self, addition: Addition) -> Result<Enqueued, QueueError> {
        let (answer, answered) = oneshot::channel();
        if self.additions.push(WaitingAddition { addition, answer }) {
            // Made here, because a runtime that ends may drop the task before it runs.
            let task = AddingTask::new(&self.additions);
            tokio::spawn(self.clone().add_waiting(task));
        }
        match timeout(self.connection.timeout, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(QueueError::new("the runtime ended that added updates")),
            Err(_) => Err(Error::Timeout.into()),
        }
    }

    /// Adds the updates that wait, and those that arrive meanwhile.
    async fn add_waiting(self, mut task: AddingTask) {
        loop {
            // Callers that are ready to run go into the same call.
            yield_now().await;
            let Some(batch) = task.next_call() else {
                return;
            };
            let answer = self.add_batch(&batch).await;
            self.answer(batch, &answer);
        }
    }

    async fn add_batch(&self, batch: &[WaitingAddition]) -> Result<Vec<Bytes>, Error> {
        if let [alone] = batch {
            let answer: Vec<Bytes> = self.connection.run(self.single_call(alone)).await?;
            if !matches!(&answer[..], [what] if &**what == b"rare") {
                return Ok(answer);
            }
        }
        self.connection.run(self.addition_call(batch)).await
    }

    /// The call of an update that no other caller adds one with.
    fn single_call(&self, WaitingAddition { addition, .. }: &WaitingAddition) -> ScriptCall {
        let call = self.add_call(addition.partition, &addition.seen());
        with_update(self.with_limits(call), addition)
    }

    /// The arguments that all updates of a call share.
    fn with_limits(&self, call: ScriptCall) -> ScriptCall {
        call.arg(self.max_length())
            .arg(millis(MAX_DELIVERY_TIME))
            .arg(self.wake_ups.process())
    }

    fn addition_call(&self, batch: &[WaitingAddition]) -> ScriptCall {
        let seen: Vec<_> = batch.iter().map(|each| each.addition.seen()).collect();
        let keys = batch.iter().zip(&seen).flat_map(|(each, seen)| {
            let stream = QueueKey::Stream(each.addition.partition);
            [stream, QueueKey::Seen(seen)]
        });
        let mut call = self.with_limits(self.call("enqueue", keys));
        for WaitingAddition { addition, .. } in batch {
            call = with_update(call, addition);
        }
        call
    }

    /// Gives each caller its result.
    fn answer(&self, batch: Vec<WaitingAddition>, answer: &Result<Vec<Bytes>, Error>) {
        for (number, waiting) in batch.into_iter().enumerate() {
            let result = match answer {
                Ok(answer) => self.read_added(answer, number, waiting.addition.partition),
                Err(error) => Err(error.clone().into()),
            };
            // Its caller may be gone.
            drop(waiting.answer.send(result));
        }
    }

    /// The result of one of a call's updates.
    fn read_added(
        &self,
        answer: &[Bytes],
        number: usize,
        partition: u16,
    ) -> Result<Enqueued, QueueError> {
        if let [what, there] = answer
            && &**what == b"partitions"
        {
            return Err(QueueError::partitions(text(there)?));
        }
        let Some(pair @ [what, more]) = answer.get(2 * number..2 * number + 2) else {
            return Err(unreadable());
        };
        match &**what {
            b"added" => {
                self.wake(pair, partition);
                Ok(Enqueued::Added)
            }
            b"known" => Ok(Enqueued::Known),
            b"full" => Ok(Enqueued::Full),
            b"failed" => Err(refused(more)),
            _ => Err(unreadable()),
        }
    }
}

/// The arguments of one update.
fn with_update(call: ScriptCall, addition: &Addition) -> ScriptCall {
    call.arg(addition.partition)
        .arg(addition.bot)
        .arg(&*addition.chat_key)
        .arg(&addition.json[..])
        .arg(&*addition.trace_context)
}

impl QueueWriter for RedisQueue {
    async fn put(&self, bot: Option<BotId>, update: &RawUpdate) -> Result<Enqueued, QueueError> {
        self.enqueue(bot, update).await
    }
}

#[cfg(test)]
mod tests {
    use std::{future::ready, time::Duration};

    use ::redis::{Arg, Cmd, Pipeline, RedisFuture, Value, aio::ConnectionLike};
    use tokio::{
        sync::mpsc,
        task::JoinSet,
        time::{Instant, sleep},
    };

    use super::*;
    use crate::redis::queue::additions::MOST_BYTES;

    /// A Redis that answers each call after a second, and reports how many updates it had.
    #[derive(Clone)]
    struct SlowRedis {
        calls: mpsc::UnboundedSender<usize>,
        answer: fn(usize) -> Vec<Value>,
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// How many keys a call has: the hash of the partitions, and two of each update.
    fn keys(command: &Cmd) -> usize {
        let Some(Arg::Simple(number)) = command.args_iter().nth(2) else {
            panic!("a script's call has a number of keys");
        };
        std::str::from_utf8(number).unwrap().parse().unwrap()
    }

    impl ConnectionLike for SlowRedis {
        fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
            let updates = (keys(command) - 1) / 2;
            // The test may have all that it waits for.
            self.calls.send(updates).ok();
            Box::pin(async move {
                sleep(SECOND).await;
                Ok(Value::Array((self.answer)(updates)))
            })
        }

        fn req_packed_commands<'a>(
            &'a mut self,
            _: &'a Pipeline,
            _: usize,
            _: usize,
        ) -> RedisFuture<'a, Vec<Value>> {
            Box::pin(ready(Ok(Vec::new())))
        }

        fn get_db(&self) -> i64 {
            0
        }
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn queue(answer: fn(usize) -> Vec<Value>) -> (RedisQueue, mpsc::UnboundedReceiver<usize>) {
        let (calls, made) = mpsc::unbounded_channel();
        let queue = RedisQueue::new(SlowRedis { calls, answer }, "bot");
        (queue.timeout(10 * SECOND), made)
    }

    fn update(id: i64, bytes: usize) -> RawUpdate {
        let text = "x".repeat(bytes);
        let json =
            format!(r#"{{"update_id":{id},"message":{{"chat":{{"id":7}},"text":"{text}"}}}}"#);
        RawUpdate::from_bytes(json.into()).unwrap()
    }

    /// Adds so many updates of so many bytes at the same time, and returns their results with those of the calls.
    async fn added(
        queue: &RedisQueue,
        mut made: mpsc::UnboundedReceiver<usize>,
        updates: i64,
        bytes: usize,
    ) -> (Vec<Result<Enqueued, QueueError>>, Vec<usize>) {
        let mut callers = JoinSet::new();
        for id in 0..updates {
            let queue = queue.clone();
            callers.spawn(async move { queue.enqueue(None, &update(id, bytes)).await });
        }
        let results = callers.join_all().await;
        let mut calls = Vec::new();
        while let Ok(updates) = made.try_recv() {
            calls.push(updates);
        }
        (results, calls)
    }

    fn pairs(what: &str, updates: usize) -> Vec<Value> {
        let pair = || [text(what), text("")];
        (0..updates).flat_map(|_| pair()).collect()
    }

    fn all_added(updates: usize) -> Vec<Value> {
        pairs("added", updates)
    }

    #[tokio::test(start_paused = true)]
    async fn updates_that_are_added_at_the_same_time_share_calls() {
        let (queue, made) = queue(all_added);
        let (results, calls) = added(&queue, made, 300, 1).await;
        assert!(
            results
                .iter()
                .all(|result| matches!(result, Ok(Enqueued::Added)))
        );
        assert_eq!(calls, [128, 128, 44]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_has_a_bounded_number_of_bytes() {
        let (queue, made) = queue(all_added);
        let (_, calls) = added(&queue, made, 6, 100 << 10).await;
        assert_eq!(calls, [2, 2, 2]);
        let (queue, made) = self::queue(all_added);
        let (_, calls) = added(&queue, made, 2, MOST_BYTES).await;
        assert_eq!(calls, [1, 1], "each has more by itself");
    }

    #[tokio::test(start_paused = true)]
    async fn each_caller_gets_its_own_result() {
        let (queue, made) = queue(|_| {
            let pairs = [
                ("added", ""),
                ("known", ""),
                ("full", ""),
                ("failed", "WRONGTYPE"),
            ];
            pairs
                .iter()
                .flat_map(|&(what, more)| [text(what), text(more)])
                .collect()
        });
        let (results, calls) = added(&queue, made, 4, 1).await;
        assert_eq!(calls, [4]);
        let count = |is: fn(&Result<Enqueued, QueueError>) -> bool| {
            results.iter().filter(|result| is(result)).count()
        };
        assert_eq!(count(|result| matches!(result, Ok(Enqueued::Added))), 1);
        assert_eq!(count(|result| matches!(result, Ok(Enqueued::Known))), 1);
        assert_eq!(count(|result| matches!(result, Ok(Enqueued::Full))), 1);
        assert_eq!(count(Result::is_err), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn d12_a_call_that_fails_is_an_error_for_each_of_its_callers() {
        for answer in [
            |_| vec![text("partitions"), text("4")],
            |_| Vec::new(),
            |updates| pairs("nonsense", updates),
        ] {
            let (queue, made) = queue(answer);
            let (results, calls) = added(&queue, made, 3, 1).await;
            assert_eq!(calls, [3]);
            assert!(results.iter().all(Result::is_err), "{results:?}");
            let began = Instant::now();
            assert!(queue.enqueue(None, &update(9, 1)).await.is_err());
            assert_eq!(began.elapsed(), SECOND, "the next one makes a call");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn d12_updates_that_wait_for_a_slow_call_fail_in_time() {
        let (queue, mut made) = queue(all_added);
        let queue = queue.timeout(SECOND / 2);
        let first = update(1, 1);
        let first = queue.enqueue(None, &first);
        let second = async {
            sleep(SECOND / 4).await;
            queue.enqueue(None, &update(2, 1)).await
        };
        let began = Instant::now();
        let (first, second) = tokio::join!(first, second);
        assert_eq!(began.elapsed(), SECOND * 3 / 4);
        assert!(first.is_err() && second.is_err());
        assert_eq!(made.recv().await, Some(1));
    }

    #[test]
    fn a_runtime_that_ends_leaves_no_update_waiting() {
        let runtime = || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_time().start_paused(true).build().unwrap()
        };
        let (queue, mut made) = queue(all_added);
        let ending = runtime();
        ending.block_on(async {
            let adding = queue.clone();
            tokio::spawn(async move { adding.enqueue(None, &update(1, 1)).await });
            assert_eq!(made.recv().await, Some(1));
        });
        drop(ending);
        let added = runtime().block_on(async { queue.enqueue(None, &update(2, 1)).await });
        assert_eq!(added.unwrap(), Enqueued::Added);
    }
}
