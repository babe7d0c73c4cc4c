//! The engines whose queues are measured.

use std::{
    fs,
    future::{pending, ready},
    io,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use async_nats::jetstream;
use http::{Request, Response};
use tokio::task::JoinHandle;
use tower::{BoxError, service_fn};
use tower_telegram::{
    Client,
    client::{ApiRequest, ApiResponse},
    nats::NatsQueue,
    queue::{QueueWriter as _, Worker},
    redis::{RedisQueue, WakeUps},
    webhook::{RawUpdate, ReplyBody},
};

use super::{
    AnyError,
    plain::{JetStreamConsumer, RedisStream},
    server::{RedisServer, Running},
};

/// A queue that is measured: one of this crate over an engine, or the engine alone.
pub(crate) trait MeasuredQueue: Clone + Send + Sync + 'static {
    /// Adds an update, and returns once the engine has it.
    fn add(&self, update: RawUpdate) -> impl Future<Output = Result<(), AnyError>> + Send;

    /// Starts a worker that calls `record` for each update.
    fn start_worker(
        &self,
        record: impl Fn() + Clone + Send + Sync + 'static,
    ) -> impl Future<Output = Result<JoinHandle<()>, AnyError>> + Send;
}

/// A running server of an engine.
pub(crate) trait QueueServer {
    type Queue: MeasuredQueue;
    type Plain: MeasuredQueue;

    /// The names in the rows: of this crate's queue over it, and of the engine alone.
    const NAME: &'static str;
    const PLAIN: &'static str;

    /// An empty queue.
    async fn new_queue(&self, partitions: u16) -> Result<Self::Queue, AnyError>;

    /// An empty queue of the engine's own: no order in a chat, no claims, no dead letters.
    async fn new_plain(&self) -> Result<Self::Plain, AnyError>;

    /// The processor time that the server has used.
    fn cpu(&self) -> Result<Duration, AnyError>;
}

impl QueueServer for RedisServer {
    type Queue = RedisQueue;
    type Plain = RedisStream;

    const NAME: &'static str = "Redis";
    const PLAIN: &'static str = "plain Redis Streams";

    async fn new_queue(&self, partitions: u16) -> Result<RedisQueue, AnyError> {
        self.clear().await?;
        let queue = RedisQueue::new(self.connection().await?, "bench");
        let wake_ups = WakeUps::new(self.client()?);
        let queue = queue.max_backlog(usize::MAX).wake_ups(&wake_ups);
        Ok(queue.partitions(partitions))
    }

    async fn new_plain(&self) -> Result<RedisStream, AnyError> {
        self.clear().await?;
        RedisStream::create(self).await
    }

    fn cpu(&self) -> Result<Duration, AnyError> {
        RedisServer::cpu(self)
    }
}

impl MeasuredQueue for RedisQueue {
    async fn add(&self, update: RawUpdate) -> Result<(), AnyError> {
        self.put(None, &update).await?;
        Ok(())
    }

    async fn start_worker(
        &self,
        record: impl Fn() + Clone + Send + Sync + 'static,
    ) -> Result<JoinHandle<()>, AnyError> {
        Ok(run(self.worker(client()), record))
    }
}

/// One node of NATS for the measurements alone, which stores on a disk.
pub(crate) struct NatsServer {
    process: Running,
    context: jetstream::Context,
    queues: AtomicUsize,
    // The last, because it is removed after the process has ended.
    _folder: Folder,
}

/// It is removed when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn create() -> io::Result<Self> {
        let name = format!("stress-nats-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0)?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

impl NatsServer {
    pub(crate) async fn start() -> Result<Self, AnyError> {
        let folder = Folder::create()?;
        let store = folder.0.to_str();
        let store = store.ok_or("the folder for NATS isn't UTF-8")?;
        let arguments = ["--addr", "127.0.0.1", "--jetstream", "--store_dir", store];
        let process = Running::start("nats-server", &arguments).await?;
        let client = async_nats::connect(format!("127.0.0.1:{}", process.port)).await?;
        Ok(Self {
            process,
            context: jetstream::new(client),
            queues: AtomicUsize::new(0),
            _folder: folder,
        })
    }

    /// A name that no queue has had.
    fn new_name(&self) -> String {
        let number = self.queues.fetch_add(1, Ordering::Relaxed);
        format!("bench{number}")
    }
}

impl QueueServer for NatsServer {
    type Queue = NatsQueue;
    type Plain = JetStreamConsumer;

    const NAME: &'static str = "NATS";
    const PLAIN: &'static str = "plain JetStream";

    async fn new_queue(&self, partitions: u16) -> Result<NatsQueue, AnyError> {
        let queue = NatsQueue::new(self.context.clone(), &self.new_name())?;
        Ok(queue.max_backlog(usize::MAX / 2).partitions(partitions))
    }

    async fn new_plain(&self) -> Result<JetStreamConsumer, AnyError> {
        JetStreamConsumer::create(self.context.clone(), self.new_name()).await
    }

    fn cpu(&self) -> Result<Duration, AnyError> {
        self.process.cpu()
    }
}

impl MeasuredQueue for NatsQueue {
    async fn add(&self, update: RawUpdate) -> Result<(), AnyError> {
        self.put(None, &update).await?;
        Ok(())
    }

    async fn start_worker(
        &self,
        record: impl Fn() + Clone + Send + Sync + 'static,
    ) -> Result<JoinHandle<()>, AnyError> {
        Ok(run(self.worker(client()), record))
    }
}

/// A client that isn't used, because no handler replies.
fn client() -> Client {
    Client::from_service(service_fn(|_: ApiRequest| {
        pending::<Result<ApiResponse, BoxError>>()
    }))
}

fn run(worker: Worker, record: impl Fn() + Clone + Send + Sync + 'static) -> JoinHandle<()> {
    let handler = service_fn(move |_: Request<RawUpdate>| {
        record();
        ready(Ok::<_, BoxError>(Response::new(ReplyBody::default())))
    });
    tokio::spawn(async move {
        let Err(error) = worker.run(handler).await;
        println!("the worker ended: {error}");
    })
}
