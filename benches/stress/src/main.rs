//! A webhook over real sockets, for minutes or hours, with a Telegram that loses responses and sends updates again, and
//! a handler that fails and panics:
//!
//! ```sh
//! cargo run --release -p stress -- --minutes 10
//! ```
//!
//! The process ends with 1 if
//!
//! - an update was lost, or handled to success more than once,
//! - a response that Telegram took has another reply than the handler's, or none,
//! - an update that was redelivered after its end was handled again, or got another reply than before,
//! - the bot closed a connection,
//! - the memory grew, or a task was left behind.
//!
//! It needs Linux, whose `/proc` has the memory of a process.
//!
//! With `-- queue` it measures the queue and the locks over a Redis of its own instead: see [`queue`].

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bot;
mod memory;
mod queue;
mod telegram;

use std::{
    env,
    error::Error,
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tower_telegram::webhook::{
    DeliveryLayer, SecretToken, Webhook,
    delivery::{DeliveryHandle, MemoryStore},
};

use crate::{
    bot::Ledger,
    memory::Samples,
    telegram::{Count, SECRET},
};

/// As many as Telegram opens by default.
const CONNECTIONS: usize = 40;

/// How many updates the bot remembers.
const REMEMBERED: usize = 100_000;

/// How many bytes of replies the bot keeps: those of about 13,000 updates.
const REPLY_BYTES: usize = 2 << 20;

/// How many updates are handled before the memory is measured. From then on, each kept reply takes the place of
/// another.
const WARM_UP: u64 = 20_000;

const WARM_UP_LIMIT: Duration = Duration::from_secs(300);

/// The longest time between two samples of the memory.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    if env::args().nth(1).as_deref() == Some("queue") {
        let parts: Vec<_> = env::args().skip(2).collect();
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(queue::measure(&parts))?;
        return Ok(ExitCode::SUCCESS);
    }
    let minutes = minutes()?;
    // One in a hundred runs of the handler panics. Those panics aren't printed.
    std::panic::set_hook(Box::new(|_| {}));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build()?;
    let problems = runtime.block_on(run_under_faults(minutes))?;
    for problem in &problems {
        println!("FAILED: {problem}");
    }
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The number of `--minutes 10`: for how long the memory is measured. Default: 10.
fn minutes() -> Result<f64, Box<dyn Error + Send + Sync>> {
    let mut arguments = env::args().skip_while(|argument| argument != "--minutes");
    let minutes = arguments.nth(1).map_or(Ok(10.0), |text| text.parse())?;
    Ok(minutes)
}

async fn run_under_faults(minutes: f64) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let ledger = Arc::new(Ledger::default());
    let (address, deliveries) = serve(Arc::clone(&ledger)).await?;
    let tasks_before = alive_tasks();
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let ids = Arc::new(AtomicI64::new(1_000_000));
    for _ in 0..CONNECTIONS {
        let (ledger, ids) = (Arc::clone(&ledger), Arc::clone(&ids));
        connections.spawn(telegram::deliver(address, ledger, ids, stopped.clone()));
    }
    drop(stopped);
    timeout(WARM_UP_LIMIT, ledger.taken(WARM_UP)).await?;
    let samples = measure(&deliveries, Duration::from_secs_f64(60.0 * minutes)).await;
    stop.send(true)?;
    let mut count = Count::default();
    while let Some(done) = connections.join_next().await {
        count += done?;
    }
    let shutdown = deliveries.shutdown(Duration::from_secs(30)).await;
    let tasks = tasks_down_to(tasks_before).await;
    println!("{count}\n{ledger}\n{samples}\ntasks: {tasks_before} before, {tasks} after");

    let mut problems = ledger.problems();
    problems.extend(count.problem());
    problems.extend(samples.problem());
    if tasks > tasks_before {
        problems.push(format!("{} tasks are left", tasks - tasks_before));
    }
    if !shutdown.is_clean() {
        problems.push(format!("handlers had to be cut off: {shutdown:?}"));
    }
    Ok(problems)
}

/// The number of tasks, once the server has seen that the connections are gone, or after 10 s.
async fn tasks_down_to(expected: usize) -> usize {
    let ends = Instant::now() + Duration::from_secs(10);
    while alive_tasks() > expected && Instant::now() < ends {
        sleep(Duration::from_millis(20)).await;
    }
    alive_tasks()
}

async fn serve(
    ledger: Arc<Ledger>,
) -> Result<(SocketAddr, DeliveryHandle), Box<dyn Error + Send + Sync>> {
    let abandoned = Arc::clone(&ledger);
    let store = MemoryStore::with_capacity(REMEMBERED).max_reply_bytes(REPLY_BYTES);
    let delivery = DeliveryLayer::with_store(store).dead_letter(move |letter| {
        abandoned.abandoned(letter.update.update_id());
        std::future::ready(())
    });
    let deliveries = delivery.handle();
    let webhook = Webhook::new(SecretToken::new(SECRET)?)
        .delivery(delivery)
        .handler(move |update| bot::handle(Arc::clone(&ledger), update));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(webhook.clone());
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    Ok((address, deliveries))
}

async fn measure(deliveries: &DeliveryHandle, time: Duration) -> Samples {
    let mut samples = Samples::default();
    let (began, ends) = (Instant::now(), Instant::now() + time);
    let every = SAMPLE_EVERY.min(time / 10);
    while Instant::now() + every <= ends {
        sleep_until(Instant::now() + every).await;
        samples.take(began.elapsed(), alive_tasks(), deliveries.running());
    }
    samples
}

fn alive_tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}
