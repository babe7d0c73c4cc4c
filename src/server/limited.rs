//! A listener whose connections are limited, for HTTP servers that set no limits of their own.

use std::{
    collections::HashMap,
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::stream::{self, Stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};

use super::{
    accept::AcceptErrors,
    connection::Overdue,
    descriptors,
    listen::listen,
    state::{BUSY_PAUSE, ConnectionState, TimeLimits, evict_one},
};

/// A TCP listener with limits for its connections, for a server that takes its connections from elsewhere, such
/// as tonic's `serve_with_incoming`. [`Server`](super::Server) needs none: it has stricter limits.
///
/// 1. There are at most [`max_connections`](Self::max_connections). A new one takes the place of one that hasn't
///    sent a byte yet, the oldest of them; if there is none, of the one that has been silent for longest.
/// 2. A connection that sends no byte for [`head_timeout`](Self::head_timeout) after it was accepted is closed.
/// 3. So is one on which no byte moves, in either direction, for [`idle_timeout`](Self::idle_timeout).
/// 4. An error of `accept`, such as having no file descriptor left, is logged and waited out.
///
/// It counts bytes and doesn't know requests: where every connection is in use, one whose handler is at work
/// may be the one that has been silent for longest. Telegram then sends its update again. A head that comes
/// byte by byte is for the server to time out.
///
/// ```no_run
/// use tower_telegram::server::LimitedListener;
///
/// # async fn run() -> std::io::Result<()> {
/// let mut listener = LimitedListener::bind("0.0.0.0:8080").await?.max_connections(256);
/// loop {
///     let (stream, peer) = listener.accept().await;
///     tokio::spawn(async move {
///         // An HTTP server of your choice reads requests from `stream`.
/// #       drop((stream, peer));
///     });
/// }
/// # }
/// ```
#[must_use = "nothing is accepted until `accept` is called"]
pub struct LimitedListener {
    listener: TcpListener,
    max_connections: usize,
    limits: TimeLimits,
    open: Arc<OpenConnections>,
    errors: AcceptErrors,
}

impl LimitedListener {
    /// Limits the connections of a listener.
    pub fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            max_connections: descriptors::default_connections(),
            limits: TimeLimits::default(),
            open: Arc::default(),
            errors: AcceptErrors::default(),
        }
    }

    /// Listens on an address such as `0.0.0.0:8080`.
    ///
    /// # Errors
    ///
    /// When the system doesn't let the process listen there. The error names the address.
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

    /// How many connections may be open at once, at least one. Default: 512, or half of the files that the
    /// process may have open where that is less (on Linux).
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// How long a new connection may take to send its first byte, at least 0.1 seconds. Default: 10 seconds.
    pub fn head_timeout(mut self, limit: Duration) -> Self {
        self.limits = self.limits.head(limit);
        self
    }

    /// How long a connection is kept on which no byte moves, at least 0.1 seconds. Default: 90 seconds, because
    /// a handler may take 60, until Telegram closes the connection.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.limits = self.limits.idle(limit);
        self
    }

    /// Waits for the next connection, and for room for it.
    ///
    /// Dropped while it waits for room, it closes the connection that it has accepted.
    pub async fn accept(&mut self) -> (LimitedStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    self.make_room().await;
                    return (self.limit(stream), peer);
                }
                Err(error) => {
                    let open = &self.open;
                    let connections = open.len();
                    let recovery = self.errors.recover(&error, connections, || open.evict());
                    recovery.wait_for(open.closed.notified()).await;
                }
            }
        }
    }

    /// The connections as a stream, each as the type that a server needs. The stream has no end and yields no
    /// error.
    ///
    /// tonic takes types that implement its trait `Connected`: a struct around [`LimitedStream`], as in this
    /// repository's example.
    pub fn into_stream<T>(
        self,
        wrap: impl FnMut(LimitedStream) -> T + Send,
    ) -> impl Stream<Item = io::Result<T>> + Send {
        stream::unfold((self, wrap), |(mut listener, mut wrap)| async move {
            let (stream, _) = listener.accept().await;
            Some((Ok(wrap(stream)), (listener, wrap)))
        })
    }

    async fn make_room(&self) {
        while self.open.len() >= self.max_connections {
            let closed = self.open.closed.notified();
            self.open.evict();
            drop(timeout(BUSY_PAUSE, closed).await);
        }
    }

    fn limit(&self, stream: TcpStream) -> LimitedStream {
        // Head and body of a response needn't wait for each other.
        drop(stream.set_nodelay(true));
        let state = Arc::new(ConnectionState::new());
        let id = self.open.insert(Arc::clone(&state));
        LimitedStream {
            inner: stream,
            overdue: Overdue::new(Arc::clone(&state), self.limits),
            state,
            _slot: ConnectionSlot {
                open: Arc::clone(&self.open),
                id,
            },
        }
    }
}

impl fmt::Debug for LimitedListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitedListener")
            .field("listener", &self.listener)
            .field("max_connections", &self.max_connections)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct OpenConnections {
    states: Mutex<StateTable>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct StateTable {
    by_id: HashMap<u64, Arc<ConnectionState>>,
    next_id: u64,
}

impl OpenConnections {
    fn states(&self) -> MutexGuard<'_, StateTable> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn len(&self) -> usize {
        self.states().by_id.len()
    }

    fn insert(&self, state: Arc<ConnectionState>) -> u64 {
        let mut states = self.states();
        let id = states.next_id;
        states.next_id += 1;
        states.by_id.insert(id, state);
        id
    }

    fn evict(&self) -> bool {
        evict_one(self.states().by_id.values())
    }
}

/// The slot of an open connection, which is free once this is dropped.
#[derive(Debug)]
struct ConnectionSlot {
    open: Arc<OpenConnections>,
    id: u64,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.open.states().by_id.remove(&self.id);
        self.open.closed.notify_one();
    }
}

/// A connection of a [`LimitedListener`]. Reading and writing fail with [`io::ErrorKind::TimedOut`] once its
/// time is over, or once it has to make room for another.
#[derive(Debug)]
pub struct LimitedStream {
    inner: TcpStream,
    overdue: Overdue,
    state: Arc<ConnectionState>,
    // Behind the stream, which is closed first.
    _slot: ConnectionSlot,
}

impl LimitedStream {
    /// The address of this end.
    ///
    /// # Errors
    ///
    /// When the system doesn't say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// When the system doesn't say.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }

    /// The result when the connection isn't ready: an error if its time is over.
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.overdue
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for LimitedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if polled.is_pending() {
            return self.wait(cx);
        }
        if buf.filled().len() > before {
            self.state.move_bytes();
        }
        polled
    }
}

impl AsyncWrite for LimitedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        match polled {
            Poll::Pending => self.wait(cx),
            Poll::Ready(_) => {
                self.state.move_bytes();
                polled
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        match polled {
            Poll::Pending => self.wait(cx),
            Poll::Ready(_) => {
                self.state.move_bytes();
                polled
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Whatever takes this long hangs.
    const STEP_TIMEOUT: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(100);

    async fn listener() -> (LimitedListener, SocketAddr) {
        let listener = LimitedListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    async fn connect(listener: &mut LimitedListener, to: SocketAddr) -> (LimitedStream, TcpStream) {
        let client = TcpStream::connect(to).await.unwrap();
        let (stream, peer) = listener.accept().await;
        assert_eq!(client.local_addr().unwrap(), peer);
        (stream, client)
    }

    /// Reads until the end, as a server does.
    fn serve(mut stream: LimitedStream) -> tokio::task::JoinHandle<io::ErrorKind> {
        tokio::spawn(async move {
            let mut buffer = [0; 64];
            loop {
                match stream.read(&mut buffer).await {
                    Ok(0) => return io::ErrorKind::UnexpectedEof,
                    Ok(_) => {}
                    Err(error) => return error.kind(),
                }
            }
        })
    }

    async fn ended(served: tokio::task::JoinHandle<io::ErrorKind>) -> io::ErrorKind {
        timeout(STEP_TIMEOUT, served)
            .await
            .expect("it ends")
            .unwrap()
    }

    #[tokio::test]
    async fn a11_a_new_connection_takes_the_place_of_the_oldest_that_has_sent_no_byte() {
        let (listener, address) = listener().await;
        let mut listener = listener.max_connections(3);
        let (talking, mut first) = connect(&mut listener, address).await;
        first.write_all(b"POST").await.unwrap();
        let talking = serve(talking);
        let (silent, _second) = connect(&mut listener, address).await;
        let silent = serve(silent);
        let (other, _third) = connect(&mut listener, address).await;
        let other = serve(other);
        let mut late = TcpStream::connect(address).await.unwrap();
        let accepted = timeout(STEP_TIMEOUT, listener.accept()).await;
        let (mut accepted, _) = accepted.expect("there is room");
        assert_eq!(ended(silent).await, io::ErrorKind::TimedOut);
        accepted.write_all(b"hi").await.unwrap();
        let mut answer = [0; 2];
        late.read_exact(&mut answer).await.unwrap();
        assert!(!talking.is_finished() && !other.is_finished());
    }

    #[tokio::test]
    async fn a12_a_silent_connection_is_closed_at_its_time_limit() {
        let (listener, address) = listener().await;
        let mut listener = listener.head_timeout(SHORT);
        let (silent, _client) = connect(&mut listener, address).await;
        assert_eq!(ended(serve(silent)).await, io::ErrorKind::TimedOut);
        // The first byte ends the first limit, and begins the second.
        let mut listener = listener.idle_timeout(SHORT).head_timeout(Duration::MAX);
        let (talking, mut client) = connect(&mut listener, address).await;
        client.write_all(b"POST").await.unwrap();
        assert_eq!(ended(serve(talking)).await, io::ErrorKind::TimedOut);
        assert_eq!(listener.open.len(), 0);
    }

    #[tokio::test]
    async fn g13_no_setting_of_a_limited_listener_panics_or_wedges_it() {
        for duration in [Duration::ZERO, Duration::MAX] {
            for connections in [0, usize::MAX] {
                let (listener, address) = listener().await;
                let listener = listener.head_timeout(duration).idle_timeout(duration);
                let mut listener = listener.max_connections(connections);
                let (mut stream, mut client) = connect(&mut listener, address).await;
                client.write_all(b"hi").await.unwrap();
                let mut read = [0; 2];
                stream.read_exact(&mut read).await.unwrap();
                drop(client);
                assert_eq!(ended(serve(stream)).await, io::ErrorKind::UnexpectedEof);
            }
        }
    }

    #[test]
    fn listeners_can_go_anywhere() {
        fn anywhere<T: Send + Sync + 'static>() {}
        anywhere::<LimitedListener>();
        anywhere::<LimitedStream>();
    }
}
