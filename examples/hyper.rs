//! A bot without a web framework: TLS with a self-signed certificate, or hyper's own loop on a Unix socket.
//!
//! ```sh
//! cargo run --example hyper
//! ```
//!
//! tries the bot against a Telegram on this machine, over TLS. With `TELEGRAM_BOT_TOKEN`, `LISTEN` and a
//! `WEBHOOK_URL` such as `https://203.0.113.7:8443/telegram`, it is a bot in production on a server without a domain
//! name. With `LISTEN=unix:/run/bot.sock` it serves plain HTTP on a Unix socket, behind a proxy that has the
//! certificate.
//!
//! A copy of this file needs these dependencies:
//!
//! ```toml
//! hyper = { version = "1.6", features = ["http1", "server"] }
//! hyper-util = { version = "0.1.16", features = ["server-graceful", "service", "tokio"] }
//! rcgen = { version = "0.14", default-features = false, features = ["crypto", "pem", "ring"] }
//! tokio = { version = "1.47", features = ["macros", "net", "rt-multi-thread", "time"] }
//! tokio-rustls = { version = "0.26.2", default-features = false, features = ["ring", "tls12"] }
//! tower = "0.5.2"
//! tower-telegram = { version = "0.1", features = ["server"] }
//! tower-telegram-test = "0.1"
//! tracing = { version = "0.1.41", default-features = false, features = ["std"] }
//! tracing-subscriber = { version = "0.3", default-features = false, features = ["fmt", "std"] }
//! ```

use std::{error::Error, fs, pin::pin, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use tokio::{net::UnixListener, time::sleep};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};
use tower::Service;
use tower_telegram::{
    Client,
    methods::SendMessage,
    router::{NewMessage, Router},
    server::Server,
    shutdown_signal,
    types::{ChatId, InputFile},
    webhook::{ReplyBody, Webhook, registration::WebhookEnv},
};

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let conversation = tower_telegram_test::Playground::new()
        .https()
        .says("/start")
        .says("hello");
    if conversation.intrudes().play().await? {
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let settings = WebhookEnv::from_env()?;
    let client = Client::from_env()?;

    let bot: Router = Router::new().command("start", start).message(echo);
    let webhook = Webhook::new(settings.secret()).router(bot);
    let deliveries = webhook.deliveries();
    let allowed_updates = webhook.allowed_updates();

    if let Some(path) = settings.listen().strip_prefix("unix:") {
        // A killed process leaves its socket behind.
        drop(fs::remove_file(path));
        let listener = UnixListener::bind(path)?;
        let wanted = settings.set_webhook().allowed_updates(allowed_updates);
        client.ensure_webhook(&wanted).await?;
        serve_unix(listener, webhook, shutdown_signal()?).await;
        deliveries.shutdown(Duration::from_secs(30)).await;
        return Ok(fs::remove_file(path)?);
    }
    let (certificate, tls) = self_signed(settings.host())?;
    let server = Server::bind(settings.listen())
        .await?
        .handshake(move |stream| tls.accept(stream));
    let wanted = settings
        .set_webhook_with_certificate(certificate)
        .allowed_updates(allowed_updates);
    client.ensure_webhook(&wanted).await?;
    server
        .serve_with_shutdown(webhook, shutdown_signal()?)
        .await;
    // Handlers go on after their request has ended. Wait for them, too.
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

/// A new certificate for the host, in PEM for Telegram, and the server's side of it. Each start has another, and
/// uploads it.
fn self_signed(host: &str) -> Result<(InputFile, TlsAcceptor), BoxError> {
    let mut params = CertificateParams::default();
    // Telegram compares the host as text, even if it is an address. So it must be a name here, too.
    params.subject_alt_names = vec![SanType::DnsName(host.try_into()?)];
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, host);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;

    let private = PrivateKeyDer::try_from(key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)?;
    let pem = InputFile::bytes("certificate.pem", certificate.pem());
    Ok((pem, TlsAcceptor::from(Arc::new(config))))
}

/// A loop over hyper's connections, as `Server` has one for TCP. The proxy in front limits how many there are.
async fn serve_unix<S>(listener: UnixListener, service: S, stop: impl Future<Output = ()>)
where
    S: Service<
            Request<Incoming>,
            Response = hyper::Response<ReplyBody>,
            Error = std::convert::Infallible,
        >,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    let mut stop = pin!(stop);
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, _)) = accepted.inspect_err(|error| tracing::warn!(%error, "accept failed"))
        else {
            // Such as having no file descriptor left. It would fail again at once.
            sleep(Duration::from_millis(200)).await;
            continue;
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(90))
            .serve_connection(
                TokioIo::new(stream),
                TowerToHyperService::new(service.clone()),
            );
        tokio::spawn(open.watch(connection));
    }
    // Open requests have a minute, because Telegram waits that long for a response.
    tokio::select! {
        () = open.shutdown() => {}
        () = sleep(Duration::from_secs(60)) => {}
    }
}

async fn start(chat: ChatId) -> SendMessage {
    SendMessage::new(chat, "Say something.")
}

async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
    Some(SendMessage::new(message.chat.id, message.text?))
}
