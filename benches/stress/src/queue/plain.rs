//! The same work with bare Redis Streams: no order in a chat, no claims, no dead letters.

use std::time::{Duration, Instant};

use redis::{AsyncConnectionConfig, Cmd, Value, aio::ConnectionManager, cmd};
use tokio::{sync::mpsc, time::sleep};

use super::{AnyError, LOW_LOAD, Latencies, PAUSE, server::RedisServer};

const STREAM: &str = "plain";
const GROUP: &str = "group";
const JSON: &str = r#"{"update_id":1,"message":{"chat":{"id":1}}}"#;

/// From before `XADD` until a blocking `XREADGROUP` has the entry.
pub(crate) async fn latencies(server: &RedisServer) -> Result<Latencies, AnyError> {
    let mut writer = empty_stream(server).await?;
    let (sent, mut read) = mpsc::unbounded_channel();
    let client = server.client()?;
    let reading = tokio::spawn(async move {
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let mut reader = connection.await?;
        loop {
            let answer: Value = read_group(Some(0)).query_async(&mut reader).await?;
            if sent.send(Instant::now()).is_err() {
                return Ok::<(), AnyError>(());
            }
            settle(&ids(&answer)).exec_async(&mut reader).await?;
        }
    });
    let mut latencies = Latencies::default();
    for _ in 0..LOW_LOAD {
        sleep(PAUSE).await;
        let began = Instant::now();
        add().exec_async(&mut writer).await?;
        let arrived = read.recv().await.ok_or("the reader ended")?;
        latencies.add(arrived - began);
    }
    reading.abort();
    Ok(latencies)
}

/// Reads so many entries a hundred at a time, and acknowledges and deletes each hundred.
pub(crate) async fn drain(server: &RedisServer, entries: usize) -> Result<Duration, AnyError> {
    let mut connection = empty_stream(server).await?;
    for _ in 0..entries / 100 {
        let mut pipe = redis::pipe();
        for _ in 0..100 {
            pipe.add_command(add()).ignore();
        }
        pipe.exec_async(&mut connection).await?;
    }
    let began = Instant::now();
    loop {
        let answer: Value = read_group(None).query_async(&mut connection).await?;
        let ids = ids(&answer);
        if ids.is_empty() {
            return Ok(began.elapsed());
        }
        settle(&ids).exec_async(&mut connection).await?;
    }
}

async fn empty_stream(server: &RedisServer) -> Result<ConnectionManager, AnyError> {
    server.clear().await?;
    let mut connection = server.connection().await?;
    let mut create = cmd("XGROUP");
    create
        .arg("CREATE")
        .arg(STREAM)
        .arg(GROUP)
        .arg("0")
        .arg("MKSTREAM");
    create.exec_async(&mut connection).await?;
    Ok(connection)
}

fn add() -> Cmd {
    let mut add = cmd("XADD");
    add.arg(STREAM).arg("*").arg("json").arg(JSON);
    add
}

fn read_group(block: Option<u64>) -> Cmd {
    let mut read = cmd("XREADGROUP");
    read.arg("GROUP")
        .arg(GROUP)
        .arg("reader")
        .arg("COUNT")
        .arg(100);
    if let Some(milliseconds) = block {
        read.arg("BLOCK").arg(milliseconds);
    }
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
