//! `/livez` and `/readyz` as services for any tower server.
//!
//! 1. [`Livez`] responds with 200 for as long as the process can respond at all. An orchestrator restarts a process that
//!    doesn't.
//! 2. [`Readyz`] responds with 200 while the process should get requests, and 503 with the reasons otherwise:
//!    before [`ReadyHandle::started`], after [`ReadyHandle::drain`], and while a check fails. An orchestrator sends
//!    no requests there, and doesn't restart it.
//! 3. Checks are run for each probe, beside one another, each for at most [800 ms by
//!    default](Readyz::timeout). Those of the webhook ask what `WebhookHealth` found last, and no server.
//! 4. The body is one line a reason, for people: `starting`, `draining`, `store: connection refused`. Serve both
//!    where only the orchestrator reaches them: an error may say where a database is.
//! 5. [`Readyz::watch`] follows the readiness, for servers that are probed in another way, such as by gRPC's health
//!    protocol.
//!
//! # Choosing checks
//!
//! A check that fails on all replicas at once takes all of them out of service. The webhook not being set as
//! wanted ([`Readyz::webhook`]) and a store without which each update is rejected with 503 are worth that, because
//! Telegram keeps the updates. A backlog at Telegram isn't: replicas that are out of service never work it off. So
//! [`Readyz::max_pending`] belongs where a rollout waits for readiness, and an alert on
//! `telegram.webhook.pending_updates` elsewhere.
//!
//! # Example
//!
//! ```
//! use http::{Request, StatusCode};
//! use tower::ServiceExt as _;
//! use tower_telegram::health::{Livez, Readyz};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let readyz = Readyz::new().check("store", || async {
//!     // `PING` to Redis, `SELECT 1`, `queue.status()` …
//!     Ok::<_, std::io::Error>(())
//! });
//! let handle = readyz.handle();
//! // With axum: `Router::new().route_service("/livez", Livez).route_service("/readyz", readyz)`.
//!
//! let probe = || Request::new(());
//! assert_eq!(Livez.oneshot(probe()).await?.status(), StatusCode::OK);
//! assert_eq!(readyz.clone().oneshot(probe()).await?.status(), StatusCode::SERVICE_UNAVAILABLE);
//! handle.started();
//! assert_eq!(readyz.clone().oneshot(probe()).await?.status(), StatusCode::OK);
//! // At SIGTERM, before the server's own graceful shutdown:
//! handle.drain();
//! assert_eq!(readyz.oneshot(probe()).await?.status(), StatusCode::SERVICE_UNAVAILABLE);
//! # Ok(())
//! # }
//! ```

mod checks;
mod livez;
mod phase;
mod readyz;
mod response;
mod watch;

pub use self::{
    livez::Livez,
    phase::ReadyHandle,
    readyz::{Readiness, Readyz, ReadyzFuture},
    watch::ReadinessWatch,
};
