//! Runs the example as people do: without a token, and in production against a Telegram and a Lambda on this machine.
#![allow(clippy::unwrap_used)]

mod gateway;
mod runtime;

use std::{
    env,
    net::{SocketAddr, TcpListener},
    process::{Output, Stdio},
};

use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};
use tower_telegram_test::{Exchange, Telegram, Via, update};

use crate::runtime::RuntimeApi;

/// The program, without the variables that it reads.
fn example() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lambda"));
    for name in [
        "AWS_LAMBDA_RUNTIME_API",
        "LISTEN",
        "REDIS_URL",
        "TELEGRAM_API_URL",
        "TELEGRAM_BOT_TOKEN",
        "WEBHOOK_SECRET",
        "WEBHOOK_URL",
    ] {
        command.env_remove(name);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn stdout(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    text
}

#[tokio::test]
async fn it_plays_the_conversation() {
    let text = stdout(&example().output().await.unwrap());
    for line in [
        "sendMessage “Say something.”",
        "sendMessage “hello”",
        "401 rejected",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}

/// A function on a Lambda of the test, behind its gateway.
struct Function {
    telegram: Telegram,
    lambda: RuntimeApi,
    instance: Child,
}

impl Function {
    async fn start() -> Self {
        Self::start_with(example()).await
    }

    async fn start_with(mut program: Command) -> Self {
        let telegram = Telegram::start().await.unwrap();
        let lambda = RuntimeApi::start().await;
        let invoking = lambda.clone();
        let gateway = gateway::serve(move |event| invoking.clone().invoke(event)).await;
        let instance = program
            .env("TELEGRAM_BOT_TOKEN", telegram.token())
            .env("TELEGRAM_API_URL", telegram.api_url())
            .env("WEBHOOK_URL", format!("http://{gateway}/telegram"))
            .env("WEBHOOK_SECRET", SECRET)
            .env("AWS_LAMBDA_RUNTIME_API", lambda.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", "bot")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .spawn()
            .unwrap();
        let set = telegram.wait_for_call("setWebhook").await.unwrap();
        assert!(set.is_ok(), "{set:?}");
        Self {
            telegram,
            lambda,
            instance,
        }
    }

    /// Invokes the function with an event of an HTTP API, and returns its response.
    async fn invoke(&self, event: Value) -> Value {
        self.lambda.clone().invoke(event).await.unwrap()
    }

    #[cfg(unix)]
    async fn signal(&self, name: &str) {
        let id = self.instance.id().unwrap().to_string();
        let kill = Command::new("kill").args([name, &id]).status().await;
        assert!(kill.unwrap().success());
    }
}

const SECRET: &str = "only-for-the-test";

fn event(secret: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "POST /telegram",
        "rawPath": "/telegram",
        "rawQueryString": "",
        "headers": {
            "content-type": "application/json",
            "x-telegram-bot-api-secret-token": secret,
        },
        "requestContext": {
            "http": {"method": "POST", "path": "/telegram", "protocol": "HTTP/1.1", "sourceIp": "149.154.167.220"},
            "stage": "$default",
        },
        "isBase64Encoded": false,
    })
}

/// A message, as Telegram writes it.
fn message(update_id: u64, text: &str) -> String {
    let mut update = update::text(7, text);
    update["update_id"] = update_id.into();
    update.to_string()
}

fn assert_replies(exchange: Exchange, text: &str) {
    let reply = exchange.reply.unwrap();
    assert_eq!(reply.via, Via::WebhookReply);
    assert_eq!(reply.text("text").as_deref(), Some(text));
}

#[tokio::test]
async fn telegram_gets_the_reply_in_the_response_of_the_gateway() {
    let function = Function::start().await;
    for text in ["hello", "Привет, мир! ✨"] {
        let exchange = function.telegram.deliver(update::text(7, text)).await;
        assert_replies(exchange, text);
    }
}

#[tokio::test]
async fn an_update_is_read_from_text_and_from_base64() {
    let function = Function::start().await;
    for encoded in [false, true] {
        let body = message(u64::from(encoded) + 1, "Привет");
        let mut event = event(SECRET);
        match encoded {
            false => event["body"] = body.into(),
            true => gateway::encode_body(&mut event, body.as_bytes()),
        }
        let returned = function.invoke(event).await;
        assert_eq!(returned["statusCode"], 200, "{returned}");
        assert_eq!(returned["headers"]["content-type"], "application/json");
        let reply: Value = serde_json::from_slice(&gateway::body_of(&returned)).unwrap();
        let expected = json!({"method": "sendMessage", "chat_id": 7, "text": "Привет"});
        assert_eq!(reply, expected);
    }
}

#[tokio::test]
async fn a2_an_event_with_a_wrong_secret_is_rejected() {
    let function = Function::start().await;
    for secret in ["", "guess", "only-for-the-test,only-for-the-test"] {
        let mut event = event(secret);
        event["body"] = message(1, "hello").into();
        let returned = function.invoke(event).await;
        assert_eq!(returned["statusCode"], 401, "{returned}");
        assert_eq!(gateway::body_of(&returned).len(), 0, "{returned}");
    }
}

/// Lambda does so after each response.
#[cfg(unix)]
#[tokio::test]
async fn it_replies_though_it_is_frozen_between_two_invocations() {
    let function = Function::start().await;
    for id in 1..=5 {
        function.signal("-CONT").await;
        let text = format!("message {id}");
        let mut event = event(SECRET);
        event["body"] = message(id, &text).into();
        let first = function.invoke(event.clone()).await;
        function.signal("-STOP").await;
        function.signal("-CONT").await;
        let again = function.invoke(event).await;
        function.signal("-STOP").await;
        assert_eq!(first["statusCode"], 200, "{first}");
        // The redelivery gets the reply that was kept.
        assert_eq!(first, again);
        let reply: Value = serde_json::from_slice(&gateway::body_of(&first)).unwrap();
        assert_eq!(reply["text"], text);
    }
}

/// The replies of two instances to one update. It has another text the second time, so that a reply to that text shows
/// a second run of the handler.
async fn replies_of_two_instances(redis: Option<&str>) -> [Value; 2] {
    let start = async || {
        let mut program = example();
        program.envs(redis.map(|url| ("REDIS_URL", url)));
        Function::start_with(program).await
    };
    let reply = async |function: Function, text: &str| {
        let mut event = event(SECRET);
        event["body"] = message(1, text).into();
        let returned = function.invoke(event).await;
        let reply: Value = serde_json::from_slice(&gateway::body_of(&returned)).unwrap();
        reply["text"].clone()
    };
    [
        reply(start().await, "first").await,
        reply(start().await, "second").await,
    ]
}

#[tokio::test]
async fn two_instances_without_a_redis_each_handle_an_update() {
    assert_eq!(replies_of_two_instances(None).await, ["first", "second"]);
}

#[tokio::test]
async fn two_instances_with_a_redis_handle_an_update_once() {
    let listen = free_address();
    let port = listen.port().to_string();
    let mut redis = Command::new("redis-server");
    redis
        .args(["--bind", "127.0.0.1", "--save", "", "--port", &port])
        .stdout(Stdio::null())
        .kill_on_drop(true);
    let started = redis.spawn();
    if let Err(error) = &started {
        assert!(env::var_os("CI").is_none(), "no redis-server: {error}");
        eprintln!("not tested, because there is no redis-server: {error}");
        return;
    }
    while TcpStream::connect(listen).await.is_err() {
        tokio::task::yield_now().await;
    }
    let url = format!("redis://{listen}");
    let replies = replies_of_two_instances(Some(&url)).await;
    assert_eq!(replies, ["first", "first"]);
}

/// Elsewhere it is a server like any other.
#[cfg(unix)]
#[tokio::test]
async fn d10_outside_of_lambda_it_serves_until_sigterm() {
    let telegram = Telegram::start().await.unwrap();
    let listen = free_address();
    let bot = example()
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", format!("http://{listen}/telegram"))
        .env("LISTEN", listen.to_string())
        .spawn()
        .unwrap();
    let set = telegram.wait_for_call("setWebhook").await.unwrap();
    assert!(set.is_ok(), "{set:?}");
    assert_replies(telegram.deliver(update::text(7, "hello")).await, "hello");
    let id = bot.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(kill.unwrap().success());
    stdout(&bot.wait_with_output().await.unwrap());
}

/// A port that is free now; nothing else on the machine asks for it.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
