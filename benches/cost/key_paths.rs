//! The ways that mustn't become dearer unnoticed, beside those of `paths` that are among them.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::util::{ServiceFn, service_fn};
use tower_telegram::{
    BotToken, Client,
    client::{ApiBody, BotApi},
    methods::SendMessage,
    types::{AllowedUpdates, Update, UpdateType},
    webhook::{RawUpdate, SecretToken, Webhook},
};
use tower_telegram_benches::count::BoxError;

use crate::paths::{Path, SECRET, answered, path, request};

const TEXT: &[u8] = include_bytes!("../corpus/text_plain.json");
const KEYBOARD: &[u8] = include_bytes!("../corpus/keyboard_30k.json");
/// The Bot API's response to the message that is sent here.
const SENT: &[u8] = include_bytes!("../compare/calls/src/sent.json");

pub(crate) const ALL: &[Path] = &[
    path("parse/text", None, |rounds| parse(rounds, TEXT)),
    path("parse/30 KB keyboard", None, |rounds| {
        parse(rounds, KEYBOARD)
    }),
    path("request/wrong secret", Some("request/make"), |rounds| {
        let service = webhook()?.handler(echo);
        let status = StatusCode::UNAUTHORIZED;
        answered(status, rounds, service, |n| request(n, "a-wrong_one"))
    }),
    path("request/filtered out", Some("request/make"), |rounds| {
        let webhook = webhook()?.allowed_updates([UpdateType::Poll]);
        let service = webhook.handler(echo);
        answered(StatusCode::OK, rounds, service, |n| request(n, SECRET))
    }),
    path("request/reply", Some("request/make"), |rounds| {
        let webhook = webhook()?.without_delivery().without_deadline();
        let service = webhook.handler(echo);
        answered(StatusCode::OK, rounds, service, |n| request(n, SECRET))
    }),
    path(
        "request/reply, with delivery",
        Some("request/make"),
        |rounds| {
            let service = webhook()?.handler(echo);
            answered(StatusCode::OK, rounds, service, |n| request(n, SECRET))
        },
    ),
    path("client/send", None, |rounds| {
        send(rounds, Client::from_service)
    }),
];

fn webhook() -> Result<Webhook, BoxError> {
    let webhook = Webhook::new(SecretToken::new(SECRET)?);
    Ok(webhook.allowed_updates(AllowedUpdates::ALL))
}

async fn echo(update: Update) -> Option<SendMessage> {
    let message = update.new_message()?;
    Some(SendMessage::new(message.chat.id, message.text.clone()?))
}

fn parse(rounds: u32, body: &'static [u8]) -> Result<(), BoxError> {
    (0..rounds).try_for_each(|_| {
        let raw = RawUpdate::from_bytes(Bytes::from_static(body))?;
        black_box(raw.parse::<Update>()?);
        Ok(())
    })
}

type InstantAnswer = Ready<Result<Response<Full<Bytes>>, Infallible>>;
type InstantTransport = ServiceFn<fn(Request<ApiBody>) -> InstantAnswer>;

/// The foot of a client over a transport that responds at once.
pub(crate) type InstantApi = BotApi<InstantTransport>;

/// A call through a client that is made of this.
pub(crate) fn send(rounds: u32, client: fn(InstantApi) -> Client) -> Result<(), BoxError> {
    let answer: fn(Request<ApiBody>) -> InstantAnswer = |request| {
        black_box(request);
        let body = Full::new(Bytes::from_static(SENT));
        ready(Ok(Response::new(body)))
    };
    let transport = service_fn(answer);
    let client = client(BotApi::telegram(transport, &BotToken::new("1:a")?));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        for _ in 0..rounds {
            let message = SendMessage::new(7001, "What time does the last train leave?");
            black_box(client.send(message).await?);
        }
        Ok(())
    })
}
