//! A `sendMessage` call by each client.

use std::{future::Future, hint::black_box, time::Duration};

use compare_calls::{
    CHAT, TEXT, TOKEN,
    client::{self, Api, Bare},
};
use frankenstein::{AsyncTelegramApi as _, client_reqwest, methods::SendMessageParams};
use serde_json::{Value, json};
use teloxide::{net::default_reqwest_settings, requests::Requester as _, types::ChatId};

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

/// A client that is ready for calls.
#[allow(missing_debug_implementations)]
pub enum Calls {
    Bare(Bare),
    Value(Bare),
    Reqwest(reqwest::Client, String),
    Frankenstein(client_reqwest::Bot),
    Teloxide(teloxide::Bot),
    TgBot(tgbot::api::Client),
    Ours(tower_telegram::Client),
}

impl Calls {
    pub fn new(name: &str, api: &Api) -> Self {
        match name {
            "hyper-util" => Self::Bare(Bare::new(api)),
            "hyper-util + Value" => Self::Value(Bare::new(api)),
            "reqwest + Value" => {
                Self::Reqwest(trusting(api, reqwest::Client::builder()), api.method())
            }
            "frankenstein" => {
                let url = format!("{}/bot{TOKEN}", api.url);
                // Its default settings.
                let client = reqwest::Client::builder()
                    .connect_timeout(Duration::from_secs(10))
                    .timeout(Duration::from_secs(500));
                let bot = client_reqwest::Bot::builder().api_url(url);
                Self::Frankenstein(bot.client(trusting(api, client)).build())
            }
            "teloxide" => {
                let url = api.url.parse().expect("it is a URL");
                Self::Teloxide(teloxide(api).set_api_url(url))
            }
            "tgbot" => {
                let client = trusting(api, reqwest::Client::builder().tls_backend_rustls());
                let client = tgbot::api::Client::with_http_client(client, TOKEN);
                Self::TgBot(client.with_host(api.url.clone()))
            }
            "tower-telegram" => Self::Ours(client::ours(api)),
            _ => panic!("no client has the name {name}"),
        }
    }

    /// Makes `times` calls, one after the other.
    pub async fn call(&self, times: usize) {
        match self {
            Self::Bare(client) => repeat(times, async || client.send().await).await,
            Self::Value(client) => {
                repeat(times, async || {
                    let body = json!({"chat_id": CHAT, "text": TEXT}).to_string();
                    let answer: Value =
                        serde_json::from_slice(&client.post(body.into()).await).unwrap();
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
            Self::Ours(client) => repeat(times, async || client::send(client).await).await,
        }
    }
}

fn trusting(api: &Api, mut client: reqwest::ClientBuilder) -> reqwest::Client {
    if let Some(pem) = &api.pem {
        let root = reqwest::Certificate::from_pem(pem).expect("it is a certificate");
        client = client.tls_certs_only([root]);
    }
    client.build().expect("a client can be made")
}

fn teloxide(api: &Api) -> teloxide::Bot {
    let mut client = default_reqwest_settings();
    if let Some(pem) = &api.pem {
        let root = reqwest_0_12::Certificate::from_pem(pem).expect("it is a certificate");
        client = client.add_root_certificate(root);
    }
    teloxide::Bot::with_client(TOKEN, client.build().expect("a client can be made"))
}

async fn repeat<T, Fut: Future<Output = T>>(times: usize, mut call: impl FnMut() -> Fut) {
    for _ in 0..times {
        black_box(call().await);
    }
}
