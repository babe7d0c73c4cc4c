//! Runs the example as people do: without a token, and in production against a Telegram on this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../tests/program/mod.rs"]
mod program;

use program::{STEP_TIMEOUT, assert_refused, prints, program, stdout};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpListener,
    process::Command,
    time::timeout,
};
use tower_telegram_test::{Answer, Telegram};

fn example() -> Command {
    program(env!("CARGO_BIN_EXE_client_middleware"))
}

/// With the token of this Telegram, and arguments.
fn in_production(telegram: &Telegram, arguments: &[&str]) -> Command {
    let mut example = example();
    example
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .args(arguments);
    example
}

#[tokio::test]
async fn over_each_transport_it_repeats_what_failed() {
    let mut lines = Vec::new();
    for transport in ["transport=\"hyper\"", "transport=\"reqwest\""] {
        lines.extend(["succeeded", "succeeded", transport, "No TELEGRAM_BOT_TOKEN"]);
        lines.extend(["getMe: refused", "getMe: ok", "refused", "ok"]);
    }
    prints(example(), &lines).await;
}

#[tokio::test]
async fn it_sends_a_message_in_production() {
    let telegram = Telegram::start().await.unwrap();
    for (arguments, transport) in [
        (&["42"][..], "hyper"),
        (&["42", "hyper"], "hyper"),
        (&["42", "reqwest"], "reqwest"),
    ] {
        telegram.answer_once("sendMessage", Answer::too_many_requests(1));
        let sent = in_production(&telegram, arguments).output().await;
        let log = stdout(&sent.unwrap());
        assert!(log.contains(transport), "{log}");
    }
    let calls = telegram.calls();
    let sent = calls.iter().filter(|call| call.is("sendMessage"));
    assert_eq!(sent.filter(|call| call.is_ok()).count(), 3);
}

/// hyper's transport has no proxy, so the call went over reqwest.
#[tokio::test]
async fn reqwest_calls_through_the_proxy_of_the_environment() {
    let telegram = Telegram::start().await.unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut calling = in_production(&telegram, &["42", "reqwest"]);
    let _calling = calling.env("HTTP_PROXY", url).spawn().unwrap();
    let (stream, _) = timeout(STEP_TIMEOUT, proxy.accept())
        .await
        .unwrap()
        .unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.unwrap();
    let expected = format!("POST {}/bot", telegram.api_url());
    assert!(line.starts_with(&expected), "{line}");
}

#[tokio::test]
async fn a_wrong_argument_is_refused() {
    let telegram = Telegram::start().await.unwrap();
    for (arguments, words) in [
        (&[][..], "the first argument must be a chat"),
        (&["42", "curl"], "the transport must be hyper or reqwest"),
    ] {
        assert_refused(in_production(&telegram, arguments), words).await;
    }
    assert_eq!(telegram.calls().len(), 0);
}
