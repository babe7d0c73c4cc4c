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

use std::{
    any::Any,
    error::Error,
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use futures_util::FutureExt as _;
use http::{Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use tower::{BoxError, ServiceExt as _};
use tower_service::Service;
use tracing::Span;

use super::{Failure, RawUpdate, Rejection, ReplyBody, failure::ErrorCause};
use crate::{
    Reply, ReplyError,
    client::{self, CallVerdict, ErrorChain, ErrorKind, causes},
    telemetry::{names, update_span::UpdateSpan},
    types::UpdateType,
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
    FailedForGood(Failure),
}

impl Outcome {
    /// The outcome by a response.
    pub(crate) fn of(response: &Response<ReplyBody>) -> Self {
        if response.status().is_success() {
            return match response.extensions().get::<Abandoned>() {
                Some(Abandoned(failure)) => Self::FailedForGood(failure.clone()),
                None => Self::Done {
                    reply: response.body().reply().clone(),
                    span: UpdateSpan::of(response.extensions()),
                },
            };
        }
        let rejection = response.extensions().get::<Rejection>();
        let after = retry_after(response.headers());
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

    /// The outcome by the error of a service.
    pub(crate) fn of_error(error: BoxError) -> Self {
        if is_overloaded(&*error) {
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
            return Self::FailedForGood(failure);
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

/// The response for a handler's error: 503 if a layer in between had no room, else 500 with the [`Failure`] in the
/// extensions.
pub(crate) fn error_response(error: BoxError) -> Response<ReplyBody> {
    if is_overloaded(&*error) {
        let mut response = Rejection::Overloaded.into_response();
        if let Some(after) = pause_of(&*error) {
            set_retry_after(&mut response, after);
        }
        return response;
    }
    failed_response(failure(error))
}

/// 500 with the failure in the extensions.
pub(crate) fn failed_response(failure: Failure) -> Response<ReplyBody> {
    let mut response = Rejection::Failed.into_response();
    response.extensions_mut().insert(failure);
    response
}

/// Makes a failure of a handler's error.
pub(crate) fn failure(error: BoxError) -> Failure {
    let error = match error.downcast::<Failure>() {
        Ok(failure) => return *failure,
        Err(error) => error,
    };
    if causes(&*error).any(is_final) {
        Failure::permanent(error)
    } else {
        Failure::error(error)
    }
}

/// Permanent where another attempt can't change it: see [`Failure::permanent`].
impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        failure(error.into())
    }
}

impl Failure {
    /// A failure with this error, where another one, its cause, decides about the next attempt as if the handler had
    /// returned it: whether there is one, whether this one counts, and after which pause.
    ///
    /// For code between a handler and the webhook that has the handler's error only by reference, or shows another.
    ///
    /// ```
    /// use tower_telegram::webhook::Failure;
    ///
    /// let permanent = Failure::permanent("no such order");
    /// let failure = Failure::caused_by(&permanent, "the shop's handler failed");
    /// assert!(failure.is_permanent());
    /// assert_eq!(failure.as_error().unwrap().to_string(), "the shop's handler failed");
    /// ```
    pub fn caused_by(cause: &(dyn Error + 'static), error: impl Into<BoxError>) -> Self {
        let failure = if is_overloaded(cause) {
            Self::deferral(error)
        } else if causes(cause).any(is_final) {
            Self::permanent(error)
        } else {
            Self::error(error.into())
        };
        match pause_of(cause) {
            Some(pause) => failure.with_retry_after(pause),
            None => failure,
        }
    }

    /// The failure of a handler one of whose calls the Bot API refused with this `error_code`. It is
    /// [permanent](Self::permanent) if the same call would be refused again: for 4xx other than 401, 404 and 409, which
    /// are about the bot, and 429.
    ///
    /// For calls through other clients: the errors of [`Client`](crate::Client) are recognised wherever they are.
    ///
    /// See [making requests](https://core.telegram.org/bots/api#making-requests).
    ///
    /// ```
    /// use http::StatusCode;
    /// use tower_telegram::webhook::Failure;
    ///
    /// assert!(Failure::refused_call(StatusCode::FORBIDDEN, "blocked by the user").is_permanent());
    /// assert!(!Failure::refused_call(StatusCode::TOO_MANY_REQUESTS, "slow down").is_permanent());
    /// ```
    pub fn refused_call(status: StatusCode, error: impl Into<BoxError>) -> Self {
        if is_final_refusal(status) {
            Self::permanent(error)
        } else {
            Self::error(error.into())
        }
    }
}

/// Whether another attempt can't change it.
fn is_final(cause: &(dyn Error + 'static)) -> bool {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return failure.is_permanent();
    }
    if let Some(error) = cause.downcast_ref::<ErrorCause>() {
        return error.is_permanent();
    }
    let Some(verdict) = CallVerdict::of(cause) else {
        return false;
    };
    match verdict.kind {
        // In the last case Telegram has executed the call, and another attempt would execute it twice.
        ErrorKind::Invalid | ErrorKind::Encode | ErrorKind::Decode => true,
        ErrorKind::Api => verdict.status.is_some_and(is_final_refusal),
        _ => false,
    }
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

/// Whether the Bot API refuses the same call again. 401, 404 and 409 are about the bot, and not about the call.
fn is_final_refusal(status: StatusCode) -> bool {
    status.is_client_error()
        && !matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::NOT_FOUND
                | StatusCode::CONFLICT
                | StatusCode::TOO_MANY_REQUESTS
        )
}

/// The failure of a handler whose reply can't be sent. A file that can't be read now may be there later.
pub(crate) fn unsent(error: &ReplyError) -> Failure {
    let rejection = Rejection::Reply(error.clone());
    match error {
        ReplyError::Upload(_) => Failure::error(rejection.into()),
        _ => Failure::permanent(rejection),
    }
}

/// The pause that the handler asked for, or the Bot API, where one of its refusals is the cause.
fn pause_of(error: &(dyn Error + 'static)) -> Option<Duration> {
    causes(error).find_map(|cause| {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.retry_after();
        }
        if let Some(error) = cause.downcast_ref::<ErrorCause>() {
            return error.retry_after();
        }
        CallVerdict::of(cause)?.retry_after
    })
}

/// Whether tower's `LoadShed` had no room for the update, or another layer deferred it. If a call that the handler
/// made was shed, the handler has failed.
pub(crate) fn is_overloaded(error: &(dyn Error + 'static)) -> bool {
    let mut of_the_update = causes(error).take_while(|cause| CallVerdict::of(*cause).is_none());
    of_the_update.any(|cause| {
        let failure = cause.downcast_ref::<Failure>();
        let hidden = cause.downcast_ref::<ErrorCause>();
        cause.is::<tower::load_shed::error::Overloaded>()
            || failure.is_some_and(Failure::is_deferral)
            || hidden.is_some_and(ErrorCause::is_deferral)
    })
}

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
            rejection.log(Some(update_id));
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

/// The whole seconds of `Retry-After`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?;
    value.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// Asks for a pause, in whole seconds and at least one.
pub(crate) fn set_retry_after<B>(response: &mut Response<B>, after: Duration) {
    let seconds = HeaderValue::from(after.as_secs().max(1));
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Done { .. } => "done",
            Outcome::Deferred { .. } => "deferred",
            Outcome::Failed { .. } => "failed",
            Outcome::FailedForGood(_) => "failed for good",
        }
    }

    #[test]
    fn d14_a_rejection_says_whether_it_is_about_the_update() {
        let text = ReplyError::NotAnObject;
        for (rejection, expected) in [
            (Rejection::SecretToken, "deferred"),
            (Rejection::SourceAddress, "deferred"),
            (Rejection::TooLarge { limit: Some(1) }, "deferred"),
            (Rejection::Timeout, "deferred"),
            (Rejection::DeadlineExceeded, "deferred"),
            (Rejection::HandledElsewhere, "deferred"),
            (Rejection::Overloaded, "deferred"),
            (Rejection::QueueTimeout, "deferred"),
            (Rejection::LockUnavailable, "deferred"),
            (Rejection::ShuttingDown, "deferred"),
            (Rejection::StoreUnavailable, "deferred"),
            (Rejection::Failed, "failed"),
            (Rejection::Reply(text), "failed for good"),
        ] {
            let response = rejection.clone().into_response();
            assert_eq!(name(&Outcome::of(&response)), expected, "{rejection}");
        }
    }

    #[test]
    fn d14_layers_of_others_are_known_by_their_status() {
        for (status, expected) in [
            (200, "done"),
            (204, "done"),
            (302, "failed"),
            (400, "failed"),
            (401, "deferred"),
            (404, "failed"),
            (408, "deferred"),
            (429, "deferred"),
            (500, "failed"),
            (503, "deferred"),
        ] {
            let mut response = Response::<ReplyBody>::default();
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            assert_eq!(name(&Outcome::of(&response)), expected, "{status}");
        }
        assert_eq!(name(&Outcome::of_error(shed())), "deferred");
    }

    fn shed() -> BoxError {
        tower::load_shed::error::Overloaded::new().into()
    }

    /// A pause is found behind the response that the error was made into, too.
    #[test]
    fn d14_d15_the_pause_that_was_asked_for_is_kept() {
        let flood = || {
            let after = Some(Duration::from_secs(7));
            let status = StatusCode::TOO_MANY_REQUESTS;
            client::Error::api(status, "words".into(), after, None)
        };
        let mut unavailable = Rejection::HandledElsewhere.into_response();
        set_retry_after(&mut unavailable, Duration::from_secs(7));
        for outcome in [
            Outcome::of_error(flood().into()),
            Outcome::of(&error_response(flood().into())),
            Outcome::of(&unavailable),
        ] {
            let (Outcome::Failed { after, .. } | Outcome::Deferred { after }) = outcome else {
                panic!("it may pass");
            };
            assert_eq!(after, Some(Duration::from_secs(7)));
        }
    }

    #[test]
    fn d15_only_a_refusal_that_stays_one_is_permanent() {
        let api = |status: u16, after: Option<u64>| {
            let status = StatusCode::from_u16(status).unwrap();
            client::Error::api(status, "words".into(), after.map(Duration::from_secs), None)
        };
        for (error, expected) in [
            (api(400, None), "failed for good"),
            (api(403, None), "failed for good"),
            (api(401, None), "failed"),
            (api(409, None), "failed"),
            (api(429, Some(7)), "failed"),
            (api(500, None), "failed"),
            (client::Error::invalid("no"), "failed for good"),
            (client::Error::transport("broken", true), "failed"),
            (api(404, None), "failed"),
            (client::Error::decode("odd"), "failed for good"),
            (client::Error::from(shed()), "failed"),
        ] {
            let text = error.to_string();
            assert_eq!(name(&Outcome::of_error(error.into())), expected, "{text}");
        }
    }

    /// Like anyhow's error: only the text and the causes of the error inside are visible.
    #[derive(Debug)]
    struct Hiding<E>(E);

    impl<E: Error> std::fmt::Display for Hiding<E> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            std::fmt::Display::fmt(&self.0, f)
        }
    }

    impl<E: Error> Error for Hiding<E> {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.0.source()
        }
    }

    #[test]
    fn d15_a_refusal_is_known_in_an_error_that_hides_what_it_was_made_from() {
        let api = |status| client::Error::api(status, "words".into(), None, None);
        for (error, expected) in [
            (api(StatusCode::FORBIDDEN), "failed for good"),
            (api(StatusCode::BAD_REQUEST), "failed for good"),
            (api(StatusCode::UNAUTHORIZED), "failed"),
            (client::Error::transport("broken", true), "failed"),
        ] {
            let text = error.to_string();
            assert_eq!(
                name(&Outcome::of_error(Hiding(error).into())),
                expected,
                "{text}"
            );
        }
        let permanent = Hiding(Failure::permanent("no such order"));
        assert_eq!(
            name(&Outcome::of_error(permanent.into())),
            "failed for good"
        );
        let after = Some(Duration::from_secs(7));
        let status = StatusCode::TOO_MANY_REQUESTS;
        let flood = client::Error::api(status, "words".into(), after, None);
        let Outcome::Failed { after, .. } = Outcome::of_error(Hiding(flood).into()) else {
            panic!("it may pass");
        };
        assert_eq!(after, Some(Duration::from_secs(7)));
    }

    /// An error with a text of its own around another.
    #[derive(Debug)]
    struct Context<E>(E);

    impl<E> std::fmt::Display for Context<E> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("while ordering")
        }
    }

    impl<E: Error + 'static> Error for Context<E> {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    /// Every way in which a handler may hand an error on.
    #[test]
    fn d15_a_refusal_is_known_however_it_is_wrapped() {
        use std::{io, sync::Arc};

        type Wrap = fn(client::Error) -> BoxError;
        let wraps: [(&str, Wrap); 8] = [
            ("itself", |error| error.into()),
            ("with a context", |error| Context(error).into()),
            ("with ten contexts", |error| {
                let deep = Context(Context(Context(Context(Context(error)))));
                Context(Context(Context(Context(Context(deep))))).into()
            }),
            ("as an I/O error", |error| io::Error::other(error).into()),
            ("as an I/O error in another", |error| {
                io::Error::other(io::Error::other(error)).into()
            }),
            ("shared", |error| Arc::new(error).into()),
            ("shared as an I/O error", |error| {
                Arc::new(io::Error::other(error)).into()
            }),
            ("hidden in a context", |error| Context(Hiding(error)).into()),
        ];
        for (how, wrap) in wraps {
            for (status, expected) in [
                (400, "failed for good"),
                (403, "failed for good"),
                (413, "failed for good"),
                (401, "failed"),
                (404, "failed"),
                (409, "failed"),
                (429, "failed"),
                (500, "failed"),
                (502, "failed"),
            ] {
                let status = StatusCode::from_u16(status).unwrap();
                let error = || wrap(client::Error::api(status, "words".into(), None, None));
                let outcome = Outcome::of_error(error());
                assert_eq!(name(&outcome), expected, "{how}: {status}");
                let response = error_response(error());
                assert_eq!(name(&Outcome::of(&response)), expected, "{how}: {status}");
                // The same status of a proxy says nothing about the call.
                let foreign = Outcome::of_error(wrap(client::Error::foreign(status)));
                assert_eq!(name(&foreign), "failed", "{how}: a proxy's {status}");
            }
        }
    }

    /// A deferral is recognised behind any number of other errors.
    #[test]
    fn d14_a_deferral_is_one_however_deep() {
        let deferral = || Failure::deferral("the store is down");
        assert_eq!(name(&Outcome::of_error(deferral().into())), "deferred");
        let response = error_response(deferral().into());
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(name(&Outcome::of(&response)), "deferred");
        // Put there by a layer or a handler of HTTP requests, with a status of its own.
        let mut response = Response::<ReplyBody>::default();
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response.extensions_mut().insert(deferral());
        assert_eq!(name(&Outcome::of(&response)), "deferred");
    }

    #[test]
    fn d14_a_deferral_is_known_in_an_error_that_hides_it() {
        let hidden = || Hiding(Failure::deferral("no worker is free"));
        assert_eq!(name(&Outcome::of_error(hidden().into())), "deferred");
        let response = error_response(hidden().into());
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn d14_d15_a_handler_can_ask_for_a_pause() {
        let pause = Duration::from_secs(9);
        let failed = || Failure::error("busy".into()).with_retry_after(pause);
        let deferred = || Failure::deferral("no worker is free").with_retry_after(pause);
        for error in [
            BoxError::from(failed()),
            Hiding(failed()).into(),
            Context(failed()).into(),
            deferred().into(),
            Hiding(deferred()).into(),
        ] {
            let judged = Failure::caused_by(&*error, "words");
            assert_eq!(judged.retry_after(), Some(pause), "{error:?}");
            let response = error_response(error);
            let (Outcome::Failed { after, .. } | Outcome::Deferred { after }) =
                Outcome::of(&response)
            else {
                panic!("it may pass");
            };
            assert_eq!(after, Some(pause));
        }
        let (Outcome::Failed { after, .. } | Outcome::Deferred { after }) =
            Outcome::of_error(deferred().into())
        else {
            panic!("it may pass");
        };
        assert_eq!(after, Some(pause));
    }

    #[test]
    fn d14_d15_a_failure_is_judged_by_its_cause() {
        let api = |status: u16| {
            let status = StatusCode::from_u16(status).unwrap();
            client::Error::api(status, "words".into(), None, None)
        };
        let io = |error: client::Error| std::io::Error::other(error);
        let causes: [BoxError; 9] = [
            api(403).into(),
            api(401).into(),
            client::Error::invalid("no").into(),
            client::Error::transport("broken", true).into(),
            io(client::Error::encode("no")).into(),
            std::sync::Arc::new(io(client::Error::invalid("no"))).into(),
            Failure::permanent("no such order").into(),
            Failure::deferral("no worker is free").into(),
            shed(),
        ];
        let expected = [
            "failed for good",
            "failed",
            "failed for good",
            "failed",
            "failed for good",
            "failed for good",
            "failed for good",
            "deferred",
            "deferred",
        ];
        for (cause, expected) in causes.into_iter().zip(expected) {
            let judged = Failure::caused_by(&*cause, "words");
            assert_eq!(judged.as_error().unwrap().to_string(), "words");
            assert_eq!(name(&Outcome::of_error(judged.into())), expected);
            // As if it were returned itself.
            assert_eq!(name(&Outcome::of_error(cause)), expected);
        }
    }

    #[test]
    fn d15_a_refusal_of_another_client_is_judged_like_ours() {
        for status in (400..600).map(|code| StatusCode::from_u16(code).unwrap()) {
            let ours = client::Error::api(status, "words".into(), None, None);
            let expected = failure(ours.into()).is_permanent();
            let theirs = Failure::refused_call(status, "words");
            assert_eq!(theirs.is_permanent(), expected, "{status}");
        }
    }

    #[test]
    fn d15_a_handlers_own_word_counts_however_deep() {
        /// An error around another.
        #[derive(Debug)]
        struct Around(Failure);

        impl std::fmt::Display for Around {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("while ordering")
            }
        }

        impl Error for Around {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }

        let inner = Failure::permanent("no such order");
        assert!(failure(inner.clone().into()).is_permanent());
        assert!(failure(Around(inner).into()).is_permanent());
        assert!(!failure(Around(Failure::error("busy".into())).into()).is_permanent());
        assert!(!failure("anything".into()).is_permanent());
    }
}
