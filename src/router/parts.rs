//! The parts of an update that a handler's arguments are taken from, and the traits of such arguments.

use std::{
    convert::Infallible,
    error::Error,
    future::{Future, ready},
};

use futures_util::FutureExt as _;
use http::{Request, request};
use tower::BoxError;

use crate::{Reply, types::Update, webhook::Failure};

/// An update and the head of its request, from which the arguments of a handler are taken.
#[derive(Debug)]
#[non_exhaustive]
pub struct UpdateParts {
    /// The update.
    pub update: Update,
    /// The head of the request that it came in, with its extensions.
    pub head: request::Parts,
}

impl From<Request<Update>> for UpdateParts {
    #[inline]
    fn from(request: Request<Update>) -> Self {
        let (head, update) = request.into_parts();
        Self { update, head }
    }
}

/// An argument of a handler that leaves the update in place for the other arguments.
///
/// Copy or clone what the argument needs. An argument that takes the update by value is a [`FromUpdate`].
///
/// ```
/// use tower_telegram::router::{FromUpdateParts, MissingFromUpdate, UpdateParts};
///
/// /// The language of the user who caused the update.
/// struct Language(Box<str>);
///
/// impl<S: Sync> FromUpdateParts<S> for Language {
///     type Rejection = MissingFromUpdate;
///
///     async fn from_update_parts(
///         parts: &mut UpdateParts,
///         _: &S,
///     ) -> Result<Self, MissingFromUpdate> {
///         let user = parts.update.from();
///         let language = user.and_then(|user| user.language_code.as_deref());
///         let language = language.map(|language| Self(language.into()));
///         language.ok_or(MissingFromUpdate::new("a language"))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an argument of a handler, or only as the last one",
    label = "can't be taken from an update before the last argument",
    note = "an argument is `State<…>`, `Command<…>`, `CallbackData<…>`, `ChatId`, `Chat`, `User`, `RawUpdate`, `Session<…>`, `Extension<…>`, an `Option` or `Result` of one, or your own `FromUpdateParts<{S}>`",
    note = "an argument that takes the update by value, such as `Update`, `NewMessage` or `CallbackQuery`, has to be the last one"
)]
pub trait FromUpdateParts<S>: Sized {
    /// The reason for which it can't be taken. [`Infallible`] if it always can.
    type Rejection: ExtractorRejection;

    /// Whether it takes the [`RawUpdate`](crate::webhook::RawUpdate), so that
    /// [`Webhook::router`](crate::webhook::Webhook::router) keeps that. Default: no. An argument of your own
    /// that is taken with `RawUpdate::from_update_parts` sets it.
    const TAKES_RAW: bool = false;

    /// Whether the future is ready when it is first polled. Then the router needs no place to keep it.
    #[doc(hidden)]
    const NEVER_WAITS: bool = false;

    /// Takes it from the update, its request, or the router's state.
    fn from_update_parts(
        parts: &mut UpdateParts,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;
}

/// Marks arguments that are taken from the parts of an update.
#[derive(Debug)]
#[doc(hidden)]
pub enum ViaParts {}

/// Marks arguments that take the whole update.
#[derive(Debug)]
#[doc(hidden)]
pub enum ViaUpdate {}

/// An argument of a handler that takes the update by value. Only the last argument can be one.
///
/// Every [`FromUpdateParts`] is one too.
///
/// ```
/// use tower_telegram::{
///     router::{FromUpdate, MissingFromUpdate, Router, UpdateParts},
///     types::{PhotoSize, UpdateKind},
/// };
///
/// /// The sizes of the photo in a new message.
/// struct Photo(Vec<PhotoSize>);
///
/// impl<S: Sync> FromUpdate<S> for Photo {
///     type Rejection = MissingFromUpdate;
///
///     async fn from_update(parts: UpdateParts, _: &S) -> Result<Self, MissingFromUpdate> {
///         let photo = match parts.update.kind {
///             UpdateKind::Message(message) => message.photo,
///             _ => None,
///         };
///         photo.map(Self).ok_or(MissingFromUpdate::new("a photo"))
///     }
/// }
///
/// async fn sizes(Photo(sizes): Photo) {
///     println!("{} sizes", sizes.len());
/// }
///
/// let router: Router = Router::new().message(sizes);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an argument of a handler whose state is `{S}`",
    label = "can't be taken from an update",
    note = "the last argument is an update or a part of it (`Update`, `NewMessage`, `CallbackQuery` …), `State<…>`, `Command<…>`, `CallbackData<…>`, `ChatId`, `Chat`, `User`, `RawUpdate`, `Session<…>`, `Extension<…>`, an `Option` or `Result` of one, or your own `FromUpdate<{S}>`",
    note = "the state of `State<T>` is the router's: `T` is its type and `Clone`, or implements `FromRef` of it",
    note = "`Router::<App>::new()` names the state, so that this error is at the handler that doesn't fit"
)]
pub trait FromUpdate<S, Via = ViaUpdate>: Sized {
    /// The reason for which it can't be taken. [`Infallible`] if it always can.
    type Rejection: ExtractorRejection;

    /// As [`FromUpdateParts::TAKES_RAW`].
    const TAKES_RAW: bool = false;

    /// As `FromUpdateParts::NEVER_WAITS`.
    #[doc(hidden)]
    const NEVER_WAITS: bool = false;

    /// Takes it from the update, its request, or the router's state.
    fn from_update(
        parts: UpdateParts,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;

    /// The output of the future, where that never waits.
    #[doc(hidden)]
    #[inline]
    fn at_once(parts: UpdateParts, state: &S) -> Result<Self, Self::Rejection> {
        at_once(Self::from_update(parts, state))
    }
}

/// The output of a future that never waits.
// Each extractor says by itself whether it waits.
#[allow(clippy::expect_used)]
#[inline]
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("it never waits")
}

#[diagnostic::do_not_recommend]
impl<T, S> FromUpdate<S, ViaParts> for T
where
    T: FromUpdateParts<S>,
    S: Sync,
{
    type Rejection = T::Rejection;

    const TAKES_RAW: bool = T::TAKES_RAW;

    const NEVER_WAITS: bool = T::NEVER_WAITS;

    async fn from_update(mut parts: UpdateParts, state: &S) -> Result<Self, T::Rejection> {
        T::from_update_parts(&mut parts, state).await
    }

    #[inline]
    fn at_once(mut parts: UpdateParts, state: &S) -> Result<Self, T::Rejection> {
        at_once(T::from_update_parts(&mut parts, state))
    }
}

/// The reason for which an argument can't be taken, with the handler's result in that case.
///
/// ```
/// use std::{error::Error, fmt};
///
/// use tower_telegram::router::ExtractorRejection;
///
/// #[derive(Debug)]
/// struct NotAnAdmin;
///
/// impl fmt::Display for NotAnAdmin {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("the user is no administrator of the chat")
///     }
/// }
///
/// impl Error for NotAnAdmin {}
///
/// // The update has failed permanently. Override `into_result` for a reply.
/// impl ExtractorRejection for NotAnAdmin {}
/// ```
pub trait ExtractorRejection: Error + Send + Sync + Sized + 'static {
    /// The result of the handler, which isn't called. Default: a
    /// [permanent failure](Failure::permanent), because a repeat would find the same.
    ///
    /// # Errors
    ///
    /// When the update has failed.
    fn into_result(self) -> Result<Reply, BoxError> {
        Err(Failure::permanent(self).into())
    }

    /// Whether an `Option` of the argument is `None` then, because the update just doesn't have it. Default: no,
    /// and the handler isn't called.
    fn is_missing(&self) -> bool {
        false
    }
}

impl ExtractorRejection for Infallible {}

#[diagnostic::do_not_recommend]
impl<T: FromUpdateParts<S>, S: Sync> FromUpdateParts<S> for Option<T> {
    type Rejection = T::Rejection;

    const TAKES_RAW: bool = T::TAKES_RAW;

    const NEVER_WAITS: bool = T::NEVER_WAITS;

    async fn from_update_parts(parts: &mut UpdateParts, state: &S) -> Result<Self, T::Rejection> {
        none_if_missing(T::from_update_parts(parts, state).await)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromUpdateParts<S>, S: Sync> FromUpdateParts<S> for Result<T, T::Rejection> {
    type Rejection = Infallible;

    const TAKES_RAW: bool = T::TAKES_RAW;

    const NEVER_WAITS: bool = T::NEVER_WAITS;

    async fn from_update_parts(parts: &mut UpdateParts, state: &S) -> Result<Self, Infallible> {
        Ok(T::from_update_parts(parts, state).await)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromUpdate<S>, S: Sync> FromUpdate<S> for Option<T> {
    type Rejection = T::Rejection;

    const TAKES_RAW: bool = T::TAKES_RAW;

    const NEVER_WAITS: bool = T::NEVER_WAITS;

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

    const TAKES_RAW: bool = T::TAKES_RAW;

    const NEVER_WAITS: bool = T::NEVER_WAITS;

    async fn from_update(parts: UpdateParts, state: &S) -> Result<Self, Infallible> {
        Ok(T::from_update(parts, state).await)
    }
}

impl<S> FromUpdate<S> for Update {
    type Rejection = Infallible;

    const NEVER_WAITS: bool = true;

    fn from_update(
        parts: UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, Infallible>> + Send {
        ready(Ok(parts.update))
    }
}
