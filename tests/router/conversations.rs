//! J11, J12: the same conversations over axum, hyper, polling and the queue.

use tower_telegram::types::Message;
use tower_telegram_test::{Telegram, User};

use super::{
    bot,
    ways::{poll, serve, start, webhook},
};
use crate::support::servers::Server;

#[tokio::test]
async fn j12_a_bot_says_the_same_behind_axum() {
    let (telegram, client) = start().await;
    serve(
        &telegram,
        Server::Axum,
        webhook().router(bot::router(client)),
    )
    .await;
    talk(&telegram).await;
}

#[tokio::test]
async fn j12_a_bot_says_the_same_behind_hyper() {
    let (telegram, client) = start().await;
    serve(
        &telegram,
        Server::Hyper,
        webhook().router(bot::router(client)),
    )
    .await;
    talk(&telegram).await;
}

#[tokio::test]
async fn j12_a_bot_says_the_same_behind_polling() {
    let (telegram, client) = start().await;
    poll(client.clone(), bot::router(client));
    talk(&telegram).await;
}

#[cfg(all(feature = "redis", unix))]
#[tokio::test]
async fn j12_a_bot_says_the_same_behind_a_queue() {
    let Some(redis) = crate::replicas::server::RedisServer::start().await else {
        return;
    };
    let (telegram, client) = start().await;
    super::ways::queue(&redis, &telegram, client.clone(), bot::router(client)).await;
    talk(&telegram).await;
}

/// Each text of the user, and the bot's answer.
const TEXTS: &[(&str, &str)] = &[
    ("/start ref_7", "Hello, Ada from ref_7"),
    ("/START", "Hello, Ada"),
    ("/roll 6", "A die of 6 sides"),
    ("/roll six", "Usage: /roll <sides>"),
    ("/roll", "Usage: /roll <sides>"),
    ("/count", "1 so far"),
    ("/count", "2 so far"),
    ("/fail", "Sorry: out of coffee"),
    ("/play chess", "Which game?"),
    ("/raw", "The same: true"),
    ("ping", "pong"),
    ("/unknown", "/unknown"),
    ("hi", "hi"),
];

async fn talk(telegram: &Telegram) {
    let ada = telegram.user("Ada");
    for (says, expected) in TEXTS {
        assert_eq!(&*answer(&ada, says).await, *expected, "to {says:?}");
    }
    let said = ada.sends("/play dice").await.unwrap();
    said.handled().await.unwrap();
    let dice = ada.waits_for_message().await.unwrap();
    assert!(dice.dice.is_some(), "{dice:?}");
    buttons(&ada).await;
    others(&ada).await;
}

async fn answer(user: &User, text: &str) -> String {
    user.sends(text).await.unwrap();
    text_of(&user.waits_for_message().await.unwrap())
}

fn text_of(message: &Message) -> String {
    message.text.as_deref().unwrap_or_default().into()
}

async fn buttons(user: &User) {
    user.sends("/start").await.unwrap();
    let hello = user.waits_for_message().await.unwrap();
    let press = user.presses(&hello, "Yes").await.unwrap();
    let answer = press.answer().await.unwrap();
    assert_eq!(answer.text.as_deref(), Some("Poll 7, for it: true"));
    user.presses(&hello, "Close").await.unwrap();
    let closed = user.waits_for_change(&hello).await.unwrap();
    assert_eq!(text_of(&closed), "Closed");
}

async fn others(user: &User) {
    let sent = user.sends("before").await.unwrap();
    user.waits_for_message().await.unwrap();
    user.edits(&sent.message, "after").await.unwrap();
    let edited = user.waits_for_message().await.unwrap();
    assert_eq!(text_of(&edited), "Now it is after");
    let query = user.queries("trains").await.unwrap();
    assert_eq!(query.answer().await.unwrap().cache_time, Some(7));
}
