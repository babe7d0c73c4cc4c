//! Child processes: this program again, in the role of a replica.

use std::{env, io, process::Stdio, time::Duration};

use redis::aio::ConnectionManager;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{
    bot::Surroundings,
    failure::{Failure, say},
};

/// With a Redis that is to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Ends when it is dropped.
pub(crate) struct Process {
    pub(crate) id: u32,
    /// Its first line, by which it is ready.
    pub(crate) said: String,
    child: Child,
    _output: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) async fn start(role: &str, surroundings: &Surroundings) -> Result<Self, Failure> {
        let mut child = Command::new(env::current_exe()?)
            .arg(role)
            .envs(
                surroundings
                    .variables
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other(format!("the {role} didn't start"));
        let mut output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let mut said = String::new();
        output.read_line(&mut said).await?;
        if said.is_empty() {
            return Err(missing().into());
        }
        Ok(Self {
            id: child.id().ok_or_else(missing)?,
            said: said.trim_end().to_owned(),
            child,
            _output: output,
        })
    }

    /// SIGKILL: it can finish nothing, and say nothing.
    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        self.child.kill().await
    }
}

/// In a child: says that it is ready.
pub(crate) fn ready(line: &str) {
    say(line);
}

/// In a child: waits until its parent has ended or was killed, and then ends Redis, which wouldn't notice.
pub(crate) async fn orphaned(mut connection: ConnectionManager) {
    let mut nothing = [0; 1];
    while matches!(tokio::io::stdin().read(&mut nothing).await, Ok(1..)) {}
    let mut command = redis::cmd("SHUTDOWN");
    let asking = command.arg("NOSAVE").query_async::<()>(&mut connection);
    // It ends without an answer, or is gone already as another child has asked.
    drop(timeout(SHUTDOWN_TIMEOUT, asking).await);
}
