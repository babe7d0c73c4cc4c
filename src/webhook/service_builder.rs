//! [`ServiceBuilderExt`], which has each layer as a method of `tower::ServiceBuilder`.

use tower::ServiceBuilder;
use tower_layer::Stack;

use super::{
    AllowedUpdatesLayer, ParseLayer, ReplyLayer, SecretTokenLayer, SecretTokens, SourceIpLayer,
    TraceUpdatesLayer, UpdateLayer,
};
use crate::types::AllowedUpdates;

/// Adds the layers to [`tower::ServiceBuilder`].
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_telegram::{
///     handler_fn,
///     types::{Update, UpdateType},
///     webhook::{SecretToken, ServiceBuilderExt as _},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let webhook = ServiceBuilder::new()
///     .secret_token(SecretToken::new("swordfish")?)
///     .update()
///     .allowed_updates([UpdateType::Message])
///     .parse::<Update>()
///     .reply()
///     .service(handler_fn(async |update: Update| println!("{update:?}")));
/// # let _ = webhook;
/// # Ok(())
/// # }
/// ```
pub trait ServiceBuilderExt<L>: sealed::Sealed<L> + Sized {
    /// Rejects requests without an accepted secret token: [`SecretTokenLayer`].
    fn secret_token(
        self,
        tokens: impl Into<SecretTokens>,
    ) -> ServiceBuilder<Stack<SecretTokenLayer, L>>;

    /// Rejects requests from outside Telegram's networks: [`SourceIpLayer`].
    fn source_ip(self) -> ServiceBuilder<Stack<SourceIpLayer, L>>;

    /// Reads the body as an update: [`UpdateLayer`].
    fn update(self) -> ServiceBuilder<Stack<UpdateLayer, L>>;

    /// Drops updates of other types: [`AllowedUpdatesLayer`].
    fn allowed_updates(
        self,
        allowed: impl Into<AllowedUpdates>,
    ) -> ServiceBuilder<Stack<AllowedUpdatesLayer, L>>;

    /// Responds within a time limit, before Telegram closes the connection after 60 s:
    /// [`DeadlineLayer`](super::DeadlineLayer).
    #[cfg(feature = "tokio")]
    fn deadline(self, limit: std::time::Duration)
    -> ServiceBuilder<Stack<super::DeadlineLayer, L>>;

    /// Handles each update once, in this process: [`DeliveryLayer`](super::DeliveryLayer).
    #[cfg(feature = "tokio")]
    fn delivery(self) -> ServiceBuilder<Stack<super::DeliveryLayer, L>>;

    /// Handles the updates of a chat one after the other: [`SequenceLayer`](super::SequenceLayer).
    #[cfg(feature = "tokio")]
    fn sequence(self) -> ServiceBuilder<Stack<super::SequenceLayer, L>>;

    /// Ends a handler that runs for longer than `limit`:
    /// [`HandlerTimeoutLayer`](super::HandlerTimeoutLayer).
    #[cfg(feature = "tokio")]
    fn handler_timeout(
        self,
        limit: std::time::Duration,
    ) -> ServiceBuilder<Stack<super::HandlerTimeoutLayer, L>>;

    /// Records a span for each attempt at an update: [`TraceUpdatesLayer`]. Below a `DeliveryLayer`, if there is
    /// one.
    fn trace_updates(self) -> ServiceBuilder<Stack<TraceUpdatesLayer, L>>;

    /// Reads the update as a `U`: [`ParseLayer`].
    fn parse<U>(self) -> ServiceBuilder<Stack<ParseLayer<U>, L>>;

    /// Encodes the handler's reply, and responds to its errors with 500: [`ReplyLayer`].
    fn reply(self) -> ServiceBuilder<Stack<ReplyLayer, L>>;
}

impl<L> ServiceBuilderExt<L> for ServiceBuilder<L> {
    fn secret_token(
        self,
        tokens: impl Into<SecretTokens>,
    ) -> ServiceBuilder<Stack<SecretTokenLayer, L>> {
        self.layer(SecretTokenLayer::new(tokens))
    }

    fn source_ip(self) -> ServiceBuilder<Stack<SourceIpLayer, L>> {
        self.layer(SourceIpLayer::new())
    }

    fn update(self) -> ServiceBuilder<Stack<UpdateLayer, L>> {
        self.layer(UpdateLayer::new())
    }

    fn allowed_updates(
        self,
        allowed: impl Into<AllowedUpdates>,
    ) -> ServiceBuilder<Stack<AllowedUpdatesLayer, L>> {
        self.layer(AllowedUpdatesLayer::new(allowed))
    }

    #[cfg(feature = "tokio")]
    fn deadline(
        self,
        limit: std::time::Duration,
    ) -> ServiceBuilder<Stack<super::DeadlineLayer, L>> {
        self.layer(super::DeadlineLayer::new(limit))
    }

    #[cfg(feature = "tokio")]
    fn delivery(self) -> ServiceBuilder<Stack<super::DeliveryLayer, L>> {
        self.layer(super::DeliveryLayer::new())
    }

    #[cfg(feature = "tokio")]
    fn sequence(self) -> ServiceBuilder<Stack<super::SequenceLayer, L>> {
        self.layer(super::SequenceLayer::new())
    }

    #[cfg(feature = "tokio")]
    fn handler_timeout(
        self,
        limit: std::time::Duration,
    ) -> ServiceBuilder<Stack<super::HandlerTimeoutLayer, L>> {
        self.layer(super::HandlerTimeoutLayer::new(limit))
    }

    fn trace_updates(self) -> ServiceBuilder<Stack<TraceUpdatesLayer, L>> {
        self.layer(TraceUpdatesLayer::new())
    }

    fn parse<U>(self) -> ServiceBuilder<Stack<ParseLayer<U>, L>> {
        self.layer(ParseLayer::new())
    }

    fn reply(self) -> ServiceBuilder<Stack<ReplyLayer, L>> {
        self.layer(ReplyLayer::new())
    }
}

mod sealed {
    pub trait Sealed<L> {}
    impl<L> Sealed<L> for tower::ServiceBuilder<L> {}
}
