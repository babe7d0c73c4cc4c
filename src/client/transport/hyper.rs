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

/// How long connecting may take by default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// After how long an idle connection is probed.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The default HTTP client: hyper with rustls. It uses HTTP/1.1, or HTTP/2 if the feature `http2` is on and the server
/// offers it. Its clones share the connections.
///
/// A connection isn't used again after a response on which the server of the Bot API closes it without saying so: 413,
/// 431, 501 and 505 without a body.
///
/// It trusts the same root certificates as Mozilla, which are part of the program; [`builder`](Self::builder) adds
/// others. It follows no redirect and uses no proxy. For a proxy, use `ReqwestTransport` (feature `reqwest`).
///
/// ```
/// use std::time::Duration;
/// use tower_telegram::client::HttpTransport;
///
/// let http = HttpTransport::builder().connect_timeout(Duration::from_secs(3)).build()?;
/// # let _ = http;
/// # Ok::<(), tower_telegram::client::InvalidCertificate>(())
/// ```
#[derive(Clone)]
pub struct HttpTransport {
    client: Arc<legacy::Client<Connector, ApiBody>>,
}

impl HttpTransport {
    /// A transport with the default settings. It makes no connection, and needs no runtime, before the first call.
    pub fn new() -> Self {
        Self::over(trusting_bundled_roots(Vec::new()), Some(CONNECT_TIMEOUT))
    }

    fn over(tls: ClientConfig, connect_timeout: Option<Duration>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_connect_timeout(connect_timeout);
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

    /// A builder of a transport with other settings.
    pub fn builder() -> HttpTransportBuilder {
        HttpTransportBuilder {
            connect_timeout: Some(CONNECT_TIMEOUT),
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

/// Builds an [`HttpTransport`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct HttpTransportBuilder {
    connect_timeout: Option<Duration>,
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
    /// How long connecting may take, including the DNS lookup and without the TLS handshake. Default: 10 s. Zero is no
    /// limit.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = Some(limit).filter(|limit| !limit.is_zero());
        self
    }

    /// Lets connecting take as long as the operating system does.
    pub fn without_connect_timeout(mut self) -> Self {
        self.connect_timeout = None;
        self
    }

    /// Trusts the root certificates of the operating system in place of the bundled ones. Those of
    /// [`root_certificate`](Self::root_certificate) are trusted too.
    #[cfg(feature = "platform-roots")]
    pub fn platform_roots(mut self) -> Self {
        self.roots = Roots::Platform;
        self
    }

    /// Trusts the certificates in this PEM text too: for a server of your own with a self-signed certificate, or with one
    /// of your own authority.
    ///
    /// # Errors
    ///
    /// When no certificate can be read. When one names a host, and so is a server's, but is an authority's as well
    /// (`CA:TRUE`, which `openssl req -x509` makes) or has expired: every call would fail. When one is neither an
    /// authority's nor names a host.
    pub fn root_certificate(mut self, pem: &[u8]) -> Result<Self, InvalidCertificate> {
        self.more_roots.extend(read_roots(pem)?);
        Ok(self)
    }

    /// Builds the transport. No connection is made before the first call.
    ///
    /// # Errors
    ///
    /// With `platform_roots`, when the operating system's root certificates can't be read.
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

/// Names the provider, because the default of the process panics in a program with two of them.
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
        // The pool accepts every request, and connects when that is needed.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<ApiBody>) -> TransportFuture {
        if let Some(host) = plain_host(request.uri()) {
            request.headers_mut().entry(header::HOST).or_insert(host);
        }
        TransportFuture::hyper(self.client.request(request))
    }
}

/// The header `Host` of a plain HTTP request, if the URL contains it as a whole. Otherwise hyper makes it from the parts
/// of the URL. HTTP/2 is used over TLS only, and has no such header.
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
    fn a_host_is_taken_from_a_url_whose_authority_is_the_host_alone() {
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
