//! A client with tower's middleware and your own, over hyper or reqwest: tracing, retries, a limit, a timeout.
//!
//! ```sh
//! cargo run -p client-middleware-example
//! ```
//!
//! runs once over each against a local test server that fails two of the calls. With `TELEGRAM_BOT_TOKEN` set,
//! `cargo run -p client-middleware-example CHAT reqwest` sends a message to that chat, by its number or `@name`. Without
//! `reqwest`, it goes over hyper.

use std::{env, error::Error, future::Future, pin::Pin, time::Duration};

use http::{Request, Response};
use tower::{
    Layer, Service, limit::ConcurrencyLimitLayer, retry::Policy, timeout::TimeoutLayer,
    util::BoxCloneSyncService,
};
use tower_telegram::{
    Client,
    client::{
        ApiBody, ApiRequest, ApiResponse, Error as CallError, HttpTransport, RateLimitLayer,
        ReqwestTransport, TransportBody, TransportError,
    },
    methods::{GetMe, SendMessage},
    types::ChatId,
};
use tower_telegram_test::{Answer, Playground, Telegram};
use tracing::Instrument as _;

type BoxError = Box<dyn Error + Send + Sync>;

/// Any HTTP client that is a service can stand here.
type Transport = BoxCloneSyncService<Request<ApiBody>, Response<TransportBody>, TransportError>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut has_played = false;
    for transport in ["hyper", "reqwest"] {
        let playground = Playground::new().telegram(unreliable().await?);
        has_played |= playground.arguments(["42", transport]).play().await?;
    }
    if has_played {
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let chat = env::args().nth(1);
    let chat: ChatId = chat.ok_or("the first argument must be a chat")?.parse()?;
    let transport = env::args().nth(2).unwrap_or_else(|| "hyper".to_owned());

    // From the outermost to the innermost. A layer here sees the method and its result, and never the token,
    // which is a part of the URL that is made further in.
    let client = Client::builder_from_env()?
        .transport(over(&transport)?)
        // A span covers all attempts, and the waits between them.
        .layer(TraceLayer)
        .layer(tower::retry::RetryLayer::new(Repeats(3)))
        // Each attempt counts, for the limits as for Telegram: 30 messages a second, 1 a second to a chat.
        .layer(RateLimitLayer::new())
        // No more than 8 calls at once.
        .layer(ConcurrencyLimitLayer::new(8))
        // For each attempt. The connection's own timeouts are `ClientBuilder::read_timeout`.
        .layer(TimeoutLayer::new(Duration::from_secs(20)))
        .build();

    let me = client.send(GetMe::new()).await?;
    let hello = SendMessage::new(chat, format!("{} is here.", me.first_name));
    let sent = client.send(hello).await?;
    tracing::info!(transport, sent.message_id, "sent");
    Ok(())
}

/// A connection pool by its name. The layers above don't know which one it is.
fn over(name: &str) -> Result<Transport, BoxError> {
    match name {
        "hyper" => Ok(BoxCloneSyncService::new(HttpTransport::new())),
        "reqwest" => {
            // For HTTPS. The error means that the process has another provider already, which works too.
            drop(rustls::crypto::ring::default_provider().install_default());
            // The settings of reqwest go here. By default it uses the proxy that is in the environment.
            let reqwest = ReqwestTransport::new(reqwest::Client::builder)?;
            Ok(BoxCloneSyncService::new(reqwest))
        }
        _ => Err("the transport must be hyper or reqwest".into()),
    }
}

/// A policy for tower's retry. `client::RetryLayer` is a better one, with pauses that grow and a budget.
#[derive(Clone)]
struct Repeats(usize);

type Pause = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl Policy<ApiRequest, ApiResponse, CallError> for Repeats {
    type Future = Pause;

    fn retry(
        &mut self,
        call: &mut ApiRequest,
        result: &mut Result<ApiResponse, CallError>,
    ) -> Option<Pause> {
        let Err(error) = result else { return None };
        self.0 = self.0.checked_sub(1)?;
        // A message that may have arrived isn't sent twice.
        if !error.is_retryable() || (error.may_have_arrived() && !call.is_idempotent()) {
            return None;
        }
        let pause = error.retry_after().unwrap_or(Duration::from_millis(500));
        Some(Box::pin(tokio::time::sleep(pause)))
    }

    fn clone_request(&mut self, call: &ApiRequest) -> Option<ApiRequest> {
        // A file from a reader can be read only once.
        call.is_replayable().then(|| call.clone())
    }
}

/// A layer of one's own: a span for each call, with its result.
struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace { inner }
    }
}

#[derive(Clone)]
struct Trace<S> {
    inner: S,
}

impl<S> Service<ApiRequest> for Trace<S>
where
    S: Service<ApiRequest, Response = ApiResponse, Error = CallError>,
    S::Future: Send + 'static,
{
    type Response = ApiResponse;
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<ApiResponse, CallError>> + Send>>;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: ApiRequest) -> Self::Future {
        let span = tracing::info_span!("call", method = call.method());
        let calling = self.inner.call(call);
        let traced = async move {
            let result = calling.await;
            match &result {
                Ok(_) => tracing::info!("succeeded"),
                Err(error) => tracing::warn!(%error, "failed"),
            }
            result
        };
        Box::pin(traced.instrument(span))
    }
}

/// For the trial: a bad gateway at first, and too many requests then.
async fn unreliable() -> Result<Telegram, BoxError> {
    let telegram = Telegram::start().await?;
    let page = Answer::raw(502, "text/html", "<html>502 Bad Gateway</html>");
    telegram.answer_once("getMe", page);
    telegram.answer_once("sendMessage", Answer::too_many_requests(1));
    Ok(telegram)
}
