//! Servers as processes of the tests.

use std::{
    env, fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use crate::queue::SECOND;

/// A folder of the test's own. It is deleted when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tower-telegram-engines-{}-{number}", process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a temporary folder");
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A server that listens on a port of loopback. Ends when it is dropped.
pub(crate) struct ServerProcess {
    child: Child,
}

impl ServerProcess {
    /// Starts a program, and waits until it listens on that port.
    pub(crate) async fn start(program: &str, arguments: &[&str], port: u16) -> Self {
        let mut command = Command::new(program);
        let command = command.args(arguments).stdin(Stdio::null());
        let started = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = started.unwrap_or_else(|error| {
            panic!(
                "the tests of the queue's engines need {program} in PATH ({error}): .ci/run installs it"
            )
        });
        let server = Self { child };
        let listening = async {
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let listens = timeout(20 * SECOND, listening).await;
        assert!(listens.is_ok(), "{program} listens");
        server
    }

    /// As `kill -9` would.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Free ports. All are bound at once, so that they differ.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}
