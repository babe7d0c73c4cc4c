//! Servers for the measurements alone.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::{Client, aio::ConnectionManager};
use tokio::time::sleep;

use super::AnyError;

/// A server that listens on a port of loopback. Ends when it is dropped.
pub(crate) struct Running {
    process: Child,
    pub(crate) port: u16,
}

impl Running {
    /// Starts a program with a port behind these arguments.
    pub(crate) async fn start(program: &str, arguments: &[&str]) -> Result<Self, AnyError> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let process = Command::new(program)
            .args(arguments)
            .args(["--port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let server = Self { process, port };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            sleep(Duration::from_millis(10)).await;
        }
        Ok(server)
    }

    /// The processor time that it has used.
    pub(crate) fn cpu(&self) -> Result<Duration, AnyError> {
        cpu_time(&self.process.id().to_string())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

pub(crate) struct RedisServer(Running);

impl RedisServer {
    pub(crate) async fn start() -> Result<Self, AnyError> {
        let arguments = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"];
        Ok(Self(Running::start("redis-server", &arguments).await?))
    }

    pub(crate) fn client(&self) -> Result<Client, AnyError> {
        Ok(Client::open(format!("redis://127.0.0.1:{}/", self.0.port))?)
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
        self.0.cpu()
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
