//! How many messages a call counts for, and in which scopes.

use std::time::Duration;

use super::policy::{CallPool, CallScope, ChatScope, MAX_MESSAGES, is_limited_method};
use crate::{
    client::{ApiRequest, several::list_of_messages},
    json::{Reader, Result as Read},
    task::Deadline,
};

/// A call that counts.
#[derive(Clone, Debug)]
pub(super) struct CountedCall {
    pub(super) chat: ChatScope,
    pub(super) pool: CallPool,
    /// How many messages it sends or changes.
    pub(super) messages: usize,
    deadline: Option<Deadline>,
}

impl CountedCall {
    /// `None` for a call that doesn't count.
    pub(super) fn of(call: &ApiRequest) -> Option<Self> {
        is_limited_method(call.method()).then(|| Self {
            chat: ChatScope::of(call),
            pool: if is_true(call.parameter("allow_paid_broadcast")) {
                CallPool::Paid
            } else {
                CallPool::Usual
            },
            messages: messages(call),
            deadline: call.extensions().get().copied(),
        })
    }

    /// The scopes that all need room before it is made.
    pub(super) fn scopes(&self) -> [CallScope<'_>; 2] {
        [CallScope::All(self.pool), CallScope::Chat(&self.chat)]
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Whether the deadline of the call is over after this wait.
    pub(super) fn is_late_after(&self, wait: Duration) -> bool {
        self.deadline.is_some_and(|due| due.remaining() <= wait)
    }
}

/// Reads a boolean as Telegram does.
fn is_true(raw: Option<&str>) -> bool {
    let text = raw.unwrap_or_default().trim_matches('"');
    ["true", "yes", "1"]
        .iter()
        .any(|yes| text.eq_ignore_ascii_case(yes))
}

fn messages(call: &ApiRequest) -> usize {
    let list = list_of_messages(call.method()).and_then(|list| call.parameter(list));
    list.map_or(1, |raw| length(raw).clamp(1, MAX_MESSAGES))
}

/// The number of a list's elements. Telegram also accepts the list as a string with its JSON.
fn length(raw: &str) -> usize {
    if raw.starts_with('"') {
        let text = Reader::new(raw).text();
        return text.map_or(0, |text| elements(&text).unwrap_or(0));
    }
    elements(raw).unwrap_or(0)
}

fn elements(list: &str) -> Read<usize> {
    let mut r = Reader::new(list);
    let mut more = r.open_array()?;
    let mut count = 0;
    while more {
        r.skip()?;
        count += 1;
        more = r.next_element()?;
    }
    Ok(count)
}
