//! Figures of the queue over Redis and NATS, of the locks over Redis and of the stores of deliveries, beside plain Redis:
//!
//! ```sh
//! cargo run --release -p stress -- queue
//! ```
//!
//! With `-- queue locks redis` it measures these parts alone, of `latency`, `redis`, `nats`, `locks` and `stores`.
//!
//! It starts a `redis-server` and a `nats-server` of its own on loopback. Times depend on the machine; compare the lines of one
//! run with each other, and runs of two versions made one after the other.

mod engine;
mod plain;
mod server;
mod stores;

use std::{
    error::Error,
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http::{Request, Response};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinHandle, JoinSet},
    time::sleep,
};
use tower::{BoxError, service_fn};
use tower_telegram::{
    Client,
    client::{ApiRequest, ApiResponse},
    queue::QueueWriter as _,
    redis::{RedisLocks, WakeUps},
    webhook::{
        RawUpdate, ReplyBody,
        sequence::{LockGuard as _, SequenceLock as _},
    },
};

use self::{
    engine::{NatsServer, QueueServer},
    server::{RedisServer, own_cpu},
    stores::CLAIMS_AT_ONCE,
};

pub(crate) type AnyError = Box<dyn Error + Send + Sync>;

/// How many updates are sent one at a time, and the pause before each.
const LOW_LOAD: usize = 300;
const PAUSE: Duration = Duration::from_millis(13);

/// How many updates wait when a worker starts, except those of one chat.
const BACKLOG: usize = 40_000;

const ONE_CHAT: usize = 4096;

const IDLE: Duration = Duration::from_secs(5);

const LOCK_TIME: Duration = Duration::from_secs(3);
const LOCK_WAITERS: usize = 4;

const PARTS: [&str; 5] = ["latency", "redis", "nats", "locks", "stores"];

/// Measures these parts, or all if none is named.
pub(crate) async fn measure(parts: &[String]) -> Result<(), AnyError> {
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        return Err(format!("{unknown} is none of the parts {PARTS:?}").into());
    }
    let is_wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    let server = RedisServer::start().await?;
    if is_wanted("latency") {
        low_load(&server).await?;
    }
    if is_wanted("redis") {
        backlogs(&server).await?;
        let plain = plain::drain(&server, BACKLOG).await?;
        println!(
            "handled a second, plain streams: {:.0}",
            a_second(BACKLOG, plain)
        );
    }
    if is_wanted("nats") {
        backlogs(&NatsServer::start().await?).await?;
    }
    if is_wanted("locks") {
        locks(&server).await?;
    }
    if is_wanted("stores") {
        stores::measure(&server).await?;
    }
    Ok(())
}

/// The times of one kind of event.
#[derive(Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    fn print(mut self, what: &str) {
        self.0.sort_unstable();
        let at = |percent: usize| self.0[(self.0.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        println!("{what}: p50 {:.2} ms, p99 {:.2} ms", at(50), at(99));
    }
}

async fn low_load(server: &RedisServer) -> Result<(), AnyError> {
    let queue = server.new_queue(16).await?;
    let (sent, mut handled) = mpsc::unbounded_channel();
    let worker = start_worker::<RedisServer>(&queue, move || {
        // The measurement may be over.
        sent.send(Instant::now()).ok();
    });
    sleep(Duration::from_secs(1)).await;
    let mut latencies = Latencies::default();
    for id in 0..LOW_LOAD {
        // Not in step with anything.
        sleep(PAUSE + Duration::from_micros(fastrand::u64(0..5000))).await;
        let began = Instant::now();
        queue.enqueue(None, &update(id, id)).await?;
        let arrived = handled.recv().await.ok_or("the worker ended")?;
        latencies.add(arrived - began);
    }
    latencies.print("enqueue to handler");
    plain::latencies(server)
        .await?
        .print("XADD to XREADGROUP, plain streams");

    let (ours, redis) = (own_cpu()?, server.cpu()?);
    sleep(IDLE).await;
    let (ours, redis) = (since(own_cpu()?, ours), since(server.cpu()?, redis));
    println!(
        "CPU of an idle worker: {:.2} %, of Redis: {:.2} %",
        share(ours),
        share(redis)
    );
    worker.abort();
    Ok(())
}

fn share(cpu: Duration) -> f64 {
    100.0 * cpu.as_secs_f64() / IDLE.as_secs_f64()
}

async fn backlogs(server: &impl QueueServer) -> Result<(), AnyError> {
    for (what, partitions, chats, updates) in [
        ("16 partitions", 16, 1000, BACKLOG),
        ("one partition", 1, 1000, BACKLOG),
        ("one chat", 1, 1, ONE_CHAT),
    ] {
        backlog(server, what, partitions, chats, updates).await?;
    }
    Ok(())
}

/// Adds the updates, those of several chats from several tasks at once.
async fn fill<S: QueueServer>(
    queue: &S::Queue,
    chats: usize,
    updates: usize,
) -> Result<(), AnyError> {
    let ids = Arc::new(AtomicUsize::new(0));
    let mut replicas = JoinSet::<Result<(), AnyError>>::new();
    let at_once = if chats == 1 { 1 } else { CLAIMS_AT_ONCE };
    for _ in 0..at_once {
        let (queue, ids) = (queue.clone(), Arc::clone(&ids));
        replicas.spawn(async move {
            loop {
                let id = ids.fetch_add(1, Ordering::Relaxed);
                if id >= updates {
                    return Ok(());
                }
                queue.put(None, &update(id, id % chats)).await?;
            }
        });
    }
    for filled in replicas.join_all().await {
        filled?;
    }
    Ok(())
}

async fn backlog<S: QueueServer>(
    server: &S,
    what: &str,
    partitions: u16,
    chats: usize,
    updates: usize,
) -> Result<(), AnyError> {
    let queue = server.new_queue(partitions).await?;
    let (ours, redis) = (own_cpu()?, server.cpu()?);
    fill::<S>(&queue, chats, updates).await?;
    #[allow(clippy::cast_precision_loss)] // a figure for people
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / updates as f64;
    let into = (
        each(since(own_cpu()?, ours)),
        each(since(server.cpu()?, redis)),
    );

    let (ours, redis) = (own_cpu()?, server.cpu()?);
    // Wakes this task once: a wake-up for each update would take a part of the measured time.
    let handled = Arc::new(Semaphore::new(0));
    let began = Instant::now();
    let worker = start_worker::<S>(&queue, {
        let handled = Arc::clone(&handled);
        move || handled.add_permits(1)
    });
    handled
        .acquire_many(u32::try_from(updates)?)
        .await?
        .forget();
    let time = began.elapsed();
    let out = (
        each(since(own_cpu()?, ours)),
        each(since(server.cpu()?, redis)),
    );
    println!(
        "handled a second, {}, {what}: {:.0} (CPU of an update, ours + server: {:.0} + {:.0} µs in, {:.0} + {:.0} µs out)",
        S::NAME,
        a_second(updates, time),
        into.0,
        into.1,
        out.0,
        out.1,
    );
    worker.abort();
    Ok(())
}

/// One lock, for which each of four replicas asks again as soon as it has released it.
async fn locks(server: &RedisServer) -> Result<(), AnyError> {
    server.clear().await?;
    let mut replicas = JoinSet::<Result<usize, AnyError>>::new();
    let ends = Instant::now() + LOCK_TIME;
    for _ in 0..LOCK_WAITERS {
        let locks = locks_of(server).await?;
        replicas.spawn(async move {
            let mut count = 0;
            while Instant::now() < ends {
                locks.acquire("0:7").await?.release().await;
                count += 1;
            }
            Ok(count)
        });
    }
    let counts: Result<Vec<_>, _> = replicas.join_all().await.into_iter().collect();
    let counts = counts?;
    let all: usize = counts.iter().sum();
    println!(
        "lock hand-overs a second, four waiters: {:.0} ({counts:?})",
        a_second(all, LOCK_TIME)
    );
    Ok(())
}

async fn locks_of(server: &RedisServer) -> Result<RedisLocks, AnyError> {
    let locks = RedisLocks::new(server.connection().await?, "bench");
    Ok(locks.wake_ups(&WakeUps::new(server.client()?)))
}

/// The CPU time used since an earlier reading.
fn since(now: Duration, before: Duration) -> Duration {
    now.saturating_sub(before)
}

/// Starts a worker that calls `record` for each update.
fn start_worker<S: QueueServer>(
    queue: &S::Queue,
    record: impl Fn() + Clone + Send + Sync + 'static,
) -> JoinHandle<()> {
    let client = Client::from_service(service_fn(|_: ApiRequest| {
        pending::<Result<ApiResponse, BoxError>>()
    }));
    let handler = service_fn(move |_: Request<RawUpdate>| {
        record();
        ready(Ok::<_, BoxError>(Response::new(ReplyBody::default())))
    });
    let worker = S::worker(queue, client);
    tokio::spawn(async move {
        let Err(error) = worker.run(handler).await;
        println!("the worker ended: {error}");
    })
}

#[allow(clippy::panic)] // the text is one
fn update(id: usize, chat: usize) -> RawUpdate {
    let json = format!(
        r#"{{"update_id":{id},"message":{{"message_id":{id},"date":1,"chat":{{"id":{chat},"type":"private"}},"text":"hello"}}}}"#
    );
    RawUpdate::from_bytes(json.into()).unwrap_or_else(|error| panic!("it is an update: {error}"))
}

#[allow(clippy::cast_precision_loss)] // a figure for people
fn a_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
