//! The transports against real servers: HTTP/2 where it is offered, TLS only with whom is trusted.

use std::{convert::Infallible, sync::Arc};

use http::{Request, Response, Version};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rcgen::generate_simple_self_signed;
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, ServerConfig, pki_types::PrivateKeyDer},
};
use tower_telegram::{
    BotToken, Client,
    client::{BotApi, ErrorKind, HttpTransport, ReqwestTransport},
    methods::{GetMe, SendMessage},
    testing::Telegram,
};

/// A Bot API over TLS on loopback that offers these protocols, and answers with the version that it
/// was called in as the bot's first name. Gives its URL and its certificate.
async fn serve(protocols: &[&str]) -> (String, String) {
    let made = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("they fit");
    config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that doesn't trust the certificate ends it here.
                if let Ok(stream) = acceptor.accept(stream).await {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let done = server.serve_connection(TokioIo::new(stream), service_fn(answer));
                    drop(done.await);
                }
            });
        }
    });
    (format!("https://localhost:{port}"), made.cert.pem())
}

async fn answer(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let version = match request.version() {
        Version::HTTP_2 => "two",
        _ => "one",
    };
    let me = format!(r#"{{"id":1,"is_bot":true,"first_name":"{version}"}}"#);
    Ok(Response::new(format!(r#"{{"ok":true,"result":{me}}}"#)))
}

fn client(url: &str, pem: &str) -> Client {
    let token = BotToken::new("1:secret").expect("a token");
    let http = HttpTransport::builder()
        .root_certificate(pem.as_bytes())
        .expect("a certificate")
        .build();
    Client::from_service(BotApi::new(http, &token, url).expect("a URL"))
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_offered_and_else_http_1() {
    for (offered, spoken) in [
        (&["h2", "http/1.1"][..], "two"),
        (&["http/1.1"], "one"),
        (&[], "one"),
    ] {
        let (url, pem) = serve(offered).await;
        let client = client(&url, &pem);
        for _ in 0..2 {
            let me = client.send(GetMe::new()).await.expect("an answer");
            assert_eq!(me.first_name, spoken, "{offered:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_gets_no_call() {
    let (url, _) = serve(&["h2"]).await;
    let (_, other) = serve(&["h2"]).await;
    let token = BotToken::new("1:secret").expect("a token");
    let bundled = Client::with_base_url(&token, &url).expect("a URL");
    for client in [client(&url, &other), bundled] {
        let error = client.send(GetMe::new()).await.expect_err("not trusted");
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert!(!error.may_have_arrived(), "{error:?}");
    }
    for pem in [
        "",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
    ] {
        let builder = HttpTransport::builder();
        assert!(builder.root_certificate(pem.as_bytes()).is_err(), "{pem}");
    }
}

#[tokio::test]
async fn a_reqwest_client_is_a_transport() {
    let telegram = Telegram::start().await.expect("a port");
    let token = telegram.token().parse().expect("a token");
    let http = ReqwestTransport::new(reqwest::Client::new());
    let api = BotApi::new(http, &token, telegram.api_url()).expect("a URL");
    let client = Client::from_service(api);
    let sent = client.send(SendMessage::new(7, "hi")).await.expect("sent");
    assert_eq!(sent.text.as_deref(), Some("hi"));
}
