//! A6: the bot's token is in no log line and no error, whatever the outcome of a call.

use std::{
    error::Error,
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tower::Service;
use tower_telegram::{
    BotToken, Client,
    client::{ApiBody, ApiRequest, BotApi, HttpTransport},
    methods::{GetMe, SetChatPhoto},
    types::{File, InputFile},
};

use crate::support::{
    adapter::BoxError,
    log::Log,
    scripted::{Scripted, Step, answer, json, ok},
};

const TOKEN: &str = "4839574812:AAFD39kkdpWt3ywyRZergyOLMaJhac60qcK";
const SECRET: &str = "AAFD39kkdpWt3ywyRZergyOLMaJhac60qcK";

fn token() -> BotToken {
    TOKEN.parse().expect("a token")
}

/// All that is logged with the `log` crate in this process.
pub(crate) struct Journal(Mutex<String>);

impl Journal {
    pub(crate) fn text(&self) -> String {
        self.0.lock().expect("no test panics with it").clone()
    }
}

impl log::Log for Journal {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut text = self.0.lock().expect("the lock isn't poisoned");
        writeln!(text, "{} {}", record.target(), record.args()).expect("a string takes it");
    }

    fn flush(&self) {}
}

pub(crate) fn journal() -> &'static Journal {
    static JOURNAL: OnceLock<&Journal> = OnceLock::new();
    JOURNAL.get_or_init(|| {
        let journal = Box::leak(Box::new(Journal(Mutex::default())));
        log::set_logger(journal).expect("the only one");
        log::set_max_level(log::LevelFilter::Trace);
        journal
    })
}

/// The texts that a user sees, or may print.
#[derive(Clone, Debug, Default)]
struct Shown(Arc<Mutex<String>>);

impl Shown {
    fn debug(&self, value: &dyn Debug) {
        let mut shown = self.0.lock().expect("the lock isn't poisoned");
        writeln!(shown, "{value:?} {value:#?}").expect("a string takes it");
    }

    fn error(&self, error: &(dyn Error + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.debug(&error);
            self.debug(&format_args!("{error} {error:#}"));
            next = error.source();
        }
    }

    #[track_caller]
    fn check(&self, log: &Log, heard: &[&str]) {
        let journal = journal().0.lock().expect("the lock isn't poisoned").clone();
        let shown = self.0.lock().expect("the lock isn't poisoned").clone();
        let all = [
            ("the log", log.text()),
            ("the journal", journal),
            ("a type", shown),
        ];
        for (what, text) in &all {
            for private in [TOKEN, SECRET, "4839574812%3A"] {
                let at = text.find(private);
                let around = at.map(|at| &text[at.saturating_sub(300)..(at + 60).min(text.len())]);
                assert_eq!(around, None, "{what} shows {private}");
            }
        }
        for heard in heard {
            let is_heard = all.iter().any(|(_, text)| text.contains(heard));
            assert!(is_heard, "{heard} is heard of");
        }
    }
}

/// Prints everything between [`BotApi`] and a transport except the requests, because their URL contains the token.
#[derive(Clone, Debug)]
struct Spy<T> {
    inner: T,
    shown: Shown,
}

impl<T, B> Service<Request<ApiBody>> for Spy<T>
where
    T: Service<Request<ApiBody>, Response = Response<B>>,
    T::Error: Error + Send + Sync + 'static,
    T::Future: Debug + Send + 'static,
    B: Debug,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<B>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<ApiBody>) -> Self::Future {
        self.shown.debug(request.body());
        let mut future = Box::pin(self.inner.call(request));
        let shown = self.shown.clone();
        Box::pin(async move {
            shown.debug(&future);
            let done = future.as_mut().await;
            shown.debug(&future);
            match done {
                Ok(response) => {
                    // Its headers are the server's, and may contain the URL.
                    shown.debug(&response.body());
                    Ok(response)
                }
                Err(error) => {
                    shown.error(&error);
                    Err(error.into())
                }
            }
        })
    }
}

fn file(path: &str) -> File {
    let file = serde_json::json!({"file_id": "a", "file_unique_id": "b", "file_path": path});
    serde_json::from_value(file).expect("a file")
}

/// Makes calls of all sorts, whatever their outcome.
async fn call_about<T, B>(transport: T, url: &str, rounds: usize, shown: &Shown)
where
    T: Service<Request<ApiBody>, Response = Response<B>> + Debug + Clone + Send + Sync + 'static,
    T::Error: Error + Send + Sync + 'static,
    T::Future: Debug + Send + 'static,
    B: http_body::Body + Debug + Send + 'static,
    B::Error: Into<BoxError>,
{
    let spy = Spy {
        inner: transport,
        shown: shown.clone(),
    };
    let builder = Client::builder(&token()).transport(spy.clone());
    let builder = builder.read_timeout(Duration::from_millis(60));
    let builder = builder.base_url(url).expect("a URL");
    shown.debug(&builder);
    let client = builder.build();
    shown.debug(&client);
    let mut api = BotApi::new(spy, &token(), url).expect("a URL");
    shown.debug(&api);
    for _ in 0..rounds {
        let call = ApiRequest::new(&GetMe::new()).expect("a call");
        shown.debug(&call);
        let mut future = Box::pin(api.call(call));
        shown.debug(&future);
        match tokio::time::timeout(Duration::from_millis(60), &mut future).await {
            Ok(Ok(response)) => shown.debug(&response),
            Ok(Err(error)) => shown.error(&error),
            Err(late) => shown.debug(&late),
        }
        shown.debug(&future);
        match client.send(GetMe::new()).await {
            Ok(me) => shown.debug(&me),
            Err(error) => shown.error(&error),
        }
        for upload in [
            InputFile::bytes("a", vec![7; 200_000]),
            InputFile::path("/no/such/file"),
            InputFile::reader("a", &b"short"[..], Some(500_000)),
            InputFile::bytes("a", &b"b"[..]).on_progress(|at| panic!("the hook fails at {at:?}")),
        ] {
            let done = client.send(SetChatPhoto::new(7, upload)).await;
            shown.error(&done.err().unwrap_or_else(|| BoxError::from("none").into()));
        }
        for path in ["documents/a b.txt", "gone", "/etc/hostname"] {
            match client.download(&file(path)).await {
                Ok(mut download) => {
                    shown.debug(&download);
                    while let Ok(Some(chunk)) = download.chunk().await {
                        shown.debug(&chunk.len());
                    }
                }
                Err(error) => shown.error(&error),
            }
        }
    }
}

/// Some of the texts.
const HEARD: [&str; 9] = [
    "hyper_util",
    "401 Unauthorized",
    "unexpected response (not from the bot api): 502",
    "no response in time",
    "the response broke off: 200",
    "the connection failed",
    "os error",
    "a file to upload can't be read",
    "Download {",
];

const ME: &str = r#"{"id":7,"is_bot":true,"first_name":"B"}"#;

/// Connections that fail in all ways, in turn.
fn scripts(elsewhere: &str) -> Vec<Vec<Step>> {
    let page = answer(502, "Content-Type: text/html\r\n", b"<html>502</html>");
    let to = |status, place: &str| {
        let location = format!("Location: {elsewhere}{place}\r\n");
        answer(status, &location, b"")
    };
    let refusal = r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#;
    let half = ok(ME)[..ok(ME).len() - 9].to_vec();
    let one = [
        vec![Step::Read, Step::Write(ok(ME))],
        vec![Step::Read, Step::Write(json(401, refusal))],
        vec![Step::Read, Step::Write(page)],
        vec![Step::Read, Step::Write(to(302, "/x"))],
        vec![Step::Read, Step::Write(to(307, "/y"))],
        vec![Step::Read, Step::Write(to(308, &format!("/bot{TOKEN}/x")))],
        vec![
            Step::Read,
            Step::Write(answer(302, "Location: http://127.0.0.1:1/\r\n", b"")),
        ],
        vec![Step::Read, Step::Write(half)],
        vec![Step::Read, Step::Write(b"ICY 200\r\n\r\n".to_vec())],
        vec![Step::Read, Step::Reset],
        vec![Step::Reset],
        vec![Step::ReadHead, Step::Reset],
        vec![Step::Read, Step::Wait],
    ];
    // A number without a common divisor with that of the calls, so that each call has each failure.
    one.iter().cycle().take(13 * 12).cloned().collect()
}

#[tokio::test]
async fn a6_no_call_over_hyper_shows_the_token() {
    journal();
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let shown = Shown::default();
    let server = Scripted::start(scripts("http://127.0.0.1:1"), ME).await;
    call_about(HttpTransport::new(), &server.url(), 12, &shown).await;
    let url = server.url();
    drop(server);
    call_about(HttpTransport::new(), &url, 1, &shown).await;
    call_about(
        HttpTransport::new(),
        "http://no-such-host.invalid",
        1,
        &shown,
    )
    .await;
    shown.check(&log, &HEARD);
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn a6_no_call_over_http2_shows_the_token() {
    use http::{HeaderValue, StatusCode, header};

    use crate::support::tls::Tls;

    journal();
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let shown = Shown::default();
    let server = Tls::start(&["h2"], |head| {
        let mut response = Response::new(format!("{{\"ok\":true,\"result\":{ME}}}"));
        let mut be = |status, name, value| {
            *response.status_mut() = status;
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        };
        match head.uri.path().len() % 4 {
            0 => be(StatusCode::BAD_GATEWAY, header::SERVER, "odd"),
            1 => be(StatusCode::TEMPORARY_REDIRECT, header::LOCATION, "/x"),
            2 => be(StatusCode::OK, header::CONTENT_ENCODING, "gzip"),
            _ => {}
        }
        response
    })
    .await;
    let transport = HttpTransport::builder().root_certificate(server.pem.as_bytes());
    let transport = transport.expect("a certificate");
    shown.debug(&transport);
    call_about(
        transport.build().expect("a transport"),
        &server.url(),
        12,
        &shown,
    )
    .await;
    // The certificate isn't trusted.
    call_about(HttpTransport::new(), &server.url(), 1, &shown).await;
    shown.check(&log, &["h2::", "Headers", "UnknownIssuer"]);
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn a6_no_call_over_reqwest_shows_the_token() {
    use tower_telegram::client::ReqwestTransport;

    journal();
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let shown = Shown::default();
    let elsewhere = Scripted::start([], ME).await;
    let server = Scripted::start(scripts(&elsewhere.url()), ME).await;
    let transport =
        ReqwestTransport::new(crate::support::reqwest_client::builder).expect("a client");
    shown.debug(&transport);
    call_about(transport.clone(), &server.url(), 12, &shown).await;
    let url = server.url();
    drop(server);
    call_about(transport.clone(), &url, 1, &shown).await;
    call_about(transport, "http://no-such-host.invalid", 1, &shown).await;
    // A redirect would send the token to another server.
    assert!(elsewhere.received().is_empty());
    shown.check(&log, &HEARD);
    shown.check(&log, &["reqwest::connect"]);
}

/// It is in a header, and not in the URLs that HTTP clients log.
#[tokio::test]
async fn a6_a_password_in_the_base_url_does_not_show() {
    journal();
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let server = Scripted::start([], ME).await;
    let url = server.url().replace("http://", "http://name:swordfish@");
    let url = format!("{url}/api");
    let mut shown = Vec::new();
    let builder = Client::builder(&token()).base_url(&url).expect("a URL");
    shown.push(format!("{builder:?}"));
    let client = builder.build();
    client.send(GetMe::new()).await.expect("an answer");
    shown.push(format!("{client:?}"));
    let api = BotApi::new(HttpTransport::new(), &token(), &url).expect("a URL");
    shown.push(format!("{api:?} {api:#?}"));
    shown.push(format!("{:?}", client.download(&file("a")).await));
    let received = server.received();
    for request in &received {
        assert_eq!(
            request.header("authorization"),
            Some("Basic bmFtZTpzd29yZGZpc2g=")
        );
        assert!(request.path().starts_with("/api/"), "{}", request.head);
        assert!(!request.header("host").expect("a host").contains('@'));
    }
    assert_eq!(received.len(), 2);
    drop(server);
    let error = client.send(GetMe::new()).await;
    shown.push(format!(
        "{error:?} {}",
        error.as_ref().expect_err("it is gone")
    ));
    shown.push(log.text());
    shown.push(journal().0.lock().expect("the lock isn't poisoned").clone());
    for text in shown {
        assert!(!text.contains("swordfish"), "{text}");
    }
}

/// The errors of another crate's transport may contain the URL, and with it the token.
#[tokio::test]
async fn a6_an_error_with_the_url_is_shown_without_the_token() {
    let http = tower::service_fn(async |request: Request<ApiBody>| {
        let error = format!("POST {}: refused", request.uri());
        Err::<Response<String>, _>(BoxError::from(error))
    });
    let token = "123456:a-Secret_One".parse().expect("a token");
    let api = BotApi::new(http, &token, "http://localhost:1").expect("a URL");
    let error = Client::from_service(api).send(GetMe::new()).await;
    let line = error.expect_err("refused").to_string();
    assert!(
        line.contains("POST http://localhost:1/bot123456:../getMe: refused"),
        "{line}"
    );
    assert!(!line.contains("a-Secret_One"), "{line}");
}
