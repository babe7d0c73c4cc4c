//! One connection to the bot.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, sleep},
};

use super::{
    exchange::AttemptError,
    http1::{self, ReadError, Refusal},
    wire::{Answer, Request},
};

/// After this long without a request a connection is closed.
const IDLE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: u64,
    io: TcpStream,
    /// What came after the last response. The next one is read from here on, for better or worse.
    buffer: BytesMut,
    idle_since: Instant,
}

impl Connection {
    pub(super) async fn open(id: u64, address: SocketAddr) -> io::Result<Self> {
        let io = TcpStream::connect(address).await?;
        // A head and a body that are written apart shall leave apart.
        io.set_nodelay(true)?;
        Ok(Self {
            id,
            io,
            buffer: BytesMut::new(),
            idle_since: Instant::now(),
        })
    }

    /// Starts the time that it may be idle.
    pub(super) fn rest(&mut self) {
        self.idle_since = Instant::now();
    }

    pub(super) fn is_idle_for_too_long(&self) -> bool {
        self.idle_since.elapsed() >= IDLE
    }

    /// Whether it can take another request. What the bot sent in the meantime is kept as it is.
    pub(super) fn is_open(&mut self) -> bool {
        if self.is_idle_for_too_long() {
            return false;
        }
        self.buffer.reserve(4 << 10);
        match self.io.try_read_buf(&mut self.buffer) {
            Ok(0) => false,
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    /// Writes and reads at the same time, as a bot may answer before it has read everything. The flag
    /// says whether everything was written.
    pub(super) async fn exchange(
        &mut self,
        request: &Request,
        max_body: usize,
    ) -> Result<(Answer, bool), AttemptError> {
        let (mut reader, mut writer) = self.io.split();
        let mut written = None;
        let result = {
            let write = async {
                for (at, piece) in request.pieces.iter().enumerate() {
                    if at > 0 && !request.pause.is_zero() {
                        sleep(request.pause).await;
                    }
                    writer.write_all(piece).await?;
                }
                Ok::<(), io::Error>(())
            };
            let read = http1::read(&mut reader, &mut self.buffer, max_body);
            tokio::pin!(write, read);
            loop {
                tokio::select! {
                    // Writing first: what is left over in the buffer may be a response already.
                    biased;
                    result = &mut write, if written.is_none() => written = Some(result),
                    result = &mut read => break result,
                }
            }
        };
        match (result, written) {
            (Ok(message), written) => match Answer::from_message(message) {
                Ok(answer) => Ok((answer, matches!(written, Some(Ok(()))))),
                Err(refusal) => Err(self.refuse(refusal)),
            },
            (Err(ReadError::Refused(refusal)), _) => Err(self.refuse(refusal)),
            (Err(ReadError::Io(error)), _) | (Err(ReadError::Closed), Some(Err(error))) => {
                Err(AttemptError::Broken(error.kind()))
            }
            (Err(ReadError::Closed), _) => Err(AttemptError::Closed),
        }
    }

    /// Tells the bot, as far as the socket takes it; the connection is of no more use.
    pub(super) fn refuse(&mut self, refusal: Refusal) -> AttemptError {
        self.io.try_write(&refusal.to_bytes()).ok();
        AttemptError::Unreadable {
            code: refusal.code,
            reason: refusal.reason,
        }
    }
}
