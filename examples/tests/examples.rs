//! Runs the examples as people do: without a token, and in production against a Telegram on this machine.
#![allow(clippy::unwrap_used)]

mod program;

use std::{env, path::PathBuf, time::Duration};

use program::{
    assert_refused, beside_routes, free_address, in_production, prints, program, redis, start,
    stdout, terminate,
};
use tokio::{
    process::{Child, Command},
    task::JoinHandle,
};
use tower_telegram_test::{Exchange, Faults, Telegram, Via, update};

/// Cargo builds the examples beside the tests' own folder.
fn path(name: &str) -> PathBuf {
    let mut path: PathBuf = env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push(name);
    path
}

fn example(name: &str) -> Command {
    program(path(name))
}

#[tokio::test]
async fn axum_plays_the_conversation() {
    let lines = [
        "sendMessage “Hello! Is this your first bot?",
        "answerCallbackQuery “Welcome!”",
        "sendMessage “Привет, мир! ✨”",
        "sendDocument “made just now” +14 bytes",
        "sendMessage (called) “through the client”",
        "401 rejected",
        "500 will be sent again",
        "500 will be sent again",
        "sendMessage “bye”",
        "14 updates: 11 handled, 1 rejected, 2 failed",
    ];
    prints(example("axum"), &lines).await;
}

/// The Telegram on this machine trusts the certificate that was uploaded, and no other.
#[tokio::test]
async fn g4_hyper_is_reached_with_its_own_certificate_alone() {
    let lines = [
        "https://127.0.0.1",
        "sendMessage “Say something.”",
        "sendMessage “hello”",
        "401 rejected",
    ];
    prints(example("hyper"), &lines).await;
    serves_in_production("hyper", "https").await;
}

#[tokio::test]
async fn layers_by_hand_answers_and_rejects() {
    let lines = [
        "sendMessage “Say something.”",
        "sendMessage “hello”",
        "401 rejected",
    ];
    prints(example("layers_by_hand"), &lines).await;
}

#[tokio::test]
async fn polling_confirms_what_it_has_answered() {
    let lines = [
        "sendMessage “Say something.”",
        "confirmed",
        "sendMessage “hello”",
        "confirmed",
    ];
    prints(example("polling"), &lines).await;
}

#[tokio::test]
async fn conversation_takes_an_order_and_forgets_one() {
    let lines = [
        "Which dish?",
        "Small or large?",
        "Where to?",
        "“Forgotten.”",
        "Which dish?",
        "Small or large?",
        "Small, or large?",
        "Where to?",
        "A small soup to 1 Main Street",
        "is on its way",
    ];
    prints(example("conversation"), &lines).await;
}

#[tokio::test]
async fn media_uploads_an_album_and_shows_its_progress() {
    let text = stdout(&example("media").output().await.unwrap());
    for line in [
        "hello.txt: 14 of 14 bytes",
        ": 3145728 of 3145728 bytes",
        "lines.txt: 350000 bytes",
        "message 3: lines.txt",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}

/// A bot with this secret.
const SECRET: &str = "only-for-the-test";

/// From setWebhook to SIGTERM.
async fn serves_in_production(name: &str, scheme: &str) {
    serves(example(name), scheme, "/some/where").await;
}

async fn serves(command: Command, scheme: &str, path: &str) {
    let telegram = Telegram::start().await.unwrap();
    let listen = free_address();
    let url = format!("{scheme}://{listen}{path}");
    let mut bot = in_production(command, &telegram, &url, listen);
    bot.env("WEBHOOK_SECRET", SECRET);
    let bot = bot.spawn().unwrap();
    let set = telegram.wait_for_call("setWebhook").await.unwrap();
    assert!(set.is_ok(), "{set:?}");
    assert_eq!(!set.files.is_empty(), scheme == "https", "{set:?}");
    let secret = set.text("secret_token");
    assert_eq!(secret.as_deref(), Some(SECRET));

    let exchange = telegram.deliver(update::text(7, "hello")).await;
    let reply = exchange.reply.unwrap();
    assert_eq!(reply.via, Via::WebhookReply);
    assert_eq!(reply.text("chat_id").as_deref(), Some("7"));
    terminate(bot).await;
}

#[tokio::test]
async fn axum_serves_until_sigterm() {
    serves_in_production("axum", "http").await;
}

#[tokio::test]
async fn layers_by_hand_serves_until_sigterm() {
    serves_in_production("layers_by_hand", "http").await;
}

#[tokio::test]
async fn conversation_serves_until_sigterm() {
    serves_in_production("conversation", "http").await;
}

/// A bot whose handler waits for a call, and the update.
async fn waits_for_a_call(telegram: &Telegram) -> (Child, JoinHandle<Exchange>) {
    let slow = Faults::new().slow_answers(1.0, Duration::from_secs(2));
    telegram.faults(slow.methods(["sendMessage"]));
    let listen = free_address();
    let url = format!("http://{listen}/telegram");
    let bot = in_production(example("axum"), telegram, &url, listen);
    let bot = start(bot, telegram).await;
    let sender = telegram.clone();
    let call = update::command(7, "/call made in time");
    let exchange = tokio::spawn(async move { sender.deliver(call).await });
    telegram.wait_for_call("sendMessage").await.unwrap();
    (bot, exchange)
}

#[tokio::test]
async fn d10_axum_responds_to_what_it_handles_at_sigterm() {
    let telegram = Telegram::start().await.unwrap();
    let (bot, exchange) = waits_for_a_call(&telegram).await;
    terminate(bot).await;
    let exchange = exchange.await.unwrap();
    let statuses: Vec<_> = exchange
        .attempts
        .iter()
        .map(|attempt| attempt.status)
        .collect();
    assert_eq!(statuses, [Some(200)], "{exchange:?}");
}

/// Telegram has hung up: only the deliveries know of the handler.
#[tokio::test]
async fn d10_axum_waits_for_a_handler_without_a_request_at_sigterm() {
    let builder = Telegram::builder().response_timeout(Duration::from_secs(1));
    let telegram = builder.max_attempts(1).start().await.unwrap();
    let (bot, exchange) = waits_for_a_call(&telegram).await;
    let exchange = exchange.await.unwrap();
    assert!(!exchange.is_delivered(), "{exchange:?}");
    // The handler logs this after its call.
    let printed = terminate(bot).await;
    assert!(printed.contains("sent message.message_id="), "{printed}");
}

#[tokio::test]
async fn polling_serves_until_sigterm() {
    let telegram = Telegram::start().await.unwrap();
    let listen = free_address();
    let url = format!("http://{listen}/some/where");
    let mut bot = in_production(example("polling"), &telegram, &url, listen);
    let bot = bot.spawn().unwrap();
    let id = telegram.enqueue(update::text(7, "hello")).unwrap();
    telegram.wait_until_confirmed(id).await.unwrap();
    let call = telegram.wait_for_call("sendMessage").await.unwrap();
    assert_eq!(call.text("text").as_deref(), Some("hello"));
    terminate(bot).await;
    assert_eq!(telegram.pending_updates(), 0);
}

/// Behind a proxy, which this test is.
#[cfg(unix)]
#[tokio::test]
async fn hyper_serves_on_a_unix_socket_until_sigterm() {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::UnixStream,
    };

    let telegram = Telegram::start().await.unwrap();
    let socket = env::temp_dir().join(format!("tower-telegram-{}.sock", std::process::id()));
    let bot = example("hyper")
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", "https://bot.example/telegram")
        .env("WEBHOOK_SECRET", "only-for-the-test")
        .env("LISTEN", format!("unix:{}", socket.display()))
        .spawn()
        .unwrap();
    let set = telegram.wait_for_call("setWebhook").await.unwrap();
    assert!(set.is_ok(), "{set:?}");

    let mut update = update::text(7, "hello");
    update["update_id"] = 1.into();
    let body = update.to_string();
    let request = format!(
        "POST /telegram HTTP/1.1\r\nHost: bot.example\r\nConnection: close\r\n\
         X-Telegram-Bot-Api-Secret-Token: only-for-the-test\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = UnixStream::connect(&socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(response.contains(r#""text":"hello""#), "{response}");
    terminate(bot).await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn replicas_share_a_redis() {
    let Some((_redis, url)) = redis().await else {
        return;
    };
    let mut first = example("replicas");
    first.env("REDIS_URL", &url);
    prints(first, &["“message 1”", "“message 2”"]).await;
    // Another replica gets updates with the same numbers: for it they are redeliveries, which get the first one's
    // replies and aren't counted again.
    let mut second = example("replicas");
    second.env("REDIS_URL", &url);
    prints(second, &["“message 1”", "“message 2”"]).await;
}

#[tokio::test]
async fn replicas_serve_until_sigterm() {
    let Some((_redis, url)) = redis().await else {
        return;
    };
    let mut replica = example("replicas");
    replica.env("REDIS_URL", &url);
    serves(replica, "http", "/some/where").await;
}

#[tokio::test]
async fn a_token_without_an_address_is_refused_in_a_line() {
    let mut axum = example("axum");
    axum.env("TELEGRAM_BOT_TOKEN", "1:a");
    assert_refused(axum, "the environment variable WEBHOOK_URL isn't set").await;
}

/// A container or unit whose file of secrets is missing: the bot may not talk to a Telegram of its own instead.
#[tokio::test]
async fn a_deployment_without_a_token_is_refused_in_a_line() {
    for (name, value) in [
        ("LISTEN", "0.0.0.0:8080"),
        ("WEBHOOK_SECRET", "secret"),
        ("WEBHOOK_URL", "https://bot.example/"),
        ("TELEGRAM_API_URL", "http://localhost:8081"),
        // Compose gives a variable that isn't set an empty value.
        ("TELEGRAM_BOT_TOKEN", ""),
    ] {
        let mut polling = example("polling");
        polling.env(name, value);
        assert_refused(
            polling,
            "the environment variable TELEGRAM_BOT_TOKEN isn't set",
        )
        .await;
    }
}

#[tokio::test]
async fn a_redis_without_an_address_is_refused_by_its_name() {
    let telegram = Telegram::start().await.unwrap();
    let listen = free_address();
    let url = "http://bot.example";
    let mut replica = in_production(example("replicas"), &telegram, url, listen);
    replica.env("REDIS_URL", "nonsense");
    assert_refused(replica, "REDIS_URL").await;
}

#[tokio::test]
async fn a_path_that_looks_like_a_pattern_matches_only_itself() {
    for name in ["axum", "conversation", "layers_by_hand"] {
        beside_routes::compares_the_path_of_an_axum_route(path(name)).await;
    }
}

/// A webhook without a router handles the updates of any path.
#[tokio::test]
async fn hyper_serves_a_path_that_looks_like_a_pattern() {
    for path in ["/{a}", "/:a", "/*a"] {
        serves(example("hyper"), "https", path).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a11_axum_outlives_a_stranger_with_every_descriptor() {
    let (bot, strangers) = program::outlives_a_stranger(path("axum")).await;
    terminate(bot).await;
    drop(strangers);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a11_layers_by_hand_outlives_a_stranger_with_every_descriptor() {
    let (bot, strangers) = program::outlives_a_stranger(path("layers_by_hand")).await;
    terminate(bot).await;
    drop(strangers);
}
