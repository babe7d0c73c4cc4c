//! Calls of Bot API methods.

use serde_json::{Map, Value};

use super::{
    args::{self, Args},
    uploaded_file::{UploadedFile, find_file},
};

/// One call of a Bot API method, whichever way it came in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// The method's name as the bot wrote it. Telegram ignores its case.
    pub method: String,
    /// The arguments: with their JSON types out of a JSON body, as strings out of a form, a multipart
    /// body or a query. [`text`](Self::text), [`integer`](Self::integer) and [`json`](Self::json) read both.
    pub params: Map<String, Value>,
    /// The uploaded files, in their order.
    pub files: Vec<UploadedFile>,
    /// How it came in.
    pub via: Via,
    /// Whether it was made under `/bot<token>/test/`, the test environment.
    pub test_environment: bool,
    /// What it was answered, as a response's JSON; `null` for [`Answer`](super::Answer)s that aren't
    /// JSON, and for a `getUpdates` that still waited when this was given out. Nobody sees the answer to a
    /// call made in a webhook reply.
    pub response: Value,
}

/// How a [`Call`] came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Via {
    /// As a request to the Bot API.
    Http,
    /// In the response to a webhook request.
    WebhookReply,
}

impl Call {
    pub(super) fn new(method: String, args: &Args, via: Via, test_environment: bool) -> Self {
        Self {
            method,
            params: args.params.clone(),
            files: args.files.clone(),
            via,
            test_environment,
            response: Value::Null,
        }
    }

    /// Whether it calls that method, in any case.
    pub fn is(&self, method: &str) -> bool {
        self.method.eq_ignore_ascii_case(method)
    }

    /// Whether it was answered with `"ok": true`.
    pub fn is_ok(&self) -> bool {
        self.response["ok"] == true
    }

    /// An argument as Telegram sees it: a string as it is, everything else as JSON text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.params.get(name).map(args::text)
    }

    /// An argument as a whole number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    /// An argument as JSON; out of a form or multipart body its text is read as JSON.
    pub fn json(&self, name: &str) -> Option<Value> {
        match self.params.get(name)? {
            Value::String(text) => serde_json::from_str(text).ok(),
            value => Some(value.clone()),
        }
    }

    /// The file uploaded for an argument: in the field of that name, or in the field that the argument
    /// names with `attach://`.
    pub fn file(&self, name: &str) -> Option<&UploadedFile> {
        find_file(&self.files, &self.params, name)
    }

    /// One line that says what was called with what, and how it went.
    pub(super) fn summary(&self) -> String {
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

    pub(super) fn size(&self) -> usize {
        self.files
            .iter()
            .map(|file| file.bytes.len())
            .sum::<usize>()
            + self.params.len() * 64
    }
}

/// Arguments that aren't shown.
const SECRETS: [&str; 2] = ["secret_token", "provider_token"];

#[cfg(test)]
pub(super) mod tests {
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
