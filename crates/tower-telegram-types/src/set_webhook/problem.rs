//! [`WebhookProblem`]: why Telegram couldn't deliver an update.

use std::{fmt, time::Duration};

use http::StatusCode;

use crate::types::WebhookInfo;

/// Why Telegram couldn't deliver an update, by the text of [`WebhookInfo::last_error_message`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WebhookProblem {
    /// The webhook answered something other than 2xx.
    WrongResponse(StatusCode),
    /// No server listens there, or a firewall rejects Telegram.
    ConnectionRefused,
    /// The connection was closed before the response had arrived.
    ConnectionLost,
    /// There is no way to the address.
    Unreachable,
    /// The connection couldn't be made in time.
    ConnectTimeout,
    /// The response hadn't arrived after 60 seconds. Telegram sends the update again.
    ReadTimeout,
    /// TLS failed: the certificate has expired, isn't for this host, lacks an intermediate one, or
    /// isn't the one that was uploaded.
    Tls,
    /// The host's name can't be found.
    HostNotFound,
    /// The host's name leads to an address that isn't public, or to IPv6 alone.
    Address,
    /// The answer isn't HTTP as Telegram reads it.
    Malformed,
    /// Something else.
    Other,
}

/// The texts to look for, in lower case, and the problem of each; the first match counts.
const WORDS: [(&str, WebhookProblem); 20] = [
    ("connection refused", WebhookProblem::ConnectionRefused),
    ("connection reset", WebhookProblem::ConnectionLost),
    ("connection closed", WebhookProblem::ConnectionLost),
    ("broken pipe", WebhookProblem::ConnectionLost),
    ("unreachable", WebhookProblem::Unreachable),
    ("no route to host", WebhookProblem::Unreachable),
    ("connection timed out", WebhookProblem::ConnectTimeout),
    ("connection timeout", WebhookProblem::ConnectTimeout),
    ("timeout expired", WebhookProblem::ReadTimeout),
    ("ssl", WebhookProblem::Tls),
    ("certificate", WebhookProblem::Tls),
    ("failed to resolve host", WebhookProblem::HostNotFound),
    ("name or service not known", WebhookProblem::HostNotFound),
    ("is reserved", WebhookProblem::Address),
    ("ipv6-only", WebhookProblem::Address),
    ("not implemented", WebhookProblem::Malformed),
    ("bad request", WebhookProblem::Malformed),
    ("too large", WebhookProblem::Malformed),
    ("failed to parse", WebhookProblem::Malformed),
    ("http version not supported", WebhookProblem::Malformed),
];

impl WebhookProblem {
    /// Recognises Telegram's text. Telegram may change it: an unknown text is [`Other`](Self::Other).
    ///
    /// ```
    /// use tower_telegram::webhook::registration::WebhookProblem;
    ///
    /// let problem = WebhookProblem::read("Wrong response from the webhook: 404 Not Found");
    /// assert_eq!(problem, WebhookProblem::WrongResponse(http::StatusCode::NOT_FOUND));
    /// ```
    pub fn read(message: &str) -> Self {
        const WRONG_RESPONSE: &str = "wrong response from the webhook: ";
        let words = message.to_lowercase();
        if let Some((_, response)) = words.split_once(WRONG_RESPONSE) {
            let code = response.split_whitespace().next().unwrap_or_default();
            let status = StatusCode::from_bytes(code.as_bytes());
            return status.map_or(Self::Other, Self::WrongResponse);
        }
        let found = WORDS.iter().find(|(part, _)| words.contains(part));
        found.map_or(Self::Other, |(_, problem)| *problem)
    }
}

impl WebhookInfo {
    /// The last problem, however long ago: success doesn't clear it. See
    /// [`recent_problem`](Self::recent_problem).
    pub fn last_problem(&self) -> Option<WebhookProblem> {
        self.last_error_message.as_deref().map(WebhookProblem::read)
    }

    /// The last problem, if it was within `recent` before `now`, in Unix seconds.
    pub fn recent_problem(&self, now: i64, recent: Duration) -> Option<WebhookProblem> {
        let date = self.last_error_date?;
        if !is_recent(date, now, recent) {
            return None;
        }
        Some(self.last_problem().unwrap_or(WebhookProblem::Other))
    }

    /// Whether Telegram's server failed to get the bot's updates within `recent` before `now`, in Unix
    /// seconds. There is nothing to do about that but to wait.
    pub fn is_unsynchronized(&self, now: i64, recent: Duration) -> bool {
        let date = self.last_synchronization_error_date;
        date.is_some_and(|date| is_recent(date, now, recent))
    }
}

/// Whether `at` was within `recent` before `now`. A date in the future is a clock that is a little
/// off.
fn is_recent(at: i64, now: i64, recent: Duration) -> bool {
    let recent = i64::try_from(recent.as_secs()).unwrap_or(i64::MAX);
    now.saturating_sub(at) <= recent
}

/// The problem in one line, with its likely cause.
impl fmt::Display for WebhookProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongResponse(StatusCode::UNAUTHORIZED) => {
                "the webhook answered 401: its secret token differs from the one that telegram has"
            }
            Self::WrongResponse(status) => {
                return write!(f, "the webhook answered {}", status.as_u16());
            }
            Self::ConnectionRefused => "the webhook's server refuses connections",
            Self::ConnectionLost => "the webhook's server closed the connection",
            Self::Unreachable => "there is no way to the webhook's address",
            Self::ConnectTimeout => "the webhook's server doesn't take connections in time",
            Self::ReadTimeout => "the webhook didn't answer within 60 seconds",
            Self::Tls => "tls with the webhook's server failed",
            Self::HostNotFound => "the webhook's host can't be found",
            Self::Address => "the webhook's host has no public ipv4 address",
            Self::Malformed => "the webhook's answer can't be read",
            Self::Other => "the webhook can't be reached",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_read_in_any_case() {
        let wrong = |code| WebhookProblem::WrongResponse(StatusCode::from_u16(code).unwrap());
        for (message, problem) in [
            ("Wrong response from the webhook: 404 Not Found", wrong(404)),
            (
                "Wrong response from the webhook: 500 Internal Server Error",
                wrong(500),
            ),
            ("Wrong response from the webhook: 530 ", wrong(530)),
            ("Wrong response from the webhook: ", WebhookProblem::Other),
            ("Connection refused", WebhookProblem::ConnectionRefused),
            ("Connection reset by peer", WebhookProblem::ConnectionLost),
            ("Connection timed out", WebhookProblem::ConnectTimeout),
            ("Read timeout expired", WebhookProblem::ReadTimeout),
            (
                "SSL error {error:0A000086:SSL routines::certificate verify failed}",
                WebhookProblem::Tls,
            ),
            (
                "Failed to resolve host: Name or service not known",
                WebhookProblem::HostNotFound,
            ),
            ("IP address 10.0.0.1 is reserved", WebhookProblem::Address),
            ("Not Implemented", WebhookProblem::Malformed),
            ("No route to host", WebhookProblem::Unreachable),
            ("something quite new", WebhookProblem::Other),
            ("", WebhookProblem::Other),
        ] {
            for message in [message.to_owned(), message.to_uppercase()] {
                assert_eq!(WebhookProblem::read(&message), problem, "{message}");
            }
        }
    }

    #[test]
    fn only_a_recent_error_is_a_recent_problem() {
        let info = |date: &str| -> WebhookInfo {
            let json = format!(
                r#"{{"url":"x","has_custom_certificate":false,"pending_update_count":0{date}}}"#
            );
            serde_json::from_str(&json).unwrap()
        };
        let minute = Duration::from_secs(60);
        let failed = info(r#","last_error_date":1000,"last_error_message":"Read timeout expired""#);
        for (now, recent) in [(0, true), (1000, true), (1060, true), (1061, false)] {
            let problem = failed.recent_problem(now, minute);
            assert_eq!(problem.is_some(), recent, "{now}");
        }
        assert_eq!(failed.last_problem(), Some(WebhookProblem::ReadTimeout));
        assert_eq!(
            info(r#","last_error_date":1000"#).recent_problem(1000, minute),
            Some(WebhookProblem::Other)
        );
        assert_eq!(info("").recent_problem(1000, minute), None);
    }
}
