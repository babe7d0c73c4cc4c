//! The clients that are compared by each part on calls.

use std::{fs, hint::black_box, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tower_telegram::{
    BotToken,
    client::{BotApi, HttpTransport},
    methods::SendMessage,
};

use crate::{CHAT, TEXT, TOKEN};

/// The body of the call, which bare hyper-util sends as it is.
const BODY: &str = r#"{"chat_id":7001,"text":"What time does the last train leave?"}"#;

/// A server of the Bot API.
#[derive(Clone, Debug)]
pub struct Api {
    /// Such as `https://localhost:8443`.
    pub url: String,
    /// Its certificate, if it has TLS.
    pub pem: Option<Vec<u8>>,
}

impl Api {
    /// The server at a URL. Over TLS it has the certificate in a file.
    pub fn new(url: &str, certificate: Option<&str>) -> Self {
        Self {
            url: url.to_owned(),
            pem: certificate.map(|path| fs::read(path).expect("the server wrote its certificate")),
        }
    }

    /// The URL of the method.
    pub fn method(&self) -> String {
        format!("{}/bot{TOKEN}/sendMessage", self.url)
    }
}

/// hyper-util without anything around it.
#[derive(Debug)]
pub struct Bare {
    client: BareClient,
    uri: Uri,
}

#[derive(Debug)]
enum BareClient {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Bare {
    pub fn new(api: &Api) -> Self {
        let builder = Client::builder(TokioExecutor::new());
        let client = match &api.pem {
            None => BareClient::Plain(builder.build(tcp())),
            Some(pem) => BareClient::Tls(builder.build(tls(pem))),
        };
        let uri = api.method().parse().expect("it is a URL");
        Self { client, uri }
    }

    /// Sends the ready-made body, and reads nothing of the response.
    pub async fn send(&self) {
        black_box(self.post(Bytes::from_static(BODY.as_bytes())).await);
    }

    /// The response to a body.
    pub async fn post(&self, body: Bytes) -> Bytes {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        let response = match &self.client {
            BareClient::Plain(client) => client.request(request),
            BareClient::Tls(client) => client.request(request),
        };
        let body = response.await.expect("the server responds").into_body();
        let body = body.collect().await.expect("the connection holds");
        body.to_bytes()
    }
}

fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector
}

/// With the same provider and versions as this crate's transport.
fn tls(pem: &[u8]) -> HttpsConnector<HttpConnector> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(pem).expect("it is a certificate");
    roots.add(certificate).expect("it is a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_only();
    #[cfg(feature = "http2")]
    let connector = connector.enable_all_versions();
    #[cfg(not(feature = "http2"))]
    let connector = connector.enable_http1();
    connector.wrap_connector(tcp())
}

/// This crate's client.
pub fn ours(api: &Api) -> tower_telegram::Client {
    let token = BotToken::new(TOKEN).expect("the token has the form of one");
    let mut transport = HttpTransport::builder();
    if let Some(pem) = &api.pem {
        transport = transport
            .root_certificate(pem)
            .expect("it is a certificate");
    }
    let transport = transport.build().expect("the roots are bundled");
    let api = BotApi::new(transport, &token, &api.url).expect("it is a URL");
    tower_telegram::Client::from_service(api)
}

/// Sends the message, and reads the response as one.
pub async fn send(client: &tower_telegram::Client) {
    let sent = client.send(SendMessage::new(CHAT, TEXT)).await;
    black_box(sent.expect("the server responds"));
}
