//! The log of the bot's calls, and the waits for calls.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{sync::Notify, time::timeout};

use super::call::Call;
use crate::error::Error;

/// The last calls: at most 10 000, and at most 256 MiB of files.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    entries: Mutex<Entries>,
    /// Notified of each new call.
    arrived: Notify,
}

/// The log behind the lock.
#[derive(Debug, Default)]
struct Entries {
    calls: VecDeque<(Call, Taken)>,
    /// The size of the calls, in bytes.
    bytes: usize,
    /// How many calls have been dropped from the log.
    forgotten: usize,
    /// The latest events, one line for each call and each update.
    history: VecDeque<String>,
}

/// Whether a wait has already returned the call.
type Taken = bool;

impl CallLog {
    const MAX_CALLS: usize = 10_000;
    const MAX_BYTES: usize = 256 << 20;
    const MAX_HISTORY: usize = 20;

    /// Adds a call. Returns its number, counted from the first.
    pub(crate) fn push(&self, call: Call) -> usize {
        let mut entries = self.lock();
        let number = entries.forgotten + entries.calls.len();
        // The calls of a polling bot would otherwise fill the history.
        if !call.is("getUpdates") || call.response["ok"] == false {
            entries.record(call.summary());
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

    /// Adds the response to the call of that number, if it is still in the log.
    pub(crate) fn answered(&self, number: usize, response: Value) {
        let mut entries = self.lock();
        let at = number.checked_sub(entries.forgotten);
        if let Some((call, _)) = at.and_then(|at| entries.calls.get_mut(at)) {
            call.response = response;
        }
    }

    /// All calls that are still in the log, oldest first.
    pub(crate) fn all(&self) -> Vec<Call> {
        self.lock()
            .calls
            .iter()
            .map(|(call, _)| call.clone())
            .collect()
    }

    /// Adds another event to the history.
    pub(crate) fn record(&self, line: String) {
        self.lock().record(line);
    }

    /// The latest events, oldest first, at most 20 lines.
    pub(crate) fn history(&self) -> Vec<String> {
        self.lock().history.iter().cloned().collect()
    }

    /// Waits for the oldest call of that method, or with `*` of any, that no earlier wait has returned.
    pub(crate) async fn wait_for(
        &self,
        method: &str,
        wait_timeout: Duration,
    ) -> Result<Call, Error> {
        let find = |call: &Call| (method == "*" || call.is(method)).then(|| call.clone());
        self.wait_until(method, wait_timeout, true, find).await
    }

    /// Waits for the first call for which `find` returns a value. With `take`, each call is returned once
    /// over all such waits.
    pub(crate) async fn wait_until<T>(
        &self,
        method: &str,
        wait_timeout: Duration,
        take: bool,
        mut find: impl FnMut(&Call) -> Option<T>,
    ) -> Result<T, Error> {
        let found = async {
            loop {
                let arrived = self.arrived.notified();
                tokio::pin!(arrived);
                // Listening starts before the search, so that no call is missed in between.
                arrived.as_mut().enable();
                if let Some(found) = self.find(take, &mut find) {
                    return found;
                }
                arrived.await;
            }
        };
        timeout(wait_timeout, found)
            .await
            .map_err(|_| Error::NoCall {
                method: method.to_owned(),
                waited: wait_timeout,
                history: self.history(),
            })
    }

    /// Searches the calls that are in the log already.
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
    /// Adds a line to the history, and drops the oldest one if there are too many.
    fn record(&mut self, line: String) {
        if self.history.len() == CallLog::MAX_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bot_api::call::tests::call;

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
