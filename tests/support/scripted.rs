//! A server that follows a script byte by byte, and records the requests.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::{Duration, timeout},
};
use tower_telegram::Client;

/// A step that takes this long hangs.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// The client's read time-out in tests where the server stalls. A busy machine must still respond in time
/// where it responds.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_millis(600);

pub(crate) fn client_of(server: &Scripted) -> Client {
    let token = "7:secret".parse().expect("a token");
    let client = Client::builder(&token).read_timeout(READ_TIMEOUT);
    client.base_url(&server.url()).expect("a URL").build()
}

/// A step on a connection. After the last one the connection is closed.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads a whole request.
    Read,
    /// Reads the head of a request, and the bytes that arrive with it.
    ReadHead,
    Write(Vec<u8>),
    /// Writes these bytes repeatedly, until the other side stops reading.
    WriteForever(Vec<u8>),
    /// Continues like a connection without a script.
    Serve,
    /// Reads until the other side closes.
    Wait,
    /// Does nothing more, and doesn't close either.
    Stall,
    /// Closes the connection with a reset.
    Reset,
}

/// A response of the Bot API with this result.
pub(crate) fn ok(result: &str) -> Vec<u8> {
    json(200, &format!("{{\"ok\":true,\"result\":{result}}}"))
}

pub(crate) fn json(status: u16, body: &str) -> Vec<u8> {
    answer(
        status,
        "Content-Type: application/json\r\n",
        body.as_bytes(),
    )
}

/// A response with these headers, each with its line break, and its length.
pub(crate) fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A request as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) head: String,
    /// Without its chunks.
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut found = head.lines().skip(1).filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    });
    let one = found.next();
    assert!(found.next().is_none(), "{name} comes twice in {head}");
    one
}

#[derive(Debug, Default)]
struct State {
    scripts: Mutex<VecDeque<Vec<Step>>>,
    received: Mutex<Vec<Received>>,
    connections: Mutex<usize>,
    steps: Mutex<usize>,
}

/// A server on loopback, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    listening: AbortHandle,
}

impl Scripted {
    /// One script for each connection in turn. On further connections, every call returns `rest`.
    pub(crate) async fn start(
        scripts: impl IntoIterator<Item = Vec<Step>>,
        rest: &'static str,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            scripts: Mutex::new(scripts.into_iter().collect()),
            ..State::default()
        });
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a socket option");
                *shared.connections.lock().expect("nobody holds it") += 1;
                let script = shared.scripts.lock().expect("nobody holds it").pop_front();
                let state = Arc::clone(&shared);
                while connections.try_join_next().is_some() {}
                connections.spawn(async move {
                    let mut connection = Connection {
                        stream,
                        rest: Vec::new(),
                        state,
                    };
                    match script {
                        Some(script) => connection.play(script, rest).await,
                        None => connection.serve(rest).await,
                    }
                });
            }
        });
        Self {
            address,
            state,
            listening: serving.abort_handle(),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests since the last call.
    pub(crate) fn received(&self) -> Vec<Received> {
        std::mem::take(&mut *self.state.received.lock().expect("nobody holds it"))
    }

    /// How many steps that read or write were done, over all connections.
    pub(crate) fn steps(&self) -> usize {
        *self.state.steps.lock().expect("nobody holds it")
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        *self.state.connections.lock().expect("nobody holds it")
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

struct Connection {
    stream: TcpStream,
    /// The bytes after the last request.
    rest: Vec<u8>,
    state: Arc<State>,
}

impl Connection {
    async fn serve(&mut self, result: &str) {
        while let Some(request) = self.read().await {
            self.keep(request);
            if self.stream.write_all(&ok(result)).await.is_err() {
                break;
            }
        }
    }

    async fn play(&mut self, script: Vec<Step>, result: &str) {
        for step in script {
            match step {
                Step::Read => match self.read().await {
                    Some(request) => self.keep(request),
                    None => return,
                },
                Step::ReadHead => drop(self.read_head().await),
                Step::Write(bytes) => {
                    if self.stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Step::WriteForever(bytes) => while self.stream.write_all(&bytes).await.is_ok() {},
                Step::Wait => {
                    while self.more().await.is_some() {}
                    return;
                }
                Step::Serve => self.serve(result).await,
                Step::Stall => std::future::pending().await,
                Step::Reset => {
                    return self.stream.set_zero_linger().expect("a socket option");
                }
            }
            *self.state.steps.lock().expect("nobody holds it") += 1;
        }
    }

    fn keep(&self, request: Received) {
        let mut received = self.state.received.lock().expect("nobody holds it");
        received.push(request);
    }

    /// The next request. `None` if the other side closes first.
    async fn read(&mut self) -> Option<Received> {
        let head = self.read_head().await?;
        let body = match header(&head, "content-length") {
            Some(length) => {
                assert_eq!(header(&head, "transfer-encoding"), None, "{head}");
                self.take(length.parse().expect("a length")).await?
            }
            None if header(&head, "transfer-encoding") == Some("chunked") => {
                self.read_chunks().await?
            }
            None => Vec::new(),
        };
        Some(Received { head, body })
    }

    async fn read_head(&mut self) -> Option<String> {
        let end = loop {
            if let Some(at) = find(&self.rest, b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        String::from_utf8(self.take(end).await?).ok()
    }

    async fn read_chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = find(&self.rest, b"\r\n") {
                    break at + 2;
                }
                self.more().await?;
            };
            let line = String::from_utf8(self.take(end).await?).expect("a length");
            let length = usize::from_str_radix(line.trim(), 16).expect("a length");
            body.extend(self.take(length).await?);
            assert_eq!(self.take(2).await?, b"\r\n");
            if length == 0 {
                return Some(body);
            }
        }
    }

    async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.rest.len() < length {
            self.more().await?;
        }
        Some(self.rest.drain(..length).collect())
    }

    async fn more(&mut self) -> Option<()> {
        let read = timeout(STEP_TIMEOUT, self.stream.read_buf(&mut self.rest)).await;
        let read = read.expect("the client goes on or closes").ok()?;
        (read > 0).then_some(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
