//! This program, run a second time as the bot.

use std::{
    env, fs,
    future::Future,
    io,
    net::{Ipv4Addr, TcpListener},
    pin::pin,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use super::{error::PlaygroundError, table};
use crate::Telegram;

/// How long a bot has to end after a SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// How far the bot has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BotState {
    HasWebhook,
    Polls,
    /// It has ended by itself, and well: it was a program that only calls.
    Ended,
}

pub(super) struct Program {
    child: Child,
    /// The tasks that print what it writes.
    output: Vec<JoinHandle<()>>,
    webhook_url: String,
}

impl Program {
    /// Starts it with the environment of a bot in production.
    pub(super) fn start(
        telegram: &Telegram,
        scheme: &str,
        arguments: Vec<String>,
    ) -> io::Result<Self> {
        let listen = free_address()?;
        let webhook_url = format!("{scheme}://{listen}/telegram");
        let mut command = Command::new(env::current_exe().and_then(fs::canonicalize)?);
        if arguments.is_empty() {
            command.args(env::args_os().skip(1));
        } else {
            command.args(arguments);
        }
        let mut child = command
            .env("TELEGRAM_BOT_TOKEN", telegram.token())
            .env("TELEGRAM_API_URL", telegram.api_url())
            .env("WEBHOOK_URL", &webhook_url)
            .env("LISTEN", &listen)
            // A backtrace would tear the table.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut output = Vec::new();
        output.extend(child.stdout.take().map(|pipe| tokio::spawn(print(pipe))));
        output.extend(child.stderr.take().map(|pipe| tokio::spawn(print(pipe))));
        Ok(Self {
            child,
            output,
            webhook_url,
        })
    }

    pub(super) fn webhook_url(&self) -> &str {
        &self.webhook_url
    }

    /// Waits until it takes updates, or has ended.
    pub(super) async fn wait_until_ready(
        &mut self,
        telegram: &Telegram,
    ) -> Result<BotState, PlaygroundError> {
        loop {
            tokio::select! {
                status = self.child.wait() => {
                    self.ended(status?).await?;
                    return Ok(BotState::Ended);
                }
                call = telegram.next_call() => match call {
                    Ok(call) if call.is("setWebhook") && call.is_ok() => return Ok(BotState::HasWebhook),
                    Ok(call) if call.is("getUpdates") => return Ok(BotState::Polls),
                    Ok(_) => {}
                    Err(_) => return Err(PlaygroundError::NotReady),
                }
            }
        }
    }

    /// Awaits `future`. That the bot ends meanwhile is an error.
    pub(super) async fn while_it_runs<F>(&mut self, future: F) -> Result<(), PlaygroundError>
    where
        F: Future<Output = Result<(), PlaygroundError>>,
    {
        let mut future = pin!(future);
        let status = tokio::select! {
            biased;
            result = &mut future => return result,
            status = self.child.wait() => status?,
        };
        Err(PlaygroundError::Ended(status))
    }

    /// Stops it as a service manager does, and waits for its end.
    pub(super) async fn stop(mut self) -> Result<(), PlaygroundError> {
        if let Some(id) = self.child.id() {
            self.terminate(id).await?;
        }
        let status = timeout(GRACE, self.child.wait()).await;
        let status = status.map_err(|_| PlaygroundError::NotStopped)??;
        if cfg!(not(unix)) {
            // It was killed, which is no success.
            return Ok(());
        }
        self.ended(status).await
    }

    #[cfg(unix)]
    async fn terminate(&mut self, id: u32) -> io::Result<()> {
        // The standard library has no other signal than SIGKILL.
        let id = id.to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().await?;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other("kill failed"))
    }

    #[cfg(not(unix))]
    async fn terminate(&mut self, _: u32) -> io::Result<()> {
        self.child.kill().await
    }

    /// Waits for the rest of what it has written.
    async fn ended(&mut self, status: ExitStatus) -> Result<(), PlaygroundError> {
        for task in self.output.drain(..) {
            drop(task.await);
        }
        if status.success() {
            return Ok(());
        }
        Err(PlaygroundError::Ended(status))
    }
}

/// A port that is free now. Another program could take it before the bot does; the bot then ends with an error.
fn free_address() -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.to_string())
}

/// Prints each line as the bot's.
async fn print(pipe: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(pipe).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        table::print_output(&String::from_utf8_lossy(&line));
    }
}
