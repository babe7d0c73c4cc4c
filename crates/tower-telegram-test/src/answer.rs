//! Answers to Bot API calls, byte for byte as the server writes them.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{http1, json};

/// An answer to a Bot API call.
///
/// Tests give them to [`Telegram::answer`](super::Telegram::answer) and its siblings.
#[derive(Clone, Debug)]
pub struct Answer {
    kind: AnswerKind,
    delay: Duration,
    is_truncated: bool,
}

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
    /// `{"ok":true,"result":…}`.
    pub fn ok(result: impl Into<Value>) -> Self {
        Self::of(AnswerKind::Ok {
            result: result.into(),
            description: None,
        })
    }

    /// `{"ok":false,"error_code":…,"description":…}` with that HTTP status, which should be 400 to 599.
    pub fn error(code: u16, description: impl Into<String>) -> Self {
        Self::of(AnswerKind::Error {
            code,
            description: description.into(),
            parameters: Map::new(),
        })
    }

    /// The 429 of a bot that was too fast, with `retry_after` in seconds.
    pub fn too_many_requests(retry_after: u32) -> Self {
        Self::error(429, format!("Too Many Requests: retry after {retry_after}"))
            .retry_after(retry_after)
    }

    /// Any response, such as the HTML of a proxy that stands before Telegram.
    pub fn raw(status: u16, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::of(AnswerKind::Raw {
            status,
            content_type: content_type.into(),
            body: body.into(),
        })
    }

    /// Takes the call, then closes the connection without a word.
    pub fn hang_up() -> Self {
        Self::of(AnswerKind::HangUp)
    }

    /// Takes the call, then resets the connection, as a server does that falls over.
    pub fn reset() -> Self {
        Self::of(AnswerKind::Reset)
    }

    /// Takes the call and never answers; the connection ends when the bot closes it.
    pub fn never() -> Self {
        Self::of(AnswerKind::Never)
    }

    /// A result that is written already.
    pub(super) fn json(result: String) -> Self {
        Self::of(AnswerKind::Json { result })
    }

    fn of(kind: AnswerKind) -> Self {
        Self {
            kind,
            delay: Duration::ZERO,
            is_truncated: false,
        }
    }

    /// Adds a `description` to an answer made by [`ok`](Self::ok); of no effect on others.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        if let AnswerKind::Ok { description, .. } = &mut self.kind {
            *description = Some(text.into());
        }
        self
    }

    /// Adds `retry_after`, in seconds, to an error: in its `parameters` and, unless 0, as a header. Of no effect on others.
    pub fn retry_after(self, seconds: u32) -> Self {
        self.parameter("retry_after", seconds.into())
    }

    /// Adds `migrate_to_chat_id` to the `parameters` of an error; of no effect on others.
    pub fn migrate_to_chat_id(self, chat_id: i64) -> Self {
        self.parameter("migrate_to_chat_id", chat_id.into())
    }

    /// Closes the connection after half of the body, or of the head if there is no body.
    pub fn truncated(mut self) -> Self {
        self.is_truncated = true;
        self
    }

    /// Waits that long before it answers.
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

    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// The call was refused with that code and text, if it was.
    pub(super) fn as_error(&self) -> Option<(u16, &str)> {
        match &self.kind {
            AnswerKind::Error {
                code, description, ..
            } => Some((*code, description)),
            _ => None,
        }
    }

    /// The response's JSON, `null` if it isn't JSON.
    pub(super) fn to_value(&self) -> Value {
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

    pub(super) fn to_response(&self) -> AnswerAction {
        let (status, content_type, retry_after, body) = match &self.kind {
            AnswerKind::Ok {
                result,
                description,
            } => {
                // By hand, as the order of keys is the server's.
                let mut body = format!("{{\"ok\":true,\"result\":{}", json::to_string(result));
                if let Some(description) = description {
                    body += ",\"description\":";
                    body += &json::to_string(&description.as_str().into());
                }
                (200, "application/json", 0, Bytes::from(body + "}"))
            }
            AnswerKind::Json { result } => {
                let body = format!("{{\"ok\":true,\"result\":{result}}}");
                (200, "application/json", 0, Bytes::from(body))
            }
            AnswerKind::Error {
                code,
                description,
                parameters,
            } => {
                let description = json::to_string(&description.as_str().into());
                let mut body =
                    format!("{{\"ok\":false,\"error_code\":{code},\"description\":{description}");
                if !parameters.is_empty() {
                    body += ",\"parameters\":";
                    body += &json::to_string(&parameters.clone().into());
                }
                let retry_after = parameters
                    .get("retry_after")
                    .and_then(Value::as_u64)
                    .unwrap_or(0);
                (
                    *code,
                    "application/json",
                    retry_after,
                    Bytes::from(body + "}"),
                )
            }
            AnswerKind::Raw {
                status,
                content_type,
                body,
            } => (*status, content_type.as_str(), 0, body.clone()),
            AnswerKind::HangUp => return AnswerAction::HangUp,
            AnswerKind::Reset => return AnswerAction::Reset,
            AnswerKind::Never => return AnswerAction::Never,
        };
        let reason = http1::reason_phrase(status);
        let retry_after = match retry_after {
            0 => String::new(),
            seconds => format!("Retry-After: {seconds}\r\n"),
        };
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nConnection: keep-alive\r\nContent-Type: {content_type}\r\n\
             {retry_after}Content-Length: {}\r\n\r\n",
            body.len()
        );
        if self.is_truncated {
            let whole = if body.is_empty() {
                head.len()
            } else {
                body.len()
            };
            let mut bytes = [head.as_bytes(), &body].concat();
            bytes.truncate(bytes.len() - whole.div_ceil(2));
            return AnswerAction::Truncated(bytes.into());
        }
        AnswerAction::Bytes(head.into(), body)
    }
}

/// What goes onto the wire.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AnswerAction {
    Bytes(Bytes, Bytes),
    /// Nothing comes after it.
    Truncated(Bytes),
    HangUp,
    Reset,
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
