//! A stream of Redis with one consumer group.

use redis::{
    AsyncConnectionConfig, Client, Cmd, Value,
    aio::{ConnectionManager, MultiplexedConnection},
    cmd,
};
use tokio::task::JoinHandle;
use tower_telegram::webhook::RawUpdate;

use super::PAGE;
use crate::queue::{AnyError, engine::MeasuredQueue, server::RedisServer};

const STREAM: &str = "plain";
const GROUP: &str = "group";

#[derive(Clone)]
pub(crate) struct RedisStream {
    connection: ConnectionManager,
    client: Client,
}

impl RedisStream {
    pub(crate) async fn create(server: &RedisServer) -> Result<Self, AnyError> {
        let mut connection = server.connection().await?;
        let mut create = cmd("XGROUP");
        create.arg("CREATE").arg(STREAM).arg(GROUP);
        create.arg("0").arg("MKSTREAM");
        create.exec_async(&mut connection).await?;
        let client = server.client()?;
        Ok(Self { connection, client })
    }
}

impl MeasuredQueue for RedisStream {
    async fn add(&self, update: RawUpdate) -> Result<(), AnyError> {
        let mut add = cmd("XADD");
        add.arg(STREAM)
            .arg("*")
            .arg("json")
            .arg(&update.bytes()[..]);
        add.exec_async(&mut self.connection.clone()).await?;
        Ok(())
    }

    async fn start_worker(
        &self,
        record: impl Fn() + Clone + Send + Sync + 'static,
    ) -> Result<JoinHandle<()>, AnyError> {
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        Ok(tokio::spawn(async move {
            let Err(error) = read(connection, record).await;
            println!("the plain reader ended: {error}");
        }))
    }
}

/// Reads a page at a time, waits where there is none, and acknowledges and deletes each.
async fn read(
    mut connection: MultiplexedConnection,
    record: impl Fn(),
) -> Result<std::convert::Infallible, AnyError> {
    loop {
        let page: Value = read_group().query_async(&mut connection).await?;
        let ids = ids(&page);
        for _ in &ids {
            record();
        }
        settle(&ids).exec_async(&mut connection).await?;
    }
}

fn read_group() -> Cmd {
    let mut read = cmd("XREADGROUP");
    read.arg("GROUP").arg(GROUP).arg("reader");
    read.arg("COUNT").arg(PAGE).arg("BLOCK").arg(0);
    read.arg("STREAMS").arg(STREAM).arg(">");
    read
}

fn settle(ids: &[Vec<u8>]) -> redis::Pipeline {
    let mut pipe = redis::pipe();
    pipe.cmd("XACK").arg(STREAM).arg(GROUP).arg(ids).ignore();
    pipe.cmd("XDEL").arg(STREAM).arg(ids).ignore();
    pipe
}

/// The ids in an answer of `XREADGROUP`: one stream with its entries, each an id with its fields.
fn ids(answer: &Value) -> Vec<Vec<u8>> {
    let first = |value: &Value| match value {
        Value::Array(values) => values.first().cloned(),
        _ => None,
    };
    let entries = first(answer).and_then(|stream| match stream {
        Value::Array(parts) => parts.into_iter().nth(1),
        _ => None,
    });
    let Some(Value::Array(entries)) = entries else {
        return Vec::new();
    };
    let id = |entry: &Value| match first(entry) {
        Some(Value::BulkString(id)) => Some(id),
        _ => None,
    };
    entries.iter().filter_map(id).collect()
}
