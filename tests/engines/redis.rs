//! The queue over a Redis of the test's own.

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tower_telegram::{
    Client,
    queue::{QueuedDeadLetter, Worker},
    redis::{UpdateQueue, WakeUps},
};

use crate::{
    engine::{Engine, LEASE, Options},
    process::{ServerProcess, free_ports},
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

    fn queue(&self) -> UpdateQueue {
        UpdateQueue::new(self.connection(), "bot")
            .partitions(self.options.partitions)
            .max_backlog(self.options.max_backlog)
            .lease(LEASE)
            .wake_ups(&WakeUps::new(self.client.clone()))
    }
}

impl Engine for Redis {
    type Writer = UpdateQueue;

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

    async fn writer(&self) -> UpdateQueue {
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
