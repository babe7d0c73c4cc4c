//! The queue over a node of NATS of the test's own.

use tower_telegram::{
    Client,
    nats::NatsQueue,
    queue::{QueuedDeadLetter, Worker},
};

use crate::{
    engine::{Engine, LEASE, Options},
    node::{self, Node},
    process::Folder,
};

pub(crate) struct Nats {
    node: Node,
    _folder: Folder,
    options: Options,
}

impl Nats {
    async fn queue(&self) -> NatsQueue {
        let context = node::connect(std::slice::from_ref(&self.node.url)).await;
        let queue = NatsQueue::new(context, "bot").expect("it is a name");
        queue
            .partitions(self.options.partitions)
            .max_backlog(self.options.max_backlog)
            .lease(LEASE)
    }
}

impl Engine for Nats {
    type Writer = NatsQueue;

    async fn start(options: Options) -> Self {
        let folder = Folder::new();
        Self {
            node: node::start_alone(&folder).await,
            _folder: folder,
            options,
        }
    }

    async fn writer(&self) -> NatsQueue {
        self.queue().await
    }

    async fn worker(&self, client: Client) -> Worker {
        self.queue().await.worker(client)
    }

    async fn updates(&self) -> usize {
        let status = self.queue().await.status().await;
        status.expect("nats runs").updates
    }

    async fn dead_letters(&self) -> Vec<QueuedDeadLetter> {
        let letters = self.queue().await.dead_letters(None, 100).await;
        letters.expect("nats runs")
    }
}
