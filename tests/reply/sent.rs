//! E3, E5, E7: replies with files, and replies that can never be sent.

use std::convert::Infallible;

use tower::service_fn;
use tower_telegram::{
    IntoReply as _, Reply,
    methods::{SendDocument, SendMessage},
    types::{InputFile, Update},
    webhook::{Webhook, WebhookService},
};

use tower_telegram_test::{Telegram, Via, update};

use crate::support::{
    adapter::{Endpoint, secret},
    for_each_server::for_each_server,
    log::Log,
    servers::Server,
    wire::{Answer, Call, MESSAGE, SECRET},
};

for_each_server! {
    e3_a_file_on_the_disk_is_in_the_answer
    e5_e7_a_reply_that_is_too_long_is_never_sent_and_the_update_abandoned_at_once
    e5_a_file_that_cant_be_read_causes_a_redelivery
    d16_a_reply_with_files_is_given_again_unless_a_reader_was_read
}

for_each_server! { sockets:
    e3_a_file_without_a_length_is_carried_out_too
}

const ON_DISK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

/// A bot that always answers so.
async fn bot(server: Server, reply: impl Fn() -> Reply + Send + Sync + 'static) -> Endpoint {
    let reply = std::sync::Arc::new(reply);
    let handler = service_fn(move |_: http::Request<Update>| {
        std::future::ready(Ok::<_, Infallible>(reply()))
    });
    let service: WebhookService<_, Update> = Webhook::new(secret(SECRET)).service(handler);
    server.serve(service).await
}

/// Over a MiB.
fn long() -> Reply {
    let text = "x".repeat(Reply::MAX_ARGUMENTS);
    SendMessage::new(42, text).into_reply().expect("a reply")
}

fn without_length() -> Reply {
    let reader = InputFile::reader("a.txt", &b"content"[..], None);
    SendDocument::new(42, reader).into_reply().expect("a reply")
}

fn long_with_a_file() -> Reply {
    let file = InputFile::path(ON_DISK);
    let reply = SendDocument::new(42, file).caption("x".repeat(Reply::MAX_ARGUMENTS));
    reply.into_reply().expect("a reply")
}

async fn status(bot: &Endpoint) -> u16 {
    let answer = bot.send(&Call::new(MESSAGE)).await;
    assert!(answer.body.is_empty(), "nothing is sent to be ignored");
    answer.status
}

/// Once is enough: it could never be sent, by a call as little as in the answer.
async fn e5_e7_a_reply_that_is_too_long_is_never_sent_and_the_update_abandoned_at_once(
    server: Server,
) {
    for reply in [long, long_with_a_file] {
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(log.clone());
        assert_eq!(status(&bot(server, reply).await).await, 200);
        let said = log.text();
        assert!(said.contains("update abandoned"), "{said}");
        assert!(said.contains("attempts=1"), "{said}");
        assert!(said.contains("at most 1048576 bytes"), "{said}");
    }
}

/// It may be there later. The handler's failure is logged once, with the update's number.
async fn e5_a_file_that_cant_be_read_causes_a_redelivery(server: Server) {
    let unreadable = || {
        let reply = SendDocument::new(42, InputFile::path("/no/such/file"));
        reply.into_reply().expect("a reply")
    };
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    assert_eq!(status(&bot(server, unreadable).await).await, 500);
    let said = log.text();
    assert!(said.contains("No such file"), "{said}");
    assert_eq!(said.matches("update_id").count(), 1, "{said}");
}

/// The server writes it in chunks, which Telegram takes.
async fn e3_a_file_without_a_length_is_carried_out_too(server: Server) {
    let telegram = Telegram::start().await.expect("a port");
    let Endpoint::Socket(address) = bot(server, without_length).await else {
        panic!("{} has no sockets", server.name());
    };
    let url = format!("http://{address}/bot");
    telegram.set_webhook(&url, SECRET).expect("set");
    let exchange = telegram.deliver(update::text(7, "hi")).await;
    let reply = exchange.reply.expect("a reply");
    assert_eq!(
        (&*reply.method, reply.via),
        ("sendDocument", Via::WebhookReply)
    );
    let [file] = &reply.files[..] else {
        panic!("one file: {:?}", reply.files);
    };
    assert_eq!(&file.bytes[..], b"content");
}

async fn e3_a_file_on_the_disk_is_in_the_answer(server: Server) {
    let reply = || {
        let file = InputFile::path(ON_DISK);
        let reply = SendDocument::new(42, file).into_reply();
        reply.expect("a reply")
    };
    let bot = bot(server, reply).await;
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

/// The response to a second redelivery broke off where the reader had been, and the update was redelivered for an hour.
async fn d16_a_reply_with_files_is_given_again_unless_a_reader_was_read(server: Server) {
    let with = |file| SendDocument::new(42, file).into_reply().expect("a reply");
    let in_memory = move || with(InputFile::bytes("a.txt", "content"));
    let on_disk = move || with(InputFile::path(ON_DISK));
    let reader = move || with(InputFile::reader("a.txt", &b"content"[..], Some(7)));
    let (memory, disk) = (bot(server, in_memory).await, bot(server, on_disk).await);
    for (bot, content) in [(memory, "content"), (disk, "[package]")] {
        for _ in 0..3 {
            let answer = bot.send(&Call::new(MESSAGE)).await;
            assert_eq!(answer.status, 200);
            assert!(text(&answer).contains(content), "{content}");
        }
    }
    let bot = bot(server, reader).await;
    let first = bot.send(&Call::new(MESSAGE)).await;
    assert!(text(&first).contains("content"), "{first:?}");
    for _ in 0..2 {
        assert_eq!(status(&bot).await, 200);
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}
