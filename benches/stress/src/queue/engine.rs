//! The engines whose queues are measured.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use async_nats::jetstream;
use tower_telegram::{
    Client,
    nats::NatsQueue,
    queue::{QueueWriter, Worker},
    redis::{RedisQueue, WakeUps},
};

use super::{
    AnyError,
    server::{RedisServer, Running},
};

/// A running server of an engine.
pub(crate) trait QueueServer {
    type Queue: QueueWriter + Clone;

    /// Its name in the lines.
    const NAME: &'static str;

    /// An empty queue.
    async fn new_queue(&self, partitions: u16) -> Result<Self::Queue, AnyError>;

    fn worker(queue: &Self::Queue, client: Client) -> Worker;

    /// The processor time that the server has used.
    fn cpu(&self) -> Result<Duration, AnyError>;
}

impl QueueServer for RedisServer {
    type Queue = RedisQueue;

    const NAME: &'static str = "Redis";

    async fn new_queue(&self, partitions: u16) -> Result<RedisQueue, AnyError> {
        self.clear().await?;
        let queue = RedisQueue::new(self.connection().await?, "bench");
        let wake_ups = WakeUps::new(self.client()?);
        let queue = queue.max_backlog(usize::MAX).wake_ups(&wake_ups);
        Ok(queue.partitions(partitions))
    }

    fn worker(queue: &RedisQueue, client: Client) -> Worker {
        queue.worker(client)
    }

    fn cpu(&self) -> Result<Duration, AnyError> {
        RedisServer::cpu(self)
    }
}

/// One node of NATS for the measurements alone, which stores on a disk.
pub(crate) struct NatsServer {
    process: Running,
    context: jetstream::Context,
    queues: AtomicUsize,
}

impl NatsServer {
    pub(crate) async fn start() -> Result<Self, AnyError> {
        let folder = std::env::temp_dir().join(format!("stress-nats-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let store = folder.to_str().ok_or("the folder for NATS isn't UTF-8")?;
        let arguments = ["--addr", "127.0.0.1", "--jetstream", "--store_dir", store];
        let process = Running::start("nats-server", &arguments).await?;
        let client = async_nats::connect(format!("127.0.0.1:{}", process.port)).await?;
        Ok(Self {
            process,
            context: jetstream::new(client),
            queues: AtomicUsize::new(0),
        })
    }
}

impl QueueServer for NatsServer {
    type Queue = NatsQueue;

    const NAME: &'static str = "NATS";

    async fn new_queue(&self, partitions: u16) -> Result<NatsQueue, AnyError> {
        let number = self.queues.fetch_add(1, Ordering::Relaxed);
        let queue = NatsQueue::new(self.context.clone(), &format!("bench{number}"))?;
        Ok(queue.max_backlog(usize::MAX / 2).partitions(partitions))
    }

    fn worker(queue: &NatsQueue, client: Client) -> Worker {
        queue.worker(client)
    }

    fn cpu(&self) -> Result<Duration, AnyError> {
        self.process.cpu()
    }
}
