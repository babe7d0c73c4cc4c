//! E5: what can't be an answer is called.

use std::convert::Infallible;

use serde_json::Value;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_telegram::{
    Client, IntoReply as _, MAX_REPLY_ARGUMENTS, Reply,
    methods::{SendDocument, SendMessage},
    types::{InputFile, Update},
    webhook::{ReplyLayer, Webhook, WebhookService},
};

use crate::support::{
    adapter::{Endpoint, secret},
    log::Log,
    scripted::{Scripted, Step, answer, client_of, json},
    servers::{Server, rows},
    wire::{Call, MESSAGE, SECRET},
};

rows! {
    e5_a_reply_that_is_too_long_goes_through_the_client
    e5_a_reply_without_a_length_goes_through_the_client
    e5_e7_without_a_client_nothing_is_sent_and_the_update_is_abandoned
    e5_what_telegram_refuses_is_done_and_what_may_work_later_comes_again
    e5_where_nobody_listens_the_update_comes_again
    e5_a_file_that_cant_be_read_makes_the_update_come_again
    e5_a_file_goes_through_the_client_with_a_reply_that_is_too_long
    e5_a_file_that_cant_be_read_for_an_answer_isnt_tried_again_for_a_call
    e3_a_file_on_the_disk_is_in_the_answer
}

const ON_DISK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

/// A bot that always answers so.
async fn bot(
    server: Server,
    client: Option<Client>,
    reply: impl Fn() -> Reply + Send + Sync + 'static,
) -> Endpoint {
    let reply = std::sync::Arc::new(reply);
    let handler = service_fn(move |_: http::Request<Update>| {
        std::future::ready(Ok::<_, Infallible>(reply()))
    });
    let webhook = Webhook::new(secret(SECRET));
    let webhook = match client {
        Some(client) => webhook.client(client),
        None => webhook,
    };
    let service: WebhookService<_, Update> = webhook.service(handler);
    server.serve(service).await
}

/// Over a MiB.
fn long() -> Reply {
    let text = "x".repeat(MAX_REPLY_ARGUMENTS);
    SendMessage::new(42, text).into_reply().expect("a reply")
}

fn without_length() -> Reply {
    let reader = InputFile::reader("a.txt", &b"content"[..], None);
    SendDocument::new(42, reader).into_reply().expect("a reply")
}

fn unreadable() -> Reply {
    let file = InputFile::path("/no/such/file");
    let long = "x".repeat(MAX_REPLY_ARGUMENTS);
    let reply = SendDocument::new(42, file).caption(long);
    reply.into_reply().expect("a reply")
}

async fn status(bot: &Endpoint) -> u16 {
    let answer = bot.send(&Call::new(MESSAGE)).await;
    assert!(answer.body.is_empty(), "nothing is sent to be ignored");
    answer.status
}

async fn e5_a_reply_that_is_too_long_goes_through_the_client(server: Server) {
    let telegram = Scripted::start([], "{}").await;
    let bot = bot(server, Some(client_of(&telegram)), long).await;
    assert_eq!(status(&bot).await, 200);
    let received = telegram.received();
    let [received] = &received[..] else {
        panic!("one call: {}", received.len());
    };
    assert_eq!(received.path(), "/bot7:secret/sendMessage");
    let sent: Value = serde_json::from_slice(&received.body).expect("JSON");
    assert_eq!(sent["chat_id"], 42);
    assert_eq!(
        sent["text"].as_str().map(str::len),
        Some(MAX_REPLY_ARGUMENTS)
    );
    assert_eq!(sent.as_object().map(serde_json::Map::len), Some(2));
}

async fn e5_a_reply_without_a_length_goes_through_the_client(server: Server) {
    let telegram = Scripted::start([], "{}").await;
    let bot = bot(server, Some(client_of(&telegram)), without_length).await;
    assert_eq!(status(&bot).await, 200);
    let received = telegram.received();
    assert_eq!(received[0].path(), "/bot7:secret/sendDocument");
    let body = String::from_utf8(received[0].body.clone()).expect("text");
    assert!(body.contains("\r\n\r\ncontent\r\n"), "{body}");
    assert_eq!(received.len(), 1);
}

/// Once is enough: it could never be sent.
async fn e5_e7_without_a_client_nothing_is_sent_and_the_update_is_abandoned(server: Server) {
    for reply in [long, without_length] {
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(log.clone());
        assert_eq!(status(&bot(server, None, reply).await).await, 200);
        let said = log.text();
        assert!(said.contains("update abandoned"), "{said}");
        assert!(said.contains("attempts=1"), "{said}");
    }
}

/// Whether the update comes again, and what is said of it.
async fn e5_what_telegram_refuses_is_done_and_what_may_work_later_comes_again(server: Server) {
    let refusal =
        r#"{"ok":false,"error_code":400,"description":"Bad Request: message is too long"}"#;
    let flood = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7"}"#;
    let page = answer(502, "Content-Type: text/html\r\n", b"<html>");
    for (answer, expected, said) in [
        (json(400, refusal), 200, "message is too long"),
        (json(429, flood), 500, "retry after 7"),
        (page, 500, "502"),
        (Vec::new(), 500, "no response"),
    ] {
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(log.clone());
        let script = vec![Step::Read, Step::Write(answer)];
        let telegram = Scripted::start([script], "{}").await;
        let bot = bot(server, Some(client_of(&telegram)), long).await;
        assert_eq!(status(&bot).await, expected, "{said}");
        assert_eq!(telegram.received().len(), 1, "{said}");
        assert!(log.text().contains(said), "{said} in {}", log.text());
        // The bot goes on, and so does its client.
        assert_eq!(status(&bot).await, 200);
    }
}

async fn e5_where_nobody_listens_the_update_comes_again(server: Server) {
    let telegram = Scripted::start([], "{}").await;
    let bot = bot(server, Some(client_of(&telegram)), long).await;
    drop(telegram);
    tokio::task::yield_now().await;
    assert_eq!(status(&bot).await, 500);
}

/// It is no refusal of Telegram's, which was never asked.
async fn e5_a_file_that_cant_be_read_makes_the_update_come_again(server: Server) {
    let telegram = Scripted::start([], "{}").await;
    let bot = bot(server, Some(client_of(&telegram)), unreadable).await;
    assert_eq!(status(&bot).await, 500);
    assert!(telegram.received().is_empty());
}

async fn e5_a_file_goes_through_the_client_with_a_reply_that_is_too_long(server: Server) {
    let long = || {
        let file = InputFile::path(ON_DISK);
        let long = "x".repeat(MAX_REPLY_ARGUMENTS);
        let reply = SendDocument::new(42, file).caption(long);
        reply.into_reply().expect("a reply")
    };
    let telegram = Scripted::start([], "{}").await;
    let bot = bot(server, Some(client_of(&telegram)), long).await;
    assert_eq!(status(&bot).await, 200);
    let received = telegram.received();
    assert_eq!(received[0].path(), "/bot7:secret/sendDocument");
    assert_eq!(received.len(), 1);
}

async fn e5_a_file_that_cant_be_read_for_an_answer_isnt_tried_again_for_a_call(server: Server) {
    let unreadable = || {
        let reply = SendDocument::new(42, InputFile::path("/no/such/file"));
        reply.into_reply().expect("a reply")
    };
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let telegram = Scripted::start([], "{}").await;
    let bot = bot(server, Some(client_of(&telegram)), unreadable).await;
    assert_eq!(status(&bot).await, 500);
    assert!(
        log.text().contains("can't be sent as an answer"),
        "{}",
        log.text()
    );
}

async fn e3_a_file_on_the_disk_is_in_the_answer(server: Server) {
    let reply = || {
        let file = InputFile::path(ON_DISK);
        let reply = SendDocument::new(42, file).into_reply();
        reply.expect("a reply")
    };
    let bot = bot(server, None, reply).await;
    let answer = bot.send(&Call::new(MESSAGE)).await;
    assert_eq!(answer.status, 200);
    let body = String::from_utf8_lossy(&answer.body);
    assert!(
        body.contains(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/Cargo.toml"
        ))),
        "{body}"
    );
}

#[tokio::test]
async fn e5_the_client_stays_where_errors_become_responses() {
    let telegram = Scripted::start([], "{}").await;
    let layer = ReplyLayer::new().client(client_of(&telegram));
    let handler = service_fn(async |_: http::Request<()>| Ok::<_, Infallible>(long()));
    let service = layer.errors_as_responses().layer(handler);
    let answer = service.oneshot(http::Request::new(())).await;
    assert_eq!(answer.expect("infallible").status(), 200);
    assert_eq!(telegram.received().len(), 1);
}
