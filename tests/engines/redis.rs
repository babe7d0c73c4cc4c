//! The queue over a Redis of the test's own.

use std::sync::Arc;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};
use tower_telegram::{
    Client,
    queue::{Enqueued, QueuedDeadLetter, Worker, chat_key, partition},
    redis::{RedisQueue, WakeUps},
    webhook::RawUpdate,
};

use crate::{
    engine::{Engine, LEASE, Options},
    process::{ServerProcess, free_ports},
    queue::{AttemptLog, SECOND, done, message},
    support::{fill, start_worker_with, until_updates},
};

pub(crate) struct Redis {
    _server: ServerProcess,
    client: redis::Client,
    options: Options,
}

impl Redis {
    fn connection(&self) -> ConnectionManager {
        let config = ConnectionManagerConfig::new();
        let connection = self.client.get_connection_manager_lazy(config);
        connection.expect("nothing is asked yet")
    }

    fn queue(&self) -> RedisQueue {
        RedisQueue::new(self.connection(), "bot")
            .partitions(self.options.partitions)
            .max_backlog(self.options.max_backlog)
            .lease(LEASE)
            .wake_ups(&WakeUps::new(self.client.clone()))
    }
}

impl Engine for Redis {
    type Writer = RedisQueue;

    async fn start(options: Options) -> Self {
        let [port] = free_ports();
        let number = port.to_string();
        let arguments = ["--port", &number, "--bind", "127.0.0.1", "--save", ""];
        let server = ServerProcess::start("redis-server", &arguments, port).await;
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}/"));
        Self {
            _server: server,
            client: client.expect("it is an address"),
            options,
        }
    }

    async fn writer(&self) -> RedisQueue {
        self.queue()
    }

    async fn worker(&self, client: Client) -> Worker {
        self.queue().worker(client)
    }

    async fn updates(&self) -> usize {
        self.queue().status().await.expect("redis runs").updates
    }

    async fn dead_letters(&self) -> Vec<QueuedDeadLetter> {
        let letters = self.queue().dead_letters(None, 100).await;
        letters.expect("redis runs")
    }
}

/// How often scripts have run a command.
async fn runs(connection: &mut ConnectionManager, command: &str) -> u64 {
    let mut info = redis::cmd("INFO");
    let stats = info.arg("commandstats");
    let stats: String = stats.query_async(connection).await.unwrap();
    let name = format!("cmdstat_{command}");
    let line = stats.lines().find(|line| line.starts_with(&name));
    let calls = line.and_then(|line| line.split_once(":calls=")?.1.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

/// How often scripts have asked for the last id of a stream.
async fn looks_at_streams(connection: &mut ConnectionManager) -> u64 {
    runs(connection, "xinfo").await
}

#[tokio::test]
async fn updates_are_read_from_their_stream_many_at_a_time() {
    const UPDATES: i64 = 400;
    let options = Options {
        partitions: 1,
        ..Options::default()
    };
    let (engine, log) = (Arc::new(Redis::start(options).await), AttemptLog::default());
    let queue = engine.writer().await;
    fill(&queue, (0..UPDATES).map(|id| message(id, id % 50))).await;
    let worker = start_worker_with(
        &engine,
        &log,
        |worker| worker.poll_every(3600 * SECOND),
        async |_, _| Ok(done()),
    );
    until_updates(&*engine, 0).await;
    worker.stop().await;
    log.assert_in_order(UPDATES, 50);
    let mut connection = engine.connection();
    let reads = runs(&mut connection, "xrange").await;
    assert!(reads < 100, "{reads}");
    let removals = runs(&mut connection, "xdel").await;
    assert!(removals < 400, "{removals}");
}

/// Another program's entry uses up the ids of a stream, which is then written anew.
#[tokio::test]
async fn d31_updates_that_a_worker_has_begin_once_when_their_stream_is_written_anew() {
    const LAST_ID: &str = "18446744073709551615-18446744073709551615";
    let options = Options {
        partitions: 1,
        ..Options::default()
    };
    let (engine, log) = (Arc::new(Redis::start(options).await), AttemptLog::default());
    let (queue, go) = (engine.writer().await, Arc::new(Semaphore::new(0)));
    let worker = start_worker_with(&engine, &log, |worker| worker.concurrency(1), {
        let go = Arc::clone(&go);
        move |id, _| {
            let go = Arc::clone(&go);
            async move {
                if id == 1 {
                    go.acquire().await?.forget();
                }
                Ok(done())
            }
        }
    });
    // The first one's handler keeps the chat of the others from beginning.
    fill(&queue, (1..=5).map(|id| message(id, id.min(2)))).await;
    log.until_begun(1, 1).await;
    let mut connection = engine.connection();
    let mut add = redis::cmd("XADD");
    add.arg(&["{bot:queue}:updates:0", LAST_ID, "foo", "bar"]);
    drop(add.query_async::<String>(&mut connection).await.unwrap());
    // There again when the worker has read to the end once more.
    let idle = ["{bot:queue}:partitions", "idle:0"];
    let mut forget = redis::cmd("HDEL");
    let forgetting = forget.arg(&idle).query_async::<i64>(&mut connection);
    assert_eq!(forgetting.await.unwrap(), 1);
    let mut look = redis::cmd("HEXISTS");
    while !look
        .arg(&idle)
        .query_async::<bool>(&mut connection)
        .await
        .unwrap()
    {
        look = redis::cmd("HEXISTS");
        sleep(SECOND / 100).await;
    }
    let looks = looks_at_streams(&mut connection).await;
    fill(&queue, (6..=7).map(|id| message(id, 2))).await;
    // One when the stream is written anew, and another when the worker reads on.
    while looks_at_streams(&mut connection).await < looks + 2 {
        sleep(SECOND / 100).await;
    }
    go.add_permits(2);
    until_updates(&*engine, 0).await;
    worker.stop().await;
    let begun: Vec<_> = (1..=7).map(|id| log.begun(id)).collect();
    assert_eq!(begun, [1; 7]);
}

/// They may be added with the same call.
#[tokio::test]
async fn updates_of_a_partition_whose_key_is_no_stream_fail_and_others_are_added() {
    let options = Options {
        partitions: 4,
        ..Options::default()
    };
    let engine = Redis::start(options).await;
    let queue = engine.writer().await;
    let key_of = |update: &RawUpdate| partition(&chat_key(None, update), 4);
    let broken = key_of(&message(1, 1));
    let mut set = redis::cmd("SET");
    set.arg(format!("{{bot:queue}}:updates:{broken}")).arg("x");
    let setting = set.query_async::<()>(&mut engine.connection()).await;
    setting.unwrap();
    let mut adding = JoinSet::new();
    for id in 1..=40 {
        let queue = queue.clone();
        adding.spawn(async move { (id, queue.enqueue(None, &message(id, id)).await) });
    }
    for (id, added) in adding.join_all().await {
        let is_broken = key_of(&message(id, id)) == broken;
        assert_eq!(added.is_err(), is_broken, "{id}: {added:?}");
    }
    let mut delete = redis::cmd("DEL");
    delete.arg(format!("{{bot:queue}}:updates:{broken}"));
    let deleting = delete.query_async::<i64>(&mut engine.connection()).await;
    assert_eq!(deleting.unwrap(), 1);
    assert_eq!(
        queue.enqueue(None, &message(1, 1)).await.unwrap(),
        Enqueued::Added
    );
}
