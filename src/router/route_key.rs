//! The keys of routes: commands, callback data, predicates and types of update.

use std::{fmt, sync::Arc};

use super::{commands::CommandRoute, condition::Condition};
use crate::types::{AllowedUpdates, UpdateType};

/// The updates that a route matches.
#[derive(Clone, Debug)]
pub(super) enum RouteKey {
    Command(Arc<CommandRoute>),
    Callback(Box<str>),
    Predicate(AllowedUpdates, Condition),
    Type(UpdateType),
}

impl RouteKey {
    pub(super) fn is_for_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Command(a), Self::Command(b)) => a.name() == b.name(),
            (Self::Callback(a), Self::Callback(b)) => a == b,
            (Self::Type(a), Self::Type(b)) => a == b,
            _ => false,
        }
    }
}

/// The types in a set, expanded if it is the default, whose list is empty.
pub(super) fn types_of(set: AllowedUpdates) -> impl Iterator<Item = UpdateType> {
    let all = UpdateType::ALL.into_iter().chain([UpdateType::Unknown]);
    all.filter(move |update_type| set.contains(*update_type))
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => write!(f, "the command /{}", command.name()),
            Self::Callback(name) => write!(f, "the callback data {name:?}"),
            Self::Predicate(types, _) => write!(f, "some updates of the types {types:?}"),
            Self::Type(update_type) => write!(f, "updates of the type {update_type}"),
        }
    }
}
