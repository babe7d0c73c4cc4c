//! The groups that are known to have become supergroups.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    client::{ApiRequest, Error},
    types::ChatId,
};

/// Remembers the last migrations. Clones share them.
#[derive(Clone)]
pub(super) struct Migrations {
    pub(super) max_remembered: usize,
    pub(super) hook: Option<Arc<MigrationHook>>,
    known: Arc<Mutex<KnownMigrations>>,
}

type MigrationHook = dyn Fn(&ChatId, i64) + Send + Sync;

/// The supergroup of each group, by their ids.
#[derive(Default)]
struct KnownMigrations {
    to: HashMap<i64, i64>,
    /// The groups, the one that was remembered first at the front.
    order: VecDeque<i64>,
}

impl Migrations {
    pub(super) fn new(max_remembered: usize) -> Self {
        Self {
            max_remembered,
            hook: None,
            known: Arc::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, KnownMigrations> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of migrations that are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.known().to.len()
    }

    /// The call with the supergroup in the place of its group, if that is known.
    pub(super) fn follow(&self, group: i64, call: ApiRequest) -> ApiRequest {
        let to = self.known().to.get(&group).copied();
        to.and_then(|to| call.with_chat_id(to).ok()).unwrap_or(call)
    }

    /// The call to make after this failure, if it says that the group has migrated.
    pub(super) fn retry(&self, group: i64, call: &ApiRequest, error: &Error) -> Option<ApiRequest> {
        let to = error.migrate_to_chat_id().filter(|to| *to != group)?;
        let is_new = self.known().remember(group, to, self.max_remembered);
        if is_new && let (Some(hook), Some(from)) = (&self.hook, call.chat_id()) {
            hook(from, to);
        }
        if !call.is_replayable() {
            return None;
        }
        call.with_chat_id(to).ok()
    }
}

impl KnownMigrations {
    /// Returns whether this migration is new.
    fn remember(&mut self, group: i64, to: i64, max: usize) -> bool {
        let before = self.to.insert(group, to);
        if before.is_none() {
            self.order.push_back(group);
        }
        while self.order.len() > max {
            let forgotten = self.order.pop_front();
            forgotten.map(|group| self.to.remove(&group));
        }
        before != Some(to)
    }
}

/// The group that a call goes to. Only groups migrate, and their ids lie between those of users and those of
/// supergroups and channels.
pub(super) fn group_of(call: &ApiRequest) -> Option<i64> {
    let id = match call.chat_id()? {
        ChatId::Id(id) => *id,
        // Telegram takes an id in quotes too.
        ChatId::Username(name) => name.parse().ok()?,
        _ => return None,
    };
    (-999_999_999_999..0).contains(&id).then_some(id)
}
