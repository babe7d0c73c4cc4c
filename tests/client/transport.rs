//! The transports against real servers: HTTP/2 if the server offers it, and TLS only with a trusted certificate.

use http::{Response, Version, request};
use tower_telegram::{
    BotToken, Client,
    client::{BotApi, ErrorKind, HttpTransport},
    methods::GetMe,
};

use crate::support::tls::Tls;

/// The response to getMe has the HTTP version as the bot's first name; that to any other method is `true`.
fn answer(head: &request::Parts) -> Response<String> {
    let version = match head.version {
        Version::HTTP_2 => "two",
        _ => "one",
    };
    let me = format!(r#"{{"id":1,"is_bot":true,"first_name":"{version}"}}"#);
    let result = if head.uri.path().ends_with("/getMe") {
        &me
    } else {
        "true"
    };
    Response::new(format!(r#"{{"ok":true,"result":{result}}}"#))
}

fn client(url: &str, pem: &str) -> Client {
    let token = BotToken::new("1:secret").expect("a token");
    let http = HttpTransport::builder()
        .root_certificate(pem.as_bytes())
        .expect("a certificate")
        .build()
        .expect("a transport");
    Client::from_service(BotApi::new(http, &token, url).expect("a URL"))
}

#[tokio::test]
async fn http_2_is_used_if_it_is_offered_and_otherwise_http_1() {
    let two = cfg!(feature = "http2");
    for (offered, spoken) in [
        (&["h2", "http/1.1"][..], if two { "two" } else { "one" }),
        (&["http/1.1"], "one"),
        (&[], "one"),
    ] {
        let server = Tls::start(offered, answer).await;
        let client = client(&server.url(), &server.pem);
        for _ in 0..2 {
            let me = client.send(GetMe::new()).await.expect("an answer");
            assert_eq!(me.first_name, spoken, "{offered:?}");
        }
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_gets_no_call() {
    let server = Tls::start(&[], answer).await;
    let other = Tls::start(&[], answer).await;
    let token = BotToken::new("1:secret").expect("a token");
    let bundled = Client::with_base_url(&token, &server.url()).expect("a URL");
    for client in [client(&server.url(), &other.pem), bundled] {
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

/// Whatever the settings are.
#[cfg(feature = "reqwest")]
#[tokio::test]
async fn a6_reqwest_follows_no_redirect() {
    use crate::support::scripted::{Scripted, Step, answer};
    use tower_telegram::client::ReqwestTransport;

    let elsewhere = Scripted::start([], "true").await;
    for status in [301, 302, 303, 307, 308] {
        let place = format!("Location: {}/x\r\n", elsewhere.url());
        let script = vec![Step::Read, Step::Write(answer(status, &place, b""))];
        let server = Scripted::start([script], "true").await;
        let settings = || {
            crate::support::reqwest_client::builder()
                .redirect(reqwest::redirect::Policy::limited(9))
        };
        let http = ReqwestTransport::new(settings).expect("a client");
        let token = BotToken::new("1:secret").expect("a token");
        let api = BotApi::new(http, &token, &server.url()).expect("a URL");
        let error = Client::from_service(api).send(GetMe::new()).await;
        let error = error.expect_err("it leads elsewhere");
        assert_eq!(error.status().map(|s| s.as_u16()), Some(status));
        assert_eq!(error.kind(), ErrorKind::Http);
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// Each call failed, and there was no error before.
#[test]
fn a_certificate_that_cannot_work_is_rejected_when_it_is_added() {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    let pem = |hosts: &[&str], is_ca: bool, year: i32| {
        let hosts: Vec<_> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("names");
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").pem()
    };
    let add = |pem: &str| {
        let builder = HttpTransport::builder().root_certificate(pem.as_bytes());
        builder.map(drop).map_err(|error| error.to_string())
    };
    // A server's own, and an authority's.
    let (own, authority) = (pem(&["localhost"], false, 4000), pem(&[], true, 4000));
    for fine in [&own, &authority, &pem(&["127.0.0.1"], false, 4000)] {
        assert_eq!(add(fine), Ok(()));
    }
    // `openssl req -x509` makes such a certificate.
    let both = pem(&["localhost"], true, 4000);
    for (odd, why) in [
        (&both, "CA:TRUE"),
        (&pem(&["10.0.0.1"], true, 4000), "CA:TRUE"),
        (&pem(&["localhost"], false, 2001), "expired"),
        (&pem(&[], false, 4000), "names no host"),
        (&format!("{authority}{both}"), "CA:TRUE"),
    ] {
        let error = add(odd).expect_err(why);
        assert!(error.contains(why), "{error}");
    }
}

#[tokio::test]
async fn no_time_limit_of_a_client_panics_or_fails_every_call() {
    let server = Tls::start(&[], answer).await;
    let token = BotToken::new("1:secret").expect("a token");
    let limits = [
        std::time::Duration::ZERO,
        std::time::Duration::MAX,
        std::time::Duration::from_secs(u64::MAX >> 20),
    ];
    for limit in limits {
        let http = HttpTransport::builder().connect_timeout(limit);
        let http = http.root_certificate(server.pem.as_bytes());
        let http = http.expect("a certificate").build().expect("a transport");
        let client = Client::builder(&token)
            .transport(http)
            .base_url(&server.url())
            .expect("a URL")
            .read_timeout(limit)
            .file_timeout(limit)
            .build();
        assert_eq!(client.send(GetMe::new()).await.expect("an answer").id, 1);
    }
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn f10_a_thousand_calls_at_once_share_a_connection_of_http_2() {
    use tower_telegram::{methods::SetChatPhoto, types::InputFile};

    let server = Tls::start(&["h2", "http/1.1"], answer).await;
    let client = client(&server.url(), &server.pem);
    // The server's version is known once there is a connection.
    client.send(GetMe::new()).await.expect("an answer");
    let calls = (0..1000).map(|i| {
        let client = client.clone();
        tokio::spawn(async move {
            if i % 10 == 0 {
                let file = InputFile::bytes("a", vec![7; 100_000]);
                client.send(SetChatPhoto::new(7, file)).await
            } else {
                client.send(GetMe::new()).await.map(|me| me.id == 1)
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let done = call.await.expect("it doesn't panic");
        assert!(done.expect("an answer"));
    }
    assert_eq!(server.connections(), 1);
}

/// The operating system doesn't trust the test's certificate, but `root_certificate` does.
#[cfg(feature = "platform-roots")]
#[tokio::test]
async fn the_roots_of_the_platform_are_trusted_in_place_of_the_bundled_ones() {
    let server = Tls::start(&[], answer).await;
    let token = BotToken::new("1:secret").expect("a token");
    let client = |builder: tower_telegram::client::HttpTransportBuilder| {
        let api = BotApi::new(
            builder.platform_roots().build().expect("roots"),
            &token,
            &server.url(),
        );
        Client::from_service(api.expect("a URL"))
    };
    let alone = client(HttpTransport::builder());
    let error = alone.send(GetMe::new()).await.expect_err("not trusted");
    assert_eq!(error.kind(), ErrorKind::Transport);
    let with_ours = HttpTransport::builder().root_certificate(server.pem.as_bytes());
    let client = client(with_ours.expect("a certificate"));
    assert_eq!(client.send(GetMe::new()).await.expect("an answer").id, 1);
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn a_reqwest_client_is_a_transport() {
    use tower_telegram::{client::ReqwestTransport, methods::SendMessage};
    use tower_telegram_test::Telegram;

    let telegram = Telegram::start().await.expect("a port");
    let token = telegram.token().parse().expect("a token");
    let http = ReqwestTransport::new(crate::support::reqwest_client::builder).expect("a client");
    let api = BotApi::new(http, &token, telegram.api_url()).expect("a URL");
    let client = Client::from_service(api);
    let sent = client.send(SendMessage::new(7, "hi")).await.expect("sent");
    assert_eq!(sent.text.as_deref(), Some("hi"));
}
