//! The program of an example, run as people run it. The tests of all examples share this file.

// Each of them uses a part of it, and a shared function fails its test as the test itself would.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

pub(crate) mod beside_routes;

use std::{
    env,
    ffi::OsStr,
    net::{SocketAddr, TcpListener},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};
use tower_telegram_test::{Telegram, update};

/// Longer than anything takes here. Whatever takes this long hangs.
pub(crate) const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// The program at this path, with pipes, and without the variables that examples read.
pub(crate) fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    for (name, _) in env::vars() {
        let is_read = ["AWS_LAMBDA_", "TELEGRAM_", "WEBHOOK_"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        let names = [
            "DATABASE",
            "LISTEN",
            "REDIS_URL",
            "RUST_BACKTRACE",
            "TIMEOUT",
        ];
        if is_read || names.contains(&&*name) {
            command.env_remove(name);
        }
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The output of a program that has succeeded.
pub(crate) fn stdout(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    text
}

/// Runs a program to its end, and looks for the lines in their order.
pub(crate) async fn prints(mut program: Command, lines: &[&str]) {
    let ended = timeout(3 * STEP_TIMEOUT, program.output()).await;
    let text = stdout(&ended.expect("it ends").unwrap());
    let mut rest = &*text;
    for line in lines {
        let Some(at) = rest.find(line) else {
            panic!("no {line:?} in\n{rest}\nof\n{text}");
        };
        rest = &rest[at + line.len()..];
    }
}

/// A port that is free now; nothing else on the machine asks for it.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A Redis and its URL, or `None` where there is no `redis-server`. CI must have it.
pub(crate) async fn redis() -> Option<(Child, String)> {
    let listen = free_address();
    let port = listen.port().to_string();
    let mut redis = program("redis-server");
    redis
        .args(["--bind", "127.0.0.1", "--save", "", "--port", &port])
        .stdout(Stdio::null());
    let started = match redis.spawn() {
        Ok(started) => started,
        Err(error) => {
            assert!(env::var_os("CI").is_none(), "no redis-server: {error}");
            eprintln!("not tested, because there is no redis-server: {error}");
            return None;
        }
    };
    wait_until_it_listens(listen).await;
    Some((started, format!("redis://{listen}")))
}

/// Waits until a program that was started accepts connections.
pub(crate) async fn wait_until_it_listens(address: SocketAddr) {
    let listens = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(STEP_TIMEOUT, listens).await.expect("it listens");
}

/// Sets the variables with which a program is a bot of this Telegram.
pub(crate) fn in_production(
    mut program: Command,
    telegram: &Telegram,
    webhook_url: &str,
    listen: SocketAddr,
) -> Command {
    program
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", webhook_url)
        .env("LISTEN", listen.to_string());
    program
}

/// Starts a bot, and waits until its webhook is set.
pub(crate) async fn start(mut bot: Command, telegram: &Telegram) -> Child {
    let bot = bot.spawn().unwrap();
    let set = telegram.wait_for_call("setWebhook").await.unwrap();
    assert!(set.is_ok(), "{set:?}");
    bot
}

/// Stops a bot as a service manager does, and returns what it printed.
pub(crate) async fn terminate(bot: Child) -> String {
    let id = bot.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(kill.unwrap().success());
    let ended = timeout(STEP_TIMEOUT, bot.wait_with_output()).await;
    stdout(&ended.expect("it ends").unwrap())
}

/// Runs a bot that must end with an error about one of its variables, and not with a panic.
pub(crate) async fn assert_refused(mut bot: Command, variable: &str) {
    let ended = timeout(STEP_TIMEOUT, bot.output()).await;
    let output = ended.expect("it ends").unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains(variable), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

/// The response to a GET.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: bot.example\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

/// A bot in production that may open few files, while a stranger holds more connections than it allows. Returns the bot,
/// and the stranger's connections.
#[cfg(target_os = "linux")]
pub(crate) async fn outlives_a_stranger(path: impl AsRef<OsStr>) -> (Child, Vec<TcpStream>) {
    outlives(path, 64, 100).await
}

/// The same with another number of files and of connections.
#[cfg(target_os = "linux")]
pub(crate) async fn outlives(
    path: impl AsRef<OsStr>,
    files: u32,
    connections: u32,
) -> (Child, Vec<TcpStream>) {
    let telegram = Telegram::start().await.unwrap();
    let listen = free_address();
    let mut limited = program("sh");
    limited
        .args(["-c", &format!("ulimit -Sn {files} && exec \"$0\"")])
        .arg(path);
    let url = format!("http://{listen}/telegram");
    let bot = start(in_production(limited, &telegram, &url, listen), &telegram).await;

    let mut strangers = Vec::new();
    for at in 0..connections {
        let mut stream = TcpStream::connect(listen).await.unwrap();
        if at % 2 == 0 {
            drop(stream.write_all(b"POST /telegram HT").await);
        }
        strangers.push(stream);
    }
    for text in ["one", "two", "three"] {
        let delivery = telegram.deliver(update::text(7, text));
        let exchange = timeout(STEP_TIMEOUT, delivery).await.unwrap();
        assert_eq!(exchange.attempts.len(), 1, "{exchange:?}");
        assert_eq!(exchange.reply.unwrap().text("text").as_deref(), Some(text));
    }
    (bot, strangers)
}
