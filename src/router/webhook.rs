//! A router as the handler of a [`Webhook`].

use super::routes::Router;
use crate::webhook::{Webhook, WebhookService};

impl Webhook {
    /// Serves with a [`Router`].
    ///
    /// Only the types of update that its routes are for reach it, by [`Router::allowed_updates`], and those that
    /// [`allowed_updates`](Self::allowed_updates) was given before, for its fallback. Where a
    /// handler takes the [`RawUpdate`](crate::webhook::RawUpdate), requests [keep](Self::keep_raw) it; otherwise
    /// that costs nothing. [`service`](Self::service) takes a router too, and sets neither.
    ///
    /// ```
    /// use tower_telegram::{
    ///     router::Router,
    ///     webhook::{RawUpdate, SecretToken, Webhook},
    /// };
    ///
    /// async fn log(raw: RawUpdate) {
    ///     println!("{}", String::from_utf8_lossy(raw.bytes()));
    /// }
    ///
    /// let router: Router = Router::new().message(log);
    /// let webhook = Webhook::new(SecretToken::new("swordfish")?).router(router);
    /// # let _ = webhook;
    /// # Ok::<_, tower_telegram::webhook::InvalidSecretToken>(())
    /// ```
    ///
    /// A router of handlers with a [`State`](crate::router::State) gets it first, by [`Router::with_state`].
    ///
    /// For `Polling` and a queue's worker, [`into_updates`](WebhookService::into_updates) gives the same
    /// without the secret and the request's body.
    pub fn router(mut self, router: Router) -> WebhookService<Router> {
        if router.takes_raw() {
            self = self.keep_raw();
        }
        self.also_allowing(router.allowed_updates()).service(router)
    }
}
