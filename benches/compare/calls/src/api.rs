//! The part of the Bot API that the benches need: it accepts every message, and knows the bot.

use std::{convert::Infallible, fs, hint::black_box, io, path::Path, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full};
#[cfg(feature = "http2")]
use hyper::server::conn::http2;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
#[cfg(feature = "http2")]
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use rcgen::generate_simple_self_signed;
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Responds to a call.
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
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// A TLS server's side with a certificate of its own, which it writes to a file. The client chooses among the protocols
/// of ALPN.
pub fn acceptor(protocols: &[&str], certificate: &Path) -> TlsAcceptor {
    let made = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(certificate, made.cert.pem()).expect("the folder exists");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("it is a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("the key is the certificate's");
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    TlsAcceptor::from(Arc::new(config))
}

/// Serves over TLS until the program ends.
pub async fn serve(listener: TcpListener, acceptor: TlsAcceptor) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, acceptor.clone()));
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor) {
    // A client that ends closes its connections as it likes.
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let service = service_fn(async |request| Ok::<_, Infallible>(answer(request).await));
    #[cfg(feature = "http2")]
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let server = http2::Builder::new(TokioExecutor::new());
        let served = server.serve_connection(TokioIo::new(stream), service);
        drop(served.await);
        return;
    }
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    drop(served.await);
}
