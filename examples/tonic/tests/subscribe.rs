//! Runs the bot in production against a Telegram on this machine, with gRPC clients that subscribe to its updates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../tests/program/mod.rs"]
mod program;

use std::{env, net::SocketAddr, process::Stdio};

use bytes::Bytes;
use program::{STEP_TIMEOUT, free_address, in_production, program, start, terminate};
use serde_json::Value;
use tokio::{process::Child, time::timeout};
use tonic::{
    Code, Request, Status, Streaming,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_prost::ProstCodec;
use tower_telegram_test::{Telegram, update};

struct Bot {
    program: Child,
    telegram: Telegram,
    address: SocketAddr,
}

impl Bot {
    /// A bot that has set its webhook.
    async fn start() -> Self {
        let telegram = Telegram::start().await.unwrap();
        let address = free_address();
        let url = format!("http://{address}/telegram");
        let mut bot = program(env!("CARGO_BIN_EXE_tonic"));
        bot.stdout(Stdio::null()).stderr(Stdio::inherit());
        let bot = in_production(bot, &telegram, &url, address);
        let program = start(bot, &telegram).await;
        Self {
            program,
            telegram,
            address,
        }
    }

    /// With windows as small as HTTP/2 has them by default, so that little is under way to a slow subscriber.
    async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        let endpoint = endpoint
            .initial_connection_window_size(65_535)
            .initial_stream_window_size(65_535);
        endpoint.connect().await.unwrap()
    }

    /// A subscription of a connection of its own.
    async fn subscribe(&self) -> Streaming<Bytes> {
        let mut client = Grpc::new(self.channel().await);
        client.ready().await.unwrap();
        let method = PathAndQuery::from_static("/bot.Updates/Subscribe");
        let codec = ProstCodec::<(), Bytes>::default();
        let subscribed = client.server_streaming(Request::new(()), method, codec);
        subscribed.await.unwrap().into_inner()
    }

    /// Has Telegram send a message; the bot's reply.
    async fn says(&self, text: &str) -> String {
        let exchange = self.telegram.deliver(update::text(7, text)).await;
        assert_eq!(exchange.attempts.len(), 1, "{exchange:?}");
        exchange.reply.unwrap().text("text").unwrap()
    }

    /// Stops it as a service manager does.
    async fn terminate(self) {
        terminate(self.program).await;
    }
}

async fn next(updates: &mut Streaming<Bytes>) -> Result<Bytes, Status> {
    let next = timeout(STEP_TIMEOUT, updates.message()).await;
    let next = next.expect("an update or a status")?;
    Ok(next.expect("a status at the end"))
}

async fn next_text(updates: &mut Streaming<Bytes>) -> String {
    let update = next(updates).await.unwrap();
    let update: Value = serde_json::from_slice(&update).unwrap();
    assert!(update["update_id"].is_u64(), "{update}");
    update["message"]["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn subscribers_get_each_update_beside_the_health_service() {
    let bot = Bot::start().await;
    assert_eq!(bot.says("before").await, "Sent to 0 subscribers.");
    let mut first = bot.subscribe().await;
    let mut second = bot.subscribe().await;
    assert_eq!(bot.says("hello").await, "Sent to 2 subscribers.");
    assert_eq!(next_text(&mut first).await, "hello");
    assert_eq!(next_text(&mut second).await, "hello");

    // One that hangs up is no longer counted once the server knows.
    drop(second);
    while bot.says("again").await != "Sent to 1 subscribers." {
        assert_eq!(next_text(&mut first).await, "again");
    }

    let mut health = HealthClient::new(bot.channel().await);
    let checked = health.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(checked.into_inner().status(), ServingStatus::Serving);
    drop((first, health));
    bot.terminate().await;
}

#[tokio::test]
async fn open_streams_do_not_hold_up_the_end() {
    let bot = Bot::start().await;
    let mut subscriber = bot.subscribe().await;
    let mut health = HealthClient::new(bot.channel().await);
    let watched = health.watch(HealthCheckRequest::default()).await.unwrap();
    let mut watched = watched.into_inner();
    let first = watched.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    bot.terminate().await;
    let ended = next(&mut subscriber).await.unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable, "{ended:?}");
}

#[tokio::test]
async fn a_slow_subscriber_loses_its_subscription_and_holds_up_no_update() {
    let bot = Bot::start().await;
    let mut slow = bot.subscribe().await;
    let mut fast = bot.subscribe().await;
    // More than the connection, the server's buffer and the channel hold together.
    for number in 0..400 {
        let text = format!("{number} {}", "x".repeat(4_000));
        assert_eq!(bot.says(&text).await, "Sent to 2 subscribers.");
        assert_eq!(next_text(&mut fast).await, text);
    }

    let mut read = 0;
    let status = loop {
        match next(&mut slow).await {
            Ok(_) => read += 1,
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.message().contains("too slow"), "{status:?}");
    assert!(read < 400);
    assert_eq!(bot.says("and on").await, "Sent to 1 subscribers.");
    assert_eq!(next_text(&mut fast).await, "and on");
    drop(fast);
    bot.terminate().await;
}

#[tokio::test]
async fn subscriptions_end_with_a_status_when_the_bot_stops() {
    let bot = Bot::start().await;
    let mut updates = bot.subscribe().await;
    bot.terminate().await;
    let status = next(&mut updates).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(status.message(), "the bot is stopping");
}

#[tokio::test]
async fn a_path_that_looks_like_a_pattern_matches_only_itself() {
    let path = env!("CARGO_BIN_EXE_tonic");
    program::beside_routes::compares_the_path_of_an_axum_route(path).await;
}
