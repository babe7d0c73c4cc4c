//! Repeats a call that failed, where that can help and can't do it twice.
//!
//! 1. 429 with `retry_after`: waits that long and a little more, whatever the method.
//! 2. A failure that can't have arrived, such as a refused connection: any method, after a back-off.
//! 3. A failure that may have arrived, such as a time-out or a 502: only what is
//!    [idempotent](ApiRequest::is_idempotent), after a back-off.
//! 4. Anything else is the caller's at once: another 4xx, a result that doesn't fit, a call that
//!    couldn't be written, a call that [can't be sent again](ApiRequest::is_replayable).
//! 5. So is a refusal of several messages at once (`sendMediaGroup`, `copyMessages`, `forwardMessages`), 429 too:
//!    some of them may have been sent. [`set_idempotent`](ApiRequest::set_idempotent) has them repeated.
//! 6. So is the last failure when the attempts are used up, or when the wait would end after the
//!    time for all of it, or after the call's [`Deadline`].
//!
//! 7. A back-off draws on a budget that all calls of a layer share: 10 repeats a second, and one for each five
//!    calls that succeed. A server that fails altogether isn't called five times as often as usual. Where the
//!    budget is used up, the failure is the caller's at once. Waits that the server names don't draw on it.
//!
//! Only the call itself waits; others go on. Each retry is an event with the method, the attempt,
//! the status and the delay.
//!
//! Below a [`RateLimitLayer`](super::RateLimitLayer) the attempts count as one call, and a 429
//! doesn't pause the chat. Above it each attempt counts, and a 429 makes the chat pause.
//!
//! # Example
//!
//! ```
//! use std::{
//!     convert::Infallible,
//!     future::ready,
//!     sync::{
//!         Arc,
//!         atomic::{AtomicUsize, Ordering},
//!     },
//! };
//!
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, service_fn};
//! use tower_telegram::{
//!     BotToken, Client,
//!     client::{ApiBody, BotApi, RetryLayer},
//!     methods::DeleteMessage,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::time::pause();
//! let http = service_fn({
//!     // Telegram has had enough the first time.
//!     let calls = Arc::new(AtomicUsize::new(0));
//!     move |_: Request<ApiBody>| {
//!         let answer = match calls.fetch_add(1, Ordering::Relaxed) {
//!             0 => r#"{"ok":false,"error_code":429,"parameters":{"retry_after":5}}"#,
//!             _ => r#"{"ok":true,"result":true}"#,
//!         };
//!         ready(Ok::<_, Infallible>(Response::new(answer.to_owned())))
//!     }
//! });
//! let api = BotApi::telegram(http, &BotToken::new("1:secret")?);
//! let service = ServiceBuilder::new().layer(RetryLayer::new()).service(api);
//! let client = Client::from_service(service);
//!
//! let began = tokio::time::Instant::now();
//! assert!(client.send(DeleteMessage::new(42, 7)).await?);
//! assert!(began.elapsed().as_secs() >= 5);
//! # Ok(())
//! # }
//! ```
//!
//! # Panics
//!
//! The waits are tokio's timer: a call that is repeated must run on a tokio runtime with its time
//! driver on.

use std::{
    error, fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower::{
    retry::{
        self as tower_retry, Policy,
        backoff::{Backoff as _, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff as _},
        budget::{Budget as _, TpsBudget},
    },
    util::rng::{HasherRng, Rng as _},
};
use tower_layer::Layer;
use tower_service::Service;

use super::{ApiRequest, ApiResponse, Error, ErrorKind, into_error::MapToClientError};
use crate::task::Deadline;

/// Up to this part of `retry_after` is added to it, so that calls that were refused together don't
/// come back together.
const SPREAD: f64 = 0.1;

/// The most that is added to `retry_after`.
const MAX_SPREAD: Duration = Duration::from_secs(1);

/// For how long a part of the budget that isn't used is kept.
const BUDGET_SPAN: Duration = Duration::from_secs(10);

/// The longest bound of a back-off, so that no sum overflows.
const MAX_BACKOFF: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// When to repeat a call: a policy for tower's own `RetryLayer`, over a service whose error is
/// [`Error`]. [`RetryLayer`] puts it over any. See the [module](self).
#[derive(Clone)]
pub struct RetryPolicy {
    max_attempts: u32,
    max_elapsed: Duration,
    max_retry_after: Duration,
    min_backoff: Duration,
    max_backoff: Duration,
    budget: Option<Arc<TpsBudget>>,
    /// How many attempts have failed.
    failed: u32,
    /// When the first attempt began.
    began: Option<Instant>,
    waits: Option<Waits>,
}

/// What the waits of one call are drawn from. Tower clones a policy with its random numbers, so
/// that calls that shared one would wait equally long; each makes its own when it first fails.
#[derive(Clone)]
struct Waits {
    backoff: ExponentialBackoff,
    random: HasherRng,
}

impl RetryPolicy {
    /// Five attempts within two minutes, with a back-off that begins at half a second and grows to
    /// 30 seconds. Telegram's `retry_after` is mostly below one minute, as its longest usual limit
    /// is that of messages a minute.
    pub fn new() -> Self {
        Self {
            max_attempts: 5,
            max_elapsed: Duration::from_secs(120),
            max_retry_after: Duration::MAX,
            min_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            budget: Some(Arc::new(TpsBudget::new(BUDGET_SPAN, 10, 0.2))),
            failed: 0,
            began: None,
            waits: None,
        }
    }

    /// How often a call is made at most, the first time included.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// How long a call may take before its last attempt, waits included. An attempt that has begun
    /// isn't cut short: tower's timeout does that.
    pub fn max_elapsed(mut self, elapsed: Duration) -> Self {
        self.max_elapsed = elapsed;
        self
    }

    /// The longest `retry_after` that is waited for. Without it, the time for all of it is the
    /// limit.
    pub fn max_retry_after(mut self, retry_after: Duration) -> Self {
        self.max_retry_after = retry_after;
        self
    }

    /// The first wait where Telegram names none, and the longest; each is up to twice as long as the
    /// one before, and partly random.
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        self.min_backoff = min;
        self.max_backoff = max;
        self
    }

    /// How many repeats a second there may be of all calls of this policy and its clones, after waits that no
    /// server named, and how many more for each 100 calls that succeed. Default: 10 a second, and 20 for each
    /// 100. What isn't used is kept for ten seconds, so that 100 may come at once.
    ///
    /// The budget begins anew. At most 1,000,000 a second, and 100,000 for each 100.
    pub fn budget(mut self, per_second: u32, percent: u32) -> Self {
        let per_second = per_second.min(1_000_000);
        // Exact up to 100,000.
        #[allow(clippy::cast_precision_loss)]
        let part = percent.min(100_000) as f32 / 100.0;
        self.budget = Some(Arc::new(TpsBudget::new(BUDGET_SPAN, per_second, part)));
        self
    }

    /// No limit on repeats but that of each call.
    pub fn without_budget(mut self) -> Self {
        self.budget = None;
        self
    }

    /// A call that succeeds, or that the server refuses for good, says that the server is well.
    fn deposit(&self, result: &Result<ApiResponse, Error>) {
        let is_well = result.as_ref().err().is_none_or(|e| !e.is_retryable());
        if let Some(budget) = &self.budget
            && is_well
        {
            budget.deposit();
        }
    }

    fn withdraw(&self, error: &Error) -> bool {
        let budget = self
            .budget
            .as_ref()
            .filter(|_| error.retry_after().is_none());
        budget.is_none_or(|budget| budget.withdraw())
    }

    /// What this failure is to be followed by: the wait before the next attempt, or nothing.
    fn wait(&mut self, call: &ApiRequest, error: &Error) -> Option<Sleep> {
        if self.failed >= self.max_attempts || !may_repeat(call, error) {
            return None;
        }
        if error
            .retry_after()
            .is_some_and(|t| t > self.max_retry_after)
        {
            return None;
        }
        let wait = self.next_wait(error.retry_after());
        let began = self.began.unwrap_or_else(Instant::now);
        let due = call.extensions().get::<Deadline>();
        let in_time = due.is_none_or(|due| wait.deadline() < due.instant());
        let fits = wait.deadline().duration_since(began) <= self.max_elapsed;
        (in_time && fits && self.withdraw(error)).then_some(wait)
    }

    fn next_wait(&mut self, retry_after: Option<Duration>) -> Sleep {
        let (min, max) = (self.min_backoff, self.max_backoff);
        let waits = self.waits.get_or_insert_with(|| Waits::new(min, max));
        match retry_after {
            Some(retry_after) if !retry_after.is_zero() => sleep(waits.spread(retry_after)),
            _ => waits.backoff.next_backoff(),
        }
    }
}

/// Whether it may work the next time, and can't be done twice.
fn may_repeat(call: &ApiRequest, error: &Error) -> bool {
    let once = !error.may_have_arrived() || call.is_idempotent();
    // The same deadline would be too early again.
    let too_late = error.kind() == ErrorKind::DeadlineExceeded;
    call.is_replayable() && error.is_retryable() && once && !too_late
}

impl Waits {
    fn new(min: Duration, max: Duration) -> Self {
        let random = HasherRng::new();
        // Tower takes neither a zero maximum nor one below the minimum, and adds to either.
        let (min, max) = (min.min(MAX_BACKOFF), max.min(MAX_BACKOFF));
        let max = max.max(min).max(Duration::from_millis(1));
        let backoff = ExponentialBackoffMaker::new(min, max, 1.0, random.clone());
        Self {
            backoff: backoff.unwrap_or_default().make_backoff(),
            random,
        }
    }

    /// Not less than `retry_after`: a call that comes too early is refused again.
    fn spread(&mut self, retry_after: Duration) -> Duration {
        let part = retry_after.as_secs_f64() * SPREAD * self.random.next_f64();
        let extra = Duration::try_from_secs_f64(part).unwrap_or(MAX_SPREAD);
        retry_after.saturating_add(extra.min(MAX_SPREAD))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("max_attempts", &self.max_attempts)
            .field("max_elapsed", &self.max_elapsed)
            .field("max_retry_after", &self.max_retry_after)
            .field("min_backoff", &self.min_backoff)
            .field("max_backoff", &self.max_backoff)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl Policy<ApiRequest, ApiResponse, Error> for RetryPolicy {
    type Future = Sleep;

    fn retry(
        &mut self,
        call: &mut ApiRequest,
        result: &mut Result<ApiResponse, Error>,
    ) -> Option<Sleep> {
        self.deposit(result);
        let Err(error) = result else {
            return None;
        };
        self.failed = self.failed.saturating_add(1);
        let wait = self.wait(call, error)?;
        tracing::warn!(
            method = call.method(),
            attempt = self.failed,
            kind = ?error.kind(),
            status = error.status().map(|status| status.as_u16()),
            delay = ?wait.deadline().duration_since(Instant::now()),
            "retrying a call"
        );
        Some(wait)
    }

    /// Tower asks before each attempt, the first included.
    fn clone_request(&mut self, call: &ApiRequest) -> Option<ApiRequest> {
        if self.failed == 0 {
            self.began = Some(Instant::now());
        }
        call.is_replayable().then(|| call.clone())
    }
}

/// Repeats a call that failed, where that can help and can't do it twice. See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct RetryLayer {
    policy: RetryPolicy,
}

impl RetryLayer {
    /// With the limits of [`RetryPolicy::new`].
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`RetryPolicy::max_attempts`].
    pub fn max_attempts(self, attempts: u32) -> Self {
        self.policy.max_attempts(attempts).into()
    }

    /// See [`RetryPolicy::max_elapsed`].
    pub fn max_elapsed(self, elapsed: Duration) -> Self {
        self.policy.max_elapsed(elapsed).into()
    }

    /// See [`RetryPolicy::max_retry_after`].
    pub fn max_retry_after(self, retry_after: Duration) -> Self {
        self.policy.max_retry_after(retry_after).into()
    }

    /// See [`RetryPolicy::backoff`].
    pub fn backoff(self, min: Duration, max: Duration) -> Self {
        self.policy.backoff(min, max).into()
    }

    /// See [`RetryPolicy::budget`].
    pub fn budget(self, per_second: u32, percent: u32) -> Self {
        self.policy.budget(per_second, percent).into()
    }

    /// See [`RetryPolicy::without_budget`].
    pub fn without_budget(self) -> Self {
        self.policy.without_budget().into()
    }
}

impl From<RetryPolicy> for RetryLayer {
    fn from(policy: RetryPolicy) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        let inner = MapToClientError { inner };
        Retry {
            inner: tower_retry::Retry::new(self.policy.clone(), inner),
        }
    }
}

/// The service of [`RetryLayer`].
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: tower_retry::Retry<RetryPolicy, MapToClientError<S>>,
}

impl<S> Service<ApiRequest> for Retry<S>
where
    S: Service<ApiRequest, Response = ApiResponse> + Clone,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Response = ApiResponse;
    type Error = Error;
    type Future = ResponseFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: ApiRequest) -> ResponseFuture<S> {
        ResponseFuture {
            future: self.inner.call(call),
        }
    }
}

type TowerFuture<S> =
    tower_retry::future::ResponseFuture<RetryPolicy, MapToClientError<S>, ApiRequest>;

pin_project! {
    /// The response future of [`Retry`].
    pub struct ResponseFuture<S>
    where
        S: Service<ApiRequest, Response = ApiResponse>,
        S::Error: Into<Box<dyn error::Error + Send + Sync>>,
    {
        #[pin]
        future: TowerFuture<S>,
    }
}

impl<S> fmt::Debug for ResponseFuture<S>
where
    S: Service<ApiRequest, Response = ApiResponse>,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<ApiRequest, Response = ApiResponse> + Clone,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Output = Result<ApiResponse, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx)
    }
}

#[cfg(test)]
mod tests;
