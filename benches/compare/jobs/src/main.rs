//! The measurements of `stress -- queue` with apalis over the same Redis: rows of a table with the same names.
//!
//! ```text
//! compare-jobs redis://127.0.0.1:6379
//! ```
//!
//! The jobs are the same updates, as texts, and the handler is the same. The worker has apalis' own settings, with which it
//! reads ten jobs at a time, and then batches of a hundred, as many as the plain loops read.
#![allow(clippy::panic, clippy::print_stdout)]

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use apalis::prelude::{BackendExt as _, TaskSink as _, WorkerBuilder};
use apalis_redis::{Client, Config, ConnectionManager, RedisStorage};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

type AnyError = Box<dyn Error + Send + Sync>;

/// As in `stress -- queue`.
const LOW_LOAD: usize = 300;
const PAUSE: Duration = Duration::from_millis(13);
/// More can't be in one queue: its script passes all jobs that are due as arguments of one command.
const BACKLOG: usize = 4096;
/// It looks for new jobs no sooner than that. Version 1.0.0 adds each job as a scheduled one, which sends no message.
const POLL_EVERY: Duration = Duration::from_millis(50);
const AT_ONCE: usize = 64;
const CHATS: usize = 1000;

const SETTINGS: [(&str, Option<usize>); 2] =
    [("apalis", None), ("apalis, batches of 100", Some(100))];

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let Some(url) = env::args().nth(1) else {
        panic!("usage: compare-jobs REDIS_URL");
    };
    let redis = Client::open(url)?;
    println!("| measure | over | figure | unit |\n|---|---|--:|---|");
    for (name, batch) in SETTINGS {
        let jobs = Jobs::new(&redis, name, batch).await?;
        jobs.low_load().await?;
        let jobs = Jobs::new(&redis, name, batch).await?;
        jobs.backlog().await?;
    }
    Ok(())
}

struct Jobs {
    name: &'static str,
    redis: ConnectionManager,
    config: Config,
}

impl Jobs {
    /// An empty queue.
    async fn new(
        redis: &Client,
        name: &'static str,
        batch: Option<usize>,
    ) -> Result<Self, AnyError> {
        let mut connection = redis.get_connection_manager().await?;
        redis::cmd("FLUSHALL").exec_async(&mut connection).await?;
        let mut config = Config::default().queue("bench");
        if let Some(jobs) = batch {
            config = config.batch_size(jobs);
        }
        Ok(Self {
            name,
            redis: connection,
            config,
        })
    }

    fn storage(&self) -> RedisStorage<String> {
        RedisStorage::new(self.redis.clone()).with_config(self.config.clone())
    }

    /// Starts a worker that calls `record` for each job.
    fn start_worker(
        &self,
        record: impl Fn() + Clone + Send + Sync + 'static,
    ) -> Result<JoinHandle<()>, AnyError> {
        let backend = self.storage().poll_with_interval(POLL_EVERY);
        let handler = move |_: String| {
            record();
            async {}
        };
        let worker = WorkerBuilder::new("bench").backend(backend).build(handler);
        Ok(tokio::spawn(async move {
            if let Err(error) = worker.run().await {
                println!("the worker ended: {error}");
            }
        }))
    }

    async fn low_load(&self) -> Result<(), AnyError> {
        let (sent, mut handled) = mpsc::unbounded_channel();
        let worker = self.start_worker(move || {
            // The measurement may be over.
            sent.send(Instant::now()).ok();
        })?;
        sleep(Duration::from_secs(1)).await;
        let mut storage = self.storage();
        let mut times = Vec::new();
        for id in 0..LOW_LOAD {
            // Not in step with anything.
            sleep(PAUSE + Duration::from_micros(fastrand::u64(0..5000))).await;
            let began = Instant::now();
            storage.push(update(id)).await?;
            let arrived = handled.recv().await.ok_or("the worker ended")?;
            times.push(arrived - began);
        }
        worker.abort();
        times.sort_unstable();
        for percent in [50, 99] {
            let time = times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
            self.print(&format!("enqueue to handler, p{percent}"), time, "ms");
        }
        Ok(())
    }

    async fn backlog(&self) -> Result<(), AnyError> {
        let before = self.cpu().await?;
        self.fill().await?;
        let filled = self.cpu().await?;
        let handled = Arc::new(Semaphore::new(0));
        let began = Instant::now();
        let worker = self.start_worker({
            let handled = Arc::clone(&handled);
            move || handled.add_permits(1)
        })?;
        handled
            .acquire_many(u32::try_from(BACKLOG)?)
            .await?
            .forget();
        let rate = count(BACKLOG) / began.elapsed().as_secs_f64();
        let emptied = self.cpu().await?;
        worker.abort();
        let each = |cpu: f64| cpu * 1e6 / count(BACKLOG);
        self.print(
            "CPU of an update in, 16 partitions, the process",
            each(filled.0 - before.0),
            "µs",
        );
        self.print(
            "CPU of an update in, 16 partitions, its server",
            each(filled.1 - before.1),
            "µs",
        );
        self.print("handled, 16 partitions", rate, "a second");
        self.print(
            "CPU of an update out, 16 partitions, the process",
            each(emptied.0 - filled.0),
            "µs",
        );
        self.print(
            "CPU of an update out, 16 partitions, its server",
            each(emptied.1 - filled.1),
            "µs",
        );
        Ok(())
    }

    async fn fill(&self) -> Result<(), AnyError> {
        let ids = Arc::new(AtomicUsize::new(0));
        let mut callers = JoinSet::<Result<(), AnyError>>::new();
        for _ in 0..AT_ONCE {
            let (mut storage, ids) = (self.storage(), Arc::clone(&ids));
            callers.spawn(async move {
                loop {
                    let id = ids.fetch_add(1, Ordering::Relaxed);
                    if id >= BACKLOG {
                        return Ok(());
                    }
                    storage.push(update(id)).await?;
                }
            });
        }
        callers.join_all().await.into_iter().collect()
    }

    /// The seconds of processor time that this process and Redis have used.
    async fn cpu(&self) -> Result<(f64, f64), AnyError> {
        let mut connection = self.redis.clone();
        let info: String = redis::cmd("INFO")
            .arg("cpu")
            .query_async(&mut connection)
            .await?;
        let seconds = |name: &str| -> Result<f64, AnyError> {
            let line = info.lines().find_map(|line| line.strip_prefix(name));
            Ok(line.ok_or("Redis says it otherwise")?.parse()?)
        };
        let server = seconds("used_cpu_sys:")? + seconds("used_cpu_user:")?;
        Ok((own_cpu()?, server))
    }

    fn print(&self, measure: &str, figure: f64, unit: &str) {
        println!("| {measure} | {} | {figure:.2} | {unit} |", self.name);
    }
}

/// From `/proc`: fields 14 and 15 are the ticks in user and kernel mode, of which Linux counts 100 a second.
fn own_cpu() -> Result<f64, AnyError> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let ticks = after_name.split_whitespace().skip(11).take(2);
    let ticks: Result<Vec<u32>, _> = ticks.map(str::parse).collect();
    Ok(f64::from(ticks?.iter().sum::<u32>()) / 100.0)
}

/// An update in the form in which the queue has it.
fn update(id: usize) -> String {
    let chat = id % CHATS;
    format!(
        r#"{{"update_id":{id},"message":{{"message_id":{id},"date":1,"chat":{{"id":{chat},"type":"private"}},"text":"hello"}}}}"#
    )
}

#[allow(clippy::cast_precision_loss)] // a figure for people
fn count(number: usize) -> f64 {
    number as f64
}
