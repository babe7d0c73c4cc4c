//! F10, F3: calls over TLS, on HTTP/2 where the server has it.

use tower_telegram::{
    Client,
    client::{ErrorKind, HttpTransport},
    methods::{GetMe, SetChatPhoto},
    types::InputFile,
};

use crate::tls::Tls;

fn answer(path: &str) -> (u16, Option<(&'static str, &'static str)>, String) {
    let result = match path.rsplit('/').next() {
        Some("getMe") => r#"{"id":7,"is_bot":true,"first_name":"B"}"#,
        _ => "true",
    };
    (200, None, format!("{{\"ok\":true,\"result\":{result}}}"))
}

fn client_of(server: &Tls, transport: HttpTransport) -> Client {
    let client = Client::builder(&"7:secret".parse().expect("a token")).transport(transport);
    client.base_url(&server.url()).expect("a URL").build()
}

fn trusting(server: &Tls) -> HttpTransport {
    let builder = HttpTransport::builder().root_certificate(server.pem.as_bytes());
    builder.expect("a certificate").build()
}

#[tokio::test]
async fn f10_a_thousand_calls_at_once_share_a_connection_where_the_server_has_http2() {
    let server = Tls::start(&["h2", "http/1.1"], answer).await;
    let client = client_of(&server, trusting(&server));
    // What a server speaks is known once there is a connection.
    assert_eq!(client.send(GetMe::new()).await.expect("a result").id, 7);
    let calls = (0..1000).map(|i| {
        let client = client.clone();
        tokio::spawn(async move {
            if i % 10 == 0 {
                let file = InputFile::bytes("a", vec![7; 100_000]);
                client.send(SetChatPhoto::new(7, file)).await
            } else {
                client.send(GetMe::new()).await.map(|me| me.id == 7)
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let done = call.await.expect("it doesn't panic");
        assert!(done.expect("a result"));
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn f10_where_a_server_has_only_http_1_that_is_spoken() {
    for protocols in [&["http/1.1"][..], &[]] {
        let server = Tls::start(protocols, answer).await;
        let client = client_of(&server, trusting(&server));
        for _ in 0..3 {
            assert_eq!(client.send(GetMe::new()).await.expect("a result").id, 7);
        }
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn f3_a_server_that_isnt_trusted_gets_no_call() {
    let server = Tls::start(&["h2"], answer).await;
    let client = client_of(&server, HttpTransport::new());
    let error = client.send(GetMe::new()).await.expect_err("not trusted");
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(!error.may_have_arrived());
    for pem in [
        "",
        "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n",
    ] {
        let refused = HttpTransport::builder().root_certificate(pem.as_bytes());
        assert!(refused.is_err(), "{pem}");
    }
}
