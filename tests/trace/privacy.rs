//! Neither token nor secret is in the logs of a whole bot and the crates below it at the level `trace`.

use http::{Request, Response};
use tower::ServiceBuilder;
use tower_http::trace::TraceLayer;
use tower_telegram::{
    Client,
    client::{ApiBody, HttpTransport, RateLimitLayer, RetryLayer, TraceCallsLayer},
    methods::{DeleteMessage, GetMe},
    trace::TraceUpdatesLayer,
    types::Update,
    webhook::{DeadlineLayer, Failure, SecretToken, SequenceLayer, Webhook},
};

use super::support::SECOND;
use crate::{
    client::token::journal,
    support::{
        log::Log,
        scripted::{Scripted, Step, answer, json, ok},
        servers::Server,
        wire::{Call, SECRET},
    },
};

const TOKEN: &str = "4839574812:AAFD39kkdpWt3ywyRZergyOLMaJhac60qcK";

fn assert_private(log: &Log, heard: &[&str]) {
    let text = log.text() + &journal().text();
    for private in [TOKEN, &TOKEN[11..], "4839574812%3A", SECRET] {
        let at = text.find(private);
        let around = at.map(|at| &text[at.saturating_sub(300)..(at + 60).min(text.len())]);
        assert_eq!(around, None, "{private} is in it");
    }
    for heard in heard {
        assert!(text.contains(heard), "{heard} is heard of");
    }
}

/// A Telegram whose connections go wrong in all ways, in turn.
async fn telegram() -> Scripted {
    let too_many = r#"{"ok":false,"error_code":429,"parameters":{"retry_after":1}}"#;
    let refusal = r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#;
    let to = answer(302, &format!("Location: /bot{TOKEN}/x\r\n"), b"");
    let scripts = [
        vec![Step::Read, Step::Write(json(429, too_many))],
        vec![Step::Read, Step::Write(json(401, refusal))],
        vec![Step::Read, Step::Write(answer(502, "", b"<html>"))],
        vec![Step::Read, Step::Write(to)],
        vec![Step::Read, Step::Write(ok("true")[..40].to_vec())],
        vec![Step::Read, Step::Reset],
        vec![Step::Reset],
        vec![Step::Read, Step::Wait],
    ];
    Scripted::start(scripts, "true").await
}

/// A bot with all layers, whose handler calls, and fails with what the call says.
fn bot(client: Client) -> Webhook {
    let secret: SecretToken = SECRET.parse().unwrap();
    Webhook::new(secret)
        .trace(TraceUpdatesLayer::new().with_chat().with_user())
        .sequence(SequenceLayer::new())
        .deadline(DeadlineLayer::ack_after(SECOND * 20, client))
}

async fn run(server: Server, client: Client) {
    let calling = client.clone();
    let service = bot(client).handler(move |update: Update| {
        let client = calling.clone();
        async move {
            client.send(GetMe::new()).await.map(drop)?;
            client.send(DeleteMessage::new(7, 1)).await?;
            match update.update_id % 3 {
                0 => Ok(()),
                1 => Err(Failure::permanent("no").into()),
                _ => Err::<_, tower::BoxError>("it fails".into()),
            }
        }
    });
    let endpoint = server.serve(service).await;
    for number in 0..12 {
        let body = format!(
            r#"{{"update_id":{number},"message":{{"chat":{{"id":7}},"from":{{"id":8}}}}}}"#
        );
        endpoint.send(&Call::new(body.clone())).await;
        let wrong = Call::new(body).with("X-Telegram-Bot-Api-Secret-Token", &b"wrong"[..]);
        endpoint.send(&wrong).await;
    }
    endpoint.send(&Call::new("{}")).await;
}

fn layered<T, B>(transport: T, url: &str) -> Client
where
    T: tower::Service<Request<ApiBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
    T::Error: Into<tower::BoxError>,
    T::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Error: Into<tower::BoxError>,
{
    let builder = Client::builder(&TOKEN.parse().unwrap()).transport(transport);
    builder
        .base_url(url)
        .unwrap()
        .read_timeout(SECOND / 10)
        .layer(TraceCallsLayer::new().with_chat())
        .layer(RetryLayer::new().backoff(SECOND / 100, SECOND / 50))
        .layer(RateLimitLayer::new())
        .build()
}

const HEARD: [&str; 5] = [
    "hyper",
    "telegram.update",
    "/bot{token}/getMe",
    "429",
    "no accepted secret",
];

#[tokio::test]
async fn l8_no_log_of_a_bot_over_hyper_shows_token_or_secret() {
    journal();
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let telegram = telegram().await;
    run(
        Server::Hyper,
        layered(HttpTransport::new(), &telegram.url()),
    )
    .await;
    assert_private(&log, &HEARD);
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn l8_no_log_of_a_bot_over_reqwest_and_axum_shows_token_or_secret() {
    journal();
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let telegram = telegram().await;
    let transport =
        tower_telegram::client::ReqwestTransport::new(crate::support::reqwest_client::builder);
    run(Server::Axum, layered(transport.unwrap(), &telegram.url())).await;
    assert_private(&log, &HEARD);
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn l8_no_log_of_a_bot_over_http2_and_tls_shows_token_or_secret() {
    journal();
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let telegram = crate::support::tls::Tls::start(&["h2"], faulty).await;
    let transport = HttpTransport::builder().root_certificate(telegram.pem.as_bytes());
    let transport = transport.unwrap().build().unwrap();
    run(Server::Oneshot, layered(transport, &telegram.url())).await;
    let heard = [
        "h2::",
        "rustls::client",
        "/bot{token}/getMe",
        "error.type=\"timeout\"",
        "error.type=\"transport\"",
        "error.type=\"http\"",
        "401 Unauthorized",
        "429 Too Many Requests",
    ];
    assert_private(&log, &heard);
}

/// A Telegram over TLS whose responses go wrong in all ways, in turn, and so for the repeats of a call.
#[cfg(feature = "http2")]
fn faulty(_: &http::request::Parts) -> Response<String> {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::support::tls::TlsFault;

    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let refusal = |code: u16, description: &str| {
        let text = format!(r#"{{"ok":false,"error_code":{code},"description":"{description}"}}"#);
        let response = Response::builder().status(code).body(text);
        response.unwrap()
    };
    // As many in a row as a call has attempts.
    match CALLS.fetch_add(1, Ordering::Relaxed) / 5 {
        0 => TlsFault::Hang.response(),
        1 => TlsFault::Reset.response(),
        2 => Response::builder()
            .status(502)
            .body("<html>".to_owned())
            .unwrap(),
        3 => refusal(429, "Too Many Requests"),
        4 => refusal(401, "Unauthorized"),
        _ => Response::new(r#"{"ok":true,"result":true}"#.to_owned()),
    }
}

/// The guide says so, and which target to keep off.
#[tokio::test]
async fn l8_a_trace_layer_below_the_client_does_show_the_token() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let telegram = Scripted::start([], "true").await;
    let transport = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .service(HttpTransport::new());
    let client = layered(transport, &telegram.url());
    client.send(DeleteMessage::new(7, 1)).await.unwrap();
    assert!(log.text().contains(TOKEN), "its span has the URI");
}
