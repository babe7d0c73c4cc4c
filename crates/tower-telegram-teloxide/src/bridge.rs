//! [`Bridge`], which connects a dispatcher with a webhook.

use std::{
    fmt::{self, Debug},
    sync::Arc,
};

use teloxide::dispatching::UpdateHandler;

use crate::{
    error::{self, BoxError},
    handler,
    listener::Listener,
    pending::Pending,
    service::DispatchUpdate,
};

/// The parts that connect a teloxide dispatcher with the layers of tower-telegram: see the [crate](crate).
///
/// ```
/// use teloxide::{prelude::*, types::Message};
/// use tower_telegram::{types::AllowedUpdates, webhook::Webhook};
/// use tower_telegram_teloxide::{Bridge, TeloxideUpdate};
///
/// async fn echo(bot: Bot, message: Message) -> ResponseResult<()> {
///     bot.send_message(message.chat.id, message.text().unwrap_or("?")).await?;
///     Ok(())
/// }
///
/// let bridge = Bridge::new(Update::filter_message().endpoint(echo));
/// let dispatcher = Dispatcher::builder(Bot::new("7:a-bot-token"), bridge.handler).build();
/// let webhook = Webhook::without_secret_token()
///     .allowed_updates(AllowedUpdates::ALL)
///     .parse_as::<TeloxideUpdate>()
///     .service(bridge.service);
/// // The webhook goes to a server, and `bridge.listener` to `dispatcher.dispatch_with_listener`.
/// # let _ = (dispatcher, bridge.listener, webhook);
/// ```
#[must_use = "a dispatcher and a webhook take its parts"]
pub struct Bridge<Err> {
    /// The tree of handlers for the dispatcher, in place of the one that the bridge was made from. It reports the end
    /// of each update.
    ///
    /// A handler that panics ends its update alone. Without the bridge, teloxide's worker of that chat ends with it, and
    /// the dispatcher panics at the chat's next update.
    pub handler: UpdateHandler<Err>,
    /// The listener for `Dispatcher::dispatch_with_listener`.
    pub listener: Listener,
    /// The service for the webhook, for polling, or for the worker of a queue.
    pub service: DispatchUpdate,
}

impl<Err> Bridge<Err>
where
    Err: Debug + Send + Sync + 'static,
{
    /// A bridge to a tree of handlers. An update whose handler returns an error has failed.
    ///
    /// Whether there is another attempt, and when, is decided as by [`failure_of`](crate::failure_of), if the error is
    /// teloxide's [`RequestError`](teloxide::RequestError), tower-telegram's
    /// [`client::Error`](tower_telegram::client::Error) or [`Failure`](tower_telegram::webhook::Failure), or a
    /// `Box<dyn Error + Send + Sync>` with one of them among its causes. For each other type of error,
    /// [`with_errors`](Self::with_errors) decides.
    pub fn new(handler: UpdateHandler<Err>) -> Self {
        Self::with_errors(handler, error::failed)
    }

    /// A bridge with a function that decides what an error of a handler means for its update: `Ok` means that the update
    /// is handled, and an error that its attempt has failed. A
    /// [`Failure::permanent`](tower_telegram::webhook::Failure::permanent) is the last attempt.
    ///
    /// The dispatcher's own error handler gets the error as before.
    ///
    /// ```
    /// use teloxide::prelude::*;
    /// use tower_telegram::webhook::Failure;
    /// use tower_telegram_teloxide::Bridge;
    ///
    /// #[derive(Debug)]
    /// enum OrderError {
    ///     SoldOut,
    ///     DatabaseDown,
    /// }
    ///
    /// # async fn order() -> Result<(), OrderError> { Err(OrderError::SoldOut) }
    /// let tree = Update::filter_message().endpoint(order);
    /// let bridge = Bridge::with_errors(tree, |error| match error {
    ///     OrderError::SoldOut => Err(Failure::permanent("sold out").into()),
    ///     OrderError::DatabaseDown => Err("the database is down".into()),
    /// });
    /// # let _ = bridge;
    /// ```
    pub fn with_errors(
        handler: UpdateHandler<Err>,
        judge: impl Fn(&Err) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        let pending = Arc::new(Pending::default());
        let (service, updates) = DispatchUpdate::new();
        Self {
            handler: handler::reporting(handler, Arc::clone(&pending), Arc::new(judge)),
            listener: Listener::new(updates, Some(pending)),
            service,
        }
    }
}

impl<Err> Debug for Bridge<Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

/// A listener without a tree of handlers, for teloxide's functions that build the tree by themselves, such as
/// `repl_with_listener`.
///
/// An update is answered with 200 when the dispatcher takes it. An update whose handler then fails isn't sent again, and
/// one that the process holds when it ends is lost. With a [`Bridge`] neither happens.
///
/// ```
/// use teloxide::{prelude::*, types::Message};
/// use tower_telegram::{types::AllowedUpdates, webhook::Webhook};
/// use tower_telegram_teloxide::{TeloxideUpdate, plain_listener};
///
/// # async fn run() {
/// let (listener, service) = plain_listener();
/// let webhook = Webhook::without_secret_token()
///     .allowed_updates(AllowedUpdates::ALL)
///     .parse_as::<TeloxideUpdate>()
///     .service(service);
/// // Serve the webhook in another task.
/// # let _ = webhook;
/// let answer = |bot: Bot, message: Message| async move {
///     bot.send_dice(message.chat.id).await?;
///     Ok(())
/// };
/// teloxide::repl_with_listener(Bot::from_env(), answer, listener).await;
/// # }
/// ```
pub fn plain_listener() -> (Listener, DispatchUpdate) {
    let (service, updates) = DispatchUpdate::new();
    (Listener::new(updates, None), service)
}
