//! One connection: its requests, its time limits and its end.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{Instant, Sleep, sleep_until},
};
use tower::BoxError;
use tower_service::Service;

use super::{
    RequestBody,
    service::ConnectionService,
    state::{ConnectionState, TimeLimits},
};
use crate::client::ErrorChain;

/// The size of the read buffer in bytes, and so of the longest head. Telegram's heads have up to 4 KiB.
const MAX_BUFFER: usize = 32 << 10;

/// How long a connection has to send the rest of its last response once the server stops. A connection with half a
/// head would stay for longer.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves requests until the connection ends, is overdue or evicted, or until `stop` says so and
/// none is under way.
pub(super) async fn serve_requests<I, S, B>(
    io: I,
    service: ConnectionService<S>,
    mut overdue: Overdue,
    mut stop: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Request<RequestBody>, Response = Response<B>> + Clone + 'static,
    S::Error: Into<BoxError>,
    B: Body + 'static,
    B::Error: Into<BoxError>,
{
    let connection = http1::Builder::new()
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(io), service);
    let mut connection = pin!(connection);
    let mut stop = pin!(async move { drop(stop.wait_for(|stop| *stop).await) });
    let mut is_stopping = false;
    loop {
        tokio::select! {
            // A request that arrived just before the time limit is served.
            biased;
            ended = connection.as_mut() => {
                // The peer makes a new connection if it needs one.
                if let Err(error) = ended {
                    let error = ErrorChain(&error);
                    tracing::debug!(%error, "connection failed");
                }
                return;
            }
            () = poll_fn(|cx| overdue.poll(cx)) => return,
            () = stop.as_mut(), if !is_stopping => {
                is_stopping = true;
                overdue.hurry();
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Waits until a connection has to be closed, for its time limits or to make room.
#[derive(Debug)]
pub(super) struct Overdue {
    state: Arc<ConnectionState>,
    limits: TimeLimits,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Overdue {
    pub(super) fn new(state: Arc<ConnectionState>, limits: TimeLimits) -> Self {
        Self {
            state,
            limits,
            timer: None,
        }
    }

    /// Shortens the limits, so that the connection is closed soon after it has no request under way.
    fn hurry(&mut self) {
        self.limits = TimeLimits {
            head: self.limits.head.min(LAST_WORDS),
            idle: self.limits.idle.min(LAST_WORDS),
        };
    }

    /// Must be polled after the state has changed, because a change wakes no task.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.state.poll_evicted(cx).is_ready() {
            return Poll::Ready(());
        }
        loop {
            let Some(deadline) = self.state.deadline(self.limits) else {
                return Poll::Pending;
            };
            // A timer that ends too early is kept, because that costs less than to set it for each request.
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}
