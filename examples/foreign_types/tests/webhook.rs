//! Runs the bot in production against a Telegram on this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{env, net::TcpListener, process::Stdio, time::Duration};

use tokio::{
    process::{Child, Command},
    time::timeout,
};
use tower_telegram_test::{Telegram, Via, update};

/// Longer than anything takes here. Whatever takes this long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A bot that has set its webhook.
async fn start(telegram: &Telegram) -> Child {
    // Free a moment ago; nothing else on the machine asks for it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let bot = Command::new(env!("CARGO_BIN_EXE_foreign_types"))
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", format!("http://{address}/telegram"))
        .env("LISTEN", address.to_string())
        .env_remove("WEBHOOK_SECRET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let set = telegram.wait_for_call("setWebhook").await.unwrap();
    assert!(set.is_ok(), "{set:?}");
    bot
}

/// Stops it as a service manager does; its log.
async fn terminate(bot: Child) -> String {
    let id = bot.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(kill.unwrap().success());
    let ended = timeout(PATIENCE, bot.wait_with_output()).await;
    let output = ended.expect("it ends").unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn replies_and_calls_are_in_frankensteins_types() {
    let telegram = Telegram::start().await.unwrap();
    let bot = start(&telegram).await;
    let exchange = telegram.deliver(update::text(7, "hello")).await;
    let reply = exchange.reply.unwrap();
    assert_eq!(reply.via, Via::WebhookReply);
    assert_eq!(reply.text("text").as_deref(), Some("You said hello"));
    assert_eq!(reply.text("chat_id").as_deref(), Some("7"));

    let exchange = telegram.deliver(update::command(7, "/call")).await;
    assert!(exchange.reply.is_none());
    let calls = telegram.calls();
    let mut calls = calls.iter().filter(|call| call.is("sendMessage"));
    let call = calls.find(|call| call.via == Via::Http).unwrap();
    assert_eq!(call.text("text").as_deref(), Some("You said /call"));
    let log = terminate(bot).await;
    assert!(log.contains("sent"), "{log}");
}

#[tokio::test]
async fn what_frankenstein_cannot_read_is_logged_and_holds_up_nothing() {
    let telegram = Telegram::start().await.unwrap();
    let bot = start(&telegram).await;
    let mut unfit = update::text(7, "hello");
    unfit["message"]["date"] = "soon".into();
    let exchange = telegram.deliver(unfit).await;
    assert_eq!(exchange.attempts.len(), 1, "{exchange:?}");
    assert_eq!(exchange.last().unwrap().status, Some(200));
    assert!(exchange.reply.is_none());

    let exchange = telegram.deliver(update::text(7, "and on")).await;
    let reply = exchange.reply.unwrap();
    assert_eq!(reply.text("text").as_deref(), Some("You said and on"));
    let log = terminate(bot).await;
    assert!(log.contains("update doesn't fit"), "{log}");
    assert!(
        log.contains(&format!("update_id={}", exchange.update_id - 1)),
        "{log}"
    );
}
