//! A sender of updates that behaves like Telegram: on each connection one update after the other, each sent until it
//! has taken a response of status 200. Requests break off, and responses are lost.

use std::{
    fmt, io,
    net::SocketAddr,
    ops::AddAssign,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::bot::Ledger;

pub(crate) const SECRET: &str = "a-stress_Secret";

/// The longest time, in milliseconds, between a response that was read and lost, and the next delivery. The bot
/// remembers its updates and replies for longer.
const LONGEST_REDELIVERY: u64 = 200;

/// How long Telegram waits for a response.
const TIME_LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Count {
    requests: u64,
    /// Requests that broke off, and responses that were cut off or not waited for.
    faults: u64,
    /// Redeliveries after a response of status 200 was read and lost.
    redelivered: u64,
    /// Responses of another status than 200.
    failed: u64,
    /// Connections that the bot closed, or on which it didn't respond in time.
    closed: u64,
}

impl Count {
    pub(crate) fn problem(&self) -> Option<String> {
        let closed = self.closed;
        (closed > 0).then(|| format!("the bot closed {closed} connections"))
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.faults += other.faults;
        self.redelivered += other.redelivered;
        self.failed += other.failed;
        self.closed += other.closed;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Telegram: {} requests, {} broken off or not waited for, {} redelivered after a lost response, \
             {} answered by an error, {} connections closed by the bot",
            self.requests, self.faults, self.redelivered, self.failed, self.closed
        )
    }
}

/// How a request goes wrong. Telegram sends the update again after each.
#[derive(Clone, Copy, Debug)]
enum RequestFault {
    /// The connection is closed within the request's body.
    HalfRequest,
    /// The connection is closed while the handler runs, or shortly after.
    Closed,
    /// The response isn't waited for, and the connection stays open.
    TimedOut,
    /// The connection is closed within the response's head.
    HalfResponse,
}

impl RequestFault {
    /// 4 % of the requests. A later request of an update may join the handler's run, so the fault that waits for a
    /// call of the handler needs the first.
    fn random(is_first: bool) -> Option<Self> {
        match fastrand::u32(..100) {
            0 => Some(Self::HalfRequest),
            1 => Some(Self::HalfResponse),
            2 if is_first => Some(Self::Closed),
            3 if is_first => Some(Self::TimedOut),
            _ => None,
        }
    }
}

struct Response {
    status: u16,
    retry_after: u64,
    body: Vec<u8>,
}

fn request(id: i64) -> Vec<u8> {
    let chat = id % 1000;
    let body = format!(
        "{{\"update_id\":{id},\n\"message\":{{\"message_id\":1,\"date\":1,\"chat\":{{\"id\":{chat},\
         \"type\":\"private\"}},\"text\":\"hello\"}}}}"
    );
    let request = format!(
        "POST /bot HTTP/1.1\r\nHost: bot\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\r\n{body}",
        body.len()
    );
    request.into_bytes()
}

/// A connection that is opened when it is needed.
struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            buffer: Vec::with_capacity(4096),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<&mut TcpStream> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        stream.write_all(bytes).await?;
        Ok(stream)
    }

    /// Sends an update and reads the response.
    async fn send(&mut self, id: i64) -> io::Result<Response> {
        let response = timeout(TIME_LIMIT, self.write_and_read(id)).await;
        let response = response.unwrap_or_else(|late| Err(late.into()));
        if response.is_err() {
            self.stream = None;
        }
        response
    }

    async fn write_and_read(&mut self, id: i64) -> io::Result<Response> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let stream = self.write(&request(id)).await?;
        let head = loop {
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let text = str::from_utf8(&buffer[..head]).map_err(io::Error::other)?;
        let header = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            let value = lines.find(|(key, _)| key.eq_ignore_ascii_case(name))?.1;
            value.parse::<usize>().ok()
        };
        let status = text.get(9..12).and_then(|digits| digits.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let length = header("content-length").ok_or(io::ErrorKind::InvalidData)?;
        let retry_after = header("retry-after").unwrap_or(0) as u64;
        while buffer.len() < head + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let body = buffer[head..].to_vec();
        self.buffer = buffer;
        Ok(Response {
            status,
            retry_after,
            body,
        })
    }

    /// Sends an update whose response Telegram will not have.
    async fn fail(&mut self, fault: RequestFault, id: i64, ledger: &Ledger) -> io::Result<()> {
        let request = request(id);
        match fault {
            RequestFault::HalfRequest => {
                let length = request.len() - fastrand::usize(1..100);
                self.write(&request[..length]).await?;
            }
            RequestFault::Closed | RequestFault::TimedOut => {
                self.write(&request).await?;
                // Then the bot has this request before the next.
                timeout(TIME_LIMIT, ledger.called(id)).await?;
                sleep(Duration::from_millis(fastrand::u64(0..25))).await;
            }
            RequestFault::HalfResponse => {
                self.write(&request).await?.read_u8().await?;
            }
        }
        Ok(())
    }
}

/// Sends updates until `stop` is true, and waits until each has been taken.
pub(crate) async fn deliver(
    address: SocketAddr,
    ledger: Arc<Ledger>,
    ids: Arc<AtomicI64>,
    stop: watch::Receiver<bool>,
) -> Count {
    let mut count = Count::default();
    let mut connection = Connection::new(address);
    let mut redeliveries = JoinSet::new();
    while !*stop.borrow() {
        let id = ids.fetch_add(1, Ordering::Relaxed);
        let body = until_ok(&mut connection, &ledger, id, &mut count).await;
        ledger.read_ok(id, &body);
        if is_lost() {
            redeliveries.spawn(redeliver(address, Arc::clone(&ledger), id));
        } else {
            ledger.take(id);
        }
        while let Some(Ok(redelivered)) = redeliveries.try_join_next() {
            count += redelivered;
        }
    }
    while let Some(Ok(redelivered)) = redeliveries.join_next().await {
        count += redelivered;
    }
    count
}

/// Whether a response that was read is lost: 5 % of them.
fn is_lost() -> bool {
    fastrand::u32(..100) < 5
}

/// Sends an update until a response of status 200 was read, and returns its body.
async fn until_ok(
    connection: &mut Connection,
    ledger: &Ledger,
    id: i64,
    count: &mut Count,
) -> Vec<u8> {
    // Kept open until the update has its response.
    let mut timed_out = None;
    let mut is_first = true;
    loop {
        count.requests += 1;
        if let Some(fault) = RequestFault::random(is_first) {
            is_first = false;
            count.faults += 1;
            count.closed += u64::from(connection.fail(fault, id, ledger).await.is_err());
            let stream = connection.stream.take();
            if matches!(fault, RequestFault::TimedOut) {
                timed_out = stream;
            }
            continue;
        }
        is_first = false;
        match connection.send(id).await {
            Ok(response) if response.status == 200 => {
                drop(timed_out);
                return response.body;
            }
            Ok(response) => {
                count.failed += 1;
                sleep(Duration::from_secs(response.retry_after)).await;
            }
            Err(_) => {
                count.closed += 1;
                sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// Sends an update again whose response was lost, on a connection of its own, until its response isn't lost.
async fn redeliver(address: SocketAddr, ledger: Arc<Ledger>, id: i64) -> Count {
    let mut count = Count::default();
    loop {
        sleep(Duration::from_millis(fastrand::u64(..LONGEST_REDELIVERY))).await;
        count.requests += 1;
        count.redelivered += 1;
        match Connection::new(address).send(id).await {
            Ok(response) => ledger.read_again(id, response.status, &response.body),
            Err(_) => count.closed += 1,
        }
        if !is_lost() {
            ledger.take(id);
            return count;
        }
    }
}
