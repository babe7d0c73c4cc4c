//! `WebhookHealth`, which checks the webhook at an interval and reports its health.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    Health, HealthLimits,
    clock::{TelegramClock, UpdateDates},
};
use crate::{
    Client,
    client::{ApiRequest, Error, ErrorChain},
    methods::{GetWebhookInfo, SetWebhook},
    telemetry::names,
    types::WebhookInfo,
};

/// How long one check may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest `retry_after` that is waited out.
const MAX_ASKED_PAUSE: Duration = Duration::from_secs(3600);

/// Checks the webhook at an interval, for readiness probes and metrics.
///
/// [`run`](Self::run) is a future to spawn, and [`handle`](Self::handle) returns a handle to its reports.
///
/// Whether an error is recent is decided by Telegram's clock, by the `Date` header of its responses. If a response
/// has none, this machine's clock is used, corrected by the dates of errors and of
/// [updates](HealthHandle::observe_update).
///
/// ```no_run
/// # use std::time::Duration;
/// # use tower_telegram::{Client, methods::SetWebhook, webhook::registration::WebhookHealth};
/// # fn start(client: Client) {
/// let wanted = SetWebhook::new("https://bot.example/telegram");
/// let health = WebhookHealth::new(client, &wanted).interval(Duration::from_secs(30));
/// let handle = health.handle();
/// tokio::spawn(health.run());
/// // In the route of the readiness probe:
/// let status = if handle.is_ready() { 200 } else { 503 };
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is watched until `run` is spawned"]
pub struct WebhookHealth {
    client: Client,
    wanted: SetWebhook,
    limits: HealthLimits,
    interval: Duration,
    reports: watch::Sender<HealthReport>,
    updates: Arc<UpdateDates>,
}

/// How the webhook was when it was looked at last.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HealthReport {
    /// The latest judgement, which stays when a later call fails.
    pub health: Option<Health>,
    /// Why the last call failed, if it did: the judgement is older then.
    pub failure: Option<Arc<Error>>,
}

impl HealthReport {
    /// Whether a report is worth publishing. The number of waiting updates alone isn't, within the limits.
    fn differs_from(&self, other: &Self) -> bool {
        let verdict = |report: &Self| {
            let health = report.health.clone();
            health.map(|health| Health {
                pending: 0,
                ..health
            })
        };
        verdict(self) != verdict(other) || self.failure.is_some() != other.failure.is_some()
    }
}

impl WebhookHealth {
    /// A watch over the webhook of `client`, which should be as `wanted`.
    pub fn new(client: Client, wanted: &SetWebhook) -> Self {
        Self {
            client,
            wanted: wanted.clone(),
            limits: HealthLimits::default(),
            interval: Duration::from_secs(60),
            reports: watch::Sender::default(),
            updates: Arc::default(),
        }
    }

    /// The pause between two calls, at least one second. Default: one minute.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_secs(1));
        self
    }

    /// How long an error counts after it has happened. Default: 5 minutes.
    pub fn recent(mut self, recent: Duration) -> Self {
        self.limits.recent = recent;
        self
    }

    /// How many updates may wait. Default: 100.
    pub fn max_pending(mut self, max_pending: i64) -> Self {
        self.limits.max_pending = max_pending;
        self
    }

    /// A handle to the reports.
    pub fn handle(&self) -> HealthHandle {
        HealthHandle {
            reports: self.reports.subscribe(),
            updates: Arc::clone(&self.updates),
        }
    }

    /// Watches until it is dropped.
    pub async fn run(self) {
        let mut clock = TelegramClock::default();
        loop {
            let looked = self.look(&mut clock).await;
            // Telegram may want to be left alone for longer.
            let asked = looked.as_ref().err().and_then(Error::retry_after);
            let asked = asked.unwrap_or_default().min(MAX_ASKED_PAUSE);
            self.publish(looked);
            sleep(self.interval.max(asked)).await;
        }
    }

    async fn look(&self, clock: &mut TelegramClock) -> Result<Health, Error> {
        let call = ApiRequest::new(&GetWebhookInfo::new())?;
        let response = timeout(CALL_TIMEOUT, self.client.call_once(call)).await;
        let response = response.unwrap_or_else(|_| Err(Error::timeout(true)))?;
        let info = response.decode::<GetWebhookInfo>()?;
        let now = clock.look(response.date(), &info, &self.updates);
        record(&info, now);
        Ok(Health::judge(&self.wanted, &info, now, self.limits))
    }

    fn publish(&self, looked: Result<Health, Error>) {
        self.reports.send_if_modified(|report| {
            let new = match looked {
                Ok(health) => HealthReport {
                    health: Some(health),
                    failure: None,
                },
                Err(failure) => HealthReport {
                    health: report.health.take(),
                    failure: Some(Arc::new(failure)),
                },
            };
            let old = std::mem::replace(report, new);
            let differs = report.differs_from(&old);
            if differs {
                log(report);
            }
            differs
        });
    }
}

/// Metrics of the webhook. An age is there once there was an error.
fn record(info: &WebhookInfo, now: i64) {
    // Exact far beyond all counts and ages there are.
    #[allow(clippy::cast_precision_loss)]
    let value = |number: i64| number as f64;
    names::PENDING.set(value(info.pending_update_count), []);
    // Without one, an earlier value must not stay.
    let age = info
        .last_error_date
        .map_or(f64::INFINITY, |date| value(now.saturating_sub(date).max(0)));
    names::LAST_ERROR_AGE.set(age, []);
}

fn log(report: &HealthReport) {
    match (&report.failure, &report.health) {
        (Some(error), _) => {
            let error = ErrorChain(&**error);
            tracing::warn!(%error, "webhook health unknown");
        }
        (None, Some(health)) if health.is_healthy() => tracing::info!("webhook is healthy"),
        (None, Some(health)) => tracing::warn!(%health, "webhook is unhealthy"),
        (None, None) => {}
    }
}

/// A handle to the reports of a [`WebhookHealth`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HealthHandle {
    reports: watch::Receiver<HealthReport>,
    updates: Arc<UpdateDates>,
}

impl HealthHandle {
    /// Observes the date of an update, in Unix seconds, such as the `date` of a
    /// [message](https://core.telegram.org/bots/api#message).
    ///
    /// Telegram's clock has passed the date of each update that it has sent. That corrects this machine's clock
    /// where it is behind and responses have no `Date` header, such as those of a Bot API server of your own.
    /// An older date than before has no effect.
    ///
    /// ```
    /// use tower_telegram::{types::Update, webhook::registration::HealthHandle};
    ///
    /// fn observe(health: &HealthHandle, update: &Update) {
    ///     if let Some(message) = update.new_message() {
    ///         health.observe_update(message.date);
    ///     }
    /// }
    /// ```
    pub fn observe_update(&self, date: i64) {
        self.updates.observe(date);
    }

    /// Whether the webhook was set as it should be when that was last known; not before the first
    /// look.
    ///
    /// Delivery that goes wrong doesn't count: a server that is taken out of service for it could
    /// never do better. That is what [`is_healthy`](Self::is_healthy) is for, in metrics and alerts.
    pub fn is_ready(&self) -> bool {
        let report = self.reports.borrow();
        report.health.as_ref().is_some_and(Health::is_set)
    }

    /// Whether the last report found nothing wrong. `false` before the first one.
    pub fn is_healthy(&self) -> bool {
        let report = self.reports.borrow();
        report.health.as_ref().is_some_and(Health::is_healthy)
    }

    /// The latest report, with neither a verdict nor a failure before the first check.
    pub fn latest(&self) -> HealthReport {
        self.reports.borrow().clone()
    }

    /// Waits for a report that differs from the one before; each handle gets it once. `None` after the watch has
    /// ended.
    pub async fn changed(&mut self) -> Option<HealthReport> {
        self.reports.changed().await.ok()?;
        Some(self.reports.borrow_and_update().clone())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, sync::Mutex};

    use http::StatusCode;
    use tokio::time::Instant;
    use tower::service_fn;

    use super::*;
    use crate::{
        client::{ApiRequest, ApiResponse},
        webhook::registration::Drift,
    };

    const URL: &str = "https://bot.example/x";

    #[allow(clippy::unnecessary_wraps)] // it stands among errors
    fn shows(url: &str, pending: i64) -> Result<String, Error> {
        Ok(format!(
            r#"{{"url":"{url}","has_custom_certificate":false,"pending_update_count":{pending}}}"#
        ))
    }

    /// A watch over a webhook that is so at each look, and can't be looked at any more then.
    fn watch(looks: Vec<Result<String, Error>>) -> WebhookHealth {
        let looks = Mutex::new(VecDeque::from(looks));
        let looks = Arc::new(looks);
        let service = service_fn(move |call: ApiRequest| {
            assert_eq!(call.method(), "getWebhookInfo");
            let look = looks.lock().unwrap().pop_front();
            async move {
                match look {
                    Some(look) => look.map(ApiResponse::new),
                    None => std::future::pending().await,
                }
            }
        });
        let wanted = SetWebhook::new(URL);
        WebhookHealth::new(Client::from_service(service), &wanted).max_pending(10)
    }

    #[tokio::test(start_paused = true)]
    async fn each_change_is_reported_once_and_the_count_alone_is_none() {
        let health = watch(vec![
            shows(URL, 0),
            shows(URL, 9),
            shows(URL, 11),
            shows("", 11),
        ]);
        let mut handle = health.handle();
        assert!(!handle.is_ready() && !handle.is_healthy(), "not known yet");
        assert!(handle.latest().health.is_none());
        let started = Instant::now();
        let running = tokio::spawn(health.run());

        let first = handle.changed().await.unwrap().health.unwrap();
        assert!(first.is_healthy());
        assert!(handle.is_ready() && handle.is_healthy());
        assert_eq!(started.elapsed(), Duration::ZERO);

        let behind = handle.changed().await.unwrap().health.unwrap();
        assert_eq!(behind.pending, 11);
        assert!(handle.is_ready() && !handle.is_healthy());
        assert_eq!(started.elapsed(), Duration::from_secs(120));

        let unset = handle.changed().await.unwrap().health.unwrap();
        assert_eq!(unset.drift, [Drift::Unset]);
        assert!(!handle.is_ready());

        running.abort();
        drop(running.await);
        assert!(handle.changed().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_look_keeps_the_verdict_and_says_so() {
        let health = watch(vec![
            shows(URL, 3),
            Err(Error::http(StatusCode::BAD_GATEWAY)),
            shows(URL, 4),
        ]);
        let mut handle = health.handle();
        let running = tokio::spawn(health.run());
        handle.changed().await.unwrap();

        let failed = handle.changed().await.unwrap();
        assert_eq!(failed.health.unwrap().pending, 3);
        let failure = failed.failure.unwrap();
        assert_eq!(failure.status(), Some(StatusCode::BAD_GATEWAY));
        assert!(handle.is_ready());

        let renewed = handle.changed().await.unwrap();
        assert!(renewed.failure.is_none());
        assert_eq!(renewed.health.unwrap().pending, 4);

        let hung = handle.changed().await.unwrap();
        assert!(hung.failure.unwrap().is_timeout());
        running.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn telegram_is_left_alone_for_as_long_as_it_asks() {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let wait = Some(Duration::from_secs(100));
        let busy = Error::api(status, "Too Many Requests".into(), wait, None);
        let health = watch(vec![Err(busy), shows(URL, 0)]);
        let health = health.interval(Duration::ZERO);
        let mut handle = health.handle();
        tokio::spawn(health.run());
        let started = Instant::now();
        assert!(handle.changed().await.unwrap().health.is_none());
        assert!(handle.changed().await.unwrap().health.is_some());
        assert_eq!(started.elapsed(), Duration::from_secs(100));
    }

    #[tokio::test(start_paused = true)]
    async fn g12_a_watch_comes_back_whatever_retry_after_says() {
        let status = StatusCode::TOO_MANY_REQUESTS;
        for (seconds, bound) in [(0, 1), (1_000_000_000_000_000_000, 3600)] {
            let wait = Some(Duration::from_secs(seconds));
            let busy = Error::api(status, "Too Many Requests".into(), wait, None);
            let health = watch(vec![Err(busy), shows(URL, 0)]).interval(Duration::ZERO);
            let mut handle = health.handle();
            let started = Instant::now();
            let running = tokio::spawn(health.run());
            handle.changed().await.unwrap();
            handle.changed().await.unwrap();
            assert_eq!(started.elapsed(), Duration::from_secs(bound));
            running.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn g13_no_setting_of_a_watch_panics() {
        for duration in [Duration::ZERO, Duration::MAX] {
            for max_pending in [i64::MIN, 0, i64::MAX] {
                let health = watch(vec![shows(URL, 1)]).max_pending(max_pending);
                let health = health.interval(duration).recent(duration);
                let mut handle = health.handle();
                let running = tokio::spawn(health.run());
                let report = handle.changed().await.unwrap();
                assert_eq!(report.health.unwrap().is_behind, max_pending < 1);
                running.abort();
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn g10_an_update_shows_that_this_machines_clock_is_behind() {
        // An hour from now, as a clock sees it that is an hour behind.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = i64::try_from(now.unwrap().as_secs()).unwrap() + 3600;
        let old = now - 1800;
        let look = format!(
            r#"{{"url":"{URL}","has_custom_certificate":false,"pending_update_count":0,"last_error_date":{old},"last_error_message":"Read timeout expired"}}"#
        );
        for (observed, is_healthy) in [(None, false), (Some(now), true)] {
            let health = watch(vec![Ok(look.clone())]);
            let mut handle = health.handle();
            if let Some(date) = observed {
                handle.observe_update(date);
                handle.observe_update(old);
            }
            let running = tokio::spawn(health.run());
            let report = handle.changed().await.unwrap();
            assert_eq!(report.health.unwrap().is_healthy(), is_healthy);
            running.abort();
        }
    }

    #[test]
    fn handles_can_go_anywhere() {
        fn anywhere<T: Clone + Send + Sync + 'static>() {}
        fn send<T: Send + 'static>(_: impl FnOnce(WebhookHealth) -> T) {}
        anywhere::<HealthHandle>();
        anywhere::<HealthReport>();
        send(WebhookHealth::run);
    }
}
