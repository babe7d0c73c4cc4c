//! The example's bot as a program of its own.

// Each test binary uses some of it.
#![allow(dead_code)]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tower_telegram_test::Telegram;

pub(crate) const SECRET: &str = "only-for-the-test";

/// A program that ends with the test.
pub(crate) struct Program(Child);

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until it has ended, and returns whether it succeeded.
    pub(crate) fn has_succeeded(&mut self) -> Option<bool> {
        Some(self.0.try_wait().unwrap()?.success())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Free a moment ago; nothing else on the machine asks for it.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// The body of a response with status 200.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("in time: {what}")
}

/// Starts the bot, and waits until it has set its webhook. Its spans go to the collector.
pub(crate) async fn start_bot(
    telegram: &Telegram,
    admin: SocketAddr,
    collector: Option<SocketAddr>,
) -> Program {
    let token = telegram.token().to_string();
    let bot = start_bot_as(&token, telegram, admin, collector);
    until("the bot is ready", || get(admin, "/readyz")).await;
    bot
}

/// Starts the bot with this token.
pub(crate) fn start_bot_as(
    token: &str,
    telegram: &Telegram,
    admin: SocketAddr,
    collector: Option<SocketAddr>,
) -> Program {
    let mut bot = program(env!("CARGO_BIN_EXE_observability"), token, telegram);
    bot.env("ADMIN_LISTEN", admin.to_string())
        .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
        .stdout(Stdio::null());
    if let Some(collector) = collector {
        bot.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"))
            // Then the crates below the bot, such as h2 below the exporter, have spans too.
            .env("RUST_LOG", "trace");
    }
    Program::start(&mut bot)
}

/// Starts the bot with a queue, and waits until it has set its webhook.
pub(crate) async fn start_queue_bot(
    telegram: &Telegram,
    redis_url: &str,
    collector: SocketAddr,
) -> Program {
    let token = telegram.token().to_string();
    let mut bot = program(env!("CARGO_BIN_EXE_observability-queue"), &token, telegram);
    bot.env("REDIS_URL", redis_url)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"))
        .env("RUST_LOG", "trace")
        .stdout(Stdio::null());
    let bot = Program::start(&mut bot);
    until("the bot has set its webhook", || telegram.webhook()).await;
    bot
}

/// A program of the example, with its settings for Telegram.
fn program(path: &str, token: &str, telegram: &Telegram) -> Command {
    let listen = free_address();
    let mut bot = Command::new(path);
    bot.env("TELEGRAM_BOT_TOKEN", token)
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", format!("http://{listen}/telegram"))
        .env("WEBHOOK_SECRET", SECRET)
        .env("LISTEN", listen.to_string());
    bot
}
