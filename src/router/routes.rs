//! The routes of a bot, and how they are added.

use std::{
    fmt,
    future::Future,
    sync::{Arc, OnceLock},
};

use http::Request;
use tower::{BoxError, service_fn};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    commands::{CommandList, CommandRoute},
    condition::Condition,
    endpoint::{Route, RouteMaker},
    error::HandlerError,
    function::{Handler, reply},
    route_key::RouteKey,
    table::RouteTable,
};
use crate::{
    IntoReply,
    types::{AllowedUpdates, Update, UpdateType},
    webhook::HandlerOutput,
};

/// Routes updates to handlers. See the [module](super).
///
/// `S` is the state that its handlers still lack: [`with_state`](Self::with_state) gives it, and a `Router<()>`
/// is a `Service<http::Request<Update>>`. A clone shares what is in it.
#[must_use = "a router serves as the handler of a webhook"]
pub struct Router<S = ()> {
    /// Shared, because a service is cloned for each request.
    parts: Arc<RouterParts<S>>,
}

struct RouterParts<S> {
    routes: Vec<RouteEntry<S>>,
    fallback: Option<RouteMaker<S>>,
    /// Merged routers with conditions.
    groups: Vec<Router<S>>,
    /// What all updates for this router have to meet.
    conditions: Vec<Condition>,
    username: Option<Box<str>>,
    /// Made when it is first asked for.
    table: OnceLock<RouteTable>,
}

struct RouteEntry<S> {
    key: RouteKey,
    route: RouteMaker<S>,
}

impl<S> Clone for RouteEntry<S> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            route: self.route.clone(),
        }
    }
}

impl<S> Clone for Router<S> {
    fn clone(&self) -> Self {
        Self {
            parts: Arc::clone(&self.parts),
        }
    }
}

/// To be changed, so that its table has to be made anew.
impl<S> Clone for RouterParts<S> {
    fn clone(&self) -> Self {
        Self {
            routes: self.routes.clone(),
            fallback: self.fallback.clone(),
            groups: self.groups.clone(),
            conditions: self.conditions.clone(),
            username: self.username.clone(),
            table: OnceLock::new(),
        }
    }
}

impl<S: Send + Sync + 'static> Default for Router<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Send + Sync + 'static> Router<S> {
    /// Without routes.
    pub fn new() -> Self {
        let parts = RouterParts {
            routes: Vec::new(),
            fallback: None,
            groups: Vec::new(),
            conditions: Vec::new(),
            username: None,
            table: OnceLock::new(),
        };
        Self::of(parts)
    }

    fn of(parts: RouterParts<S>) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    fn changed(self, change: impl FnOnce(&mut RouterParts<S>)) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.parts);
        parts.table = OnceLock::new();
        change(&mut parts);
        Self::of(parts)
    }

    /// A new message whose text or caption begins with this command: `"start"` for `/start`. A
    /// [`command`](super::command) also has a description, for the bot's menu.
    ///
    /// # Panics
    ///
    /// If there is a route for the command, or the name isn't one.
    pub fn command<H, A, Via>(self, command: impl Into<CommandRoute>, handler: H) -> Self
    where
        H: Handler<A, S, Via>,
        A: 'static,
        Via: 'static,
    {
        let command = Arc::new(command.into());
        command.assert_is_valid();
        let usage = Arc::clone(&command);
        let route = RouteMaker::of_handler(handler);
        let route = route.map(move |route| usage.announced_to(route));
        self.with_route(RouteKey::Command(command), route)
    }

    /// A pressed button whose [callback data](super::CallbackData) is this name, or begins with it and a `:`.
    ///
    /// # Panics
    ///
    /// If there is a route for the name, or the name has a `:` or over 64 bytes.
    pub fn callback<H, A, Via>(self, name: &str, handler: H) -> Self
    where
        H: Handler<A, S, Via>,
        A: 'static,
        Via: 'static,
    {
        let is_valid = name.len() <= 64 && !name.contains(':');
        assert!(
            is_valid,
            "a name of callback data has at most 64 bytes and no colon: {name:?}"
        );
        let key = RouteKey::Callback(name.into());
        self.with_route(key, RouteMaker::of_handler(handler))
    }

    /// New messages. Edited ones, posts in channels and the message under a pressed button have types of
    /// their own: see [`on`](Self::on).
    ///
    /// # Panics
    ///
    /// If there is a route for messages.
    pub fn message<H, A, Via>(self, handler: H) -> Self
    where
        H: Handler<A, S, Via>,
        A: 'static,
        Via: 'static,
    {
        self.on(UpdateType::Message, handler)
    }

    /// All updates of a type. [`UpdateType::Unknown`] are those that this version has no type for.
    ///
    /// # Panics
    ///
    /// If there is a route for the type.
    pub fn on<H, A, Via>(self, update_type: UpdateType, handler: H) -> Self
    where
        H: Handler<A, S, Via>,
        A: 'static,
        Via: 'static,
    {
        let key = RouteKey::Type(update_type);
        self.with_route(key, RouteMaker::of_handler(handler))
    }

    /// Updates of these types for which the predicate holds.
    ///
    /// ```
    /// use tower_telegram::{
    ///     router::{NewMessage, Router},
    ///     types::{Update, UpdateType},
    /// };
    ///
    /// async fn save(NewMessage(message): NewMessage) {
    ///     println!("{:?}", message.photo);
    /// }
    ///
    /// let has_photo = |update: &Update| update.message().is_some_and(|message| message.photo.is_some());
    /// let router: Router = Router::new().route([UpdateType::Message], has_photo, save);
    /// ```
    pub fn route<H, A, Via>(
        self,
        update_types: impl Into<AllowedUpdates>,
        predicate: impl Fn(&Update) -> bool + Send + Sync + 'static,
        handler: H,
    ) -> Self
    where
        H: Handler<A, S, Via>,
        A: 'static,
        Via: 'static,
    {
        let key = RouteKey::Predicate(update_types.into(), Condition::new(predicate));
        self.with_route(key, RouteMaker::of_handler(handler))
    }

    /// What no other route takes.
    ///
    /// # Panics
    ///
    /// If there is one.
    pub fn fallback<H, A, Via>(self, handler: H) -> Self
    where
        H: Handler<A, S, Via>,
        A: 'static,
        Via: 'static,
    {
        self.changed(|parts| parts.set_fallback(RouteMaker::of_handler(handler)))
    }

    /// The routes of another router. One with conditions is asked before all other routes; without, the two
    /// are one.
    ///
    /// # Panics
    ///
    /// If both have a route for the same, or both a fallback.
    pub fn merge(self, other: Self) -> Self {
        self.changed(|parts| {
            if !other.parts.conditions.is_empty() {
                parts.groups.push(other);
                return;
            }
            let other = Arc::unwrap_or_clone(other.parts);
            if let Some(fallback) = other.fallback {
                parts.set_fallback(fallback);
            }
            parts.groups.extend(other.groups);
            parts.username = parts.username.take().or(other.username);
            for entry in other.routes {
                parts.add(entry);
            }
        })
    }

    /// Only updates for which the predicate holds come to this router. With other conditions, all have to be
    /// met.
    pub fn only_if(self, predicate: impl Fn(&Update) -> bool + Send + Sync + 'static) -> Self {
        self.with_condition(Condition::new(predicate))
    }

    /// Only updates from private chats come to this router.
    pub fn private(self) -> Self {
        self.with_condition(Condition::private())
    }

    /// Only updates from these chats come to this router.
    pub fn in_chats(self, chats: impl IntoIterator<Item = i64>) -> Self {
        self.with_condition(Condition::in_chats(chats.into_iter().collect()))
    }

    fn with_condition(self, condition: Condition) -> Self {
        self.changed(|parts| parts.conditions.push(condition))
    }

    /// The bot's own user name, with or without an `@`, so that a command for another bot, such as
    /// `/start@other_bot`, is passed over. Without it a command is taken whatever bot it names.
    pub fn username(self, username: &str) -> Self {
        let username = username.strip_prefix('@').unwrap_or(username);
        self.changed(|parts| parts.username = Some(username.into()))
    }

    /// Puts a layer around each route that was added before, and the fallback.
    ///
    /// What the layer makes of a route takes an `http::Request<Update>` and returns an
    /// [`IntoReply`](crate::IntoReply).
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request<Update>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Update>>>::Response: IntoReply,
        <L::Service as Service<Request<Update>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Update>>>::Future: Send + 'static,
    {
        self.map_routes(move |route| Route::of_service(layer.layer(route)))
    }

    /// What is called with the error of a handler that was added before. What it returns takes the place of
    /// the handler's result: a reply ends the update as done, an error as before. A layer that is added after
    /// sees the hook's result and not the handler's.
    ///
    /// ```
    /// use tower::BoxError;
    /// use tower_telegram::{
    ///     methods::SendMessage,
    ///     router::{HandlerError, Router},
    /// };
    ///
    /// async fn fail() -> Result<(), BoxError> {
    ///     Err("out of coffee".into())
    /// }
    ///
    /// let router: Router = Router::new()
    ///     .command("brew", fail)
    ///     .on_error(async |failed: HandlerError| match failed.chat_id {
    ///         Some(chat) => Ok(SendMessage::new(chat, "That didn't work.")),
    ///         None => Err(failed.error),
    ///     });
    /// ```
    pub fn on_error<F, Fut>(self, hook: F) -> Self
    where
        F: Fn(HandlerError) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: HandlerOutput<Error: Into<BoxError>>,
    {
        self.map_routes(move |route| {
            let hook = hook.clone();
            Route::of_service(service_fn(move |request: Request<Update>| {
                let (failed, hook) = (HandlerError::of(request.body()), hook.clone());
                let handling = route.oneshot(request);
                async move {
                    match handling.await {
                        Err(error) => reply(hook(failed(error)).await),
                        done => done,
                    }
                }
            }))
        })
    }

    /// Gives the handlers their state; what remains may lack another.
    pub fn with_state<T: Send + Sync + 'static>(self, state: S) -> Router<T> {
        self.with_shared_state(&Arc::new(state))
    }

    fn with_shared_state<T: Send + Sync + 'static>(self, state: &Arc<S>) -> Router<T> {
        let parts = Arc::unwrap_or_clone(self.parts);
        let routes = parts.routes.into_iter().map(|entry| RouteEntry {
            route: entry.route.with_state(state),
            key: entry.key,
        });
        let groups = parts.groups.into_iter();
        Router::of(RouterParts {
            routes: routes.collect(),
            fallback: parts.fallback.map(|route| route.with_state(state)),
            groups: groups.map(|group| group.with_shared_state(state)).collect(),
            conditions: parts.conditions,
            username: parts.username,
            table: OnceLock::new(),
        })
    }

    /// The types of update that the routes are for: what to give
    /// [`Webhook::allowed_updates`](crate::webhook::Webhook::allowed_updates) and `setWebhook`. A fallback adds
    /// none. Of a router without routes it is Telegram's own choice.
    pub fn allowed_updates(&self) -> AllowedUpdates {
        let mut types = Vec::new();
        self.add_types_to(&mut types);
        if types.is_empty() {
            return AllowedUpdates::default();
        }
        types.into_iter().collect()
    }

    fn add_types_to(&self, types: &mut Vec<UpdateType>) {
        for entry in &self.parts.routes {
            match &entry.key {
                RouteKey::Command(_) => types.push(UpdateType::Message),
                RouteKey::Callback(_) => types.push(UpdateType::CallbackQuery),
                RouteKey::Predicate(of, _) => types.extend(of.iter()),
                RouteKey::Type(update_type) => types.push(*update_type),
            }
        }
        for group in &self.parts.groups {
            group.add_types_to(types);
        }
    }

    /// The commands that have a description, for `setMyCommands`.
    pub fn commands(&self) -> CommandList {
        let mut list = CommandList::default();
        self.add_commands_to(&mut list);
        list
    }

    fn add_commands_to(&self, list: &mut CommandList) {
        for entry in &self.parts.routes {
            if let RouteKey::Command(command) = &entry.key {
                list.add(command);
            }
        }
        for group in &self.parts.groups {
            group.add_commands_to(list);
        }
    }

    fn with_route(self, key: RouteKey, route: RouteMaker<S>) -> Self {
        self.changed(|parts| parts.add(RouteEntry { key, route }))
    }

    fn map_routes(self, change: impl Fn(Route) -> Route + Clone + Send + Sync + 'static) -> Self {
        self.changed(|parts| {
            for entry in &mut parts.routes {
                entry.route = entry.route.map(change.clone());
            }
            parts.fallback = parts.fallback.take().map(|route| route.map(change.clone()));
            let groups = std::mem::take(&mut parts.groups).into_iter();
            parts.groups = groups
                .map(|group| group.map_routes(change.clone()))
                .collect();
        })
    }
}

impl<S> RouterParts<S> {
    fn add(&mut self, entry: RouteEntry<S>) {
        let key = &entry.key;
        let is_taken = self
            .routes
            .iter()
            .any(|other| other.key.is_for_the_same(key));
        assert!(!is_taken, "there is a route for {key} already");
        self.routes.push(entry);
    }

    fn set_fallback(&mut self, fallback: RouteMaker<S>) {
        assert!(self.fallback.is_none(), "there is a fallback already");
        self.fallback = Some(fallback);
    }
}

impl Router {
    pub(super) fn table(&self) -> &RouteTable {
        self.parts.table.get_or_init(|| self.to_table(None))
    }

    /// A merged router has the user name of the one that it is in, unless it has its own.
    fn to_table(&self, username: Option<&str>) -> RouteTable {
        let parts = &*self.parts;
        let username = parts.username.as_deref().or(username);
        let state = Arc::new(());
        let groups = parts.groups.iter();
        let mut table = RouteTable::new(
            parts.conditions.clone(),
            groups.map(|group| group.to_table(username)).collect(),
            parts.fallback.as_ref().map(|route| route.make(&state)),
            username,
        );
        for entry in &parts.routes {
            table.add(&entry.key, &entry.route.make(&state));
        }
        table
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &*self.parts;
        let keys = parts.routes.iter().map(|entry| entry.key.to_string());
        f.debug_struct("Router")
            .field("routes", &keys.collect::<Vec<_>>())
            .field("has_fallback", &parts.fallback.is_some())
            .field("groups", &parts.groups)
            .field("conditions", &parts.conditions.len())
            .finish_non_exhaustive()
    }
}
