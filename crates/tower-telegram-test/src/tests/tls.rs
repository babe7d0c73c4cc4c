use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::{
    ALL_VERSIONS, ServerConfig, SupportedProtocolVersion,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::Acceptor,
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use tokio_rustls::LazyConfigAcceptor;

use super::*;

/// A bot's certificate with its key.
struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Identity {
    fn self_signed(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { certificate, key }
    }

    fn signed_by(params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap().der().clone();
        Self { certificate, key }
    }

    fn pem(&self) -> String {
        pem(&self.certificate)
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.acceptor_for(ALL_VERSIONS, &self.key)
    }

    /// The key needn't be that of the certificate.
    fn acceptor_for(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        key: &KeyPair,
    ) -> TlsAcceptor {
        let provider = Arc::new(default_provider());
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let key = provider.key_provider.load_private_key(key).unwrap();
        let identity = CertifiedKey::new(vec![self.certificate.clone()], key);
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        TlsAcceptor::from(Arc::new(config))
    }
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let base64 = BASE64.encode(certificate);
    let lines: Vec<_> = base64.as_bytes().chunks(64).collect();
    let lines = String::from_utf8(lines.join(&b'\n')).unwrap();
    format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
}

/// A certificate with that common name and those DNS names.
fn params(common: &str, dns: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common);
    for name in dns {
        let name = SanType::DnsName((*name).try_into().unwrap());
        params.subject_alt_names.push(name);
    }
    params
}

fn with_address(mut params: CertificateParams) -> CertificateParams {
    let address = SanType::IpAddress("127.0.0.1".parse().unwrap());
    params.subject_alt_names.push(address);
    params
}

fn authority(common: &str) -> CertificateParams {
    let mut params = params(common, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// Whom Telegram trusts.
enum Trust<'a> {
    Nobody,
    Root(&'a str),
    Upload(&'a str),
}

/// Delivers one update to a bot at that host: what goes wrong, and what `getWebhookInfo` says about it.
async fn attempt(bot: &Identity, trust: &Trust<'_>, host: &str) -> (Option<TlsError>, String) {
    let server = Bot::start_with(&[], Some(bot.acceptor())).await;
    let url = server.url.replace("127.0.0.1", host);
    let mut builder = Telegram::builder().token("42:AA");
    if let Trust::Root(pem) = trust {
        builder = builder.trusted_root((*pem).to_owned());
    }
    let telegram = builder.start().await.unwrap();
    match trust {
        Trust::Upload(pem) => telegram.set_webhook_with_certificate(&url, None, (*pem).to_owned()),
        _ => telegram.set_webhook(&url, None),
    }
    .unwrap();
    let exchange = telegram.deliver_once(update::text(7, "a")).await.unwrap();
    let error = match &exchange.attempts[0].error {
        None => None,
        Some(AttemptError::Tls(error)) => Some(error.clone()),
        Some(error) => panic!("not a matter of TLS: {error}"),
    };
    let info = call(&telegram, &get("/bot42:AA/getWebhookInfo")).await;
    (error, info)
}

async fn error(bot: &Identity, trust: Trust<'_>, host: &str) -> Option<TlsError> {
    attempt(bot, &trust, host).await.0
}

#[tokio::test]
async fn an_uploaded_certificate_is_trusted_and_connections_are_kept() {
    let bot = Identity::self_signed(&params("127.0.0.1", &[]));
    let mut server = Bot::start_with(&[], Some(bot.acceptor())).await;
    let telegram = Telegram::builder().token("42:AA").start().await.unwrap();
    let form = format!(
        "--b\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\n{}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"certificate\"; filename=\"c.pem\"\r\n\r\n{}\r\n--b--\r\n",
        server.url,
        bot.pem()
    );
    let set = post(
        "/bot42:AA/setWebhook",
        "multipart/form-data; boundary=b",
        &form,
    );
    let set = call(&telegram, &set).await;
    assert!(set.contains("Webhook was set"), "{set}");
    for _ in 0..2 {
        let exchange = telegram.deliver(json!({"update_id": 1, "poll": {}})).await;
        assert!(exchange.is_delivered());
        assert_eq!(exchange.attempts[0].connection, Some(1));
    }
    let address = server.url.trim_start_matches("https://");
    let head = format!(
        "POST /hook HTTP/1.1\r\nHost: {}\r\n",
        address.trim_end_matches("/hook")
    );
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].1.starts_with(&head), "{}", seen[0].1);
    assert!(
        seen[0]
            .1
            .ends_with("\r\n\r\n{\"update_id\":1,\n\"poll\":{}}")
    );
}

#[tokio::test]
async fn a_large_response_is_read_and_a_closed_connection_replaced() {
    let bot = Identity::self_signed(&params("127.0.0.1", &[]));
    let text = "a".repeat(300_000);
    let reply = format!(r#"{{"method":"sendMessage","chat_id":7,"text":"{text}"}}"#);
    let reply = json_response(&reply);
    let server = Bot::start_with(&[&reply, ""], Some(bot.acceptor())).await;
    let builder = Telegram::builder().max_wait(Duration::ZERO);
    let telegram = builder.start().await.unwrap();
    telegram
        .set_webhook_with_certificate(&server.url, None, bot.pem())
        .unwrap();
    let exchange = telegram.deliver(update::text(7, &text)).await;
    assert_eq!(exchange.reply.unwrap().text("text"), Some(text));
    let exchange = telegram.deliver(update::text(7, "a")).await;
    assert!(exchange.is_delivered());
    let error = exchange.attempts[0].error.clone();
    assert_eq!(error, Some(AttemptError::Closed));
    assert_eq!(exchange.last().unwrap().connection, Some(2));
}

#[tokio::test]
async fn hosts_are_checked_by_dns_name_then_common_name() {
    let localhost = Identity::self_signed(&params("other", &["localhost"]));
    let pem = localhost.pem();
    assert_eq!(
        error(&localhost, Trust::Upload(&pem), "localhost").await,
        None
    );
    assert_eq!(
        error(&localhost, Trust::Root(&pem), "LocalHost").await,
        None
    );

    let hidden = Identity::self_signed(&params("localhost", &["other"]));
    let pem = hidden.pem();
    for trust in [Trust::Upload(&pem), Trust::Root(&pem)] {
        let error = error(&hidden, trust, "localhost").await;
        assert_eq!(error, Some(TlsError::WrongName));
    }
    let common = Identity::self_signed(&params("localhost", &[]));
    let pem = common.pem();
    assert_eq!(error(&common, Trust::Root(&pem), "localhost").await, None);
}

#[tokio::test]
async fn an_address_is_a_name_with_an_upload_and_an_address_without() {
    let wrong = Some(TlsError::WrongName);
    let address = with_address(params("other", &[]));
    let common = params("127.0.0.1", &[]);
    let dns = params("other", &["127.0.0.1"]);
    let both = with_address(params("127.0.0.1", &[]));
    for (params, with_upload, without) in [
        (address, wrong.clone(), None),
        (common, None, wrong.clone()),
        (dns, None, wrong),
        (both, None, None),
    ] {
        let bot = Identity::self_signed(&params);
        let pem = bot.pem();
        let name = &params.distinguished_name;
        assert_eq!(
            error(&bot, Trust::Upload(&pem), "127.0.0.1").await,
            with_upload,
            "{name:?}"
        );
        assert_eq!(
            error(&bot, Trust::Root(&pem), "127.0.0.1").await,
            without,
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn only_trusted_certificates_are_accepted() {
    let names = params("other", &["localhost"]);
    let key = KeyPair::generate().unwrap();
    let root = authority("root").self_signed(&key).unwrap();
    let root = pem(root.der());
    let issuer = Issuer::new(authority("root"), key);
    let signed = Identity::signed_by(&names, &issuer);
    let leaf = signed.pem();
    let other = Identity::self_signed(&names);
    let untrusted = Some(TlsError::Untrusted);
    for (trust, expected) in [
        (Trust::Nobody, untrusted.clone()),
        (Trust::Root(&root), None),
        (Trust::Upload(&root), None),
        (Trust::Upload(&format!("{}{root}", other.pem())), None),
        (Trust::Upload(&leaf), untrusted.clone()),
        (Trust::Upload(&other.pem()), untrusted.clone()),
    ] {
        assert_eq!(error(&signed, trust, "localhost").await, expected);
    }
    // Only the upload counts, even where a root would do.
    let builder = Telegram::builder().trusted_root(root);
    let telegram = builder.start().await.unwrap();
    let server = Bot::start_with(&[], Some(signed.acceptor())).await;
    let url = server.url.replace("127.0.0.1", "localhost");
    telegram
        .set_webhook_with_certificate(&url, None, other.pem())
        .unwrap();
    let exchange = telegram.deliver_once(update::text(7, "a")).await.unwrap();
    let error = exchange.attempts[0].error.clone();
    assert_eq!(error, untrusted.map(AttemptError::Tls));
}

#[tokio::test]
async fn a_self_signed_certificate_may_say_that_it_is_an_authority() {
    let mut params = authority("localhost");
    params.not_after = rcgen::date_time_ymd(2100, 1, 1);
    let bot = Identity::self_signed(&params);
    let pem = bot.pem();
    assert_eq!(error(&bot, Trust::Upload(&pem), "localhost").await, None);
    let untrusted = error(&bot, Trust::Nobody, "localhost").await;
    assert_eq!(untrusted, Some(TlsError::Untrusted));
    params.not_after = rcgen::date_time_ymd(2000, 1, 1);
    let expired = Identity::self_signed(&params);
    let pem = expired.pem();
    let error = error(&expired, Trust::Upload(&pem), "localhost").await;
    assert_eq!(error, Some(TlsError::NotValidNow));
}

#[tokio::test]
async fn a_certificate_of_the_same_name_with_another_key_is_not_the_uploaded_one() {
    for params in [params("localhost", &[]), authority("localhost")] {
        let uploaded = Identity::self_signed(&params).pem();
        let bot = Identity::self_signed(&params);
        let error = error(&bot, Trust::Upload(&uploaded), "localhost").await;
        assert!(
            matches!(error, Some(TlsError::Untrusted | TlsError::BadCertificate)),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_is_worth_nothing() {
    let bot = Identity::self_signed(&params("127.0.0.1", &[]));
    let stolen = KeyPair::generate().unwrap();
    for version in [&TLS12, &TLS13] {
        for (key, expected) in [
            (&bot.key, None),
            (&stolen, Some(AttemptError::Tls(TlsError::BadCertificate))),
        ] {
            let acceptor = bot.acceptor_for(&[version], key);
            let server = Bot::start_with(&[], Some(acceptor)).await;
            let telegram = Telegram::start().await.unwrap();
            telegram
                .set_webhook_with_certificate(&server.url, None, bot.pem())
                .unwrap();
            let exchange = telegram.deliver_once(update::text(7, "a")).await.unwrap();
            assert_eq!(exchange.attempts[0].error, expected, "{version:?}");
        }
    }
}

#[tokio::test]
async fn the_last_error_is_written_as_openssl_would() {
    let bot = Identity::self_signed(&params("localhost", &[]));
    let (_, info) = attempt(&bot, &Trust::Nobody, "localhost").await;
    assert!(
        info.contains(r#""last_error_message":"SSL error {error:0A000086:SSL routines::certificate verify failed}""#),
        "{info}"
    );
}

#[tokio::test]
async fn a_bot_without_tls_has_an_error_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let telegram = Telegram::start().await.unwrap();
    telegram.set_webhook(&url, None).unwrap();
    let bot = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        let response = "HTTP/1.1 400 Bad Request\r\n\r\n";
        stream.write_all(response.as_bytes()).await.unwrap();
        stream
    };
    let (exchange, _stream) = tokio::join!(telegram.deliver_once(update::text(7, "a")), bot);
    assert_eq!(
        exchange.unwrap().attempts[0].error,
        Some(AttemptError::Tls(TlsError::NotTls))
    );
    let bot = async { drop(listener.accept().await.unwrap()) };
    let (exchange, ()) = tokio::join!(telegram.deliver_once(update::text(7, "a")), bot);
    let error = exchange.unwrap().attempts[0].error.clone().unwrap();
    assert!(
        matches!(
            error,
            AttemptError::Closed | AttemptError::Broken(std::io::ErrorKind::ConnectionReset)
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_hello_names_hosts_but_no_addresses_and_no_protocols() {
    for (host, expected) in [("localhost", Some("localhost")), ("127.0.0.1", None)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let telegram = Telegram::start().await.unwrap();
        let url = format!("https://{host}:{port}/");
        telegram.set_webhook(&url, None).unwrap();
        let hello = async {
            let (stream, _) = listener.accept().await.unwrap();
            let start = LazyConfigAcceptor::new(Acceptor::default(), stream);
            let start = start.await.unwrap();
            let hello = start.client_hello();
            assert_eq!(hello.server_name(), expected);
            assert!(hello.alpn().is_none());
        };
        let (exchange, ()) = tokio::join!(telegram.deliver_once(update::text(7, "a")), hello);
        assert!(!exchange.unwrap().is_delivered());
    }
}

#[tokio::test]
async fn a_file_that_is_no_certificate_is_refused() {
    let telegram = Telegram::start().await.unwrap();
    let set = |url| telegram.set_webhook_with_certificate(url, None, "no certificate");
    let error = set("https://localhost/").unwrap_err().to_string();
    let expected = "400 Bad Request: bad webhook: Failed to set custom certificate file{";
    assert!(error.starts_with(expected), "{error}");
    assert_eq!(telegram.webhook(), None);
    assert!(set("http://localhost/").is_ok(), "of no use there");
    let builder = Telegram::builder().trusted_root("no certificate");
    assert!(matches!(
        builder.start().await,
        Err(Error::InvalidCertificate)
    ));
}
