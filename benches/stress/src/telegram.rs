//! The sender: one update after the other on each connection, each repeated until it gets a 2xx.

use std::{
    collections::VecDeque,
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
    time::{Instant, sleep},
};

use crate::bot::Ledger;

pub(crate) const SECRET: &str = "a-soaked_Secret";

/// How many of a connection's updates that are over may be sent again.
const OVER: usize = 64;

/// And until when, from when they were sent first. The bot forgets the oldest of 100,000, by the order in
/// which they came: at 2000 a second those of fifty seconds ago.
const STILL_KNOWN: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
pub(crate) struct Count {
    requests: u64,
    hang_ups: u64,
    redelivered: u64,
    failed: u64,
    /// Connections that broke without our doing.
    broken: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.hang_ups += other.hang_ups;
        self.redelivered += other.redelivered;
        self.failed += other.failed;
        self.broken += other.broken;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Telegram: {} requests, {} hang-ups, {} redelivered, {} failed, {} connections broken",
            self.requests, self.hang_ups, self.redelivered, self.failed, self.broken
        )
    }
}

struct Answer {
    status: u16,
    retry_after: u64,
    has_reply: bool,
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

    async fn write(&mut self, id: i64) -> io::Result<&mut TcpStream> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
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
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }

    /// Leaves before the response.
    async fn hang_up(&mut self, id: i64) -> io::Result<()> {
        self.write(id).await?;
        sleep(Duration::from_millis(fastrand::u64(0..25))).await;
        self.stream = None;
        Ok(())
    }

    async fn ask(&mut self, id: i64) -> io::Result<Answer> {
        let answer = self.try_ask(id).await;
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    async fn try_ask(&mut self, id: i64) -> io::Result<Answer> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let stream = self.write(id).await?;
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
        let length = header("content-length").ok_or(io::ErrorKind::InvalidData)?;
        let answer = Answer {
            status: status.ok_or(io::ErrorKind::InvalidData)?,
            retry_after: header("retry-after").unwrap_or(0) as u64,
            has_reply: length > 0,
        };
        while buffer.len() < head + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.buffer = buffer;
        Ok(answer)
    }
}

/// Sends updates until `ends`: 1 % of the requests are hung up on, 5 % of the updates are redelivered, at the
/// same time, at once or later.
pub(crate) async fn deliver(
    address: SocketAddr,
    ledger: Arc<Ledger>,
    ids: Arc<AtomicI64>,
    ends: Instant,
) -> Count {
    let mut count = Count::default();
    let mut connection = Connection::new(address);
    let mut over: VecDeque<(Instant, i64)> = VecDeque::with_capacity(OVER);
    while Instant::now() < ends {
        let id = ids.fetch_add(1, Ordering::Relaxed);
        let came = Instant::now();
        let comes_again = fastrand::u32(..100) < 5;
        let at_once = comes_again && fastrand::bool();
        until_taken(&mut connection, &ledger, id, at_once, &mut count).await;
        ledger.over(id);
        while over
            .front()
            .is_some_and(|(came, _)| came.elapsed() > STILL_KNOWN)
        {
            over.pop_front();
        }
        if comes_again && !at_once && !over.is_empty() {
            let (_, old) = over[fastrand::usize(..over.len())];
            count.redelivered += 1;
            count.requests += 1;
            match connection.ask(old).await {
                Ok(answer) => ledger.again(old, answer.has_reply),
                Err(_) => count.broken += 1,
            }
        }
        if over.len() == OVER {
            over.pop_front();
        }
        over.push_back((came, id));
    }
    count
}

async fn until_taken(
    connection: &mut Connection,
    ledger: &Arc<Ledger>,
    id: i64,
    twice: bool,
    count: &mut Count,
) {
    if fastrand::u32(..100) == 0 {
        count.hang_ups += 1;
        count.requests += 1;
        // An error is a hang-up as well.
        drop(connection.hang_up(id).await);
    }
    let mut other = Connection::new(connection.address);
    let beside = async {
        if !twice {
            return;
        }
        sleep(Duration::from_millis(fastrand::u64(0..10))).await;
        if let Ok(answer) = other.ask(id).await
            && answer.status == 200
        {
            ledger.acked(id, answer.has_reply);
        }
    };
    count.requests += u64::from(twice);
    count.redelivered += u64::from(twice);
    let taken = async {
        loop {
            count.requests += 1;
            match connection.ask(id).await {
                Ok(answer) if answer.status == 200 => {
                    return ledger.acked(id, answer.has_reply);
                }
                Ok(answer) => {
                    count.failed += 1;
                    sleep(Duration::from_secs(answer.retry_after)).await;
                }
                Err(_) => {
                    count.broken += 1;
                    sleep(Duration::from_millis(10)).await;
                }
            }
        }
    };
    tokio::join!(taken, beside);
}
