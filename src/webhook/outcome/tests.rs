use std::error::Error;

use super::*;
use crate::{ReplyError, client};

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done { .. } => "done",
        Outcome::Deferred { .. } => "deferred",
        Outcome::Failed { .. } => "failed",
        Outcome::FailedPermanently(_) => "failed permanently",
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
        (Rejection::Reply(text), "failed permanently"),
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

/// The webhook read whole seconds alone, where the client also reads dates and joined headers.
#[test]
fn d14_d15_a_pause_is_read_in_each_form_of_its_header() {
    for (asked, millis) in [
        ("7", Some(7000)),
        ("0", Some(0)),
        ("1.5", Some(1500)),
        ("0, 30", Some(30_000)),
        ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30_000)),
        ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30_000)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
        ("soon", None),
    ] {
        for status in [500, 503] {
            let response = Response::builder()
                .status(status)
                .header(header::DATE, "Sun, 06 Nov 1994 08:49:37 GMT")
                .header(header::RETRY_AFTER, asked)
                .body(ReplyBody::default());
            let (Outcome::Failed { after, .. } | Outcome::Deferred { after }) =
                Outcome::of(&response.unwrap())
            else {
                panic!("it may pass");
            };
            assert_eq!(after, millis.map(Duration::from_millis), "{asked}");
        }
    }
}

#[test]
fn d5_a_part_of_a_second_is_no_shorter_pause() {
    for (millis, seconds) in [(0, "1"), (900, "1"), (1000, "1"), (1001, "2"), (6900, "7")] {
        let mut response = Response::new(());
        set_retry_after(&mut response, Duration::from_millis(millis));
        assert_eq!(response.headers()[header::RETRY_AFTER], seconds, "{millis}");
    }
    let mut response = Response::new(());
    set_retry_after(&mut response, Duration::MAX);
    assert_eq!(
        response.headers()[header::RETRY_AFTER],
        u64::MAX.to_string()
    );
}

#[test]
fn d15_only_a_refusal_that_stays_one_is_permanent() {
    let api = |status: u16, after: Option<u64>| {
        let status = StatusCode::from_u16(status).unwrap();
        client::Error::api(status, "words".into(), after.map(Duration::from_secs), None)
    };
    for (error, expected) in [
        (api(400, None), "failed permanently"),
        (api(403, None), "failed permanently"),
        (api(401, None), "failed"),
        (api(409, None), "failed"),
        (api(429, Some(7)), "failed"),
        (api(500, None), "failed"),
        (client::Error::invalid("no"), "failed permanently"),
        (client::Error::transport("broken", true), "failed"),
        (api(404, None), "failed"),
        (client::Error::decode("odd"), "failed permanently"),
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
        (api(StatusCode::FORBIDDEN), "failed permanently"),
        (api(StatusCode::BAD_REQUEST), "failed permanently"),
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
        "failed permanently"
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
            (400, "failed permanently"),
            (403, "failed permanently"),
            (413, "failed permanently"),
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
        let (Outcome::Failed { after, .. } | Outcome::Deferred { after }) = Outcome::of(&response)
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
        "failed permanently",
        "failed",
        "failed permanently",
        "failed",
        "failed permanently",
        "failed permanently",
        "failed permanently",
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
