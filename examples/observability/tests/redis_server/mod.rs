//! A Redis on loopback.

use std::{
    env,
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
};

use crate::bot::{Program, free_address, until};

/// A Redis that ends with the test.
pub(crate) struct RedisServer {
    _program: Program,
    address: SocketAddr,
}

impl RedisServer {
    pub(crate) fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }
}

/// `None` where there is no `redis-server`, which CI must have.
pub(crate) async fn start_redis() -> Option<RedisServer> {
    let found = Command::new("redis-server").arg("--version").output();
    if let Err(error) = found {
        assert!(env::var_os("CI").is_none(), "no redis-server: {error}");
        eprintln!("not tested, because there is no redis-server: {error}");
        return None;
    }
    let address = free_address();
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--save", ""])
        .args(["--port", &address.port().to_string()])
        .stdout(Stdio::null());
    let program = Program::start(&mut command);
    until("redis is up", || TcpStream::connect(address).ok()).await;
    Some(RedisServer {
        _program: program,
        address,
    })
}
