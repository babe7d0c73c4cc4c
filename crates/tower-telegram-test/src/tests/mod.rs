//! Tests over sockets: a scripted bot on one side, a plain client on the other.

mod bot_api;
mod chats;
mod decoders;
mod every_method;
mod faults;
mod files;
mod polling;
mod queues;
mod reading;
mod redelivery;
mod replies;
mod sending;
mod tls;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::bot_api::args::Args;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const SECOND: Duration = Duration::from_secs(1);

/// A bot that answers each request with the next of the given bytes, and then with an empty 200. Empty
/// bytes mean that the connection is closed.
struct Bot {
    url: String,
    /// Each request, with the number of its connection.
    requests: mpsc::UnboundedReceiver<(usize, String)>,
}

impl Bot {
    async fn start(responses: &[&str]) -> Self {
        Self::start_with(responses, None).await
    }

    async fn start_with(responses: &[&str], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/hook", listener.local_addr().unwrap());
        let responses: VecDeque<_> = responses
            .iter()
            .map(|response| response.as_bytes().to_vec())
            .collect();
        let responses = Arc::new(Mutex::new(responses));
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                number += 1;
                let (responses, sender) = (Arc::clone(&responses), sender.clone());
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => answer_all(stream, number, responses, sender).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer_all(stream, number, responses, sender).await;
                            }
                        }
                    }
                });
            }
        });
        Self { url, requests }
    }

    /// The requests up to now, without the statuses that Telegram writes back.
    fn seen(&mut self) -> Vec<(usize, String)> {
        std::iter::from_fn(|| self.requests.try_recv().ok())
            .filter(|(_, request)| !request.starts_with("HTTP/"))
            .collect()
    }

    /// The update ids of the next requests.
    async fn next_ids(&mut self, count: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let (_, request) = timeout(5 * SECOND, self.requests.recv())
                .await
                .unwrap()
                .unwrap();
            let body: Value =
                serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
            ids.push(body["update_id"].as_u64().unwrap());
        }
        ids
    }
}

async fn answer_all<S>(
    mut stream: S,
    number: usize,
    responses: Arc<Mutex<VecDeque<Vec<u8>>>>,
    sender: mpsc::UnboundedSender<(usize, String)>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = Vec::new();
    while let Some(request) = read_message(&mut stream, &mut buffer).await {
        sender.send((number, request)).ok();
        let response = responses.lock().unwrap().pop_front();
        let response = response.unwrap_or_else(|| OK.into());
        if response.is_empty() || stream.write_all(&response).await.is_err() {
            return;
        }
    }
}

/// The next head and body as text; `None` at the end of the connection. Later bytes stay in `buffer`.
async fn read_message<S>(stream: &mut S, buffer: &mut Vec<u8>) -> Option<String>
where
    S: AsyncRead + Unpin,
{
    loop {
        if let Some(head_end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..head_end]).to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let end = head_end + 4 + length.map_or(0, |length| length.parse().unwrap());
            if buffer.len() >= end {
                return Some(String::from_utf8(buffer.drain(..end).collect()).unwrap());
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

async fn telegram_for(bot: &Bot) -> Telegram {
    let builder = Telegram::builder()
        .max_wait(Duration::ZERO)
        .response_timeout(Duration::from_millis(200))
        .wait_timeout(SECOND);
    let telegram = builder.start().await.unwrap();
    telegram.set_webhook(&bot.url, "se-cret").unwrap();
    telegram
}

/// One call over a connection of its own: the response's bytes.
async fn call(telegram: &Telegram, request: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(telegram.api_url().trim_start_matches("http://"))
        .await
        .unwrap();
    stream.write_all(request.as_ref()).await.unwrap();
    timeout(SECOND, read_message(&mut stream, &mut Vec::new()))
        .await
        .unwrap()
        .unwrap_or_default()
}

fn post(path: &str, content_type: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}

fn json_response(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn handles_and_futures_can_go_anywhere() {
    fn anywhere<T: Clone + Send + Sync>() {}
    fn send<T: Send>(_: impl FnOnce(&'static Telegram) -> T) {}
    anywhere::<Telegram>();
    anywhere::<TelegramBuilder>();
    anywhere::<Call>();
    anywhere::<Attempt>();
    anywhere::<RawRequest>();
    anywhere::<Answer>();
    send(|telegram| telegram.deliver(Value::Null));
    send(|telegram| telegram.post_raw(RawRequest::new()));
    send(|telegram| telegram.wait_for_call("a"));
    send(|telegram| telegram.wait_until_confirmed(1));
}
