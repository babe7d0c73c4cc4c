//! A connection to the bot's webhook.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::Instant,
};

use super::{
    attempt::AttemptError,
    clock::Clock,
    http1::{self, HttpReadError, HttpRefusal},
    tls::Tls,
    webhook_request::{BotResponse, WebhookRequest},
};

/// After this long without a request a connection is closed.
const IDLE: Duration = Duration::from_secs(60);

/// What a connection runs over: a socket, with TLS or without.
trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug {}

impl<T> Io for T where T: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug {}

#[derive(Debug)]
pub(super) struct BotConnection {
    pub(super) id: u64,
    io: Box<dyn Io>,
    /// What came after the last response. The next one is read from here on, for better or worse.
    buffer: BytesMut,
    idle_since: Instant,
}

impl BotConnection {
    pub(super) async fn open(
        id: u64,
        address: SocketAddr,
        tls: Option<&Tls>,
        now: Instant,
    ) -> Result<Self, AttemptError> {
        let failed = |error: io::Error| AttemptError::Connect(error.kind());
        let io = TcpStream::connect(address).await.map_err(failed)?;
        // A head and a body that are written apart shall leave apart.
        io.set_nodelay(true).map_err(failed)?;
        let io: Box<dyn Io> = match tls {
            None => Box::new(io),
            Some(tls) => {
                let handshake = tls.connect(io).await;
                Box::new(handshake.map_err(|error| AttemptError::broken(&error))?)
            }
        };
        Ok(Self {
            id,
            io,
            buffer: BytesMut::new(),
            idle_since: now,
        })
    }

    /// Starts the time that it may be idle.
    pub(super) fn rest(&mut self, now: Instant) {
        self.idle_since = now;
    }

    pub(super) fn is_idle_for_too_long(&self, now: Instant) -> bool {
        now >= self.idle_since + IDLE
    }

    /// Whether it can take another request. What the bot sent in the meantime is kept as it is.
    pub(super) fn is_open(&mut self, now: Instant) -> bool {
        if self.is_idle_for_too_long(now) {
            return false;
        }
        let mut bytes = [0; 4 << 10];
        let mut bytes = ReadBuf::new(&mut bytes);
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.io).poll_read(&mut context, &mut bytes) {
            Poll::Pending => true,
            Poll::Ready(Err(_)) => false,
            Poll::Ready(Ok(())) => {
                self.buffer.extend_from_slice(bytes.filled());
                !bytes.filled().is_empty()
            }
        }
    }

    /// Writes and reads at the same time, as a bot may answer before it has read everything. The flag
    /// says whether everything was written.
    pub(super) async fn exchange(
        &mut self,
        request: &WebhookRequest,
        max_body: usize,
        clock: &Clock,
    ) -> Result<(BotResponse, bool), AttemptError> {
        let (mut reader, mut writer) = tokio::io::split(&mut self.io);
        let mut written = None;
        let result = {
            let write = async {
                for (at, piece) in request.pieces.iter().enumerate() {
                    if at > 0 && !request.pause.is_zero() {
                        clock.sleep(request.pause).await;
                    }
                    writer.write_all(piece).await?;
                    // TLS may hold back what the socket didn't take at once.
                    writer.flush().await?;
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
            (Ok(message), written) => match BotResponse::from_message(message) {
                Ok(answer) => Ok((answer, matches!(written, Some(Ok(()))))),
                Err(refusal) => Err(self.refuse(refusal)),
            },
            (Err(HttpReadError::Refused(refusal)), _) => Err(self.refuse(refusal)),
            (Err(HttpReadError::Io(error)), _) | (Err(HttpReadError::Closed), Some(Err(error))) => {
                Err(AttemptError::broken(&error))
            }
            (Err(HttpReadError::Closed), _) => Err(AttemptError::Closed),
        }
    }

    /// Tells the bot, as far as the socket takes it; the connection is of no more use.
    pub(super) fn refuse(&mut self, refusal: HttpRefusal) -> AttemptError {
        let mut context = Context::from_waker(Waker::noop());
        let mut io = Pin::new(&mut self.io);
        let written = io.as_mut().poll_write(&mut context, &refusal.to_bytes());
        if written.is_ready() {
            // What isn't out by now is lost, as it may be.
            let _is_out = io.poll_flush(&mut context).is_ready();
        }
        AttemptError::Unreadable {
            code: refusal.code,
            reason: refusal.reason,
        }
    }
}
