//! A webhook over real sockets, for minutes or hours, with a Telegram that hangs up and sends again, and a
//! handler that fails and panics:
//!
//! ```sh
//! cargo run --release -p stress -- --minutes 10
//! ```
//!
//! It ends with 1 if an update was lost or handled to success twice, a reply was given out twice, the
//! memory grew, or a task was left behind. It needs Linux, whose `/proc` has the memory of a process.
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
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
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

/// So many ids are remembered before the measuring begins, that from then on each takes another's place.
const REMEMBERED: usize = 100_000;

const EVERY: Duration = Duration::from_secs(10);

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    if env::args().nth(1).as_deref() == Some("queue") {
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(queue::measure())?;
        return Ok(ExitCode::SUCCESS);
    }
    let minutes = minutes()?;
    // One in a hundred calls panics, and that is no news.
    std::panic::set_hook(Box::new(|_| {}));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build()?;
    let problems = runtime.block_on(soak(minutes))?;
    for problem in &problems {
        println!("FAILED: {problem}");
    }
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// From `--minutes 10`.
fn minutes() -> Result<f64, Box<dyn Error + Send + Sync>> {
    let mut arguments = env::args().skip_while(|argument| argument != "--minutes");
    let minutes = arguments.nth(1).map_or(Ok(10.0), |text| text.parse())?;
    Ok(minutes)
}

async fn soak(minutes: f64) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let ledger = Arc::new(Ledger::default());
    let (address, deliveries) = serve(Arc::clone(&ledger)).await?;
    let tasks_before = alive_tasks();
    let time = Duration::from_secs_f64(60.0 * minutes);
    let (began, warm_up) = (Instant::now(), time / 6);
    let mut connections = JoinSet::new();
    let ids = Arc::new(AtomicI64::new(1_000_000));
    for _ in 0..CONNECTIONS {
        let (ledger, ids) = (Arc::clone(&ledger), Arc::clone(&ids));
        connections.spawn(telegram::deliver(address, ledger, ids, began + time));
    }
    sleep(warm_up).await;
    let samples = measure(&deliveries, time.saturating_sub(warm_up)).await;
    let mut count = Count::default();
    while let Some(done) = connections.join_next().await {
        count += done?;
    }
    let shutdown = deliveries.shutdown(Duration::from_secs(30)).await;
    // The server sees that the connections are gone.
    sleep(Duration::from_secs(2)).await;
    println!("{count}\n{ledger}\n{samples}");

    let mut problems = ledger.problems();
    problems.extend(samples.problem());
    let tasks = alive_tasks();
    println!("tasks: {tasks_before} before, {tasks} after");
    if tasks > tasks_before {
        problems.push(format!("{} tasks are left", tasks - tasks_before));
    }
    if !shutdown.is_clean() {
        problems.push(format!("handlers had to be cut off: {shutdown:?}"));
    }
    Ok(problems)
}

async fn serve(
    ledger: Arc<Ledger>,
) -> Result<(SocketAddr, DeliveryHandle), Box<dyn Error + Send + Sync>> {
    let abandoned = Arc::clone(&ledger);
    let store = MemoryStore::with_capacity(REMEMBERED);
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
    let every = EVERY.min(time / 10);
    while Instant::now() + every <= ends {
        sleep_until(Instant::now() + every).await;
        samples.take(began.elapsed(), alive_tasks(), deliveries.running());
    }
    samples
}

fn alive_tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}
