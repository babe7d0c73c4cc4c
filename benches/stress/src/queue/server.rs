//! A Redis for the measurements alone.

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::{Client, aio::ConnectionManager};
use tokio::time::sleep;

use super::AnyError;

/// Ends when it is dropped.
pub(crate) struct RedisServer {
    process: Child,
    port: u16,
}

impl RedisServer {
    pub(crate) async fn start() -> Result<Self, AnyError> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let process = Command::new("redis-server")
            .args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"])
            .args(["--port", &port.to_string()])
            .stdout(Stdio::null())
            .spawn()?;
        let server = Self { process, port };
        while server.client()?.get_connection().is_err() {
            sleep(Duration::from_millis(10)).await;
        }
        Ok(server)
    }

    pub(crate) fn client(&self) -> Result<Client, AnyError> {
        Ok(Client::open(format!("redis://127.0.0.1:{}/", self.port))?)
    }

    pub(crate) async fn connection(&self) -> Result<ConnectionManager, AnyError> {
        Ok(self.client()?.get_connection_manager().await?)
    }

    /// Everything that Redis keeps is deleted.
    pub(crate) async fn clear(&self) -> Result<(), AnyError> {
        let mut connection = self.connection().await?;
        Ok(redis::cmd("FLUSHALL").exec_async(&mut connection).await?)
    }

    /// The processor time that Redis has used.
    pub(crate) fn cpu(&self) -> Result<Duration, AnyError> {
        cpu_time(&self.process.id().to_string())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The processor time that this process has used.
pub(crate) fn own_cpu() -> Result<Duration, AnyError> {
    cpu_time("self")
}

/// From `/proc`: fields 14 and 15 are the ticks in user and kernel mode, of which Linux counts 100 a second.
fn cpu_time(process: &str) -> Result<Duration, AnyError> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, after_name) = stat.rsplit_once(')').ok_or("no name in /proc/…/stat")?;
    let mut ticks = after_name.split_whitespace().skip(11);
    let mut next = || -> Result<u64, AnyError> {
        let field = ticks.next().ok_or("too few fields in /proc/…/stat")?;
        Ok(field.parse()?)
    };
    Ok(Duration::from_millis(10 * (next()? + next()?)))
}
