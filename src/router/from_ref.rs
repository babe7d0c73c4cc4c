//! Parts of a router's state as arguments of a handler.

/// A part of the router's state, which a handler takes as a `State<Part>`. axum's trait of this name is the model.
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
/// // Handlers can take a `Client` now.
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
    /// Clones it out of the state.
    fn from_ref(state: &T) -> Self;
}

impl<T: Clone> FromRef<T> for T {
    fn from_ref(state: &T) -> Self {
        state.clone()
    }
}
