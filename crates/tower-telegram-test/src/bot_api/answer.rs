//! The [`Answer`]: a response of the Bot API server to one call.
//!
//! A test sets one with [`Telegram::answer`](crate::Telegram::answer) in place of the usual response. The
//! same type carries the usual responses, so both are written byte for byte as the real server writes them:
//! status, order of keys, and headers.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{http1, json};

/// An answer to a Bot API call.
///
/// Give it to [`Telegram::answer`](crate::Telegram::answer), [`answer_once`](crate::Telegram::answer_once)
/// or [`answer_with`](crate::Telegram::answer_with). It replaces the usual answer, and the call then has no
/// other effect.
///
/// ```
/// # use tower_telegram_test::{Answer, Telegram};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let telegram = Telegram::start().await?;
/// // The next message is refused, all photos are lost on their way.
/// telegram.answer_once("sendMessage", Answer::too_many_requests(5));
/// telegram.answer("sendPhoto", Answer::hang_up());
/// telegram.answer("getChat", Answer::error(403, "Forbidden: bot was blocked by the user"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Answer {
    /// How long the server waits before the first byte.
    kind: AnswerKind,
    delay: Duration,
    /// Whether the connection is closed in the middle of the body.
    is_truncated: bool,
}

/// The kinds of answers.
#[derive(Clone, Debug)]
enum AnswerKind {
    Ok {
        result: Value,
        description: Option<String>,
    },
    /// A result that is JSON already, whose keys keep their order.
    Json {
        result: String,
    },
    Error {
        code: u16,
        description: String,
        parameters: Map<String, Value>,
    },
    Raw {
        status: u16,
        content_type: String,
        body: Bytes,
    },
    HangUp,
    Reset,
    Never,
}

impl Answer {
    /// A success: `{"ok":true,"result":…}`.
    pub fn ok(result: impl Into<Value>) -> Self {
        Self::of(AnswerKind::Ok {
            result: result.into(),
            description: None,
        })
    }

    /// A refusal: `{"ok":false,"error_code":…,"description":…}`, with `code` as the HTTP status too.
    ///
    /// A status outside of 400 to 599 is sent as it is, though Telegram never does so.
    pub fn error(code: u16, description: impl Into<String>) -> Self {
        Self::of(AnswerKind::Error {
            code,
            description: description.into(),
            parameters: Map::new(),
        })
    }

    /// A 429, the refusal of a call that came too soon, with `retry_after` in seconds.
    pub fn too_many_requests(retry_after: u32) -> Self {
        Self::error(429, format!("Too Many Requests: retry after {retry_after}"))
            .retry_after(retry_after)
    }

    /// Any response, such as the HTML page of a proxy in front of Telegram.
    pub fn raw(status: u16, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::of(AnswerKind::Raw {
            status,
            content_type: content_type.into(),
            body: body.into(),
        })
    }

    /// Receives the call, and closes the connection without a response.
    pub fn hang_up() -> Self {
        Self::of(AnswerKind::HangUp)
    }

    /// Receives the call, and resets the connection, as a crashing server does.
    pub fn reset() -> Self {
        Self::of(AnswerKind::Reset)
    }

    /// Receives the call and never responds. The connection ends when the bot closes it.
    pub fn never() -> Self {
        Self::of(AnswerKind::Never)
    }

    /// A success whose `result` is JSON text already.
    pub(crate) fn json(result: String) -> Self {
        Self::of(AnswerKind::Json { result })
    }

    fn of(kind: AnswerKind) -> Self {
        Self {
            kind,
            delay: Duration::ZERO,
            is_truncated: false,
        }
    }

    /// Adds a `description` to an answer made by [`ok`](Self::ok). No effect on other answers.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        if let AnswerKind::Ok { description, .. } = &mut self.kind {
            *description = Some(text.into());
        }
        self
    }

    /// Adds `retry_after`, in seconds, to the `parameters` of an error and, unless it is 0, as the header
    /// `Retry-After`. No effect on other answers.
    pub fn retry_after(self, seconds: u32) -> Self {
        self.parameter("retry_after", seconds.into())
    }

    /// Adds `migrate_to_chat_id` to the `parameters` of an error. No effect on other answers.
    pub fn migrate_to_chat_id(self, chat_id: i64) -> Self {
        self.parameter("migrate_to_chat_id", chat_id.into())
    }

    /// Closes the connection after half of the body, or after half of the head if the body is empty.
    pub fn truncated(mut self) -> Self {
        self.is_truncated = true;
        self
    }

    /// Waits for `delay` before the response.
    pub fn delayed_by(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    fn parameter(mut self, name: &str, value: Value) -> Self {
        if let AnswerKind::Error { parameters, .. } = &mut self.kind {
            parameters.insert(name.to_owned(), value);
        }
        self
    }

    /// How long the server waits before the first byte.
    pub(crate) fn delay(&self) -> Duration {
        self.delay
    }

    /// The code and description of a refusal.
    pub(crate) fn as_error(&self) -> Option<(u16, &str)> {
        match &self.kind {
            AnswerKind::Error {
                code, description, ..
            } => Some((*code, description)),
            _ => None,
        }
    }

    /// The body as JSON; `null` if it isn't JSON.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            AnswerKind::Ok {
                result,
                description: None,
            } => json!({"ok": true, "result": result}),
            AnswerKind::Ok {
                result,
                description,
            } => json!({"ok": true, "result": result, "description": description}),
            AnswerKind::Error {
                code,
                description,
                parameters,
            } if parameters.is_empty() => {
                json!({"ok": false, "error_code": code, "description": description})
            }
            AnswerKind::Error {
                code,
                description,
                parameters,
            } => {
                json!({"ok": false, "error_code": code, "description": description, "parameters": parameters})
            }
            AnswerKind::Json { result } => {
                let result: Value = serde_json::from_str(result).unwrap_or_default();
                json!({"ok": true, "result": result})
            }
            AnswerKind::Raw { .. } | AnswerKind::HangUp | AnswerKind::Reset | AnswerKind::Never => {
                Value::Null
            }
        }
    }

    /// The bytes on the wire, or the event in their place.
    pub(crate) fn to_response(&self) -> AnswerAction {
        let body = match &self.kind {
            AnswerKind::Ok {
                result,
                description,
            } => success_body(result, description.as_deref()),
            AnswerKind::Json { result } => format!("{{\"ok\":true,\"result\":{result}}}"),
            AnswerKind::Error {
                code,
                description,
                parameters,
            } => {
                let seconds = parameters.get("retry_after").and_then(Value::as_u64);
                let head = head_of(*code, JSON, seconds.unwrap_or(0));
                return self.action(&head, error_body(*code, description, parameters).into());
            }
            AnswerKind::Raw {
                status,
                content_type,
                body,
            } => return self.action(&head_of(*status, content_type, 0), body.clone()),
            AnswerKind::HangUp => return AnswerAction::HangUp,
            AnswerKind::Reset => return AnswerAction::Reset,
            AnswerKind::Never => return AnswerAction::Never,
        };
        self.action(&head_of(200, JSON, 0), body.into())
    }

    /// The whole response, or the half of it that a truncated one has.
    fn action(&self, head: &str, body: Bytes) -> AnswerAction {
        let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
        if !self.is_truncated {
            return AnswerAction::Bytes(head.into(), body);
        }
        let whole = if body.is_empty() {
            head.len()
        } else {
            body.len()
        };
        let mut bytes = [head.as_bytes(), &body].concat();
        bytes.truncate(bytes.len() - whole.div_ceil(2));
        AnswerAction::Truncated(bytes.into())
    }
}

const JSON: &str = "application/json";

/// The head of a response, without its length.
fn head_of(status: u16, content_type: &str, retry_after: u64) -> String {
    let reason = http1::reason_phrase(status);
    let retry_after = match retry_after {
        0 => String::new(),
        seconds => format!("Retry-After: {seconds}\r\n"),
    };
    format!(
        "HTTP/1.1 {status} {reason}\r\nConnection: keep-alive\r\nContent-Type: {content_type}\r\n{retry_after}"
    )
}

/// Written by hand to have the keys in the server's order.
fn success_body(result: &Value, description: Option<&str>) -> String {
    let mut body = format!("{{\"ok\":true,\"result\":{}", json::to_string(result));
    if let Some(description) = description {
        body += ",\"description\":";
        body += &json::to_string(&description.into());
    }
    body + "}"
}

/// The same for a refusal.
fn error_body(code: u16, description: &str, parameters: &Map<String, Value>) -> String {
    let description = json::to_string(&description.into());
    let mut body = format!("{{\"ok\":false,\"error_code\":{code},\"description\":{description}");
    if !parameters.is_empty() {
        body += ",\"parameters\":";
        body += &json::to_string(&parameters.clone().into());
    }
    body + "}"
}

/// The bytes or the event that the client of the Bot API sees.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AnswerAction {
    /// A head and a body.
    Bytes(Bytes, Bytes),
    /// The start of a response, after which the connection is closed.
    Truncated(Bytes),
    /// The connection is closed before a response.
    HangUp,
    /// The connection is reset before a response.
    Reset,
    /// The connection stays open without a response.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(answer: &Answer) -> String {
        match answer.to_response() {
            AnswerAction::Bytes(head, body) => String::from_utf8([head, body].concat()).unwrap(),
            other => panic!("no bytes: {other:?}"),
        }
    }

    #[test]
    fn answers_have_exactly_the_headers_of_the_server() {
        let body = r#"{"ok":true,"result":true,"description":"Webhook was set"}"#;
        assert_eq!(
            bytes(&Answer::ok(true).description("Webhook was set")),
            format!(
                "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Type: application/json\r\nContent-Length: 57\r\n\r\n{body}"
            )
        );
        let body = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#;
        assert_eq!(
            bytes(&Answer::too_many_requests(7)),
            format!(
                "HTTP/1.1 429 Too Many Requests\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n\
                 Retry-After: 7\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        );
        let migrated = Answer::error(
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
        )
        .migrate_to_chat_id(-1001);
        assert!(bytes(&migrated).ends_with(
            r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001}}"#
        ));
        assert!(bytes(&Answer::ok("é")).ends_with(r#"{"ok":true,"result":"\u00e9"}"#));
    }
}
