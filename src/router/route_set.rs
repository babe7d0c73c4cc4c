//! The routes of a router with those of the routers that were merged into it.

use std::{fmt, sync::Arc};

use super::{
    commands::CommandList,
    condition::Condition,
    endpoint::{Route, RouteMaker},
    route_key::{RouteKey, types_of},
    table::RouteTable,
};
use crate::types::UpdateType;

/// Routes as they were added, of handlers that still need the state `S`.
pub(super) struct RouteSet<S> {
    routes: Vec<RouteEntry<S>>,
    fallback: Option<RouteMaker<S>>,
    /// The sets of merged routers with conditions.
    groups: Vec<Self>,
    /// Conditions that every update for these routes has to meet.
    conditions: Vec<Condition>,
    username: Option<Box<str>>,
}

struct RouteEntry<S> {
    key: RouteKey,
    route: RouteMaker<S>,
}

impl<S> RouteSet<S> {
    pub(super) fn new() -> Self {
        Self {
            routes: Vec::new(),
            fallback: None,
            groups: Vec::new(),
            conditions: Vec::new(),
            username: None,
        }
    }

    pub(super) fn add(&mut self, key: RouteKey, route: RouteMaker<S>) {
        let mut others = self.routes.iter();
        let is_taken = others.any(|other| other.key.is_for_the_same(&key));
        assert!(!is_taken, "there is a route for {key} already");
        self.routes.push(RouteEntry { key, route });
    }

    pub(super) fn set_fallback(&mut self, fallback: RouteMaker<S>) {
        assert!(self.fallback.is_none(), "there is a fallback already");
        self.fallback = Some(fallback);
    }

    pub(super) fn add_condition(&mut self, condition: Condition) {
        self.conditions.push(condition);
    }

    pub(super) fn set_username(&mut self, username: &str) {
        self.username = Some(username.into());
    }

    pub(super) fn merge(&mut self, other: Self) {
        if !other.conditions.is_empty() {
            self.groups.push(other);
            return;
        }
        if let Some(fallback) = other.fallback {
            self.set_fallback(fallback);
        }
        self.groups.extend(other.groups);
        self.username = self.username.take().or(other.username);
        for entry in other.routes {
            self.add(entry.key, entry.route);
        }
    }

    /// The types of update that the routes match. A type may be there more than once.
    pub(super) fn add_types_to(&self, types: &mut Vec<UpdateType>) {
        for entry in &self.routes {
            match &entry.key {
                RouteKey::Command(_) => types.push(UpdateType::Message),
                RouteKey::Callback(_) => types.push(UpdateType::CallbackQuery),
                RouteKey::Predicate(of, _) => types.extend(types_of(*of)),
                RouteKey::Type(update_type) => types.push(*update_type),
            }
        }
        for group in &self.groups {
            group.add_types_to(types);
        }
    }

    pub(super) fn add_commands_to(&self, list: &mut CommandList) {
        for entry in &self.routes {
            if let RouteKey::Command(command) = &entry.key {
                list.add(command);
            }
        }
        for group in &self.groups {
            group.add_commands_to(list);
        }
    }
}

impl<S: Send + Sync + 'static> RouteSet<S> {
    /// Whether a handler takes the raw update.
    pub(super) fn takes_raw(&self) -> bool {
        let routes = self.routes.iter().map(|entry| &entry.route);
        routes.chain(&self.fallback).any(RouteMaker::takes_raw)
            || self.groups.iter().any(Self::takes_raw)
    }

    pub(super) fn map(
        &mut self,
        change: &(impl Fn(Route) -> Route + Clone + Send + Sync + 'static),
    ) {
        let routes = self.routes.iter_mut().map(|entry| &mut entry.route);
        for route in routes.chain(&mut self.fallback) {
            *route = route.map(change.clone());
        }
        for group in &mut self.groups {
            group.map(change);
        }
    }

    pub(super) fn with_state<T>(self, state: &Arc<S>) -> RouteSet<T> {
        let routes = self.routes.into_iter().map(|entry| RouteEntry {
            route: entry.route.with_state(state),
            key: entry.key,
        });
        let groups = self.groups.into_iter();
        RouteSet {
            routes: routes.collect(),
            fallback: self.fallback.map(|route| route.with_state(state)),
            groups: groups.map(|group| group.with_state(state)).collect(),
            conditions: self.conditions,
            username: self.username,
        }
    }
}

impl RouteSet<()> {
    /// A merged router without a user name has the one of the router that it was merged into.
    pub(super) fn to_table(&self, username: Option<&str>) -> RouteTable {
        let username = self.username.as_deref().or(username);
        let state = Arc::new(());
        let groups = self.groups.iter();
        let mut table = RouteTable::new(
            self.conditions.clone(),
            groups.map(|group| group.to_table(username)).collect(),
            self.fallback.as_ref().map(|route| route.make(&state)),
            username,
        );
        for entry in &self.routes {
            table.add(&entry.key, &entry.route.make(&state));
        }
        table
    }
}

impl<S> Clone for RouteSet<S> {
    fn clone(&self) -> Self {
        Self {
            routes: self.routes.clone(),
            fallback: self.fallback.clone(),
            groups: self.groups.clone(),
            conditions: self.conditions.clone(),
            username: self.username.clone(),
        }
    }
}

impl<S> Clone for RouteEntry<S> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            route: self.route.clone(),
        }
    }
}

impl<S> fmt::Debug for RouteSet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.routes.iter().map(|entry| entry.key.to_string());
        f.debug_struct("Router")
            .field("routes", &keys.collect::<Vec<_>>())
            .field("has_fallback", &self.fallback.is_some())
            .field("groups", &self.groups)
            .field("conditions", &self.conditions.len())
            .finish_non_exhaustive()
    }
}
