//! The [`Call`]: a call of a Bot API method as the bot made it, with its response.

use serde_json::{Map, Value};

use super::{
    args::{self, Args},
    uploaded_file::{UploadedFile, find_file},
};

/// One call of a Bot API method, as a request or in a webhook reply.
///
/// ```no_run
/// # use tower_telegram_test::{Telegram, Via};
/// # async fn example(telegram: Telegram) -> Result<(), tower_telegram_test::Error> {
/// let call = telegram.wait_for_call("sendPhoto").await?;
/// assert_eq!(call.integer("chat_id"), Some(7));
/// assert_eq!(call.file("photo").expect("it was uploaded").file_name, "cat.jpg");
/// assert_eq!(call.via, Via::Http);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// The method's name as the bot wrote it. Telegram ignores the case.
    pub method: String,
    /// The arguments: with their JSON types from a JSON body, as strings from a form, a multipart body or a
    /// query. [`text`](Self::text), [`integer`](Self::integer) and [`json`](Self::json) read both.
    pub params: Map<String, Value>,
    /// The uploaded files, in the order of the body.
    pub files: Vec<UploadedFile>,
    /// The way the call was made.
    pub via: Via,
    /// Whether it was made under `/bot<token>/test/`, the test environment.
    pub test_environment: bool,
    /// The response's JSON. `null` for an [`Answer`](crate::Answer) that isn't JSON, and for a `getUpdates`
    /// that had no response yet when this call was returned to the test. The bot doesn't see the response
    /// to a call in a webhook reply.
    pub response: Value,
}

/// The way a [`Call`] was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Via {
    /// As a request to the Bot API.
    Http,
    /// In the response to a webhook request.
    WebhookReply,
}

impl Call {
    /// A call without a response yet.
    pub(crate) fn new(method: String, args: &Args, via: Via, test_environment: bool) -> Self {
        Self {
            method,
            params: args.params.clone(),
            files: args.files.clone(),
            via,
            test_environment,
            response: Value::Null,
        }
    }

    /// Whether it is a call of that method, in any case.
    pub fn is(&self, method: &str) -> bool {
        self.method.eq_ignore_ascii_case(method)
    }

    /// Whether the response has `"ok": true`.
    pub fn is_ok(&self) -> bool {
        self.response["ok"] == true
    }

    /// An argument as Telegram reads it: a string as it is, any other value as JSON text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.params.get(name).map(args::text)
    }

    /// An argument as an integer.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    /// An argument as JSON. From a form or a multipart body, its text is parsed as JSON.
    pub fn json(&self, name: &str) -> Option<Value> {
        match self.params.get(name)? {
            Value::String(text) => serde_json::from_str(text).ok(),
            value => Some(value.clone()),
        }
    }

    /// The file that was uploaded for an argument: in the field of that name, or in the field that the
    /// argument names with `attach://`.
    pub fn file(&self, name: &str) -> Option<&UploadedFile> {
        find_file(&self.files, &self.params, name)
    }

    /// The method, its arguments and its result in one line, for error messages.
    pub(crate) fn summary(&self) -> String {
        let mut line = self.method.clone();
        for (name, value) in &self.params {
            if SECRETS.contains(&name.as_str()) {
                continue;
            }
            let value = match value {
                Value::String(text) => format!("{text:?}"),
                value => value.to_string(),
            };
            let shown: String = value.chars().take(60).collect();
            let more = if shown.len() < value.len() { "…" } else { "" };
            line.extend([" ", name, "=", &shown, more]);
        }
        for file in &self.files {
            let length = file.length.to_string();
            line.extend([" ", &file.field, "=<", &length, " bytes>"]);
        }
        match (&self.response, self.response["description"].as_str()) {
            (Value::Null, _) => line,
            (_, Some(description)) if !self.is_ok() => format!("{line} -> {description}"),
            _ => line + " -> ok",
        }
    }

    /// The approximate size in memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.files
            .iter()
            .map(|file| file.bytes.len())
            .sum::<usize>()
            + self.params.len() * 64
    }
}

/// Arguments that the summary leaves out.
const SECRETS: [&str; 2] = ["secret_token", "provider_token"];

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn call(method: &str, params: Value) -> Call {
        let Value::Object(params) = params else {
            panic!("not an object")
        };
        Call {
            method: method.into(),
            params,
            files: Vec::new(),
            via: Via::Http,
            test_environment: false,
            response: Value::Null,
        }
    }

    #[test]
    fn arguments_read_the_same_out_of_json_and_forms() {
        for params in [
            json!({"id": 42, "markup": {"a": [1]}}),
            json!({"id": "42", "markup": "{\"a\":[1]}"}),
        ] {
            let call = call("m", params);
            assert_eq!(call.integer("id"), Some(42));
            assert_eq!(call.text("id").as_deref(), Some("42"));
            assert_eq!(call.json("markup"), Some(json!({"a": [1]})));
            assert_eq!(call.text("markup").as_deref(), Some(r#"{"a":[1]}"#));
        }
    }
}
