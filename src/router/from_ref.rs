//! Parts of a router's state.

/// Takes a part of the router's state, as axum's trait of this name does.
///
/// ```
/// use tower_telegram::{Client, router::FromRef};
///
/// #[derive(Clone)]
/// struct App {
///     client: Client,
///     greeting: &'static str,
/// }
///
/// // So that a handler can have a `Client` among its arguments.
/// impl FromRef<App> for Client {
///     fn from_ref(app: &App) -> Self {
///         app.client.clone()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` isn't the router's state, or a part of it: that is `{T}`",
    label = "no part of `{T}`",
    note = "implement `FromRef<{T}>` for `{Self}`, or make it the state with `.with_state(…)`"
)]
pub trait FromRef<T> {
    /// Takes it from the state.
    fn from_ref(state: &T) -> Self;
}

impl<T: Clone> FromRef<T> for T {
    fn from_ref(state: &T) -> Self {
        state.clone()
    }
}
