//! What a handler's arguments are taken from, and the traits that say how.

use std::{
    convert::Infallible,
    error::Error,
    future::{Future, ready},
};

use http::{Request, request};
use tower::BoxError;

use crate::{Reply, types::Update, webhook::Failure};

/// An update on its way to the arguments of a handler.
#[derive(Debug)]
#[non_exhaustive]
pub struct UpdateParts {
    /// The update.
    pub update: Update,
    /// The head of the request that it came in, with its extensions.
    pub head: request::Parts,
}

impl From<Request<Update>> for UpdateParts {
    fn from(request: Request<Update>) -> Self {
        let (head, update) = request.into_parts();
        Self { update, head }
    }
}

/// What a handler takes from an update and leaves there for its other arguments.
///
/// ```
/// use std::future::{Future, ready};
///
/// use tower_telegram::router::{FromUpdateParts, MissingFromUpdate, UpdateParts};
///
/// /// The language of whoever caused the update.
/// struct Language(Box<str>);
///
/// impl<S: Sync> FromUpdateParts<S> for Language {
///     type Rejection = MissingFromUpdate;
///
///     fn from_update_parts(
///         parts: &mut UpdateParts,
///         _: &S,
///     ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
///         let user = parts.update.from();
///         let language = user.and_then(|user| user.language_code.as_deref());
///         let language = language.map(|language| Self(language.into()));
///         ready(language.ok_or(MissingFromUpdate::new("a language")))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an argument of a handler whose state is `{S}`",
    label = "can't be taken from an update",
    note = "an argument is `State<…>`, `Command<…>`, `CallbackData<…>`, `ChatId`, `User`, `Extension<…>`, an `Option` or `Result` of one, or your own `FromUpdateParts`",
    note = "what takes the update by value, such as `Update`, `NewMessage` or `CallbackQuery`, has to be the last argument"
)]
pub trait FromUpdateParts<S>: Sized {
    /// Why it isn't there.
    type Rejection: ExtractorRejection;

    /// Takes it.
    fn from_update_parts(
        parts: &mut UpdateParts,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;
}

/// Marks what is taken from the parts of an update.
#[derive(Debug)]
#[doc(hidden)]
pub enum ViaParts {}

/// Marks what takes the whole update.
#[derive(Debug)]
#[doc(hidden)]
pub enum ViaUpdate {}

/// What a handler takes by value: only its last argument can be one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the last argument of a handler whose state is `{S}`",
    label = "can't be taken from an update",
    note = "an argument is an update or a part of it (`Update`, `NewMessage`, `CallbackQuery` …), `State<…>`, `Command<…>`, `CallbackData<…>`, `ChatId`, `User`, `Extension<…>`, an `Option` or `Result` of one, or your own `FromUpdate`",
    note = "the state of `State<T>` is the router's: `T` is its type, or implements `FromRef` of it"
)]
pub trait FromUpdate<S, Via = ViaUpdate>: Sized {
    /// Why it isn't there.
    type Rejection: ExtractorRejection;

    /// Takes it.
    fn from_update(
        parts: UpdateParts,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;
}

#[diagnostic::do_not_recommend]
impl<T, S> FromUpdate<S, ViaParts> for T
where
    T: FromUpdateParts<S>,
    S: Sync,
{
    type Rejection = T::Rejection;

    async fn from_update(mut parts: UpdateParts, state: &S) -> Result<Self, T::Rejection> {
        T::from_update_parts(&mut parts, state).await
    }
}

/// Why an argument couldn't be taken, and what becomes of the update then.
pub trait ExtractorRejection: Error + Send + Sync + Sized + 'static {
    /// The handler's result in its place. By default the update has failed for good, because a repeat would
    /// find the same.
    ///
    /// # Errors
    ///
    /// With the failure.
    fn into_result(self) -> Result<Reply, BoxError> {
        Err(Failure::permanent(self).into())
    }

    /// Whether the update just hasn't it, so that an `Option` of the argument is `None`. Default: no; the
    /// handler isn't called then.
    fn is_missing(&self) -> bool {
        false
    }
}

impl ExtractorRejection for Infallible {}

#[diagnostic::do_not_recommend]
impl<T: FromUpdateParts<S>, S: Sync> FromUpdateParts<S> for Option<T> {
    type Rejection = T::Rejection;

    async fn from_update_parts(parts: &mut UpdateParts, state: &S) -> Result<Self, T::Rejection> {
        none_if_missing(T::from_update_parts(parts, state).await)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromUpdateParts<S>, S: Sync> FromUpdateParts<S> for Result<T, T::Rejection> {
    type Rejection = Infallible;

    async fn from_update_parts(parts: &mut UpdateParts, state: &S) -> Result<Self, Infallible> {
        Ok(T::from_update_parts(parts, state).await)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromUpdate<S>, S: Sync> FromUpdate<S> for Option<T> {
    type Rejection = T::Rejection;

    async fn from_update(parts: UpdateParts, state: &S) -> Result<Self, T::Rejection> {
        none_if_missing(T::from_update(parts, state).await)
    }
}

fn none_if_missing<T, E: ExtractorRejection>(taken: Result<T, E>) -> Result<Option<T>, E> {
    match taken {
        Ok(taken) => Ok(Some(taken)),
        Err(rejection) if rejection.is_missing() => Ok(None),
        Err(rejection) => Err(rejection),
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromUpdate<S>, S: Sync> FromUpdate<S> for Result<T, T::Rejection> {
    type Rejection = Infallible;

    async fn from_update(parts: UpdateParts, state: &S) -> Result<Self, Infallible> {
        Ok(T::from_update(parts, state).await)
    }
}

impl<S> FromUpdate<S> for Update {
    type Rejection = Infallible;

    fn from_update(
        parts: UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, Infallible>> + Send {
        ready(Ok(parts.update))
    }
}
