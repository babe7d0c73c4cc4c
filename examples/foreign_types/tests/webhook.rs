//! Runs the bot in production against a Telegram on this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../tests/program/mod.rs"]
mod program;

use std::env;

use program::{free_address, in_production, program, terminate};
use tokio::process::Child;
use tower_telegram_test::{Telegram, Via, update};

async fn start(telegram: &Telegram) -> Child {
    let listen = free_address();
    let url = format!("http://{listen}/telegram");
    let bot = program(env!("CARGO_BIN_EXE_foreign_types"));
    program::start(in_production(bot, telegram, &url, listen), telegram).await
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

#[tokio::test]
async fn a_path_that_looks_like_a_pattern_matches_only_itself() {
    let path = env!("CARGO_BIN_EXE_foreign_types");
    program::beside_routes::compares_the_path_of_an_axum_route(path).await;
}
