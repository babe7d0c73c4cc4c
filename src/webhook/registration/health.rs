//! A judgement on whether the webhook works, by `getWebhookInfo`.

use std::{fmt, time::Duration};

use super::{Drift, WebhookProblem, drift};
use crate::{methods::SetWebhook, types::WebhookInfo};

/// A judgement on the webhook, by the [`WebhookInfo`](https://core.telegram.org/bots/api#webhookinfo) that Telegram
/// returns.
///
/// ```
/// use tower_telegram::{
///     methods::SetWebhook,
///     webhook::registration::{Health, HealthLimits, WebhookProblem},
///     types::WebhookInfo,
/// };
///
/// let info: WebhookInfo = serde_json::from_str(
///     r#"{"url":"https://bot.example/","has_custom_certificate":false,"pending_update_count":7,
///         "last_error_date":1000,"last_error_message":"Read timeout expired"}"#,
/// )?;
/// let wanted = SetWebhook::new("https://bot.example/");
/// let judge = |now| Health::judge(&wanted, &info, now, HealthLimits::default());
///
/// assert_eq!(judge(1010).problem, Some(WebhookProblem::ReadTimeout));
/// // Telegram doesn't forget it when things go well again; we do.
/// assert!(judge(9000).is_healthy());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// How the webhook differs from what it should be.
    pub drift: Vec<Drift>,
    /// How many updates wait to be delivered.
    pub pending: i64,
    /// Whether more wait than should.
    pub is_behind: bool,
    /// The last error of a delivery, if it is recent.
    pub problem: Option<WebhookProblem>,
    /// Whether Telegram's server lately failed to get the updates itself. There is nothing to do
    /// about that but to wait.
    pub is_unsynchronized: bool,
}

/// From when on the webhook isn't healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthLimits {
    /// How long an error counts after it has happened. Default: 5 minutes.
    pub recent: Duration,
    /// How many updates may wait. Default: 100.
    pub max_pending: i64,
}

impl Default for HealthLimits {
    fn default() -> Self {
        Self {
            recent: Duration::from_secs(300),
            max_pending: 100,
        }
    }
}

impl HealthLimits {
    /// Sets [`recent`](Self#structfield.recent).
    pub fn recent(mut self, recent: Duration) -> Self {
        self.recent = recent;
        self
    }

    /// Sets [`max_pending`](Self#structfield.max_pending).
    pub fn max_pending(mut self, max_pending: i64) -> Self {
        self.max_pending = max_pending;
        self
    }
}

impl Health {
    /// Judges what `getWebhookInfo` says. `now` is in Unix seconds, by Telegram's clock: compared with
    /// one that is minutes ahead of it, an error that happens now looks old.
    pub fn judge(wanted: &SetWebhook, info: &WebhookInfo, now: i64, limits: HealthLimits) -> Self {
        Self {
            drift: drift(wanted, info),
            pending: info.pending_update_count,
            is_behind: info.pending_update_count > limits.max_pending,
            problem: info.recent_problem(now, limits.recent),
            is_unsynchronized: info.is_unsynchronized(now, limits.recent),
        }
    }

    /// Whether the webhook is set as it should be, however well it works.
    pub fn is_set(&self) -> bool {
        self.drift.is_empty()
    }

    /// Whether nothing at all is wrong.
    pub fn is_healthy(&self) -> bool {
        self.is_set() && !self.is_behind && self.problem.is_none() && !self.is_unsynchronized
    }
}

/// Everything that is wrong.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_healthy() {
            return f.write_str("the webhook is healthy");
        }
        let mut separator = "";
        let mut say = |what: &dyn fmt::Display| {
            write!(f, "{separator}{what}")?;
            separator = "; ";
            Ok(())
        };
        self.drift.iter().try_for_each(|drift| say(drift))?;
        if let Some(problem) = &self.problem {
            say(problem)?;
        }
        if self.is_behind {
            say(&format_args!("{} updates wait", self.pending))?;
        }
        if self.is_unsynchronized {
            say(&"telegram's server can't get the updates")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://bot.example/x";

    fn judge(more: &str, now: i64) -> Health {
        let json = format!(r#"{{"has_custom_certificate":false,"url":"{URL}"{more}}}"#);
        let info = serde_json::from_str(&json).unwrap();
        let limits = HealthLimits::default().max_pending(10);
        let limits = limits.recent(Duration::from_secs(60));
        Health::judge(&SetWebhook::new(URL), &info, now, limits)
    }

    #[test]
    fn only_recent_errors_count() {
        let failed = r#","pending_update_count":0,"last_error_date":1000,"last_error_message":"Wrong response from the webhook: 502 Bad Gateway""#;
        let wrong = judge(failed, 1060);
        assert!(wrong.is_set() && !wrong.is_healthy());
        assert_eq!(wrong.to_string(), "the webhook answered 502");
        let well_again = judge(failed, 1061);
        assert!(well_again.is_healthy());
        assert_eq!(well_again.to_string(), "the webhook is healthy");

        let unsynchronized = r#","pending_update_count":0,"last_synchronization_error_date":1000"#;
        assert!(!judge(unsynchronized, 1060).is_healthy());
        assert!(judge(unsynchronized, 1061).is_healthy());
    }

    #[test]
    fn a_queue_over_its_bound_and_a_wrong_setting_are_named() {
        assert!(judge(r#","pending_update_count":10"#, 0).is_healthy());
        let behind = judge(r#","pending_update_count":11"#, 0);
        assert_eq!(behind.to_string(), "11 updates wait");
        let certified = r#","pending_update_count":11,"has_custom_certificate":true"#;
        let json = format!(r#"{{"url":"{URL}"{certified}}}"#);
        let info = serde_json::from_str(&json).unwrap();
        let limits = HealthLimits::default().max_pending(10);
        let health = Health::judge(&SetWebhook::new(URL), &info, 0, limits);
        assert_eq!(health.drift, [Drift::Certificate]);
        assert_eq!(
            health.to_string(),
            "the webhook's certificate is missing, or one too many; 11 updates wait"
        );
    }
}
