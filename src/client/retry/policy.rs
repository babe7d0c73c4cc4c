//! The policy: which calls are repeated, and after which wait.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, Sleep, sleep};
use tower::{
    retry::{
        Policy,
        backoff::{Backoff as _, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff as _},
        budget::{Budget as _, TpsBudget},
    },
    util::rng::{HasherRng, Rng as _},
};

use crate::telemetry::{
    call_span,
    metric::{self, method_label, status_label},
    names,
};
use crate::{
    client::{ApiRequest, ApiResponse, Error, ErrorKind},
    task::Deadline,
};

/// Up to this part of `retry_after` is added to it, so that calls that were refused together aren't repeated
/// together.
const SPREAD: f64 = 0.1;

/// The most that is added to `retry_after`.
const MAX_SPREAD: Duration = Duration::from_secs(1);

/// How long an unused part of the budget is kept.
const BUDGET_SPAN: Duration = Duration::from_secs(10);

/// The longest bound of a back-off, so that no sum overflows.
const MAX_BACKOFF: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Decides whether to repeat a call: a policy for tower's own `RetryLayer`, over a service whose error is [`Error`].
/// [`RetryLayer`](super::layer::RetryLayer) applies it to a service with any error. See the [module](super).
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
    backoff: Option<BackoffState>,
}

/// The back-off of one call. Tower clones a policy with its random numbers, so that calls that share them would wait
/// equally long. So each call makes its own when it first fails.
#[derive(Clone)]
struct BackoffState {
    backoff: ExponentialBackoff,
    random: HasherRng,
}

impl RetryPolicy {
    /// Five attempts within two minutes, with a back-off that begins at half a second and grows to 30 seconds.
    ///
    /// Telegram's `retry_after` is mostly below one minute, because its longest usual limit is that of messages a
    /// minute.
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
            backoff: None,
        }
    }

    /// The most attempts of a call, including the first. Default: 5. With 0 or 1, no call is repeated.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// The longest time from the beginning of a call to its last attempt, including waits. Default: 2 minutes. An
    /// attempt that has begun isn't cut short; tower's timeout layer does that.
    pub fn max_elapsed(mut self, elapsed: Duration) -> Self {
        self.max_elapsed = elapsed;
        self
    }

    /// The longest `retry_after` after which a call is repeated; over it, the error is returned at once. Default: no
    /// limit other than [`max_elapsed`](Self::max_elapsed).
    pub fn max_retry_after(mut self, retry_after: Duration) -> Self {
        self.max_retry_after = retry_after;
        self
    }

    /// The first wait and the longest one, for errors without a `retry_after`. Default: 0.5 s and 30 s. Each wait is
    /// up to twice as long as the one before, and partly random.
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        self.min_backoff = min;
        self.max_backoff = max;
        self
    }

    /// The most repeats after a back-off a second, and how many more for every 100 calls that succeed. Default: 10, and
    /// 20. An unused part is kept for ten seconds, so that 100 repeats may be made at once.
    ///
    /// The policy and its clones share the budget. Setting it begins a new one. Higher values than 1,000,000 and 100,000
    /// count as these.
    pub fn budget(mut self, per_second: u32, percent: u32) -> Self {
        let per_second = per_second.min(1_000_000);
        // Exact up to 100,000.
        #[allow(clippy::cast_precision_loss)]
        let part = percent.min(100_000) as f32 / 100.0;
        self.budget = Some(Arc::new(TpsBudget::new(BUDGET_SPAN, per_second, part)));
        self
    }

    /// Removes the limit on the repeats of all calls together. The limits of each call stay.
    pub fn without_budget(mut self) -> Self {
        self.budget = None;
        self
    }

    /// A call that succeeds, or that the server refuses permanently, shows that the server works.
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

    /// The wait before the next attempt, or `None` if the call isn't to be repeated.
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
        let state = self
            .backoff
            .get_or_insert_with(|| BackoffState::new(min, max));
        match retry_after {
            Some(retry_after) if !retry_after.is_zero() => sleep(state.spread(retry_after)),
            _ => state.backoff.next_backoff(),
        }
    }
}

/// Whether the call may succeed the next time, and can't be carried out twice.
fn may_repeat(call: &ApiRequest, error: &Error) -> bool {
    let once = !error.may_have_arrived() || call.is_idempotent();
    // The deadline would have passed again.
    let too_late = error.kind() == ErrorKind::DeadlineExceeded;
    call.is_replayable() && error.is_retryable() && once && !too_late
}

impl BackoffState {
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

    /// At least `retry_after`, because an earlier call would be refused again.
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
        call_span::resent(call.extensions());
        if metric::IS_ON {
            let labels = [
                method_label(&call.method_name()),
                status_label(error.status()),
            ];
            names::RETRIES.increment(labels);
        }
        tracing::warn!(
            method = call.method(),
            attempt = self.failed,
            kind = ?error.kind(),
            status = error.status().map(|status| status.as_u16()),
            %error,
            delay = ?wait.deadline().duration_since(Instant::now()),
            "call failed, retrying"
        );
        Some(wait)
    }

    /// Tower calls this before each attempt, including the first.
    fn clone_request(&mut self, call: &ApiRequest) -> Option<ApiRequest> {
        if self.failed == 0 {
            self.began = Some(Instant::now());
        }
        call.is_replayable().then(|| call.clone())
    }
}
