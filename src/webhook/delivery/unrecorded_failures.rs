//! The failures of abandoned updates that couldn't be recorded as abandoned.

use std::{collections::VecDeque, sync::PoisonError};

use super::store::DeliveryKey;
use crate::{
    task::sync::{Mutex, MutexGuard},
    webhook::Failure,
};

/// A bound for the memory, in case the hook or the store fails for a long time.
const MAX_FAILURES: usize = 1000;

/// Failures of updates on their last attempt whose dead-letter hook, or whose record in the store, failed too. At the
/// redelivery the hook gets this failure. Beyond 1000, the oldest are dropped.
#[derive(Debug, Default)]
pub(super) struct UnrecordedFailures(Mutex<VecDeque<(DeliveryKey, Failure)>>);

impl UnrecordedFailures {
    fn failures(&self) -> MutexGuard<'_, VecDeque<(DeliveryKey, Failure)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep(&self, key: DeliveryKey, failure: Failure) {
        let mut failures = self.failures();
        failures.retain(|(other, _)| *other != key);
        if failures.len() == MAX_FAILURES {
            failures.pop_front();
        }
        failures.push_back((key, failure));
    }

    pub(super) fn take(&self, key: DeliveryKey) -> Option<Failure> {
        let mut failures = self.failures();
        let at = failures.iter().position(|(other, _)| *other == key)?;
        failures.remove(at).map(|(_, failure)| failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d18_the_last_failure_of_an_update_is_kept_and_the_oldest_are_dropped() {
        let failures = UnrecordedFailures::default();
        let key = |id| DeliveryKey::new(None, id);
        let taken = |id| failures.take(key(id)).map(|failure| failure.to_string());
        for text in ["first", "last"] {
            failures.keep(key(1), Failure::panic(&text));
        }
        assert_eq!(taken(1).as_deref(), Some("the handler panicked: last"));
        assert_eq!(taken(1), None);
        for id in 0..=1000 {
            failures.keep(key(id), Failure::error("x".into()));
        }
        assert_eq!(taken(0), None);
        assert!(taken(1).is_some() && taken(1000).is_some());
    }
}
