//! A Redis of the test's own.

use std::{
    env, fs,
    net::TcpListener,
    path::PathBuf,
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use redis::{
    Client, FromRedisValue,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
};
use tokio::time::{sleep, timeout};
use tower_telegram::redis::{RedisLocks, RedisStore};

use crate::delivery::stores::Place;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Ends when it is dropped. It listens on a socket in a folder of its own, so that no two tests can
/// meet on a port.
pub(crate) struct RedisServer {
    folder: PathBuf,
    process: Option<Child>,
    arguments: Vec<String>,
}

impl RedisServer {
    /// `None` if no Redis is installed, which is an error in CI.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(arguments: &[&str]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if let Err(error) = Command::new("redis-server").arg("--version").output() {
            assert!(env::var_os("CI").is_none(), "no redis-server: {error}");
            eprintln!("not tested, as there is no redis-server: {error}");
            return None;
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tower-telegram-{}-{number}", process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a temporary folder");
        let mut server = Self {
            folder,
            process: None,
            arguments: arguments.iter().map(|&a| a.to_owned()).collect(),
        };
        server.start_again().await;
        Some(server)
    }

    /// A cluster of one, which is as strict about keys as one of many. Its nodes talk over a port, and
    /// even one that is alone listens there.
    pub(crate) async fn start_cluster() -> Option<Self> {
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = free.local_addr().expect("it is bound").port().to_string();
        drop(free);
        let server =
            Self::start_with(&["--cluster-enabled", "yes", "--cluster-port", &port]).await?;
        let _: () = server
            .ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"])
            .await;
        let up = async {
            while !server
                .ask::<String>(&["CLUSTER", "INFO"])
                .await
                .contains("state:ok")
            {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(20 * SECOND, up).await.expect("the cluster is up");
        Some(server)
    }

    pub(crate) async fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .arg("--unixsocket")
            .arg(self.folder.join("socket"))
            .arg("--dir")
            .arg(&self.folder)
            .args(&self.arguments)
            .stdout(Stdio::null());
        self.process = Some(command.spawn().expect("it was there before"));
        let socket = self.folder.join("socket");
        let up = async {
            while std::os::unix::net::UnixStream::connect(&socket).is_err() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(20 * SECOND, up).await.expect("redis comes up");
    }

    /// Ends it at once, and all that it knows is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it runs");
            process.wait().expect("it ends");
        }
    }

    /// Ends it, and it will know all when it is started again.
    pub(crate) async fn stop(&mut self) {
        let mut connection = self.plain().await;
        let ended: Result<(), _> = redis::cmd("SHUTDOWN")
            .arg("SAVE")
            .query_async(&mut connection)
            .await;
        assert!(ended.is_err(), "it has ended");
        let mut process = self.process.take().expect("it runs");
        process.wait().expect("it ends");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.join("socket").display())
    }

    pub(crate) fn client(&self) -> Client {
        Client::open(self.url()).expect("it is an address")
    }

    /// As a bot would have it.
    pub(crate) fn connection(&self) -> ConnectionManager {
        let config = ConnectionManagerConfig::new();
        let connection = self.client().get_connection_manager_lazy(config);
        connection.expect("nothing is asked yet")
    }

    pub(crate) fn store(&self) -> RedisStore {
        RedisStore::new(self.connection(), "bot")
    }

    pub(crate) fn locks(&self) -> RedisLocks {
        RedisLocks::new(self.connection(), "bot")
    }

    async fn plain(&self) -> MultiplexedConnection {
        let connection = self.client().get_multiplexed_async_connection().await;
        connection.expect("it runs")
    }

    /// A command with its arguments, for looking behind.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        let mut asked = redis::cmd(command[0]);
        asked.arg(&command[1..]);
        let answer = asked.query_async(&mut self.plain().await).await;
        answer.expect("it is answered")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        // It is a temporary one anyway.
        drop(fs::remove_dir_all(&self.folder));
    }
}

impl Place for RedisServer {
    type Store = RedisStore;

    async fn find() -> Option<Self> {
        Self::start().await
    }

    fn store(&self) -> RedisStore {
        Self::store(self)
    }
}
