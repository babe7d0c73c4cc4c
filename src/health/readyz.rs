//! The readiness probe.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use tower_service::Service;

use super::{
    checks::ReadyCheck,
    phase::{ProcessPhase, ReadyHandle},
    response::response,
};
use crate::{body::bytes::BytesBody, webhook::registration::HealthHandle};

/// Answers 200 with `ok` while the process is ready, else 503 with the reasons: a `Service<http::Request<B>>` for
/// any body `B`, whose error is [`Infallible`]. Cheap to clone. See the [module](super).
#[derive(Clone, Debug)]
pub struct Readyz {
    pub(super) handle: ReadyHandle,
    checks: Vec<ReadyCheck>,
    timeout: Duration,
}

impl Readyz {
    /// Without checks: ready from [`ReadyHandle::started`] to [`ReadyHandle::drain`].
    pub fn new() -> Self {
        Self {
            handle: ReadyHandle::new(),
            checks: Vec::new(),
            timeout: Duration::from_millis(800),
        }
    }

    fn with(mut self, check: ReadyCheck) -> Self {
        self.checks.push(check);
        self
    }

    /// Not ready while the webhook isn't set as wanted, and before `WebhookHealth` has looked at it. Delivery that
    /// goes wrong doesn't count: see [`HealthHandle::is_ready`]. Its line begins with `webhook`.
    pub fn webhook(self, handle: HealthHandle) -> Self {
        self.with(ReadyCheck::webhook(handle))
    }

    /// Not ready while more than `max` updates wait at Telegram, and before `WebhookHealth` has looked. Its line begins with
    /// `pending`. The [module](super) says when that helps.
    pub fn max_pending(self, handle: HealthHandle, max: i64) -> Self {
        self.with(ReadyCheck::pending(handle, max))
    }

    /// Not ready while this fails: a store, a queue or a database that each update needs. The name begins the
    /// line that says why.
    ///
    /// It runs for each probe. One that panics, or takes longer than the [limit](Self::timeout), has failed.
    pub fn check<F, Fut, E>(self, name: &str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.with(ReadyCheck::new(name, check))
    }

    /// How long each check may take. Default: 800 ms. The limit should be below the time that the orchestrator waits for a
    /// probe, which is a second for Kubernetes by default, so that the response can still name the slow check.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// A handle that reports when the process has started and when it drains. The handles of clones share one state.
    pub fn handle(&self) -> ReadyHandle {
        self.handle.clone()
    }

    /// Runs the checks. [`watch`](Self::watch) runs them again and again, for servers that don't probe by HTTP.
    ///
    /// # Panics
    ///
    /// The timer is tokio's: with a check, it must be polled within a Tokio runtime with its time driver on.
    pub async fn readiness(&self) -> Readiness {
        let phase = *self.handle.phase.borrow();
        self.readiness_in(phase).await
    }

    pub(super) async fn readiness_in(&self, phase: ProcessPhase) -> Readiness {
        let checks = self.checks.iter().cloned();
        let failures = join_all(checks.map(|check| check.failure(self.timeout))).await;
        let phase = phase.reason().map(str::to_owned);
        Readiness {
            reasons: phase
                .into_iter()
                .chain(failures.into_iter().flatten())
                .collect(),
        }
    }
}

impl Default for Readyz {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a process is ready, by [`Readyz::readiness`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Readiness {
    /// Why it isn't, one line each; empty if it is.
    pub reasons: Vec<String>,
}

impl Readiness {
    /// Whether it is ready.
    pub fn is_ready(&self) -> bool {
        self.reasons.is_empty()
    }

    fn into_response(self) -> Response<BytesBody> {
        if self.is_ready() {
            return response(StatusCode::OK, "ok\n");
        }
        let text = format!("{self}\n");
        response(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

/// `ok`, or the reasons, a line each.
impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ready() {
            return f.write_str("ok");
        }
        f.write_str(&self.reasons.join("\n"))
    }
}

impl<B> Service<Request<B>> for Readyz {
    type Response = Response<BytesBody>;
    type Error = Infallible;
    type Future = ReadyzFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> ReadyzFuture {
        let readyz = self.clone();
        ReadyzFuture(Box::pin(
            async move { readyz.readiness().await.into_response() },
        ))
    }
}

/// The response future of [`Readyz`].
pub struct ReadyzFuture(Pin<Box<dyn Future<Output = Response<BytesBody>> + Send>>);

impl Future for ReadyzFuture {
    type Output = Result<Response<BytesBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for ReadyzFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyzFuture").finish_non_exhaustive()
    }
}
