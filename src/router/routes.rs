//! `Router`: a bot's routes, and the methods that add them.

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
    route_set::RouteSet,
    table::RouteTable,
    username::{InvalidUsername, checked_username},
};
use crate::{
    IntoReply,
    types::{AllowedUpdates, Update, UpdateType},
    webhook::{HandlerOutput, outcome::deferral_reason},
};

/// Routes updates to handlers. See the [module](super).
///
/// `S` is the state that the handlers still need. [`with_state`](Self::with_state) gives it to them, and then the
/// router, a `Router<()>`, is a `Service<http::Request<Update>>`. Clones share the routes.
#[must_use = "a router serves as the handler of a webhook"]
pub struct Router<S = ()> {
    /// Shared, because a service is cloned for each request.
    shared: Arc<SharedRoutes<S>>,
}

struct SharedRoutes<S> {
    set: RouteSet<S>,
    /// Made for the first update.
    table: OnceLock<RouteTable>,
}

impl<S> Clone for Router<S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: Send + Sync + 'static> Default for Router<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Send + Sync + 'static> Router<S> {
    /// A router without routes.
    pub fn new() -> Self {
        Self::of(RouteSet::new())
    }

    fn of(set: RouteSet<S>) -> Self {
        let table = OnceLock::new();
        Self {
            shared: Arc::new(SharedRoutes { set, table }),
        }
    }

    fn into_set(self) -> RouteSet<S> {
        match Arc::try_unwrap(self.shared) {
            Ok(shared) => shared.set,
            Err(shared) => shared.set.clone(),
        }
    }

    fn changed(self, change: impl FnOnce(&mut RouteSet<S>)) -> Self {
        let mut set = self.into_set();
        change(&mut set);
        Self::of(set)
    }

    /// Routes new messages whose text or caption begins with this command: `"start"` for `/start`. A
    /// [`command`](super::command) in place of the name has a description for the bot's menu, too.
    ///
    /// A command in an edited message or a channel's post doesn't match.
    ///
    /// ```
    /// use tower_telegram::router::{Command, Router, command};
    ///
    /// async fn help() {}
    ///
    /// async fn roll(Command(sides): Command<u32>) {
    ///     println!("{sides}");
    /// }
    ///
    /// let router: Router = Router::new()
    ///     .command("help", help)
    ///     .command(command("roll").usage("<sides>").description("Roll a die"), roll);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is a route for the command already, or the name isn't 1 to 32 characters of `a-z0-9_`.
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
        let route = route.map(move |route| usage.route_with_usage(route));
        self.with_route(RouteKey::Command(command), route)
    }

    /// Routes pressed buttons whose callback data is this name, or begins with it and a `:`. For data of a type
    /// of yours, see [`CallbackData`](super::CallbackData).
    ///
    /// ```
    /// use tower_telegram::{
    ///     methods::AnswerCallbackQuery,
    ///     router::Router,
    ///     types::{CallbackQuery, InlineKeyboardButton},
    /// };
    ///
    /// async fn close(query: CallbackQuery) -> AnswerCallbackQuery {
    ///     AnswerCallbackQuery::new(query.id).text("Closed")
    /// }
    ///
    /// let button = InlineKeyboardButton::callback("Close", "close");
    /// let router: Router = Router::new().callback("close", close);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is a route for the name already, or the name has a `:` or over 64 bytes.
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

    /// Routes new messages, other than those with a command that has a route. Edited messages, posts in channels
    /// and pressed buttons are updates of other types: see [`on`](Self::on).
    ///
    /// # Panics
    ///
    /// If there is a route for messages already.
    pub fn message<H, A, Via>(self, handler: H) -> Self
    where
        H: Handler<A, S, Via>,
        A: 'static,
        Via: 'static,
    {
        self.on(UpdateType::Message, handler)
    }

    /// Routes all updates of a type. [`UpdateType::Unknown`] is any type that this version doesn't know; see
    /// [`allowed_updates`](Self::allowed_updates) for when Telegram sends such.
    ///
    /// ```
    /// use tower_telegram::{
    ///     router::Router,
    ///     types::{ChatMemberUpdated, UpdateType},
    /// };
    ///
    /// async fn member(change: ChatMemberUpdated) {
    ///     println!("a member of {} has changed", change.chat.id);
    /// }
    ///
    /// let router: Router = Router::new().on(UpdateType::ChatMember, member);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is a route for the type already.
    pub fn on<H, A, Via>(self, update_type: UpdateType, handler: H) -> Self
    where
        H: Handler<A, S, Via>,
        A: 'static,
        Via: 'static,
    {
        let key = RouteKey::Type(update_type);
        self.with_route(key, RouteMaker::of_handler(handler))
    }

    /// Routes updates of these types for which the predicate is true. Predicates are tried in the order in which
    /// their routes were added, so each costs the updates of its types a call.
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
    /// let has_photo = |update: &Update| update.any_message().is_some_and(|message| message.photo.is_some());
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

    /// Routes the updates that no other route matches.
    ///
    /// It adds no type to [`allowed_updates`](Self::allowed_updates), so it gets updates of the other routes'
    /// types only, unless [`Webhook::allowed_updates`](crate::webhook::Webhook::allowed_updates) adds some.
    ///
    /// # Panics
    ///
    /// If there is a fallback already.
    pub fn fallback<H, A, Via>(self, handler: H) -> Self
    where
        H: Handler<A, S, Via>,
        A: 'static,
        Via: 'static,
    {
        self.changed(|set| set.set_fallback(RouteMaker::of_handler(handler)))
    }

    /// Adds the routes of another router. If that has conditions, its routes come before all routes of this one,
    /// for the updates that meet them.
    ///
    /// ```
    /// use tower_telegram::router::Router;
    ///
    /// async fn help() {}
    /// async fn ban() {}
    ///
    /// let admins = Router::new().command("ban", ban).in_chats([-1001234567890]);
    /// let router: Router = Router::new().command("help", help).merge(admins);
    /// ```
    ///
    /// # Panics
    ///
    /// If the other has no conditions, and both have a route for the same updates, or both have a fallback.
    pub fn merge(self, other: Self) -> Self {
        self.changed(|set| set.merge(other.into_set()))
    }

    /// A condition for all routes of this router: the predicate is true for the update. An update has to meet all
    /// conditions of a router.
    pub fn only_if(self, predicate: impl Fn(&Update) -> bool + Send + Sync + 'static) -> Self {
        self.with_condition(Condition::new(predicate))
    }

    /// A condition for all routes of this router: the update is from a private chat.
    pub fn private(self) -> Self {
        self.with_condition(Condition::private())
    }

    /// A condition for all routes of this router: the update is from one of these chats.
    pub fn in_chats(self, chats: impl IntoIterator<Item = i64>) -> Self {
        self.with_condition(Condition::in_chats(chats.into_iter().collect()))
    }

    fn with_condition(self, condition: Condition) -> Self {
        self.changed(|set| set.add_condition(condition))
    }

    /// The bot's own user name, with or without an `@`, so that commands for another bot, such as
    /// `/start@other_bot`, don't match. Without it, a command matches no matter which bot it names.
    ///
    /// [`getMe`](https://core.telegram.org/bots/api#getme) returns it.
    ///
    /// ```
    /// use tower_telegram::router::Router;
    ///
    /// async fn start() {}
    ///
    /// let router: Router = Router::new().command("start", start).username("@my_bot")?;
    /// # Ok::<_, tower_telegram::router::InvalidUsername>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the name isn't a letter and up to 31 more characters of `A-Za-z0-9_`: no command would name it.
    pub fn username(self, username: &str) -> Result<Self, InvalidUsername> {
        let username = checked_username(username)?;
        Ok(self.changed(|set| set.set_username(username)))
    }

    /// Puts a layer around each route, and the fallback, that were added before.
    ///
    /// The layer's service takes an `http::Request<Update>` and returns an [`IntoReply`](crate::IntoReply).
    ///
    /// ```
    /// use http::Request;
    /// use tower_telegram::{
    ///     router::{Extension, Router},
    ///     types::Update,
    /// };
    ///
    /// /// The time at which the update came.
    /// #[derive(Clone, Copy)]
    /// struct Arrived(std::time::Instant);
    ///
    /// async fn log(Extension(Arrived(time)): Extension<Arrived>) {
    ///     println!("{:?}", time.elapsed());
    /// }
    ///
    /// let router: Router = Router::new().message(log).layer(
    ///     tower::util::MapRequestLayer::new(|mut request: Request<Update>| {
    ///         request.extensions_mut().insert(Arrived(std::time::Instant::now()));
    ///         request
    ///     }),
    /// );
    /// ```
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

    /// A hook for errors of the handlers that were added before. The hook's result replaces the handler's: with a
    /// reply, or `()`, the update is done; with an error it has failed as the error says.
    ///
    /// Layers that are added later see the hook's result. Arguments that can't be taken are errors too, except
    /// those that reply by themselves. A [deferral](crate::webhook::Failure::deferral) isn't one: where another
    /// update changed the session first, a store is down, or tower's `LoadShed` had no room, the hook isn't called
    /// and the update is handled again.
    ///
    /// ```
    /// use tower::BoxError;
    /// use tower_telegram::router::{HandlerError, Router};
    ///
    /// async fn fail() -> Result<(), BoxError> {
    ///     Err("out of coffee".into())
    /// }
    ///
    /// let router: Router = Router::new()
    ///     .command("brew", fail)
    ///     .on_error(async |failed: HandlerError| {
    ///         let reply = failed.reply("That didn't work.");
    ///         reply.ok_or(failed.error)
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
                let handling = route.handle(request);
                async move {
                    match handling.await {
                        // The hook's reply would end an update that hasn't been handled.
                        Err(error) if deferral_reason(&*error).is_some() => Err(error),
                        Err(error) => reply(hook(failed(error)).await),
                        done => done,
                    }
                }
            }))
        })
    }

    /// Gives the handlers their state. Routes that are added or merged later have a state of their own, of the
    /// type `T`; it is `()` when there are none.
    ///
    /// ```
    /// use tower_telegram::{
    ///     methods::SendMessage,
    ///     router::{Router, State},
    ///     types::ChatId,
    /// };
    ///
    /// #[derive(Clone)]
    /// struct App {
    ///     greeting: &'static str,
    /// }
    ///
    /// async fn greet(State(app): State<App>, chat: ChatId) -> SendMessage {
    ///     SendMessage::new(chat, app.greeting)
    /// }
    ///
    /// let router: Router = Router::new().message(greet).with_state(App { greeting: "Hello" });
    /// ```
    pub fn with_state<T: Send + Sync + 'static>(self, state: S) -> Router<T> {
        Router::of(self.into_set().with_state(&Arc::new(state)))
    }

    /// The types of update that the routes match, for `setWebhook`.
    /// [`Webhook::router`](crate::webhook::Webhook::router) accepts only these, and those that the webhook is set to. A
    /// fallback adds none.
    ///
    /// It is Telegram's own default for a router without routes, and for one with a route for
    /// [`UpdateType::Unknown`]: Telegram sends types that are newer than this version only by its default. The fallback
    /// then gets all other types of that. With a route for a type that isn't in the default, such as `chat_member`,
    /// Telegram sends no unknown types.
    pub fn allowed_updates(&self) -> AllowedUpdates {
        let mut types = Vec::new();
        self.shared.set.add_types_to(&mut types);
        let listed: AllowedUpdates = types.iter().copied().collect();
        let asks_for_unknown = types.contains(&UpdateType::Unknown);
        if asks_for_unknown && types.iter().all(|of| AllowedUpdates::DEFAULT.contains(*of)) {
            // The empty list, by which alone Telegram sends types that are newer than this version.
            return AllowedUpdates::DEFAULT;
        }
        listed
    }

    /// The commands that have a description, for
    /// [`Client::ensure_commands`](crate::Client::ensure_commands).
    pub fn commands(&self) -> CommandList {
        let mut list = CommandList::default();
        self.shared.set.add_commands_to(&mut list);
        list
    }

    /// Whether a handler takes the raw update.
    pub(super) fn takes_raw(&self) -> bool {
        self.shared.set.takes_raw()
    }

    fn with_route(self, key: RouteKey, route: RouteMaker<S>) -> Self {
        self.changed(|set| set.add(key, route))
    }

    fn map_routes(self, change: impl Fn(Route) -> Route + Clone + Send + Sync + 'static) -> Self {
        self.changed(|set| set.map(&change))
    }
}

impl Router {
    pub(super) fn table(&self) -> &RouteTable {
        let shared = &*self.shared;
        shared.table.get_or_init(|| shared.set.to_table(None))
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.set.fmt(f)
    }
}
