//! A11 to A13, and D10: the server that the crate brings, against strangers and signals.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    net::TcpStream,
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::{Duration, sleep, timeout},
};
use tower::service_fn;
use tower_telegram::{
    server::{RequestBody, Server},
    types::Update,
    webhook::{PeerAddr, SecretToken, Webhook},
};
use tower_telegram_test::{Exchange, Telegram, update};

use crate::support::wire::{Call, Connection};

const SECRET: &str = "se-cret";

/// Whatever takes this long hangs.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

async fn server() -> (Server, SocketAddr) {
    let server = Server::bind("127.0.0.1:0").await.expect("a port");
    let address = server.local_addr().expect("an address");
    (server, address)
}

/// A bot behind the server, and a Telegram that has it as its webhook.
async fn bot(set: impl FnOnce(Server) -> Server) -> (Telegram, SocketAddr, Arc<AtomicUsize>) {
    let (server, address) = server().await;
    let handled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&handled);
    let secret = SecretToken::new(SECRET).expect("a secret");
    let webhook = Webhook::new(secret).handler(move |_: Update| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    });
    tokio::spawn(set(server).serve(webhook));
    let telegram = Telegram::start().await.expect("a port");
    let url = format!("http://{address}/telegram");
    telegram.set_webhook(&url, SECRET).expect("a webhook");
    (telegram, address, handled)
}

async fn delivered(telegram: &Telegram, chat: i64) -> Exchange {
    let exchange = timeout(STEP_TIMEOUT, telegram.deliver(update::text(chat, "hi"))).await;
    let exchange = exchange.expect("Telegram isn't kept out");
    assert!(exchange.is_delivered(), "{exchange:?}");
    exchange
}

async fn stranger(address: SocketAddr, says: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    // One that is closed again at once doesn't take it.
    drop(stream.write_all(says).await);
    stream
}

/// Waits until the server has closed it.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let end = timeout(STEP_TIMEOUT, stream.read_to_end(&mut rest)).await;
    // A reset closes it too.
    drop(end.expect("the server closes it"));
}

const HALF_A_HEAD: &[u8] = b"POST /telegram HTTP/1.1\r\nHost: x\r\nX-A: ";
const REFUSED: &[u8] = b"POST /telegram HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn a11_strangers_that_hold_every_connection_do_not_keep_telegram_out() {
    for says in [&b""[..], HALF_A_HEAD, REFUSED] {
        let (telegram, address, handled) = bot(|server| server.max_connections(50)).await;
        let mut strangers = Vec::new();
        for _ in 0..60 {
            strangers.push(stranger(address, says).await);
        }
        for chat in 1..=5 {
            delivered(&telegram, chat).await;
        }
        assert_eq!(handled.load(Ordering::Relaxed), 5);
        // The first had to go.
        closed(&mut strangers[0]).await;
    }
}

#[tokio::test]
async fn a11_telegrams_idle_connection_is_the_last_to_go() {
    let (telegram, address, _) = bot(|server| server.max_connections(5)).await;
    let first = delivered(&telegram, 1).await;
    for _ in 0..100 {
        stranger(address, HALF_A_HEAD).await;
    }
    let mut strangers = Vec::new();
    for _ in 0..100 {
        strangers.push(stranger(address, REFUSED).await);
    }
    closed(&mut strangers[0]).await;
    let second = delivered(&telegram, 1).await;
    let connection = |exchange: &Exchange| exchange.last().and_then(|attempt| attempt.connection);
    assert_eq!(connection(&first), connection(&second));
    assert_eq!(second.attempts.len(), 1);
}

#[tokio::test]
async fn a11_a_request_under_way_is_never_cut_off_for_another() {
    let (server, address) = server().await;
    let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (enter, wait) = (Arc::clone(&entered), Arc::clone(&go));
    let service = service_fn(move |_: Request<RequestBody>| {
        let (enter, wait) = (Arc::clone(&enter), Arc::clone(&wait));
        async move {
            enter.notify_one();
            wait.notified().await;
            Ok::<_, Infallible>(Response::new(Full::<&[u8]>::default()))
        }
    });
    tokio::spawn(server.max_connections(1).serve(service));
    let call = Call::new("{}");
    let send = || {
        let call = call.clone();
        tokio::spawn(async move {
            let stream = TcpStream::connect(address).await.expect("it listens");
            Connection::new(stream).send(&call).await
        })
    };
    let first = send();
    entered.notified().await;
    let second = send();
    go.notify_one();
    assert_eq!(first.await.expect("an answer").status, 200);
    // Now there is room.
    entered.notified().await;
    go.notify_one();
    assert_eq!(second.await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a12_a_head_that_comes_slowly_ends_the_connection() {
    let (_, address, handled) = bot(|server| server.head_timeout(Duration::from_millis(300))).await;
    closed(&mut stranger(address, b"").await).await;
    closed(&mut stranger(address, HALF_A_HEAD).await).await;
    // After a refusal too.
    closed(&mut stranger(address, REFUSED).await).await;
    let dribble = async {
        let mut stream = stranger(address, HALF_A_HEAD).await;
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let dribbled = timeout(STEP_TIMEOUT, dribble).await;
    dribbled.expect("the server closes it");
    assert_eq!(handled.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a12_a_handshake_that_never_ends_is_cut_off() {
    let (server, address) = server().await;
    let server = server.head_timeout(Duration::from_millis(300));
    let server = server.handshake(|stream: TcpStream| async move {
        std::future::pending::<()>().await;
        Ok(stream)
    });
    tokio::spawn(server.serve(Router::new()));
    closed(&mut stranger(address, REFUSED).await).await;
}

#[tokio::test]
async fn a12_a_connection_that_was_served_outlives_the_time_for_a_head() {
    let (telegram, _, _) = bot(|server| server.head_timeout(Duration::from_millis(100))).await;
    let first = delivered(&telegram, 1).await;
    // Longer than a head may take.
    sleep(Duration::from_millis(300)).await;
    let second = delivered(&telegram, 1).await;
    let connection = |exchange: &Exchange| exchange.last().and_then(|attempt| attempt.connection);
    assert_eq!(connection(&first), connection(&second));
}

#[tokio::test]
async fn a12_a_response_that_no_peer_reads_ends_the_connection() {
    let (server, address) = server().await;
    let limit = Duration::from_millis(300);
    let (dropped, is_dropped) = oneshot::channel::<()>();
    let dropped = Arc::new(Mutex::new(Some(dropped)));
    let service = service_fn(move |_: Request<RequestBody>| {
        // It ends with the body.
        let dropped = dropped.lock().expect("not poisoned").take();
        let endless = futures_util::stream::repeat_with(move || {
            let _still_there = &dropped;
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b'x'; 1 << 14])))
        });
        async { Ok::<_, Infallible>(Response::new(StreamBody::new(endless))) }
    });
    tokio::spawn(
        server
            .head_timeout(limit)
            .idle_timeout(limit)
            .serve(service),
    );
    let _unread = stranger(address, REFUSED).await;
    let ended = timeout(STEP_TIMEOUT, is_dropped).await;
    ended
        .expect("the server gives it up")
        .expect_err("nothing was sent");
}

#[tokio::test]
async fn a11_strangers_that_read_no_response_do_not_keep_telegram_out() {
    let (server, address) = server().await;
    let secret = SecretToken::new(SECRET).expect("a secret");
    let webhook = Webhook::new(secret).handler(async |_: Update| {});
    let endless = get(async || {
        let chunk = || Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1 << 14]));
        axum::body::Body::from_stream(futures_util::stream::repeat_with(chunk))
    });
    let app = Router::new().route_service("/telegram", webhook);
    let app = app.route("/endless", endless);
    tokio::spawn(server.max_connections(3).serve(app));
    let mut strangers = Vec::new();
    for _ in 0..3 {
        let mut stream = stranger(address, b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
        // It has begun.
        stream.read_u8().await.expect("a response");
        strangers.push(stream);
    }
    let telegram = Telegram::start().await.expect("a port");
    let url = format!("http://{address}/telegram");
    telegram.set_webhook(&url, SECRET).expect("a webhook");
    delivered(&telegram, 1).await;
}

#[tokio::test]
async fn a_response_that_is_not_ready_yet_may_take_its_time() {
    let (server, address) = server().await;
    let limit = Duration::from_millis(100);
    let service = service_fn(|_: Request<RequestBody>| async {
        let late = futures_util::stream::once(async {
            sleep(Duration::from_millis(400)).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"late")))
        });
        Ok::<_, Infallible>(Response::new(StreamBody::new(late)))
    });
    tokio::spawn(
        server
            .head_timeout(limit)
            .idle_timeout(limit)
            .serve(service),
    );
    let mut stream = stranger(address, REFUSED).await;
    let mut answer = Vec::new();
    let end = timeout(STEP_TIMEOUT, stream.read_to_end(&mut answer)).await;
    end.expect("the server closes it").expect("it isn't reset");
    assert!(String::from_utf8_lossy(&answer).contains("late"));
}

/// A server with a signal to stop, whose handler waits for a signal to go on.
struct Stoppable {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
    entered: Arc<Notify>,
    go: Arc<Notify>,
}

async fn stoppable(set: impl FnOnce(Server) -> Server) -> Stoppable {
    let (server, address) = server().await;
    let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (enter, wait) = (Arc::clone(&entered), Arc::clone(&go));
    let handler = move |_: Update| {
        let (enter, wait) = (Arc::clone(&enter), Arc::clone(&wait));
        async move {
            enter.notify_one();
            wait.notified().await;
        }
    };
    let secret = SecretToken::new(SECRET).expect("a secret");
    let webhook = Webhook::new(secret).handler(handler);
    let (stop, stopped) = oneshot::channel();
    let stopped = async { drop(stopped.await) };
    let serving = set(server).serve_with_shutdown(webhook, stopped);
    Stoppable {
        address,
        stop,
        ended: tokio::spawn(serving),
        entered,
        go,
    }
}

#[tokio::test]
async fn d10_the_server_finishes_what_runs_and_closes_the_rest() {
    let server = stoppable(|server| server).await;
    let telegram = Telegram::start().await.expect("a port");
    let url = format!("http://{}/telegram", server.address);
    telegram.set_webhook(&url, SECRET).expect("a webhook");
    let mut idle = stranger(server.address, REFUSED).await;
    let mut half = stranger(server.address, HALF_A_HEAD).await;
    let delivery = tokio::spawn(async move { telegram.deliver(update::text(1, "hi")).await });
    server.entered.notified().await;
    server.stop.send(()).expect("it runs");
    closed(&mut idle).await;
    closed(&mut half).await;
    assert!(!server.ended.is_finished());
    server.go.notify_one();
    let exchange = delivery.await.expect("an end");
    assert!(exchange.is_delivered(), "{exchange:?}");
    assert_eq!(exchange.attempts.len(), 1);
    server.ended.await.expect("it ends");
    TcpStream::connect(server.address)
        .await
        .expect_err("it listens no more");
}

#[tokio::test]
async fn d10_what_does_not_finish_in_time_is_cut_off() {
    let server = stoppable(|server| server.shutdown_timeout(Duration::from_millis(100))).await;
    let telegram = Telegram::start().await.expect("a port");
    let url = format!("http://{}/telegram", server.address);
    telegram.set_webhook(&url, SECRET).expect("a webhook");
    let delivery = tokio::spawn(async move { telegram.deliver_once(update::text(1, "hi")).await });
    server.entered.notified().await;
    server.stop.send(()).expect("it runs");
    let ended = timeout(STEP_TIMEOUT, server.ended).await;
    ended.expect("it ends in time").expect("it ends");
    let exchange = delivery.await.expect("an end").expect("it was sent");
    assert!(!exchange.is_delivered(), "{exchange:?}");
}

#[tokio::test]
async fn a_router_of_axums_is_served_and_peers_are_known() {
    let (server, address) = server().await;
    let app = Router::new().route(
        "/",
        get(async |request: axum::extract::Request| {
            let peer = request.extensions().get::<PeerAddr>().copied();
            peer.map(|peer| peer.0.ip().to_string()).unwrap_or_default()
        }),
    );
    tokio::spawn(server.serve(app));
    let mut stream = stranger(
        address,
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.ends_with("\r\n\r\n127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn bodies_are_read_through_a_handshake() {
    let (server, address) = server().await;
    let server = server.handshake(|mut stream: TcpStream| async move {
        // As a protocol of its own would: what is within goes through a pipe.
        let (ours, mut theirs) = duplex(64);
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut theirs).await });
        Ok(ours)
    });
    let echo = service_fn(|request: Request<RequestBody>| async {
        let body = request.into_body().collect().await?.to_bytes();
        Ok::<_, tower_telegram::server::RequestBodyError>(Response::new(Full::new(body)))
    });
    tokio::spawn(server.serve(echo));
    let stream = TcpStream::connect(address).await.expect("it listens");
    let mut connection = Connection::new(stream);
    let call = Call::new("x".repeat(100_000)).chunked(999);
    connection.write(&call.head()).await;
    connection.write(&call.content()).await;
    let (status, headers) = connection.read_head().await;
    assert_eq!(status, 200);
    let length = headers.iter().find(|(name, _)| name == "content-length");
    assert_eq!(length.expect("a length").1, b"100000");
}

#[tokio::test]
async fn g13_no_setting_of_a_server_panics_or_wedges_it() {
    for duration in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        for connections in [0, 1, usize::MAX] {
            let (telegram, _, handled) = bot(|server| {
                let server = server.max_connections(connections);
                let server = server.head_timeout(duration).idle_timeout(duration);
                server.shutdown_timeout(duration)
            })
            .await;
            delivered(&telegram, 1).await;
            assert_eq!(handled.load(Ordering::Relaxed), 1);
        }
    }
}

#[tokio::test]
async fn a_panic_of_the_service_ends_its_connection_alone() {
    let (server, address) = server().await;
    let service = service_fn(
        async |_: Request<RequestBody>| -> Result<Response<Full<&[u8]>>, Infallible> {
            panic!("on purpose")
        },
    );
    tokio::spawn(server.serve(service));
    for _ in 0..3 {
        closed(&mut stranger(address, REFUSED).await).await;
    }
}

#[tokio::test]
async fn a11_a_stranger_with_the_wrong_secret_is_one_even_if_it_speaks_like_telegram() {
    let (telegram, address, _) = bot(|server| server.max_connections(3)).await;
    let first = delivered(&telegram, 1).await;
    let head = b"POST /telegram HTTP/1.1\r\nHost: x\r\nX-Telegram-Bot-Api-Secret-Token: x\r\n\
        Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    for _ in 0..20 {
        let mut stream = stranger(address, head).await;
        let mut answer = [0; 12];
        if stream.read_exact(&mut answer).await.is_ok() {
            assert_eq!(&answer, b"HTTP/1.1 401");
        }
    }
    let second = delivered(&telegram, 1).await;
    let connection = |exchange: &Exchange| exchange.last().and_then(|attempt| attempt.connection);
    assert_eq!(connection(&first), connection(&second));
}
