//! A `sendMessage` call by each client.

use std::{future::Future, hint::black_box, net::SocketAddr};

use bytes::Bytes;
use frankenstein::{AsyncTelegramApi as _, client_reqwest, methods::SendMessageParams};
use http::{HeaderValue, Method, Request, Response, Uri, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use teloxide::{requests::Requester as _, types::ChatId};
use tower_telegram::{BotToken, methods::SendMessage};

use crate::TOKEN;

const CHAT: i64 = 7001;
const TEXT: &str = "What time does the last train leave?";
const BODY: &str = r#"{"chat_id":7001,"text":"What time does the last train leave?"}"#;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The names for [`Calls::new`]. The others are compared with the first.
pub const CLIENTS: [&str; 7] = [
    "hyper-util",
    "hyper-util + Value",
    "reqwest + Value",
    "frankenstein",
    "teloxide",
    "tgbot",
    "tower-telegram",
];

/// The part of the Bot API that the benches need: it accepts every message, and knows the bot.
pub async fn answer(request: Request<Incoming>) -> Response<Full<Bytes>> {
    const ME: &str = r#"{"ok":true,"result":{"id":123456789,"is_bot":true,"first_name":"Echo","username":"echo_bot","can_join_groups":true,"can_read_all_group_messages":false,"supports_inline_queries":false,"can_connect_to_business":false,"has_main_web_app":false}}"#;
    let is_me = request
        .uri()
        .path()
        .to_ascii_lowercase()
        .ends_with("/getme");
    black_box(
        request
            .into_body()
            .collect()
            .await
            .expect("the connection holds"),
    );
    let body = if is_me { ME } else { include_str!("sent.json") };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

type Raw = Client<HttpConnector, Full<Bytes>>;

/// A client that is ready for calls.
#[allow(missing_debug_implementations)]
pub enum Calls {
    Raw(Raw, Uri),
    Value(Raw, Uri),
    Reqwest(reqwest::Client, String),
    Frankenstein(client_reqwest::Bot),
    Teloxide(teloxide::Bot),
    TgBot(tgbot::api::Client),
    Ours(tower_telegram::Client),
}

impl Calls {
    pub fn new(name: &str, api: SocketAddr) -> Self {
        let base = format!("http://{api}");
        let method = format!("{base}/bot{TOKEN}/sendMessage");
        let uri = || method.parse().expect("it is a URL");
        let raw = || Client::builder(TokioExecutor::new()).build(connector());
        match name {
            "hyper-util" => Self::Raw(raw(), uri()),
            "hyper-util + Value" => Self::Value(raw(), uri()),
            "reqwest + Value" => Self::Reqwest(reqwest::Client::new(), method),
            "frankenstein" => {
                Self::Frankenstein(client_reqwest::Bot::new_url(format!("{base}/bot{TOKEN}")))
            }
            "teloxide" => {
                let url = base.parse().expect("it is a URL");
                Self::Teloxide(teloxide::Bot::new(TOKEN).set_api_url(url))
            }
            "tgbot" => {
                let client = tgbot::api::Client::new(TOKEN).expect("a client can be made");
                Self::TgBot(client.with_host(base))
            }
            "tower-telegram" => {
                let token = BotToken::new(TOKEN).expect("the token has the form of one");
                let client = tower_telegram::Client::with_base_url(&token, &base);
                Self::Ours(client.expect("it is a URL"))
            }
            _ => panic!("no client has the name {name}"),
        }
    }

    /// Makes `times` calls, one after the other.
    pub async fn call(&self, times: usize) {
        match self {
            Self::Raw(client, uri) => {
                repeat(times, async || raw(client, uri, BODY.into()).await).await
            }
            Self::Value(client, uri) => {
                repeat(times, async || {
                    let body = json!({"chat_id": CHAT, "text": TEXT}).to_string();
                    let answer: Value =
                        serde_json::from_slice(&raw(client, uri, body.into()).await).unwrap();
                    answer["result"]["message_id"].as_i64()
                })
                .await;
            }
            Self::Reqwest(client, url) => {
                repeat(times, async || {
                    let body = json!({"chat_id": CHAT, "text": TEXT});
                    let answer = client.post(url).json(&body).send().await.unwrap();
                    answer.json::<Value>().await.unwrap()["result"]["message_id"].as_i64()
                })
                .await;
            }
            Self::Frankenstein(bot) => {
                repeat(times, async || {
                    let message = SendMessageParams::builder()
                        .chat_id(CHAT)
                        .text(TEXT)
                        .build();
                    bot.send_message(&message).await.unwrap().result
                })
                .await;
            }
            Self::Teloxide(bot) => {
                repeat(times, async || {
                    bot.send_message(ChatId(CHAT), TEXT).await.unwrap()
                })
                .await;
            }
            Self::TgBot(client) => {
                repeat(times, async || {
                    let message = tgbot::types::SendMessage::new(CHAT, TEXT);
                    client.execute(message).await.unwrap()
                })
                .await;
            }
            Self::Ours(client) => {
                repeat(times, async || {
                    client.send(SendMessage::new(CHAT, TEXT)).await.unwrap()
                })
                .await;
            }
        }
    }
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector
}

async fn repeat<T, Fut: Future<Output = T>>(times: usize, mut call: impl FnMut() -> Fut) {
    for _ in 0..times {
        black_box(call().await);
    }
}

async fn raw(client: &Raw, uri: &Uri, body: Bytes) -> Bytes {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    request.headers_mut().insert(CONTENT_TYPE, JSON);
    let response = client.request(request).await.expect("the server answers");
    response
        .into_body()
        .collect()
        .await
        .expect("the connection holds")
        .to_bytes()
}
