//! A bot with a certificate of its own making, for a server without a domain name: Telegram is given
//! the certificate and trusts only that.
//!
//! `cargo run --example self_signed` plays a conversation with an embedded Telegram over TLS. With
//! `TELEGRAM_BOT_TOKEN`, `WEBHOOK_URL` (such as `https://203.0.113.7:8443/telegram`) and `LISTEN` set
//! it is a bot in production.

use std::{io, sync::Arc};

use example_bot::{Certificate, Failure, Server, allowed_updates, handle, run_with_certificate};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, ServerConfig, pki_types::PrivateKeyDer},
};
use tower_telegram::{server, webhook::Webhook};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    run_with_certificate(certificate, serve).await
}

/// A new certificate for the host that Telegram calls. A real bot keeps one, or uploads the new one
/// at each start, as this does.
fn certificate(host: &str) -> Result<(Certificate, TlsAcceptor), Failure> {
    // Telegram compares texts, even where the host is an address: an IP entry would not do.
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::DnsName(host.try_into()?)];
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, host);

    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Ok((Certificate::from_pem(certificate.pem()), acceptor))
}

async fn serve(bot: Server, tls: TlsAcceptor) -> io::Result<()> {
    let client = bot.client;
    let webhook = Webhook::new(bot.secret)
        .allowed_updates(allowed_updates())
        .handler(move |update| handle(client.clone(), update));

    server::Server::new(bot.listener)
        .handshake(move |stream| tls.accept(stream))
        .serve_with_shutdown(webhook, bot.shutdown.requested())
        .await;
    Ok(())
}
