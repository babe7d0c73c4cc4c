//! [`Server`], its settings, and the loop that accepts connections.

use std::{
    fmt,
    future::{Future, pending, poll_fn},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tower::BoxError;
use tower_service::Service;

use super::{
    RequestBody,
    accept::Accept,
    connection::{Overdue, serve_requests},
    connections::Connections,
    descriptors,
    handshake::{Handshake, ServedStream},
    listen::listen,
    service::ConnectionService,
    state::{ConnectionState, TimeLimits},
};
use crate::client::ErrorChain;

/// An HTTP/1.1 server with limits for connections: see the [module](super).
#[must_use = "nothing is served until `serve` is awaited"]
pub struct Server {
    listener: TcpListener,
    settings: Settings,
}

/// All settings except the listener.
#[derive(Clone)]
struct Settings {
    max_connections: usize,
    limits: TimeLimits,
    shutdown_timeout: Duration,
    handshake: Handshake,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_connections: descriptors::default_connections(),
            limits: TimeLimits::default(),
            shutdown_timeout: Duration::from_secs(60),
            handshake: Handshake::none(),
        }
    }
}

impl Server {
    /// A server on a listener.
    pub fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            settings: Settings::default(),
        }
    }

    /// A server on an address such as `0.0.0.0:8080`. Port 0 is any free one:
    /// [`local_addr`](Self::local_addr) returns it.
    ///
    /// # Errors
    ///
    /// When the system doesn't let the process listen on the address, which the error names.
    pub async fn bind(address: &str) -> io::Result<Self> {
        Ok(Self::new(listen(address).await?))
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// When the system doesn't say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// How many connections may be open at once, at least one. Default: 512, or half of the files that the process
    /// may have open if that is less (on Linux). The client's connections and all other open files come on top.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.settings.max_connections = connections.max(1);
        self
    }

    /// How long a connection has, from when it is accepted, for its handshake and the head of its
    /// first request; and after a 4xx response for the next one. At least 0.1 seconds. Default: 10
    /// seconds.
    pub fn head_timeout(mut self, limit: Duration) -> Self {
        self.settings.limits = self.settings.limits.head(limit);
        self
    }

    /// How long a connection is kept between requests, at least 0.1 seconds. Default: 90 seconds.
    /// Telegram closes its own after 60 and opens new ones slowly, so a shorter time delays deliveries.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.settings.limits = self.settings.limits.idle(limit);
        self
    }

    /// How long running requests have to finish at shutdown. Default: 60 seconds, for which Telegram waits for a
    /// response. With zero they are cut off at once.
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.settings.shutdown_timeout = limit;
        self
    }

    /// A function that each connection is passed to before its first request, such as a TLS handshake. An error
    /// closes the connection.
    ///
    /// ```no_run
    /// # async fn tls() -> std::io::Result<()> {
    /// # let acceptor: tokio_rustls::TlsAcceptor = unimplemented!();
    /// use tower_telegram::server::Server;
    ///
    /// let server = Server::bind("0.0.0.0:8443").await?;
    /// let server = server.handshake(move |stream| acceptor.accept(stream));
    /// # Ok(())
    /// # }
    /// ```
    pub fn handshake<F, Fut, Io>(mut self, handshake: F) -> Self
    where
        F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Io>> + Send + 'static,
        Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.settings.handshake = Handshake::new(handshake);
        self
    }

    /// Serves for as long as the future is polled. When it is dropped, every connection is closed at once.
    pub async fn serve<S, B>(self, service: S)
    where
        S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        self.serve_with_shutdown(service, pending()).await;
    }

    /// Serves until `signal` resolves. Then it stops listening, closes connections without a request under way, waits
    /// for running requests up to [`shutdown_timeout`](Self::shutdown_timeout), and returns.
    ///
    /// ```no_run
    /// use tower_telegram::{
    ///     server::Server,
    ///     types::Update,
    ///     webhook::{SecretToken, Webhook},
    /// };
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let webhook = Webhook::new(SecretToken::new("swordfish")?).handler(async |_: Update| {});
    /// let stop = async { drop(tokio::signal::ctrl_c().await) };
    /// Server::bind("0.0.0.0:8080").await?.serve_with_shutdown(webhook, stop).await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn serve_with_shutdown<S, B, F>(self, service: S, signal: F)
    where
        S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
        F: Future<Output = ()>,
    {
        if let Ok(address) = self.local_addr() {
            tracing::info!(%address, "serving");
        }
        run(self.listener, &self.settings, service, signal).await;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .field("max_connections", &self.settings.max_connections)
            .field("limits", &self.settings.limits)
            .field("shutdown_timeout", &self.settings.shutdown_timeout)
            .finish_non_exhaustive()
    }
}

async fn run<L, S, B, F>(mut listener: L, settings: &Settings, service: S, signal: F)
where
    L: Accept,
    S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    F: Future<Output = ()>,
{
    let mut connections = Connections::new(settings.max_connections);
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    connections.make_room().await;
                    let stop = connections.stop();
                    let state = Arc::new(ConnectionState::new());
                    let task = Arc::clone(&state);
                    let connection =
                        serve(stream, peer, service.clone(), task, settings.clone(), stop);
                    connections.spawn(state, connection);
                }
                Err(error) => connections.recover(&error).await,
            }
        }
    };
    tokio::select! {
        biased;
        () = signal => {}
        () = accepting => {}
    }
    tracing::info!("stopping once running requests have ended");
    // Telegram's next connection is refused, or reaches the process that listens next.
    drop(listener);
    let cut_off = connections.shut_down(settings.shutdown_timeout).await;
    if cut_off > 0 {
        tracing::warn!(connections = cut_off, "connections cut off at shutdown");
    }
}

async fn serve<S, B>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    state: Arc<ConnectionState>,
    settings: Settings,
    stop: watch::Receiver<bool>,
) where
    S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    // Head and body of a response needn't wait for each other. An error only delays them.
    drop(stream.set_nodelay(true));
    let mut overdue = Overdue::new(Arc::clone(&state), settings.limits);
    let shaken = shake(stream, &settings.handshake, &mut overdue, stop.clone()).await;
    let Some(stream) = shaken else {
        return;
    };
    let service = ConnectionService {
        inner: service,
        peer,
        state,
    };
    serve_requests(stream, service, overdue, stop).await;
}

/// The stream after its handshake. `None` if that failed, took too long, or the server stops.
async fn shake(
    stream: TcpStream,
    with: &Handshake,
    overdue: &mut Overdue,
    mut stop: watch::Receiver<bool>,
) -> Option<ServedStream> {
    let shaken = tokio::select! {
        biased;
        shaken = with.shake(stream) => shaken,
        () = poll_fn(|cx| overdue.poll(cx)) => return None,
        // No request has begun.
        _ = stop.wait_for(|stop| *stop) => return None,
    };
    match shaken {
        Ok(stream) => Some(stream),
        Err(error) => {
            let error = ErrorChain(&error);
            tracing::debug!(%error, "handshake failed");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, convert::Infallible};

    use http_body_util::Full;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tower::service_fn;

    use super::*;

    /// A listener that returns some errors before it accepts.
    struct Failing {
        errors: VecDeque<io::Error>,
        listener: TcpListener,
    }

    impl Accept for Failing {
        async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
            match self.errors.pop_front() {
                Some(error) => Err(error),
                None => self.listener.accept().await,
            }
        }
    }

    #[tokio::test]
    async fn a13_errors_of_accept_are_waited_out() {
        const TOO_MANY_OPEN_FILES: i32 = 24;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let failing = Failing {
            errors: VecDeque::from([
                io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES),
                io::ErrorKind::ConnectionAborted.into(),
                io::ErrorKind::ConnectionReset.into(),
                io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES),
                io::Error::other("no idea"),
            ]),
            listener,
        };
        let service = service_fn(async |_: Request<RequestBody>| {
            Ok::<_, Infallible>(Response::new(Full::<&[u8]>::default()))
        });
        tokio::spawn(async move {
            run(failing, &Settings::default(), service, pending()).await;
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }

    /// A connection in its handshake has no request that could be lost.
    #[tokio::test]
    async fn d10_a_handshake_that_has_not_ended_is_not_waited_for() {
        const HOUR: Duration = Duration::from_secs(3600);
        /// Whatever takes this long hangs.
        const STEP_TIMEOUT: Duration = Duration::from_secs(20);

        let (began, mut shaking) = watch::channel(false);
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let server = server.head_timeout(HOUR).shutdown_timeout(HOUR).handshake(
            move |mut stream: TcpStream| {
                began.send_replace(true);
                async move {
                    stream.read_exact(&mut [0; 5]).await?;
                    Ok(stream)
                }
            },
        );
        let service = service_fn(async |_: Request<RequestBody>| {
            Ok::<_, Infallible>(Response::new(Full::<&[u8]>::default()))
        });
        let serving = tokio::spawn(server.serve_with_shutdown(service, async move {
            drop(shaking.wait_for(|began| *began).await);
        }));
        let mut silent = TcpStream::connect(address).await.unwrap();
        let ended = tokio::time::timeout(STEP_TIMEOUT, serving).await;
        ended.expect("it isn't waited for").unwrap();
        assert_eq!(silent.read(&mut [0]).await.unwrap(), 0, "it is closed");
    }

    #[test]
    fn servers_can_go_anywhere() {
        fn anywhere<T: Send + Sync + 'static>() {}
        anywhere::<Server>();
        anywhere::<RequestBody>();
    }
}
