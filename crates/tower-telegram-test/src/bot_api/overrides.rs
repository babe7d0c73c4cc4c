//! The answers to Bot API calls that a test has set.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::{answer::Answer, call::Call};

/// A test's function from a call to its answer.
type AnswerFn = Arc<dyn Fn(&Call) -> Option<Answer> + Send + Sync>;

/// The answers that a test has set, by the method's name in lower case.
#[derive(Default)]
pub(crate) struct Overrides {
    methods: Mutex<HashMap<String, Override>>,
}

/// The answers to one method.
#[derive(Default)]
struct Override {
    once: VecDeque<Answer>,
    always: Option<AnswerFn>,
}

impl Overrides {
    /// Adds an answer to the next call.
    pub(crate) fn once(&self, method: &str, answer: Answer) {
        self.edit(method, |set| set.once.push_back(answer));
    }

    /// Sets the answers to all further calls.
    pub(crate) fn always(&self, method: &str, answer: AnswerFn) {
        self.edit(method, |set| set.always = Some(answer));
    }

    /// Removes all answers to a method.
    pub(crate) fn clear(&self, method: &str) {
        self.edit(method, |set| *set = Override::default());
    }

    /// The answer to a call, if a test has set one.
    pub(crate) fn answer(&self, call: &Call) -> Option<Answer> {
        let mut always = None;
        let once = self.edit(&call.method, |set| {
            always.clone_from(&set.always);
            set.once.pop_front()
        });
        // The test's function runs without the lock, because it may set answers itself.
        once.or_else(|| always?(call))
    }

    /// Changes the answers to a method, and removes it if none is left.
    fn edit<T>(&self, method: &str, edit: impl FnOnce(&mut Override) -> T) -> T {
        let mut methods = self.methods.lock().unwrap_or_else(PoisonError::into_inner);
        let name = method.to_ascii_lowercase();
        let set = methods.entry(name.clone()).or_default();
        let result = edit(set);
        if set.once.is_empty() && set.always.is_none() {
            methods.remove(&name);
        }
        result
    }
}

impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Overrides(..)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bot_api::call::tests::call;

    #[test]
    fn one_time_answers_come_first_and_in_order() {
        let set = Overrides::default();
        let code = |method: &str| {
            set.answer(&call(method, json!({})))
                .and_then(|answer| answer.as_error().map(|error| error.0))
        };
        set.always("sendMessage", Arc::new(|_| Some(Answer::error(403, ""))));
        set.once("SENDMESSAGE", Answer::error(429, ""));
        set.once("sendMessage", Answer::error(500, ""));
        assert_eq!(
            [
                code("sendmessage"),
                code("sendMessage"),
                code("sendMessage"),
                code("sendMessage")
            ],
            [Some(429), Some(500), Some(403), Some(403)]
        );
        set.clear("sendMessage");
        assert_eq!([code("sendMessage"), code("getMe")], [None, None]);
        assert!(set.methods.lock().unwrap().is_empty());
    }
}
