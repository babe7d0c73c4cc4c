//! New connections, and what to do after an error of `accept`.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};

/// How long to wait after an error of the listener, where no connection could be closed for it.
const ERROR_PAUSE: Duration = Duration::from_millis(200);

/// How often errors of the listener are logged at the most.
const LOG_PAUSE: Duration = Duration::from_secs(1);

/// Where connections come from.
pub(super) trait Accept {
    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        Self::accept(self).await
    }
}

/// Errors of a listener, which are logged and waited out.
#[derive(Debug, Default)]
pub(super) struct AcceptErrors {
    logged: Option<Instant>,
}

impl AcceptErrors {
    /// Logs an error, and says how to go on. After an error of the listener, `evict` closes a connection to free
    /// resources such as file descriptors; it returns whether it could.
    pub(super) fn recover(
        &mut self,
        error: &io::Error,
        connections: usize,
        evict: impl FnOnce() -> bool,
    ) -> Recovery {
        if is_of_the_connection(error) {
            tracing::debug!(%error, "connection failed before it was accepted");
            return Recovery::Continue;
        }
        if self.may_log() {
            tracing::error!(%error, connections, "accept failed");
        }
        if evict() {
            Recovery::Evicted
        } else {
            Recovery::Pause
        }
    }

    /// Whether nothing was logged for long enough: a lack of file descriptors fails many calls in a row.
    fn may_log(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.logged.is_none_or(|last| now - last >= LOG_PAUSE);
        if is_due {
            self.logged = Some(now);
        }
        is_due
    }
}

/// The wait before `accept` is called again.
#[derive(Debug)]
pub(super) enum Recovery {
    Continue,
    Evicted,
    Pause,
}

impl Recovery {
    /// Waits, for the end of one connection at most where one was evicted.
    pub(super) async fn wait_for(self, end_of_one: impl Future<Output = ()>) {
        match self {
            Self::Continue => {}
            Self::Evicted => drop(timeout(ERROR_PAUSE, end_of_one).await),
            Self::Pause => sleep(ERROR_PAUSE).await,
        }
    }
}

/// Whether it was a connection that failed, and not the listener.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
