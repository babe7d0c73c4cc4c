//! The client behind middleware: every call is traced, held to Telegram's limits, and tried again
//! where that can help.
//!
//! `cargo run --example client` calls an embedded Telegram that has its moods; with
//! `TELEGRAM_BOT_TOKEN` set, `cargo run --example client CHAT TEXT` sends a text three times.

use std::{env, io, time::Duration};

use example_bot::{Connection, Failure, say};
use tower::{ServiceExt as _, layer::layer_fn, util::BoxCloneSyncService};
use tower_telegram::{
    Client,
    client::{ApiRequest, ApiResponse, Error, RateLimitLayer, RetryLayer},
    methods::{GetMe, SendMessage},
};
use tower_telegram_test::{Answer, Telegram};
use tracing::Instrument as _;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_target(false)
        .init();
    let connection = Connection::from_env().await?;
    if let Some(telegram) = &connection.telegram {
        be_moody(telegram);
    }

    // From the outside in: what is traced is what the caller sees, waits included; each attempt
    // counts against the limits.
    let client = Client::builder(&connection.token)
        .base_url(&connection.api_url)?
        .read_timeout(Duration::from_secs(20))
        .layer(layer_fn(traced))
        .layer(RetryLayer::new().max_attempts(4))
        .layer(RateLimitLayer::new())
        .build();

    let chat = connection.chat()?;
    let text = env::args().nth(2).unwrap_or_else(|| "hello".to_owned());

    let me = client.send(GetMe::new()).await?;
    say(&format!("I am {}", me.first_name));
    for count in 1..=3 {
        let text = format!("{text}, {count}");
        let sent = client.send(SendMessage::new(chat.clone(), text)).await?;
        say(&format!("message {} is sent", sent.message_id));
    }
    Ok(())
}

/// A span for each call, with its method and what came of it. It stands above the layer that adds
/// the address, and so never sees the token.
fn traced<S>(service: S) -> BoxCloneSyncService<ApiRequest, ApiResponse, Error>
where
    S: tower::Service<ApiRequest, Response = ApiResponse, Error = Error>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    BoxCloneSyncService::new(tower::service_fn(move |call: ApiRequest| {
        let span = tracing::info_span!("call", method = call.method());
        let service = service.clone();
        let traced = async move {
            let start = tokio::time::Instant::now();
            let result = service.oneshot(call).await;
            let took = start.elapsed();
            match &result {
                Ok(_) => tracing::info!(?took, "answered"),
                Err(error) => tracing::error!(%error, ?took, "failed"),
            }
            result
        };
        traced.instrument(span)
    }))
}

/// Half of what can go wrong: a bad gateway, then too many requests.
fn be_moody(telegram: &Telegram) {
    let gateway = "<html>502 Bad Gateway</html>";
    telegram.answer_once("getMe", Answer::raw(502, "text/html", gateway));
    telegram.answer_once("sendMessage", Answer::too_many_requests(1));
}
