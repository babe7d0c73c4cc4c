//! A server with TLS and a self-signed certificate.

use std::{
    future::pending,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{Request, Response, request};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rcgen::generate_simple_self_signed;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

/// The response to a request. One with a [`TlsFault`] in its extensions isn't sent.
pub(crate) type TlsResponder = fn(&request::Parts) -> Response<String>;

/// A fault in place of a response.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "http2"), allow(dead_code))]
pub(crate) enum TlsFault {
    /// It never responds.
    Hang,
    /// The request's stream is reset.
    Reset,
}

impl TlsFault {
    /// A response that has this fault.
    #[cfg_attr(not(feature = "http2"), allow(dead_code))]
    pub(crate) fn response(self) -> Response<String> {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Debug)]
pub(crate) struct Tls {
    address: SocketAddr,
    /// The certificate, which no client trusts by default.
    pub(crate) pem: String,
    connections: Arc<AtomicUsize>,
}

impl Tls {
    /// Starts a server with these ALPN protocols, which ends with the test's runtime.
    pub(crate) async fn start(protocols: &[&str], respond: TlsResponder) -> Self {
        let made = generate_simple_self_signed(["localhost".to_owned()]);
        let made = made.expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions");
        let mut config = config
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a certificate");
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(acceptor.accept(stream), respond));
            }
        });
        Self {
            address,
            pem: made.cert.pem(),
            connections,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve(accepting: tokio_rustls::Accept<TcpStream>, respond: TlsResponder) {
    // A client that doesn't trust the certificate closes the connection.
    let Ok(stream) = accepting.await else { return };
    let service = service_fn(move |request: Request<Incoming>| async move {
        let (head, body) = request.into_parts();
        // The rest of a request that the client has cancelled isn't needed.
        drop(body.collect().await);
        let response = respond(&head);
        match response.extensions().get() {
            Some(TlsFault::Hang) => pending().await,
            Some(TlsFault::Reset) => Err(io::Error::other("on purpose")),
            None => Ok(response),
        }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    // A client may close the connection in any way.
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}
