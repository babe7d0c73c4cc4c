//! `Client::ensure_webhook`, which sets the webhook only where it differs from the wanted settings.

use std::{
    error, fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

use super::drift::{Drift, drift, remaining_drift};
use crate::{
    Client,
    client::{ApiRequest, Error, ErrorChain, ErrorKind},
    methods::{GetWebhookInfo, SetWebhook},
    task::random::random_fraction,
    types::WebhookInfo,
};

/// The pauses where Telegram doesn't say how long to wait: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(8);

/// The longest pause that Telegram can ask for.
const MAX_ASKED_PAUSE: Duration = Duration::from_secs(3600);

/// By how much pauses differ at most.
const MAX_SPREAD: Duration = Duration::from_secs(2);

impl Client {
    /// Makes the webhook what it should be: reads it, sets it only where something differs
    /// ([`drift`]), and reads it again.
    ///
    /// Any number of replicas may call it at once with the same settings, each time they start: one that
    /// is refused (429, 409) waits, and finds the webhook set.
    ///
    /// Telegram doesn't return the secret token and the certificate, so **a new secret or certificate under
    /// the same URL goes unnoticed**, and every update is rejected with 401. Settings that were given a
    /// fingerprint ([`SetWebhook::with_fingerprint`]) show it in their URL. Without one, use
    /// [`force`](EnsureWebhook::force) once after a change.
    ///
    /// With `drop_pending_updates`, updates that wait are dropped when the webhook is set, and only then;
    /// and only by the first call of setWebhook that may have reached Telegram. If its response is lost,
    /// whether they were dropped is unknown.
    ///
    /// ```no_run
    /// # use tower_telegram::{Client, methods::SetWebhook, webhook::SecretToken};
    /// # async fn run(client: Client, secret: SecretToken) -> Result<(), Box<dyn std::error::Error>> {
    /// let wanted = SetWebhook::new("https://bot.example/telegram").secret_token(secret);
    /// // The bot's token is a good key for it.
    /// let wanted = wanted.with_fingerprint(b"7:a-bot-token");
    /// let webhook = client.ensure_webhook(&wanted).await?;
    /// println!("set: {}, pending: {}", webhook.was_set, webhook.info.pending_update_count);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the settings can't work (nothing is sent then), Telegram refuses them, or it didn't come
    /// right within the bounds: see [`EnsureWebhookError`]. A `setWebhook` that Telegram has refused
    /// may have left no webhook.
    pub fn ensure_webhook(&self, wanted: &SetWebhook) -> EnsureWebhook {
        EnsureWebhook {
            client: self.clone(),
            wanted: wanted.clone(),
            force: false,
            max_attempts: 30,
            timeout: Duration::from_secs(60),
        }
    }
}

/// Sets the webhook when awaited, if it differs: see [`Client::ensure_webhook`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct EnsureWebhook {
    client: Client,
    wanted: SetWebhook,
    force: bool,
    max_attempts: u32,
    timeout: Duration,
}

impl EnsureWebhook {
    /// Sets it once even if nothing seems to differ: for a new secret token or another certificate,
    /// which can't be seen.
    pub fn force(mut self) -> Self {
        self.force = true;
        self
    }

    /// How often it is tried, at least once. Default: 30.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// How long it may take in all, the pauses included. Default: 60 seconds.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }
}

impl IntoFuture for EnsureWebhook {
    type Output = Result<EnsuredWebhook, EnsureWebhookError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// A webhook that is as it should be.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EnsuredWebhook {
    /// Whether this call has set it, or may have: it was right already otherwise, or another replica
    /// has set it.
    pub was_set: bool,
    /// The webhook's settings after the last call.
    pub info: WebhookInfo,
}

/// Why the webhook isn't as it should be.
#[derive(Debug)]
#[non_exhaustive]
pub enum EnsureWebhookError {
    /// A call failed permanently, or too often. The kind is
    /// [`Invalid`](crate::client::ErrorKind::Invalid), and an
    /// [`InvalidWebhook`](super::InvalidWebhook) the source, where nothing was sent.
    Call(Error),
    /// It was set, and is something else again: someone sets it otherwise.
    Unsettled {
        /// The differences at the end.
        drift: Vec<Drift>,
    },
    /// It took too long.
    TimedOut {
        /// The last error, if there was one.
        last: Option<Error>,
    },
}

/// One line, with the last error and its causes.
impl fmt::Display for EnsureWebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => write!(f, "the webhook can't be ensured: {}", ErrorChain(error)),
            Self::Unsettled { drift } => {
                f.write_str("the webhook doesn't stay as it was set")?;
                drift.iter().try_for_each(|drift| write!(f, ": {drift}"))
            }
            Self::TimedOut { last } => {
                f.write_str("ensuring the webhook took too long")?;
                let last = last.as_ref().map(|error| ErrorChain(error));
                last.map_or(Ok(()), |last| write!(f, ": {last}"))
            }
        }
    }
}

impl error::Error for EnsureWebhookError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Call(error) => Some(error),
            Self::TimedOut { last } => last.as_ref().map(|error| error as _),
            Self::Unsettled { .. } => None,
        }
    }
}

enum EnsureFailure {
    Call(Error),
    Drift(Vec<Drift>),
}

impl From<EnsureFailure> for EnsureWebhookError {
    fn from(failure: EnsureFailure) -> Self {
        match failure {
            EnsureFailure::Call(error) => Self::Call(error),
            EnsureFailure::Drift(drift) => Self::Unsettled { drift },
        }
    }
}

/// The state between two attempts.
struct Progress {
    started: Instant,
    attempts: u32,
    must_set: bool,
    was_set: bool,
    may_drop: bool,
    last: Option<Error>,
}

impl EnsureWebhook {
    async fn run(self) -> Result<EnsuredWebhook, EnsureWebhookError> {
        // Refused here, nothing is sent at all.
        ApiRequest::new(&self.wanted).map_err(EnsureWebhookError::Call)?;
        let mut progress = Progress {
            started: Instant::now(),
            attempts: 0,
            must_set: self.force,
            was_set: false,
            may_drop: self.wanted.drop_pending_updates == Some(true),
            last: None,
        };
        match timeout(self.timeout, self.converge(&mut progress)).await {
            Ok(settled) => settled,
            Err(_) => Err(EnsureWebhookError::TimedOut {
                last: progress.last,
            }),
        }
    }

    async fn converge(
        &self,
        progress: &mut Progress,
    ) -> Result<EnsuredWebhook, EnsureWebhookError> {
        loop {
            let failure = match self.attempt(progress).await {
                Ok((info, drift)) if drift.is_empty() => {
                    let was_set = progress.was_set;
                    tracing::info!(
                        was_set,
                        pending = info.pending_update_count,
                        "webhook is set"
                    );
                    return Ok(EnsuredWebhook { was_set, info });
                }
                Ok((_, drift)) => EnsureFailure::Drift(drift),
                Err(error) => EnsureFailure::Call(error),
            };
            let Some(pause) = self.pause_after(&failure, progress) else {
                return Err(failure.into());
            };
            match failure {
                EnsureFailure::Call(error) => {
                    let chain = ErrorChain(&error);
                    tracing::warn!(error = %chain, ?pause, "failed to set webhook, trying again");
                    progress.last = Some(error);
                }
                EnsureFailure::Drift(drift) => {
                    tracing::warn!(
                        ?drift,
                        ?pause,
                        "webhook differs after it was set, trying again"
                    );
                }
            }
            sleep(pause).await;
        }
    }

    /// The webhook, and how it differs in the end.
    async fn attempt(&self, progress: &mut Progress) -> Result<(WebhookInfo, Vec<Drift>), Error> {
        progress.attempts += 1;
        let wanted = &self.wanted;
        if !progress.must_set {
            let info = self.client.send(GetWebhookInfo::new()).await?;
            if drift(wanted, &info).is_empty() {
                return Ok((info, Vec::new()));
            }
        }
        let set = self.set(progress.may_drop).await;
        let may_be_set = set.as_ref().err().is_none_or(Error::may_have_arrived);
        progress.was_set |= may_be_set;
        // Updates that arrived since then must not be dropped.
        progress.may_drop &= !may_be_set;
        set?;
        progress.must_set = false;
        let info = self.client.send(GetWebhookInfo::new()).await?;
        let drift = remaining_drift(wanted, &info);
        Ok((info, drift))
    }

    async fn set(&self, may_drop: bool) -> Result<(), Error> {
        let mut wanted = self.wanted.clone();
        if !may_drop {
            wanted.drop_pending_updates = None;
        }
        let mut call = ApiRequest::new(&wanted)?;
        // A layer below may repeat a call that has the same effect twice.
        call = call.idempotent(!may_drop);
        self.client.call_once(call).await.map(drop)
    }

    /// How long to wait before the next attempt; `None` if there is to be none.
    fn pause_after(&self, failure: &EnsureFailure, progress: &Progress) -> Option<Duration> {
        let asked = match failure {
            EnsureFailure::Call(error) if may_pass(error) => error.retry_after(),
            EnsureFailure::Call(_) => return None,
            EnsureFailure::Drift(_) => None,
        };
        // No wait at all would be a storm, and 10^18 seconds no wait but an end.
        let asked = asked.filter(|asked| *asked >= FIRST_PAUSE);
        let asked = asked.map(|asked| asked.min(MAX_ASKED_PAUSE));
        let pause = spread(asked.unwrap_or_else(|| back_off(progress.attempts)));
        let end = progress.started.elapsed().saturating_add(pause);
        (progress.attempts < self.max_attempts && end < self.timeout).then_some(pause)
    }
}

/// Whether a later attempt may succeed. A page of a proxy says nothing about the webhook, whatever its status.
fn may_pass(error: &Error) -> bool {
    error.is_retryable() || error.is_conflict() || error.kind() == ErrorKind::Http
}

fn back_off(attempts: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
    FIRST_PAUSE.saturating_mul(doubled).min(MAX_PAUSE)
}

/// Spreads the next attempts of replicas that were rejected at the same time.
fn spread(pause: Duration) -> Duration {
    let most = pause.min(MAX_SPREAD);
    pause.saturating_add(most.mul_f64(random_fraction()))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::{Arc, Mutex},
    };

    use http::StatusCode;
    use tower::service_fn;

    use super::*;
    use crate::{
        client::{ApiRequest, ApiResponse, ErrorKind},
        webhook::registration::InvalidWebhook,
    };

    const URL: &str = "https://bot.example/x";

    fn wanted() -> SetWebhook {
        SetWebhook::new(URL)
    }

    /// A server whose webhook another client sets back each time, or that refuses each setWebhook with `refusal`;
    /// and whether each setWebhook was to drop updates.
    fn contended(refusal: fn() -> Result<String, Error>) -> (Client, Arc<Mutex<Vec<bool>>>) {
        let drops = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&drops);
        let service = service_fn(move |call: ApiRequest| {
            let answer = if call.method() == "setWebhook" {
                let json: serde_json::Value = serde_json::from_slice(call.json()).unwrap();
                let drops = json["drop_pending_updates"] == true;
                // No layer may send it twice by itself.
                assert_eq!(call.is_idempotent(), !drops);
                seen.lock().unwrap().push(drops);
                refusal()
            } else {
                shows("https://bot.example/y")
            };
            async move { answer.map(ApiResponse::new) }
        });
        (Client::from_service(service), drops)
    }

    #[tokio::test(start_paused = true)]
    async fn g11_pending_updates_are_dropped_by_one_call_at_most() {
        let dropping = wanted().drop_pending_updates(true);
        for taken in [done, || refused(502, "Bad Gateway", None)] {
            let (client, drops) = contended(taken);
            client.ensure_webhook(&dropping).await.unwrap_err();
            let drops = drops.lock().unwrap();
            assert!(drops.len() > 3, "{drops:?}");
            assert!(drops[0] && !drops[1..].contains(&true), "{drops:?}");
        }
        // A refused call has dropped no updates.
        let (client, drops) = contended(|| refused(429, "Too Many Requests", Some(1)));
        client.ensure_webhook(&dropping).await.unwrap_err();
        let drops = drops.lock().unwrap();
        assert!(drops.len() > 3 && !drops.contains(&false), "{drops:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn g12_a_wait_is_bounded_whatever_retry_after_says() {
        for seconds in [0, 1] {
            let answers = (0..30).map(|_| refused(429, "Too Many Requests", Some(seconds)));
            let (client, calls) = client(answers.collect());
            let started = Instant::now();
            client.ensure_webhook(&wanted()).await.unwrap_err();
            let (took, calls) = (started.elapsed(), names(&calls).len());
            assert!(took < Duration::from_secs(60), "{took:?}");
            let pause = took / u32::try_from(calls).unwrap();
            assert!(pause >= FIRST_PAUSE, "{calls} calls in {took:?}");
        }
        // It can't be waited for, so there is nothing to wait for.
        let (client, _) = client(vec![refused(
            429,
            "Too Many Requests",
            Some(1_000_000_000_000_000_000),
        )]);
        let started = Instant::now();
        client.ensure_webhook(&wanted()).await.unwrap_err();
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn g12_even_an_endless_timeout_does_not_wait_for_ages() {
        let ages = || refused(429, "Too Many Requests", Some(1_000_000_000_000_000_000));
        let (client, _) = client(vec![ages(), ages(), shows(URL)]);
        let started = Instant::now();
        let ensure = client.ensure_webhook(&wanted()).timeout(Duration::MAX);
        assert!(!ensure.await.unwrap().was_set);
        let took = started.elapsed();
        assert!(took <= 2 * (MAX_ASKED_PAUSE + MAX_SPREAD), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn g13_no_setting_panics_or_waits_for_ever() {
        for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            for attempts in [0, 1, u32::MAX] {
                let answers = vec![refused(502, "Bad Gateway", None), shows(URL)];
                let (client, calls) = client(answers);
                let ensure = client.ensure_webhook(&wanted()).max_attempts(attempts);
                let ended = ensure.timeout(limit).await;
                let is_tried_again = attempts > 1 && limit == Duration::MAX;
                assert_eq!(ended.is_ok(), is_tried_again, "{ended:?}");
                assert_eq!(names(&calls).len(), if is_tried_again { 2 } else { 1 });
            }
        }
    }

    /// The response of each call, in order.
    type Answers = Vec<Result<String, Error>>;

    /// A client whose calls get these responses, and the methods that it calls.
    fn client(answers: Answers) -> (Client, Arc<Mutex<Vec<String>>>) {
        let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let called = Arc::clone(&calls);
        let service = service_fn(move |call: ApiRequest| {
            called.lock().unwrap().push(call.method().to_owned());
            let answer = answers.lock().unwrap().pop_front().unwrap();
            async move { answer.map(ApiResponse::new) }
        });
        (Client::from_service(service), calls)
    }

    #[allow(clippy::unnecessary_wraps)] // it stands among errors
    fn shows(url: &str) -> Result<String, Error> {
        Ok(format!(
            r#"{{"url":"{url}","has_custom_certificate":false,"pending_update_count":0,"max_connections":40}}"#
        ))
    }

    #[allow(clippy::unnecessary_wraps)] // it stands among errors
    fn done() -> Result<String, Error> {
        Ok("true".into())
    }

    fn refused(status: u16, words: &str, seconds: Option<u64>) -> Result<String, Error> {
        let status = StatusCode::from_u16(status).unwrap();
        let wait = seconds.map(Duration::from_secs);
        Err(Error::api(status, words.into(), wait, None))
    }

    fn names(calls: &Mutex<Vec<String>>) -> Vec<String> {
        calls.lock().unwrap().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn g2_a_right_webhook_is_read_once_and_left_alone() {
        let (client, calls) = client(vec![shows(URL)]);
        let ensured = client.ensure_webhook(&wanted()).await.unwrap();
        assert!(!ensured.was_set);
        assert_eq!(ensured.info.url, URL);
        assert_eq!(names(&calls), ["getWebhookInfo"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_webhook_is_set_and_read_again() {
        let (client, calls) = client(vec![shows(""), done(), shows(URL)]);
        let ensured = client.ensure_webhook(&wanted()).await.unwrap();
        assert!(ensured.was_set);
        assert_eq!(
            names(&calls),
            ["getWebhookInfo", "setWebhook", "getWebhookInfo"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn force_sets_even_what_is_right() {
        let (client, calls) = client(vec![done(), shows(URL)]);
        let ensured = client.ensure_webhook(&wanted()).force().await.unwrap();
        assert!(ensured.was_set);
        assert_eq!(names(&calls), ["setWebhook", "getWebhookInfo"]);
    }

    #[tokio::test(start_paused = true)]
    async fn g3_a_rejected_replica_waits_and_reads_before_setting() {
        let (client, calls) = client(vec![
            shows(""),
            refused(429, "Too Many Requests: retry after 5", Some(5)),
            shows(""),
            refused(409, "Conflict: terminated by other setWebhook", None),
            shows(URL),
        ]);
        let started = Instant::now();
        let ensured = client.ensure_webhook(&wanted()).await.unwrap();
        assert!(!ensured.was_set, "the others did");
        assert_eq!(names(&calls).len(), 5);
        let took = started.elapsed();
        let waited = Duration::from_secs(5)..Duration::from_secs(10);
        assert!(waited.contains(&took), "{took:?}");
    }

    /// A server that takes a `setWebhook` a second, and forgets the old one with each.
    fn busy_server() -> Client {
        let next = Mutex::new(None::<Instant>);
        let next = Arc::new(next);
        let service = service_fn(move |call: ApiRequest| {
            let mut next = next.lock().unwrap();
            let now = Instant::now();
            let answer = match call.method() {
                "getWebhookInfo" => shows(if next.is_some() { URL } else { "" }),
                _ if next.is_some_and(|next| now < next) => {
                    refused(429, "Too Many Requests: retry after 1", Some(1))
                }
                _ => {
                    *next = Some(now + Duration::from_secs(1));
                    done()
                }
            };
            async move { answer.map(ApiResponse::new) }
        });
        Client::from_service(service)
    }

    #[tokio::test(start_paused = true)]
    async fn g3_twenty_replicas_that_all_insist_on_setting_it_come_one_by_one() {
        let client = busy_server();
        let replicas: Vec<_> = (0..20)
            .map(|_| tokio::spawn(client.ensure_webhook(&wanted()).force().into_future()))
            .collect();
        for replica in replicas {
            let ensured = replica.await.unwrap().unwrap();
            assert!(ensured.was_set);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_no_reason_to_set_it_twice() {
        let (client, calls) = client(vec![
            Err(Error::http(StatusCode::BAD_GATEWAY)),
            shows(""),
            Err(Error::transport("broken", true)),
            shows(URL),
        ]);
        let ensured = client.ensure_webhook(&wanted()).await.unwrap();
        assert!(ensured.was_set, "or may have been");
        let set = names(&calls)
            .into_iter()
            .filter(|name| name == "setWebhook");
        assert_eq!(set.count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_is_not_retryable_ends_it() {
        for error in [
            refused(401, "Unauthorized", None),
            refused(400, "Bad Request: bad webhook", None),
        ] {
            let (client, calls) = client(vec![shows(""), error]);
            let error = client.ensure_webhook(&wanted()).await.unwrap_err();
            assert!(matches!(error, EnsureWebhookError::Call(_)), "{error:?}");
            assert_eq!(names(&calls).len(), 2);
        }
    }

    /// A proxy that restarts, or a captive portal. One page of 403 or 404 ended it, and with it the start of a bot.
    #[tokio::test(start_paused = true)]
    async fn g3_a_page_that_is_not_the_bot_apis_is_waited_out_whatever_its_status() {
        for status in [
            200, 204, 302, 400, 401, 403, 404, 407, 408, 409, 413, 421, 429, 451, 500, 502, 511,
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let page = || Err(Error::foreign(status));
            let (client, calls) = client(vec![page(), shows(""), page(), shows(URL)]);
            let ensured = client.ensure_webhook(&wanted()).await;
            assert!(ensured.is_ok(), "{status}: {ensured:?}");
            assert_eq!(names(&calls).len(), 4, "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn g1_what_cannot_work_is_not_even_read() {
        let (client, calls) = client(Vec::new());
        let wanted = SetWebhook::new("http://bot.example/");
        let error = client.ensure_webhook(&wanted).await.unwrap_err();
        let EnsureWebhookError::Call(error) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let source = error::Error::source(&error).unwrap();
        let reason = source.downcast_ref::<InvalidWebhook>();
        assert_eq!(reason, Some(&InvalidWebhook::NotHttps));
        assert!(names(&calls).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_webhook_that_another_client_keeps_setting_is_an_error() {
        let other = "https://bot.example/y";
        let round = || [shows(other), done(), shows(other)];
        let answers = round().into_iter().chain(round()).collect();
        let (client, calls) = client(answers);
        let ensure = client.ensure_webhook(&wanted()).max_attempts(2);
        let error = ensure.await.unwrap_err();
        let EnsureWebhookError::Unsettled { drift } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(drift, &[Drift::Url]);
        assert_eq!(
            error.to_string(),
            "the webhook doesn't stay as it was set: the webhook has another url"
        );
        assert_eq!(names(&calls).len(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_in_time_and_says_what_went_wrong() {
        let answers = (0..30).map(|_| refused(502, "Bad Gateway", None));
        let (slow, calls) = client(answers.collect());
        let started = Instant::now();
        let error = slow.ensure_webhook(&wanted()).await.unwrap_err();
        let EnsureWebhookError::Call(error) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.status(), Some(StatusCode::BAD_GATEWAY));
        assert!(started.elapsed() < Duration::from_secs(60));
        assert!(names(&calls).len() > 3);

        // A pause that ends after the time limit isn't waited for.
        let (busy, _) = client(vec![refused(429, "Too Many Requests", Some(3600))]);
        let started = Instant::now();
        let error = busy.ensure_webhook(&wanted()).await.unwrap_err();
        assert!(matches!(error, EnsureWebhookError::Call(_)), "{error:?}");
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_ends_is_cut_off() {
        let service =
            service_fn(|_: ApiRequest| std::future::pending::<Result<ApiResponse, Error>>());
        let client = Client::from_service(service);
        let ensure = client.ensure_webhook(&wanted());
        let error = ensure.timeout(Duration::from_secs(3)).await.unwrap_err();
        assert!(matches!(error, EnsureWebhookError::TimedOut { last: None }));
    }

    #[test]
    fn pauses_grow_up_to_a_bound_and_are_spread() {
        let pauses = [1, 2, 3, 4, 5, 6, 100].map(|n| back_off(n).as_millis());
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
        let second = Duration::from_secs(1);
        let spread_out: Vec<_> = (0..100).map(|_| spread(second)).collect();
        assert!(spread_out.iter().all(|p| (second..2 * second).contains(p)));
        assert!(spread_out.iter().any(|p| *p != spread_out[0]));
        assert!(spread(Duration::MAX) == Duration::MAX);
    }
}
