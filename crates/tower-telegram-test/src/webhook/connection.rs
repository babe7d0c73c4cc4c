//! A connection to the bot's webhook: opening it, one request after the other, and closing it when idle.

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
    request::{BotResponse, WebhookRequest},
    tls::Tls,
};
use crate::{
    clock::Clock,
    http1::{self, HttpReadError, HttpRefusal},
};

/// How long a connection may be idle before it is closed.
const IDLE: Duration = Duration::from_secs(60);

/// The stream under a connection: a socket, with or without TLS.
trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug {}

impl<T> Io for T where T: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug {}

/// A connection to the bot that is kept between requests.
#[derive(Debug)]
pub(crate) struct BotConnection {
    pub(crate) id: u64,
    io: Box<dyn Io>,
    /// Bytes that followed the last response. The next response is read from them.
    buffer: BytesMut,
    idle_since: Instant,
}

impl BotConnection {
    /// Opens a connection to an address, with TLS if `tls` is given.
    pub(crate) async fn open(
        id: u64,
        address: SocketAddr,
        tls: Option<&Tls>,
        now: Instant,
    ) -> Result<Self, AttemptError> {
        let failed = |error: io::Error| AttemptError::Connect(error.kind());
        let io = TcpStream::connect(address).await.map_err(failed)?;
        // Writes of head and body are sent as separate segments.
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

    /// Starts the idle time.
    pub(crate) fn rest(&mut self, now: Instant) {
        self.idle_since = now;
    }

    /// Whether the idle time is over.
    pub(crate) fn is_idle_for_too_long(&self, now: Instant) -> bool {
        now >= self.idle_since + IDLE
    }

    /// Whether another request can be sent. Bytes that the bot sent in the meantime are kept.
    pub(crate) fn is_open(&mut self, now: Instant) -> bool {
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

    /// Writes the request and reads the response at the same time, because a bot may respond before it has
    /// read the whole request. The flag is whether the request was written to its end.
    pub(crate) async fn exchange(
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
                    // TLS may keep bytes that the socket didn't accept at once.
                    writer.flush().await?;
                }
                Ok::<(), io::Error>(())
            };
            let read = http1::read(&mut reader, &mut self.buffer, max_body);
            tokio::pin!(write, read);
            loop {
                tokio::select! {
                    // Writing comes first, because the buffer may hold a response already.
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

    /// Writes an error response to the bot as far as the socket accepts it. The connection can't be used
    /// afterwards.
    pub(crate) fn refuse(&mut self, refusal: HttpRefusal) -> AttemptError {
        let mut context = Context::from_waker(Waker::noop());
        let mut io = Pin::new(&mut self.io);
        let written = io.as_mut().poll_write(&mut context, &refusal.to_bytes());
        if written.is_ready() {
            // Bytes that aren't written by now may be lost.
            let _is_out = io.poll_flush(&mut context).is_ready();
        }
        AttemptError::Unreadable {
            code: refusal.code,
            reason: refusal.reason,
        }
    }
}
