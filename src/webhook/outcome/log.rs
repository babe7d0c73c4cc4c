//! Log lines of attempts that didn't succeed.

use std::error::Error;

use http::{Extensions, Response, StatusCode};

use crate::{
    client::ErrorChain,
    telemetry::names,
    types::UpdateType,
    webhook::{Failure, Rejection},
};

/// Logs an attempt that failed, after which there is another.
pub(crate) fn log_failure(update_id: i64, attempt: u32, failure: &Failure) {
    let error = ErrorChain(failure);
    tracing::warn!(%error, update_id, attempt, "attempt failed");
}

/// In the extensions of a response whose failure was logged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailureLogged;

/// Logs the failure or the rejection in a response, unless a layer in between has.
#[inline]
pub(crate) fn log_unlogged<B>(update_id: i64, response: &Response<B>) {
    if !response.status().is_success() {
        log_failed_response(update_id, response.status(), response.extensions());
    }
}

#[cold]
fn log_failed_response(update_id: i64, status: StatusCode, extensions: &Extensions) {
    if extensions.get::<FailureLogged>().is_some() {
        return;
    }
    let failure = extensions.get::<Failure>();
    let rejection = extensions.get::<Rejection>();
    if status != StatusCode::INTERNAL_SERVER_ERROR {
        if let Some(rejection) = rejection {
            rejection.log(Some(update_id), failure.map(|failure| failure as _));
        }
        return;
    }
    let error = failure.map(|failure| failure as &(dyn Error + 'static));
    if let Some(error) = error.or(rejection.map(|why| why as _)) {
        let error = ErrorChain(error);
        tracing::error!(%error, update_id, "handler failed");
    }
}

/// Logs an update that has no more attempts.
pub(crate) fn log_abandoned(
    update_id: i64,
    update_type: UpdateType,
    attempts: u32,
    failure: &Failure,
) {
    names::DEAD_LETTERS.increment([update_type.as_str().into()]);
    let error = ErrorChain(failure);
    tracing::error!(%error, update_id, attempts, "update abandoned");
}
