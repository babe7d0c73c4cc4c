//! The calls a bot makes, and the log that keeps them.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::{sync::Notify, time::timeout};

use super::{
    Error,
    args::{self, Args},
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

/// A file of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadedFile {
    /// The name of its field.
    pub field: String,
    /// Its file name, percent-decoded as Telegram does.
    pub file_name: String,
    /// The part's content type; `application/octet-stream` if it has none.
    pub content_type: String,
    /// What is in it; nothing if it is larger than [`keep_uploads_up_to`](super::TelegramBuilder::keep_uploads_up_to).
    pub bytes: Bytes,
    /// How many bytes were uploaded.
    pub length: u64,
    /// The SHA-256 of what was uploaded.
    pub sha256: [u8; 32],
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
        args::find_file(&self.files, &self.params, name)
    }

    /// One line that says what was called with what, and how it went.
    fn summary(&self) -> String {
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

    fn size(&self) -> usize {
        self.files
            .iter()
            .map(|file| file.bytes.len())
            .sum::<usize>()
            + self.params.len() * 64
    }
}

/// Arguments that aren't shown.
const SECRETS: [&str; 2] = ["secret_token", "provider_token"];

/// The last calls: at most 10 000, and at most 256 MiB of files.
#[derive(Debug, Default)]
pub(super) struct CallLog {
    entries: Mutex<Entries>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Entries {
    calls: VecDeque<(Call, Taken)>,
    bytes: usize,
    /// How many calls have fallen out of the log.
    forgotten: usize,
    /// What has happened last, a line for each call and each update.
    history: VecDeque<String>,
}

/// Whether a `wait_for` has already given the call out.
type Taken = bool;

impl CallLog {
    const MAX_CALLS: usize = 10_000;
    const MAX_BYTES: usize = 256 << 20;
    const MAX_HISTORY: usize = 20;

    /// Writes a call down: its number, counted from the first.
    pub(super) fn push(&self, call: Call) -> usize {
        let mut entries = self.lock();
        let number = entries.forgotten + entries.calls.len();
        // A bot that polls would fill the history with nothing else.
        if !call.is("getUpdates") || call.response["ok"] == false {
            entries.note(call.summary());
        }
        entries.bytes += call.size();
        entries.calls.push_back((call, false));
        while entries.calls.len() > Self::MAX_CALLS
            || (entries.bytes > Self::MAX_BYTES && entries.calls.len() > 1)
        {
            if let Some((call, _)) = entries.calls.pop_front() {
                entries.bytes -= call.size();
                entries.forgotten += 1;
            }
        }
        drop(entries);
        self.arrived.notify_waiters();
        number
    }

    /// Fills in what the call of that number was answered, if it is still in the log.
    pub(super) fn answered(&self, number: usize, response: Value) {
        let mut entries = self.lock();
        let at = number.checked_sub(entries.forgotten);
        if let Some((call, _)) = at.and_then(|at| entries.calls.get_mut(at)) {
            call.response = response;
        }
    }

    pub(super) fn all(&self) -> Vec<Call> {
        self.lock()
            .calls
            .iter()
            .map(|(call, _)| call.clone())
            .collect()
    }

    /// Writes down what else has happened.
    pub(super) fn note(&self, line: String) {
        self.lock().note(line);
    }

    /// What has happened last, oldest first, at most 20 lines.
    pub(super) fn history(&self) -> Vec<String> {
        self.lock().history.iter().cloned().collect()
    }

    /// The oldest call of that method, or with `*` of any, that no earlier wait got.
    pub(super) async fn wait_for(&self, method: &str, patience: Duration) -> Result<Call, Error> {
        let find = |call: &Call| (method == "*" || call.is(method)).then(|| call.clone());
        self.wait_until(method, patience, true, find).await
    }

    /// What `find` makes of the first call that it makes something of. With `take` each call is given out once,
    /// over all waits that take.
    pub(super) async fn wait_until<T>(
        &self,
        method: &str,
        patience: Duration,
        take: bool,
        mut find: impl FnMut(&Call) -> Option<T>,
    ) -> Result<T, Error> {
        let found = async {
            loop {
                let arrived = self.arrived.notified();
                tokio::pin!(arrived);
                // Listening starts before looking, so that no call slips through in between.
                arrived.as_mut().enable();
                if let Some(found) = self.find(take, &mut find) {
                    return found;
                }
                arrived.await;
            }
        };
        timeout(patience, found).await.map_err(|_| Error::NoCall {
            method: method.to_owned(),
            waited: patience,
            history: self.history(),
        })
    }

    fn find<T>(&self, take: bool, find: &mut impl FnMut(&Call) -> Option<T>) -> Option<T> {
        let mut entries = self.lock();
        let mut calls = entries
            .calls
            .iter_mut()
            .filter(|(_, taken)| !(take && *taken));
        calls.find_map(|(call, taken)| {
            let found = find(call)?;
            *taken |= take;
            Some(found)
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn note(&mut self, line: String) {
        if self.history.len() == CallLog::MAX_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(line);
    }
}

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

    #[tokio::test]
    async fn each_call_is_waited_for_once_and_in_any_case() {
        let log = CallLog::default();
        log.push(call("SendMessage", json!({"n": 1})));
        log.push(call("getMe", json!({})));
        log.push(call("sendMessage", json!({"n": 2})));
        let wait = async || log.wait_for("sendmessage", Duration::from_millis(5)).await;
        assert_eq!(wait().await.unwrap().integer("n"), Some(1));
        assert_eq!(wait().await.unwrap().integer("n"), Some(2));
        let error = wait().await.unwrap_err().to_string();
        assert_eq!(
            error,
            "no call of sendmessage within 5ms; what happened instead:\n  SendMessage n=1\n  getMe\n  sendMessage n=2"
        );
        assert_eq!(log.all().len(), 3);
    }

    #[tokio::test]
    async fn a_wait_ends_when_the_call_arrives() {
        let log = CallLog::default();
        let (found, ()) = tokio::join!(log.wait_for("getMe", Duration::from_secs(10)), async {
            tokio::task::yield_now().await;
            log.push(call("getMe", json!({})));
        });
        assert!(found.is_ok());
    }

    #[test]
    fn the_log_is_bounded() {
        let log = CallLog::default();
        for _ in 0..CallLog::MAX_CALLS + 3 {
            log.push(call("getMe", json!({})));
        }
        assert_eq!(log.all().len(), CallLog::MAX_CALLS);
    }
}
