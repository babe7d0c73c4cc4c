//! The outcome of an attempt to handle an update.
//!
//! This is the one place that decides it, for deliveries, late replies, polling and the queue's workers:
//!
//! 1. **Done**: a 2xx, with the reply.
//! 2. **Deferred**: a layer had no room, no lock, no store or no time for it, or the request was rejected before it
//!    was read. The attempt isn't counted.
//! 3. **Failed**: an error, a panic or any other status. There may be another attempt, up to a limit.
//! 4. **Failed permanently**: a failure that says so ([`Failure::permanent`]), a reply that can never be sent, or an
//!    error whose chain ends in a refusal of the Bot API that another attempt can't change.

mod errors;
mod log;
#[cfg(test)]
mod tests;

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use futures_util::FutureExt as _;
use http::{HeaderValue, Request, Response, StatusCode, header};
use tower::{BoxError, ServiceExt as _};
use tower_service::Service;
use tracing::Span;

use self::errors::{deferral, pause_of};
#[cfg(feature = "tokio")]
pub(crate) use self::{
    errors::is_malformed,
    log::{FailureLogged, log_abandoned, log_failure},
};
pub(crate) use self::{
    errors::{deferral_reason, failure, unsent},
    log::log_unlogged,
};
use super::{Failure, RawUpdate, Rejection, ReplyBody, deferral_reason::DeferralReason};
use crate::{
    Reply,
    client::retry_after,
    telemetry::{names, update_span::UpdateSpan},
};

/// In the extensions of a request that comes from a runner, which counts attempts by itself and waits as long
/// as it takes. `DeadlineLayer` steps aside.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "tokio"), allow(dead_code))]
pub(crate) enum FromRunner {
    /// The queue records the handled updates, so `DeliveryLayer` has no effect either.
    #[cfg_attr(not(feature = "queue"), allow(dead_code))]
    Queue,
    /// After a crash, Telegram returns updates again that were handled before, and only the store of a
    /// `DeliveryLayer` knows them. The layer claims and records as usual; the runner sets the number of attempts.
    Polling { max_attempts: u32 },
}

/// In the extensions of a response that ends an update which a `DeliveryLayer` has abandoned, for the runner.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "tokio"), allow(dead_code))]
pub(crate) struct Abandoned(pub(crate) Failure);

/// The outcome of an attempt. See the [module](self).
#[derive(Debug)]
pub(crate) enum Outcome {
    Done {
        reply: Reply,
        /// The attempt's span, in which the reply is sent if it isn't the response.
        span: Span,
    },
    Deferred {
        /// The pause that was asked for.
        after: Option<Duration>,
    },
    Failed {
        failure: Failure,
        /// The pause that was asked for.
        after: Option<Duration>,
    },
    FailedPermanently(Failure),
}

impl Outcome {
    /// The outcome by a response.
    pub(crate) fn of(response: &Response<ReplyBody>) -> Self {
        if response.status().is_success() {
            return match response.extensions().get::<Abandoned>() {
                Some(Abandoned(failure)) => Self::FailedPermanently(failure.clone()),
                None => Self::Done {
                    reply: response.body().reply().clone(),
                    span: UpdateSpan::of(response.extensions()),
                },
            };
        }
        let rejection = response.extensions().get::<Rejection>();
        let after = retry_after::in_header(response.headers());
        let is_deferred = match (rejection, response.extensions().get::<Failure>()) {
            (Some(rejection), _) => !rejection.is_about_the_update(),
            (None, Some(failure)) => failure.is_deferral(),
            // Layers of others, and ours for a wrong secret, have only the status. A 408 is the response of a time limit
            // around the deliveries, under which the handler goes on.
            (None, None) => {
                defers(response.status()) || response.status() == StatusCode::REQUEST_TIMEOUT
            }
        };
        if is_deferred {
            return Self::Deferred { after };
        }
        let failure = match rejection {
            Some(Rejection::Reply(error)) => unsent(error),
            // Its cause is worth more than its status.
            Some(rejection @ (Rejection::Malformed(_) | Rejection::Unreadable(_))) => {
                Failure::error(rejection.clone().into())
            }
            _ => {
                let failure = response.extensions().get::<Failure>().cloned();
                failure.unwrap_or_else(|| Failure::status(response.status()))
            }
        };
        Self::failed(failure, after)
    }

    /// The outcome by the error of a service. A deferral is counted, because no layer has made a response of it.
    pub(crate) fn of_error(error: BoxError) -> Self {
        if let Some(reason) = deferral_reason(&*error) {
            names::DEFERRED.increment([reason.name().into()]);
            let after = pause_of(&*error);
            return Self::Deferred { after };
        }
        Self::failed(failure(error), None)
    }

    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        Self::failed(Failure::panic(panic), None)
    }

    fn failed(failure: Failure, after: Option<Duration>) -> Self {
        if failure.is_permanent() {
            return Self::FailedPermanently(failure);
        }
        let after = after.or_else(|| pause_of(&failure));
        Self::Failed { failure, after }
    }
}

/// Hands an update to a clone of a service, once, and returns the outcome.
pub(crate) fn handle_once<S>(
    service: &S,
    request: Request<RawUpdate>,
) -> impl Future<Output = Outcome> + use<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>> + Clone,
    S::Error: Into<BoxError>,
{
    let responding = respond_once(service, request);
    async move {
        responding
            .await
            .map_or_else(|end| end, |response| Outcome::of(&response))
    }
}

/// Hands an update to a clone of a service, once, and returns the response, or else the outcome. A panic is a failure,
/// that of cloning too.
pub(crate) fn respond_once<S>(
    service: &S,
    request: Request<RawUpdate>,
) -> impl Future<Output = Result<Response<ReplyBody>, Outcome>> + use<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>> + Clone,
    S::Error: Into<BoxError>,
{
    let service = panic::catch_unwind(AssertUnwindSafe(|| service.clone()));
    async move {
        let service = match service {
            Ok(service) => service,
            Err(panic) => return Err(Outcome::of_panic(&*panic)),
        };
        response(service.oneshot(request)).await
    }
}

/// The outcome of a call. A panic is a failure.
pub(crate) async fn outcome<F, E>(call: F) -> Outcome
where
    F: Future<Output = Result<Response<ReplyBody>, E>>,
    E: Into<BoxError>,
{
    response(call)
        .await
        .map_or_else(|end| end, |response| Outcome::of(&response))
}

/// The response of a call, or the outcome of its error or panic.
async fn response<F, E>(call: F) -> Result<Response<ReplyBody>, Outcome>
where
    F: Future<Output = Result<Response<ReplyBody>, E>>,
    E: Into<BoxError>,
{
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(Outcome::of_error(error.into())),
        Err(panic) => Err(Outcome::of_panic(&*panic)),
    }
}

/// The response for a handler's error: 503 if the error defers the update, else 500. The [`Failure`] is in the extensions.
pub(crate) fn error_response(error: BoxError) -> Response<ReplyBody> {
    match deferral_reason(&*error) {
        Some(reason) => deferred_response(deferral(error, reason), reason),
        None => failed_response(failure(error)),
    }
}

/// 503 with the failure in the extensions, counted by its reason.
fn deferred_response(failure: Failure, reason: DeferralReason) -> Response<ReplyBody> {
    names::DEFERRED.increment([reason.name().into()]);
    let rejection = match reason {
        DeferralReason::Overloaded => Rejection::Overloaded,
        _ => Rejection::Deferred,
    };
    let mut response = rejection.into_uncounted_response();
    if let Some(after) = pause_of(&failure) {
        set_retry_after(&mut response, after);
    }
    response.extensions_mut().insert(failure);
    response
}

/// 500 with the failure in the extensions.
pub(crate) fn failed_response(failure: Failure) -> Response<ReplyBody> {
    let mut response = Rejection::Failed.into_response();
    response.extensions_mut().insert(failure);
    response
}

/// Whether a status alone says that the update wasn't handled and its attempt doesn't count, whether a layer or a handler
/// responds with it. If requests with a wrong secret were counted, strangers could have an update abandoned before
/// Telegram sends it.
pub(crate) fn defers(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}

/// Asks for a pause in whole seconds, because Telegram reads no other form: rounded up, and at least one.
pub(crate) fn set_retry_after<B>(response: &mut Response<B>, after: Duration) {
    let part = u64::from(after.subsec_nanos() > 0);
    let seconds = after.as_secs().saturating_add(part).max(1);
    let seconds = HeaderValue::from(seconds);
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
}
