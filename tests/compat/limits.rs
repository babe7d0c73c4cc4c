//! A11 and A12: tonic behind a listener that limits connections.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tonic::{
    service::Routes,
    transport::server::{Connected, Server, TcpConnectInfo},
};
use tower_telegram::{
    server::{LimitedListener, LimitedStream},
    types::Update,
    webhook::Webhook,
};

use crate::support::{
    adapter::secret,
    wire::{Call, Connection, MESSAGE, SECRET},
};

/// Whatever takes this long hangs.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

struct Limited(LimitedStream);

impl Connected for Limited {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        TcpConnectInfo {
            local_addr: self.0.local_addr().ok(),
            remote_addr: self.0.peer_addr().ok(),
        }
    }
}

impl AsyncRead for Limited {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Limited {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A bot behind tonic, as in its example.
async fn bot(set: impl FnOnce(LimitedListener) -> LimitedListener) -> SocketAddr {
    let listener = LimitedListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let webhook = Webhook::new(secret(SECRET)).handler(async |_: Update| {});
    let (_, health) = tonic_health::server::health_reporter();
    let routes = Routes::new(health).into_axum_router();
    let routes = Routes::from(routes.route_service("/bot", webhook));
    let connections = set(listener).into_stream(Limited);
    tokio::spawn(
        Server::builder()
            .accept_http1(true)
            .add_routes(routes)
            .serve_with_incoming(connections),
    );
    address
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

async fn deliver(address: SocketAddr) {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let call = Call::new(MESSAGE);
    let answer = timeout(STEP_TIMEOUT, async {
        Connection::new(stream).send(&call).await
    })
    .await;
    assert_eq!(answer.expect("Telegram isn't kept out").status, 200);
}

const HALF_A_HEAD: &[u8] = b"POST /bot HTTP/1.1\r\nHost: x\r\nX-A: ";
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[tokio::test]
async fn a11_strangers_that_hold_every_connection_of_tonic_do_not_keep_telegram_out() {
    for says in [&b""[..], HALF_A_HEAD, HTTP2] {
        let address = bot(|listener| listener.max_connections(10)).await;
        let mut strangers = Vec::new();
        for _ in 0..30 {
            strangers.push(stranger(address, says).await);
        }
        for _ in 0..3 {
            deliver(address).await;
        }
        // The first had to go.
        closed(&mut strangers[0]).await;
    }
}

#[tokio::test]
async fn a12_tonic_closes_a_silent_connection_at_its_time_limit() {
    let short = Duration::from_millis(100);
    let address = bot(|listener| listener.head_timeout(short)).await;
    closed(&mut stranger(address, b"").await).await;
    let address = bot(|listener| listener.idle_timeout(short)).await;
    closed(&mut stranger(address, HALF_A_HEAD).await).await;
    closed(&mut stranger(address, HTTP2).await).await;
}
