//! Figures of the queue over Redis and NATS, of the locks over Redis and of the stores of deliveries, beside the engines
//! alone:
//!
//! ```sh
//! cargo run --release -p stress -- queue
//! ```
//!
//! With `-- queue locks redis` it measures these parts alone, of `latency`, `redis`, `nats`, `locks` and `stores`.
//!
//! It starts a `redis-server` and a `nats-server` of its own on loopback. Times depend on the machine; compare the rows of
//! one run with each other, and runs of two versions made one after the other.

mod engine;
mod figures;
mod locks;
mod plain;
mod server;
mod stores;

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::sleep,
};
use tower_telegram::webhook::RawUpdate;

use self::{
    engine::{MeasuredQueue, NatsServer, QueueServer},
    figures::{print_figure, print_head, print_rate, print_time, to_f64},
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
const CHATS: usize = 1000;

const IDLE: Duration = Duration::from_secs(5);

const PARTS: [&str; 5] = ["latency", "redis", "nats", "locks", "stores"];

/// Measures these parts, or all if none is named.
pub(crate) async fn measure(parts: &[String]) -> Result<(), AnyError> {
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        return Err(format!("{unknown} is none of the parts {PARTS:?}").into());
    }
    let is_wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    print_head();
    let server = RedisServer::start().await?;
    if is_wanted("latency") {
        latency(&server).await?;
    }
    if is_wanted("redis") {
        backlogs(&server).await?;
    }
    if is_wanted("latency") || is_wanted("nats") {
        let server = NatsServer::start().await?;
        if is_wanted("latency") {
            latency(&server).await?;
        }
        if is_wanted("nats") {
            backlogs(&server).await?;
        }
    }
    if is_wanted("locks") {
        locks::measure(&server).await?;
    }
    if is_wanted("stores") {
        stores::measure(&server).await?;
    }
    Ok(())
}

async fn latency<S: QueueServer>(server: &S) -> Result<(), AnyError> {
    low_load(server, S::NAME, server.new_queue(16).await?).await?;
    low_load(server, S::PLAIN, server.new_plain().await?).await
}

/// Adds updates one at a time, and then none.
async fn low_load(
    server: &impl QueueServer,
    over: &str,
    queue: impl MeasuredQueue,
) -> Result<(), AnyError> {
    let (sent, mut handled) = mpsc::unbounded_channel();
    let worker = queue.start_worker(move || {
        // The measurement may be over.
        sent.send(Instant::now()).ok();
    });
    let worker = worker.await?;
    sleep(Duration::from_secs(1)).await;
    let mut times = Vec::new();
    for id in 0..LOW_LOAD {
        // Not in step with anything.
        sleep(PAUSE + Duration::from_micros(fastrand::u64(0..5000))).await;
        let began = Instant::now();
        queue.add(update(id, id)).await?;
        let arrived = handled.recv().await.ok_or("the worker ended")?;
        times.push(arrived - began);
    }
    times.sort_unstable();
    for percent in [50, 99] {
        let time = times[(times.len() - 1) * percent / 100];
        print_time(&format!("enqueue to handler, p{percent}"), over, time);
    }

    let (ours, servers) = (own_cpu()?, server.cpu()?);
    sleep(IDLE).await;
    let share = |cpu: Duration| 100.0 * cpu.as_secs_f64() / IDLE.as_secs_f64();
    let (ours, servers) = (since(own_cpu()?, ours), since(server.cpu()?, servers));
    print_figure("CPU of an idle worker, the process", over, share(ours), "%");
    print_figure(
        "CPU of an idle worker, its server",
        over,
        share(servers),
        "%",
    );
    worker.abort();
    Ok(())
}

async fn backlogs<S: QueueServer>(server: &S) -> Result<(), AnyError> {
    for (what, partitions, chats, updates) in [
        ("16 partitions", 16, CHATS, BACKLOG),
        ("one partition", 1, CHATS, BACKLOG),
        ("one chat", 1, 1, ONE_CHAT),
    ] {
        let queue = server.new_queue(partitions).await?;
        backlog(server, S::NAME, what, queue, chats, updates).await?;
    }
    // It has no partitions, and stands beside as many of ours as there are by default.
    let queue = server.new_plain().await?;
    backlog(server, S::PLAIN, "16 partitions", queue, CHATS, BACKLOG).await
}

async fn backlog(
    server: &impl QueueServer,
    over: &str,
    what: &str,
    queue: impl MeasuredQueue,
    chats: usize,
    updates: usize,
) -> Result<(), AnyError> {
    let before = (own_cpu()?, server.cpu()?);
    fill(&queue, chats, updates).await?;
    let filled = (own_cpu()?, server.cpu()?);
    // Wakes this task once: a wake-up for each update would take a part of the measured time.
    let handled = Arc::new(Semaphore::new(0));
    let began = Instant::now();
    let worker = queue.start_worker({
        let handled = Arc::clone(&handled);
        move || handled.add_permits(1)
    });
    let worker = worker.await?;
    handled
        .acquire_many(u32::try_from(updates)?)
        .await?
        .forget();
    print_rate(&format!("handled, {what}"), over, updates, began.elapsed());
    let emptied = (own_cpu()?, server.cpu()?);
    worker.abort();
    for (way, from, to) in [("in", before, filled), ("out", filled, emptied)] {
        for (whose, cpu) in [
            ("the process", since(to.0, from.0)),
            ("its server", since(to.1, from.1)),
        ] {
            let measure = format!("CPU of an update {way}, {what}, {whose}");
            print_figure(
                &measure,
                over,
                cpu.as_secs_f64() * 1e6 / to_f64(updates),
                "µs",
            );
        }
    }
    Ok(())
}

/// Adds so many updates, 64 at a time if they're of several chats.
async fn fill(queue: &impl MeasuredQueue, chats: usize, updates: usize) -> Result<(), AnyError> {
    let ids = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::<Result<(), AnyError>>::new();
    let at_once = if chats == 1 { 1 } else { CLAIMS_AT_ONCE };
    for _ in 0..at_once {
        let (queue, ids) = (queue.clone(), Arc::clone(&ids));
        callers.spawn(async move {
            loop {
                let id = ids.fetch_add(1, Ordering::Relaxed);
                if id >= updates {
                    return Ok(());
                }
                queue.add(update(id, id % chats)).await?;
            }
        });
    }
    callers.join_all().await.into_iter().collect()
}

/// The CPU time used since an earlier reading.
fn since(now: Duration, before: Duration) -> Duration {
    now.saturating_sub(before)
}

#[allow(clippy::panic)] // the text is one
fn update(id: usize, chat: usize) -> RawUpdate {
    let json = format!(
        r#"{{"update_id":{id},"message":{{"message_id":{id},"date":1,"chat":{{"id":{chat},"type":"private"}},"text":"hello"}}}}"#
    );
    RawUpdate::from_bytes(json.into()).unwrap_or_else(|error| panic!("it is an update: {error}"))
}
