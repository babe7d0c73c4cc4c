//! A Redis of the example's own.

use std::{
    env, fs, io,
    net::TcpListener,
    path::PathBuf,
    process::{self, Stdio},
    time::Duration,
};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tokio::{
    process::{Child, Command},
    time::sleep,
};

use crate::{failure::Failure, verdict::Record};

/// Ends when it is dropped.
pub(crate) struct Database {
    pub(crate) port: u16,
    folder: PathBuf,
    server: Child,
}

impl Database {
    pub(crate) async fn start() -> Result<Self, Failure> {
        // Free a moment ago; nothing else on the machine asks for it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = env::temp_dir().join(format!("tower-telegram-replicas-{}", process::id()));
        fs::create_dir_all(&folder)?;
        let server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--appendonly", "yes", "--save", ""])
            .arg("--dir")
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let server = server.map_err(|error| {
            fs::remove_dir_all(&folder).ok();
            explained(error)
        })?;
        let mut database = Self {
            port,
            folder,
            server,
        };
        database.until_up().await?;
        Ok(database)
    }

    async fn until_up(&mut self) -> Result<(), Failure> {
        let client = redis::Client::open(self.url())?;
        while client.get_multiplexed_async_connection().await.is_err() {
            if let Some(status) = self.server.try_wait()? {
                let text = format!("redis-server has ended: {status}");
                return Err(io::Error::other(text).into());
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub(crate) fn connection(&self) -> Result<ConnectionManager, Failure> {
        let client = redis::Client::open(self.url())?;
        Ok(client.get_connection_manager_lazy(ConnectionManagerConfig::new())?)
    }

    /// The records that the handlers have written, chat by chat.
    pub(crate) async fn book(&self, chats: u64) -> Result<Vec<Vec<Record>>, Failure> {
        let mut connection = self.connection()?;
        let mut book = Vec::new();
        for chat in 1..=chats {
            let mut ask = redis::cmd("LRANGE");
            ask.arg(format!("handled:{chat}")).arg(0).arg(-1);
            let lines: Vec<String> = ask.query_async(&mut connection).await?;
            let records: Option<Vec<_>> = lines.iter().map(|line| Record::read(line)).collect();
            book.push(records.ok_or_else(|| io::Error::other("a record can't be read"))?);
        }
        Ok(book)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // An error means that it has ended.
        self.server.start_kill().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

fn explained(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(
            io::ErrorKind::NotFound,
            "this example needs redis-server, which isn't installed or not in PATH",
        ),
        _ => error,
    }
}
