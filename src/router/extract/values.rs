//! What a handler can have beside the update's payload.

use std::{
    convert::Infallible,
    future::{Future, ready},
};

use super::super::{
    error::MissingFromUpdate,
    from_ref::FromRef,
    parts::{FromUpdateParts, UpdateParts},
};
use crate::{
    Client,
    types::{ChatId, User},
    webhook::{BotId, RawUpdate},
};

/// The router's state, or a [part](FromRef) of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State<T>(pub T);

impl<T, S> FromUpdateParts<S> for State<T>
where
    T: FromRef<S> + Send,
    S: Sync,
{
    type Rejection = Infallible;

    fn from_update_parts(
        _: &mut UpdateParts,
        state: &S,
    ) -> impl Future<Output = Result<Self, Infallible>> + Send {
        ready(Ok(Self(T::from_ref(state))))
    }
}

/// The client, if it is the router's state or a [part](FromRef) of it.
impl<S> FromUpdateParts<S> for Client
where
    Self: FromRef<S>,
    S: Sync,
{
    type Rejection = Infallible;

    fn from_update_parts(
        _: &mut UpdateParts,
        state: &S,
    ) -> impl Future<Output = Result<Self, Infallible>> + Send {
        ready(Ok(Self::from_ref(state)))
    }
}

/// What a layer has put into the extensions of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<T>(pub T);

impl<T, S> FromUpdateParts<S> for Extension<T>
where
    T: Clone + Send + Sync + 'static,
    S: Sync,
{
    type Rejection = MissingFromUpdate;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
        ready(extension(parts, std::any::type_name::<T>()).map(Self))
    }
}

fn extension<T>(parts: &UpdateParts, what: &'static str) -> Result<T, MissingFromUpdate>
where
    T: Clone + Send + Sync + 'static,
{
    let value = parts.head.extensions.get().cloned();
    value.ok_or(MissingFromUpdate::new(what))
}

macro_rules! impl_by_extension {
    ($($(#[$doc:meta])* $type:ty, $what:literal;)*) => {$(
        $(#[$doc])*
        impl<S: Sync> FromUpdateParts<S> for $type {
            type Rejection = MissingFromUpdate;

            fn from_update_parts(
                parts: &mut UpdateParts,
                _: &S,
            ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
                ready(extension(parts, $what))
            }
        }
    )*};
}

impl_by_extension! {
    /// Which bot it is for, where several share an endpoint.
    BotId, "a bot's number";
    /// The update as it came, where a layer has put it into the extensions.
    RawUpdate, "the raw update";
}

#[cfg(feature = "tokio")]
impl_by_extension! {
    /// When the response is due.
    crate::webhook::Deadline, "a deadline";
}

/// The chat where it happened.
impl<S: Sync> FromUpdateParts<S> for ChatId {
    type Rejection = MissingFromUpdate;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
        let chat = parts.update.chat().map(|chat| Self::from(chat.id));
        ready(chat.ok_or(MissingFromUpdate::new("a chat")))
    }
}

/// The user who caused it.
impl<S: Sync> FromUpdateParts<S> for User {
    type Rejection = MissingFromUpdate;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
        let user = parts.update.from().cloned();
        ready(user.ok_or(MissingFromUpdate::new("a user")))
    }
}
