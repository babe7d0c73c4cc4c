//! The client's errors as teloxide's.

use std::{io, sync::Arc};

use serde_core::{
    Deserialize as _,
    de::{IntoDeserializer as _, value},
};
use teloxide::{
    ApiError, RequestError,
    types::{ChatId, Seconds},
};
use tower_telegram::client::{Error, ErrorKind};

pub(super) fn request_error(error: Error) -> RequestError {
    if let Some(chat_id) = error.migrate_to_chat_id() {
        return RequestError::MigrateToChatId(ChatId(chat_id));
    }
    if error.kind() != ErrorKind::Api {
        return RequestError::Io(Arc::new(io::Error::other(error)));
    }
    if let Some(wait) = error.retry_after() {
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
        return RequestError::RetryAfter(Seconds::from_seconds(seconds));
    }
    let description = error.description().unwrap_or_default();
    let known = ApiError::deserialize(description.into_deserializer());
    let known = known.map_err(|_: value::Error| ApiError::Unknown(description.to_owned()));
    RequestError::Api(known.unwrap_or_else(|unknown| unknown))
}
