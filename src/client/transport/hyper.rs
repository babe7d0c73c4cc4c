//! The default HTTP client: hyper with rustls.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, Uri, header, uri::Scheme};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider, pki_types::CertificateDer};
#[cfg(feature = "platform-roots")]
use rustls_platform_verifier::Verifier;
use tower_service::Service;

use super::{
    certificate::{InvalidCertificate, read_roots},
    connector::Connector,
    response::{TransportBody, TransportError, TransportFuture},
};
use crate::client::ApiBody;

/// How long making a connection may take by default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection on which nothing comes for so long is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// An HTTP client with TLS: HTTP/1.1, and with the feature `http2` HTTP/2 where the server has it.
/// Connections are kept and shared by its clones.
///
/// A connection is not used again after an answer on which the server of the Bot API closes it without saying
/// so: 413, 431, 501 and 505 without a body.
///
/// It trusts the roots that Mozilla does, which are part of the program;
/// [`builder`](Self::builder) takes others. It follows no redirect and uses no proxy; a
/// `reqwest::Client`, with the feature `reqwest`, does either.
#[derive(Clone)]
pub struct HttpTransport {
    client: Arc<legacy::Client<Connector, ApiBody>>,
}

impl HttpTransport {
    /// With the usual settings. Makes no connection yet, and needs no runtime.
    pub fn new() -> Self {
        Self::over(trusting_bundled_roots(Vec::new()), CONNECT_TIMEOUT)
    }

    fn over(tls: ClientConfig, connect_timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        let limit = Some(connect_timeout).filter(|limit| !limit.is_zero());
        tcp.set_connect_timeout(limit);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http();
        let mut client = legacy::Client::builder(TokioExecutor::new());
        client
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new());
        #[cfg(feature = "http2")]
        let connector = {
            client.http2_keep_alive_interval(KEEP_ALIVE);
            connector.enable_all_versions()
        };
        #[cfg(not(feature = "http2"))]
        let connector = connector.enable_http1();
        let connector = Connector::new(connector.wrap_connector(tcp));
        Self {
            client: Arc::new(client.build(connector)),
        }
    }

    /// With settings of your own.
    pub fn builder() -> HttpTransportBuilder {
        HttpTransportBuilder {
            connect_timeout: CONNECT_TIMEOUT,
            roots: Roots::Bundled,
            more_roots: Vec::new(),
        }
    }
}

impl Default for HttpTransport {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes an [`HttpTransport`].
#[derive(Clone, Debug)]
#[must_use = "it makes a transport when it is built"]
pub struct HttpTransportBuilder {
    connect_timeout: Duration,
    roots: Roots,
    more_roots: Vec<CertificateDer<'static>>,
}

#[derive(Clone, Copy, Debug)]
enum Roots {
    Bundled,
    #[cfg(feature = "platform-roots")]
    Platform,
}

impl HttpTransportBuilder {
    /// How long making a connection may take, with looking up the host but without the TLS
    /// handshake. Default: 10 s. Zero is no limit.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Trusts what the operating system does, in place of the bundled roots. What
    /// [`root_certificate`](Self::root_certificate) adds is trusted too.
    #[cfg(feature = "platform-roots")]
    pub fn platform_roots(mut self) -> Self {
        self.roots = Roots::Platform;
        self
    }

    /// Trusts these certificates too, in PEM: for a server of your own that has one of its own, or one of an
    /// authority of your own.
    ///
    /// # Errors
    ///
    /// When there is none in it that can be read; when one names hosts, so that it is a server's own, but is an
    /// authority's as well (`CA:TRUE`, as `openssl req -x509` makes it) or has expired, so that every call would
    /// fail; when one is neither an authority's nor names hosts.
    pub fn root_certificate(mut self, pem: &[u8]) -> Result<Self, InvalidCertificate> {
        self.more_roots.extend(read_roots(pem)?);
        Ok(self)
    }

    /// Makes it. No connection is made yet.
    ///
    /// # Errors
    ///
    /// With `platform_roots`, when the operating system's certificates can't be read.
    pub fn build(self) -> Result<HttpTransport, InvalidCertificate> {
        let tls = match self.roots {
            Roots::Bundled => trusting_bundled_roots(self.more_roots),
            #[cfg(feature = "platform-roots")]
            Roots::Platform => trusting_platform_roots(self.more_roots)?,
        };
        Ok(HttpTransport::over(tls, self.connect_timeout))
    }
}

type TlsBuilder = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

/// The provider is named, because picking the process's own panics where a program has two.
#[allow(clippy::expect_used)]
fn tls(provider: Arc<CryptoProvider>) -> TlsBuilder {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3")
}

fn trusting_bundled_roots(more: Vec<CertificateDer<'static>>) -> ClientConfig {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    roots.add_parsable_certificates(more);
    let config = tls(Arc::new(rustls::crypto::ring::default_provider()));
    config.with_root_certificates(roots).with_no_client_auth()
}

#[cfg(feature = "platform-roots")]
fn trusting_platform_roots(
    more: Vec<CertificateDer<'static>>,
) -> Result<ClientConfig, InvalidCertificate> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(more, Arc::clone(&provider))
        .map_err(|_| InvalidCertificate::platform())?;
    Ok(tls(provider)
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").finish_non_exhaustive()
    }
}

impl Service<Request<ApiBody>> for HttpTransport {
    type Response = Response<TransportBody>;
    type Error = TransportError;
    type Future = TransportFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        // The pool takes every request, and makes connections as they are needed.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<ApiBody>) -> TransportFuture {
        if let Some(host) = plain_host(request.uri()) {
            request.headers_mut().entry(header::HOST).or_insert(host);
        }
        TransportFuture::hyper(self.client.request(request))
    }
}

/// What hyper would put together from the parts of an address, where the address has it in one piece.
/// HTTP/2 is spoken only over TLS, and has no such header.
fn plain_host(uri: &Uri) -> Option<HeaderValue> {
    if uri.scheme() != Some(&Scheme::HTTP) {
        return None;
    }
    let authority = uri.authority()?.as_str();
    let more = authority.contains('@') || authority.ends_with(":80") || authority.ends_with(':');
    (!more).then(|| HeaderValue::from_str(authority).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_taken_from_an_address_that_has_no_more_than_it() {
        for (address, host) in [
            ("http://localhost:8081/bot1:a/getMe", Some("localhost:8081")),
            ("http://[::1]:8081/", Some("[::1]:8081")),
            ("http://a/", Some("a")),
            ("http://a:8080/", Some("a:8080")),
            ("http://a:80/", None),
            ("http://name:word@a/", None),
            ("https://a:8443/", None),
            ("/getMe", None),
        ] {
            let host = host.map(HeaderValue::from_static);
            assert_eq!(plain_host(&Uri::from_static(address)), host, "{address}");
        }
    }
}
