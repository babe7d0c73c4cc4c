//! A table of routes by type and name, in which the route of an update is found.

use super::{
    condition::Condition,
    endpoint::Route,
    route_key::{RouteKey, types_of},
};
use crate::types::{Update, UpdateKind, UpdateType};

/// The routes of a router, sorted.
#[derive(Debug)]
pub(super) struct RouteTable {
    conditions: Vec<Condition>,
    groups: Vec<RouteTable>,
    /// Sorted by name.
    commands: Vec<(Box<str>, Route)>,
    /// Sorted by name.
    callbacks: Vec<(Box<str>, Route)>,
    /// By the number of the type.
    types: Vec<TypeRoutes>,
    fallback: Option<Route>,
    username: Option<Box<str>>,
}

/// The routes for one type of update.
#[derive(Clone, Debug, Default)]
struct TypeRoutes {
    predicates: Vec<(Condition, Route)>,
    rest: Option<Route>,
}

impl RouteTable {
    pub(super) fn new(
        conditions: Vec<Condition>,
        groups: Vec<RouteTable>,
        fallback: Option<Route>,
        username: Option<&str>,
    ) -> Self {
        Self {
            conditions,
            groups,
            commands: Vec::new(),
            callbacks: Vec::new(),
            types: Vec::new(),
            fallback,
            username: username.map(Into::into),
        }
    }

    pub(super) fn add(&mut self, key: &RouteKey, route: &Route) {
        match key {
            RouteKey::Command(command) => insert(&mut self.commands, command.name(), route),
            RouteKey::Callback(name) => insert(&mut self.callbacks, name, route),
            RouteKey::Type(update_type) => self.of_type(*update_type).rest = Some(route.clone()),
            RouteKey::Predicate(types, condition) => {
                for update_type in types_of(*types) {
                    let predicates = &mut self.of_type(update_type).predicates;
                    predicates.push((condition.clone(), route.clone()));
                }
            }
        }
    }

    fn of_type(&mut self, update_type: UpdateType) -> &mut TypeRoutes {
        let at = update_type as usize;
        if self.types.len() <= at {
            self.types.resize_with(at + 1, TypeRoutes::default);
        }
        &mut self.types[at]
    }

    /// The route that the update takes.
    pub(super) fn find(&self, update: &Update) -> Option<&Route> {
        if !self
            .conditions
            .iter()
            .all(|condition| condition.is_met(update))
        {
            return None;
        }
        let in_group = self.groups.iter().find_map(|group| group.find(update));
        let found = in_group.or_else(|| self.by_name(&update.kind));
        let found = found.or_else(|| self.by_type(update));
        found.or(self.fallback.as_ref())
    }

    fn by_name(&self, kind: &UpdateKind) -> Option<&Route> {
        match kind {
            UpdateKind::Message(message) if !self.commands.is_empty() => {
                let command = message.bot_command()?;
                let username = self.username.as_deref();
                if !username.is_none_or(|username| command.is_for(username)) {
                    return None;
                }
                if command.name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return named(&self.commands, &command.name.to_ascii_lowercase());
                }
                named(&self.commands, command.name)
            }
            UpdateKind::CallbackQuery(query) if !self.callbacks.is_empty() => {
                let data = query.data.as_deref()?;
                let name = data.split_once(':').map_or(data, |(name, _)| name);
                named(&self.callbacks, name)
            }
            _ => None,
        }
    }

    fn by_type(&self, update: &Update) -> Option<&Route> {
        let routes = self.types.get(update.update_type() as usize)?;
        let mut predicates = routes.predicates.iter();
        let found = predicates.find(|(condition, _)| condition.is_met(update));
        found.map(|(_, route)| route).or(routes.rest.as_ref())
    }
}

/// Keeps the routes sorted. No two have the same name, which the router has checked.
fn insert(routes: &mut Vec<(Box<str>, Route)>, name: &str, route: &Route) {
    let at = routes.partition_point(|(of, _)| **of < *name);
    routes.insert(at, (name.into(), route.clone()));
}

fn named<'a>(routes: &'a [(Box<str>, Route)], name: &str) -> Option<&'a Route> {
    let at = routes.binary_search_by(|(of, _)| (**of).cmp(name)).ok()?;
    routes.get(at).map(|(_, route)| route)
}
