//! Runs the example as people do: without a token, and in production against a Telegram and a Lambda on this machine.
#![allow(clippy::unwrap_used)]

#[cfg(unix)]
mod careless;
mod gateway;
#[cfg(target_os = "linux")]
mod network;
#[path = "../../tests/program/mod.rs"]
mod program;
mod runtime;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    process::{Child, Command},
    time::timeout,
};
use tower_telegram_test::{Answer, Exchange, Telegram, Via, update};

use crate::{
    program::{
        assert_refused, free_address, in_production, program, redis, start, stdout, terminate,
    },
    runtime::RuntimeApi,
};

fn example() -> Command {
    program(env!("CARGO_BIN_EXE_lambda"))
}

#[tokio::test]
async fn it_plays_the_conversation() {
    program::beside_routes::plays_the_conversation(env!("CARGO_BIN_EXE_lambda")).await;
}

/// A function on a Lambda of the test, behind its gateway.
struct Function {
    telegram: Telegram,
    lambda: RuntimeApi,
    _instance: Child,
}

impl Function {
    async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Sets the webhook, and then starts an instance.
    async fn start_with(redis: Option<&str>) -> Self {
        let telegram = Telegram::start().await.unwrap();
        let lambda = RuntimeApi::start().await;
        let invoking = lambda.clone();
        let gateway = gateway::serve(move |event| invoking.clone().invoke(event)).await;
        let program = || {
            let mut program = example();
            program
                .env("TELEGRAM_BOT_TOKEN", telegram.token())
                .env("TELEGRAM_API_URL", telegram.api_url())
                .env("WEBHOOK_URL", format!("http://{gateway}/telegram"))
                .env("WEBHOOK_SECRET", SECRET)
                .envs(redis.map(|url| ("REDIS_URL", url)));
            program
        };
        stdout(&program().arg("set-webhook").output().await.unwrap());
        assert!(telegram.calls().iter().any(|call| call.is("setWebhook")));
        let instance = program().envs(lambda.variables()).spawn().unwrap();
        lambda.set_instance(instance.id().unwrap());
        Self {
            telegram,
            lambda,
            _instance: instance,
        }
    }

    /// Invokes the function with an event of an HTTP API, and returns its response.
    async fn invoke(&self, event: Value) -> Value {
        self.lambda.clone().invoke(event).await.unwrap()
    }

    /// Invokes it with a message.
    async fn send(&self, update_id: u64, text: &str) -> Value {
        let mut event = event(SECRET);
        event["body"] = message(update_id, text).into();
        self.invoke(event).await
    }

    /// How many calls of the method Telegram has.
    fn count(&self, method: &str) -> usize {
        let calls = self.telegram.calls();
        calls.iter().filter(|call| call.is(method)).count()
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

/// The text of the message in a response.
fn text_of(returned: &Value) -> Value {
    let reply: Value = serde_json::from_slice(&gateway::body_of(returned)).unwrap();
    reply["text"].clone()
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

/// A webhook without a router handles the updates of any path.
#[tokio::test]
async fn a_path_that_looks_like_a_pattern_is_served() {
    let function = Function::start().await;
    for (id, path) in (1..).zip(["/{a}", "/:a", "/*a", "/a b"]) {
        let mut event = event(SECRET);
        event["rawPath"] = path.into();
        event["requestContext"]["http"]["path"] = path.into();
        event["body"] = message(id, path).into();
        assert_eq!(text_of(&function.invoke(event).await), path);
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

/// The runtime has frozen the instance before `send` returns, so that later work would be missing.
#[tokio::test]
async fn all_work_is_done_before_the_response() {
    let function = Function::start().await;
    for id in 1..=3 {
        let first = function.send(id, "/count 100000").await;
        assert_eq!(first["statusCode"], 200, "{first}");
        assert_eq!(function.count("sendDocument") as u64, id);
        // The redelivery gets the response that was recorded.
        assert_eq!(function.send(id, "/count 1").await, first);
        assert_eq!(function.count("sendDocument") as u64, id);
    }
}

#[tokio::test]
async fn it_replies_though_it_is_frozen_between_two_invocations() {
    let function = Function::start().await;
    for id in 1..=5 {
        let text = format!("message {id}");
        let first = function.send(id, &text).await;
        assert_eq!(first["statusCode"], 200, "{first}");
        assert_eq!(function.send(id, "again").await, first);
        assert_eq!(text_of(&first), text);
    }
}

/// Lambda gives it 10 seconds to start, and Telegram may refuse calls for longer.
#[tokio::test]
async fn an_instance_starts_without_a_call_of_telegram() {
    let function = Function::start().await;
    let calls = function.telegram.calls().len();
    assert_eq!(text_of(&function.send(1, "hello").await), "hello");
    // The reply in the gateway's response isn't a call.
    assert_eq!(function.telegram.calls().len(), calls);
}

#[tokio::test]
async fn a_file_that_is_too_long_for_a_response_is_sent_by_the_client() {
    let function = Function::start().await;
    let delivery = function.telegram.deliver(update::text(7, "/count 1000000"));
    let exchange = delivery.await;
    assert_eq!(exchange.attempts.len(), 1, "{exchange:?}");
    assert!(exchange.reply.is_none(), "{exchange:?}");
    let sent = function.telegram.wait_for_call("sendDocument").await;
    let sent = sent.unwrap();
    assert!(sent.is_ok(), "{sent:?}");
    assert_eq!(sent.via, Via::Http);
    assert!(sent.file("document").unwrap().length > gateway::MAX_RESPONSE as u64);
}

/// An update is recorded as handled once its file was sent, and not before.
#[tokio::test]
async fn an_update_whose_file_cannot_be_sent_is_tried_again() {
    let function = Function::start().await;
    let refused = Answer::error(500, "Internal Server Error");
    function.telegram.answer_once("sendDocument", refused);
    let first = function.send(1, "/count 5").await;
    assert_eq!(first["statusCode"], 500, "{first}");
    let second = function.send(1, "/count 5").await;
    assert_eq!(second["statusCode"], 200, "{second}");
    assert_eq!(function.count("sendDocument"), 2);
}

/// The function's time limit is an instance's end. A handler that takes longer fails before, so that the attempt counts
/// and the update is handled by a later one.
#[tokio::test]
async fn a_handler_that_takes_too_long_fails_within_the_functions_time_limit() {
    let function = Function::start().await;
    function.lambda.set_time_limit(Duration::from_secs(4));
    function
        .telegram
        .answer_once("sendDocument", Answer::never());
    let first = function.send(1, "/count 5").await;
    assert_eq!(first["statusCode"], 500, "{first}");
    let second = function.send(1, "/count 5").await;
    assert_eq!(second["statusCode"], 200, "{second}");
    assert_eq!(function.count("sendDocument"), 2);
}

/// During a freeze, a network may forget a connection and drop its packets. Without a TCP user time-out, that
/// would last for a quarter of an hour.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_to_redis_that_the_network_has_dropped_is_replaced() {
    let Some((_redis, url)) = redis().await else {
        return;
    };
    let network = network::Network::to(&url).await;
    let function = Function::start_with(Some(&network.url())).await;
    assert_eq!(text_of(&function.send(1, "before").await), "before");
    network.drop_connections();
    let recovered = async {
        for id in 2.. {
            let returned = function.send(id, "after").await;
            if returned["statusCode"] == 200 {
                return text_of(&returned);
            }
            assert_eq!(returned["statusCode"], 503, "{returned}");
        }
        unreachable!("the ids don't end");
    };
    let recovered = timeout(Duration::from_secs(60), recovered).await;
    assert_eq!(recovered.unwrap(), "after");
}

/// The replies of two instances to one update, of which the first is frozen when the second gets it. The update has
/// another text the second time, so that a reply to that text shows a second run of the handler.
async fn replies_of_two_instances(redis: Option<&str>) -> [Value; 2] {
    let first = Function::start_with(redis).await;
    let second = Function::start_with(redis).await;
    [
        text_of(&first.send(1, "first").await),
        text_of(&second.send(1, "second").await),
    ]
}

#[tokio::test]
async fn two_instances_without_a_redis_each_handle_an_update() {
    assert_eq!(replies_of_two_instances(None).await, ["first", "second"]);
}

#[tokio::test]
async fn two_instances_with_a_redis_handle_an_update_once() {
    let Some((_redis, url)) = redis().await else {
        return;
    };
    let replies = replies_of_two_instances(Some(&url)).await;
    assert_eq!(replies, ["first", "first"]);
}

/// Elsewhere it is a server like any other.
#[cfg(unix)]
#[tokio::test]
async fn outside_of_lambda_it_serves_until_sigterm() {
    let telegram = Telegram::start().await.unwrap();
    let listen = free_address();
    let url = format!("http://{listen}/telegram");
    let bot = in_production(example(), &telegram, &url, listen);
    let bot = start(bot, &telegram).await;
    assert_replies(telegram.deliver(update::text(7, "hello")).await, "hello");
    terminate(bot).await;
}

#[tokio::test]
async fn a_redis_without_an_address_is_refused_by_its_name() {
    let telegram = Telegram::start().await.unwrap();
    let mut bot = in_production(example(), &telegram, "http://bot.example", free_address());
    bot.env("REDIS_URL", "nonsense");
    assert_refused(bot, "REDIS_URL").await;
}
