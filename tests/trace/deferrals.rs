//! The reason of a deferral, in the span, in the metrics and in the log.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use tower::{BoxError, Layer as _, ServiceBuilder, ServiceExt as _, service_fn};
use tower_telegram::{
    methods::{DeleteMessage, SendMessage},
    router::{
        Router,
        session::{
            MemorySessions, Session, SessionError, SessionLayer, SessionStore, StoredSession,
        },
    },
    trace::TraceUpdatesLayer,
    types::Update,
    webhook::{
        Failure, ParseLayer, RawUpdate, Rejection, ReplyBody, ServiceBuilderExt as _,
        UpdateOutcome, Webhook,
    },
};

use super::support::{Answers, CHAT_NOT_FOUND, message};
use crate::support::{
    metrics::Measured,
    recorder::{RecordedSpan, Recorder},
};

fn deferred(reason: &str) -> String {
    format!("telegram.updates.deferred{{telegram.reason=\"{reason}\"}}")
}

/// Everything that one delivery leaves behind.
struct Seen {
    span: RecordedSpan,
    measured: Measured,
    recorder: Recorder,
    response: Response<ReplyBody>,
}

impl Seen {
    /// The fields of the events with this message.
    fn event(&self, message: &str) -> std::collections::BTreeMap<String, String> {
        let events = self.recorder.events();
        let mut found = events.iter().filter(|event| event.message() == message);
        let event = found
            .next()
            .unwrap_or_else(|| panic!("{message}: {}", self.recorder.text()));
        assert!(found.next().is_none(), "once: {}", self.recorder.text());
        let fields = event.fields.iter();
        fields
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    }

    fn assert_deferred(&self, reason: &str, message: &str) {
        let span = &self.span;
        assert_eq!(span.get("telegram.update.outcome"), "deferred", "{span}");
        assert_eq!(span.get("error.type"), reason, "{span}");
        assert!(span.get("error.message").contains(message), "{span}");
        assert_eq!(span.get("otel.status_code"), "", "{span}");
        let keys = self.measured.keys();
        let counted = self.measured.value(&deferred(reason));
        assert_eq!(counted, 1.0, "{reason} in {keys:?}");
        let all = keys.iter().filter(|key| key.contains("updates.deferred"));
        assert_eq!(all.count(), 1, "no other reason: {keys:?}");
    }
}

/// Delivers the update 5 to a bot over HTTP, once.
async fn deliver<S>(bot: S) -> Seen
where
    S: tower::Service<Request<String>, Response = Response<ReplyBody>>,
{
    let (recorder, _guard) = Recorder::start();
    let measured = Measured::default();
    let _measuring = metrics::set_default_local_recorder(&measured);
    let body = String::from_utf8(message(5, 7).body().bytes().to_vec()).unwrap();
    let request = Request::post("/bot").header(header::CONTENT_TYPE, "application/json");
    let response = bot.oneshot(request.body(body).unwrap()).await;
    let response = response.unwrap_or_else(|_| panic!("a response"));
    let spans = recorder.updates();
    let [span] = &spans[..] else {
        panic!("one span: {}", recorder.text());
    };
    Seen {
        span: span.clone(),
        measured: measured.clone(),
        recorder: recorder.clone(),
        response,
    }
}

#[tokio::test]
async fn l4_a_deferral_by_the_handler_says_why() {
    let bot = Webhook::without_secret_token()
        .handler(async |_: Update| Err::<(), _>(Failure::deferral("no worker is free")));
    let seen = deliver(bot).await;
    assert_eq!(seen.response.status(), StatusCode::SERVICE_UNAVAILABLE);
    seen.assert_deferred("handler", "no worker is free");
    let logged = seen.event("request rejected");
    assert!(logged["reason"].contains("no worker is free"), "{logged:?}");
    assert_eq!(logged["update_id"], "5");
    let rejection = seen.response.extensions().get();
    assert_eq!(rejection, Some(&Rejection::Deferred));
    let failure: &Failure = seen.response.extensions().get().unwrap();
    assert!(failure.is_deferral());
}

/// The facts about another attempt are those of the cause, and so is the reason.
#[tokio::test]
async fn l4_a_deferral_behind_another_error_says_why() {
    let bot = Webhook::without_secret_token().handler(async |_: Update| {
        let cause = Failure::deferral("no worker is free");
        Err::<(), _>(Failure::caused_by(&cause, "the shop's handler failed"))
    });
    let seen = deliver(bot).await;
    seen.assert_deferred("handler", "the shop's handler failed");
}

#[derive(Default, Deserialize, Serialize)]
struct Count(u32);

async fn count(mut count: Session<Count>) {
    count.0 += 1;
}

/// A store whose calls fail, or find another session each time.
#[derive(Clone, Copy)]
enum Faulty {
    Load,
    Save,
    Conflict,
}

impl SessionStore for Faulty {
    async fn load(&self, _: &str) -> Result<Option<StoredSession>, SessionError> {
        match self {
            Self::Load => Err(SessionError::store("connection refused")),
            _ => Ok(None),
        }
    }

    async fn save(
        &self,
        _: &str,
        _: Option<u64>,
        _: Option<Bytes>,
        _: Duration,
    ) -> Result<bool, SessionError> {
        match self {
            Self::Conflict => Ok(false),
            _ => Err(SessionError::store("connection refused")),
        }
    }
}

fn with_sessions(
    store: impl SessionStore,
) -> impl tower::Service<Request<String>, Response = Response<ReplyBody>> {
    let layer = SessionLayer::<Count, _>::new(store);
    let router: Router = Router::new().message(count).layer(layer);
    Webhook::without_secret_token().service(router)
}

#[tokio::test]
async fn l4_a_store_of_sessions_that_is_down_is_the_reason_and_an_error_in_the_log() {
    for store in [Faulty::Load, Faulty::Save] {
        let seen = deliver(with_sessions(store)).await;
        assert_eq!(seen.response.status(), StatusCode::SERVICE_UNAVAILABLE);
        seen.assert_deferred("session_store_unavailable", "connection refused");
        let logged = seen.event("session store unavailable");
        assert!(logged["error"].contains("connection refused"), "{logged:?}");
        assert_eq!(logged["update_id"], "5");
    }
}

#[tokio::test]
async fn l4_a_conflict_of_sessions_is_the_reason() {
    let seen = deliver(with_sessions(Faulty::Conflict)).await;
    seen.assert_deferred("session_conflict", "another update changed the session");
    assert!(!seen.recorder.text().contains("session store unavailable"));
}

#[tokio::test]
async fn l4_a_session_that_outlives_its_handler_is_a_warning() {
    let kept = Arc::new(std::sync::Mutex::new(None));
    let slot = Arc::clone(&kept);
    let handler = async move |session: Session<Count>| {
        *slot.lock().unwrap() = Some(session);
    };
    let layer = SessionLayer::<Count, _>::new(MemorySessions::new());
    let router: Router = Router::new().message(handler).layer(layer);
    let seen = deliver(Webhook::without_secret_token().service(router)).await;
    assert_eq!(seen.response.status(), StatusCode::OK);
    let logged =
        seen.event("session still held after its handler ended; its changes won't be stored");
    assert_eq!(logged["update_id"], "5");
    drop(kept.lock().unwrap().take());
}

/// The service below the webhook has no reason but its status.
#[tokio::test]
async fn l4_l5_a_bare_status_that_defers_is_counted_by_its_number() {
    for status in [401, 429, 503] {
        let route = service_fn(move |_: Request<_>| async move {
            let mut response = Response::new(http_body_util::Empty::<Bytes>::new());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok::<_, std::convert::Infallible>(response)
        });
        let bot = Webhook::without_secret_token().layer(route);
        let seen = deliver(bot).await;
        seen.assert_deferred(&status.to_string(), &format!("the response was {status}"));
    }
}

#[tokio::test]
async fn l4_a_bare_status_that_fails_is_the_type_of_the_error() {
    let route = service_fn(async |_: Request<_>| {
        let mut response = Response::new(http_body_util::Empty::<Bytes>::new());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        Ok::<_, std::convert::Infallible>(response)
    });
    let seen = deliver(Webhook::without_secret_token().layer(route)).await;
    assert_eq!(seen.span.get("telegram.update.outcome"), "failed");
    assert_eq!(seen.span.get("error.type"), "502");
}

#[tokio::test]
async fn l4_an_update_that_cant_be_read_or_a_reply_that_cant_be_sent_has_its_reason() {
    let (recorder, _guard) = Recorder::start();
    let service = ServiceBuilder::new()
        .trace_updates()
        .layer(ParseLayer::<Vec<u8>>::new().retry_unreadable())
        .service(service_fn(async |_: Request<Vec<u8>>| {
            Ok::<_, std::convert::Infallible>(Response::<ReplyBody>::default())
        }));
    service.oneshot(message(5, 7)).await.unwrap();
    let updates = recorder.updates();
    assert_eq!(updates[0].get("telegram.update.outcome"), "failed");
    assert_eq!(updates[0].get("error.type"), "unreadable");

    let bot = Webhook::without_secret_token().handler(async |_: Update| {
        let text = "a".repeat(tower_telegram::Reply::MAX_ARGUMENTS + 1);
        SendMessage::new(7, text)
    });
    let seen = deliver(bot).await;
    assert_eq!(seen.span.get("telegram.update.outcome"), "abandoned");
    assert_eq!(seen.span.get("error.type"), "reply", "{}", seen.span);
}

/// The errors of a service that no layer has made a response of yet.
#[tokio::test]
async fn l4_an_error_is_judged_like_the_deliveries_judge_it() {
    let shed = || BoxError::from(tower::load_shed::error::Overloaded::new());
    let errors: [(fn() -> BoxError, _); 4] = [
        (shed, "deferred overloaded"),
        (
            || Failure::deferral("no worker is free").into(),
            "deferred handler",
        ),
        (
            || Failure::permanent("no such order").into(),
            "abandoned _OTHER",
        ),
        (|| "it fails".into(), "failed _OTHER"),
    ];
    for (error, expected) in errors {
        let (recorder, _guard) = Recorder::start();
        let service = ServiceBuilder::new().trace_updates().service(service_fn(
            move |_: Request<RawUpdate>| async move { Err::<Response<ReplyBody>, _>(error()) },
        ));
        service.oneshot(message(5, 7)).await.unwrap_err();
        let updates = recorder.updates();
        let outcome = updates[0].get("telegram.update.outcome");
        let seen = format!("{outcome} {}", updates[0].get("error.type"));
        assert_eq!(seen, expected);
        assert!(!updates[0].get("error.message").is_empty());
    }
    // By its own type, too.
    let (recorder, _guard) = Recorder::start();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let outcomes = Arc::clone(&seen);
    let layer = TraceUpdatesLayer::new()
        .on_failure(move |outcome, _, _| outcomes.lock().unwrap().push(outcome));
    let service = layer.layer(service_fn(async |_: Request<RawUpdate>| {
        Err::<Response<ReplyBody>, _>(tower::load_shed::error::Overloaded::new())
    }));
    service.oneshot(message(5, 7)).await.unwrap_err();
    assert_eq!(*seen.lock().unwrap(), [UpdateOutcome::Deferred]);
    drop(recorder);
}

/// The layer can read the type of such an error, and not its text.
#[tokio::test]
async fn l4_an_error_of_a_services_own_type_has_the_types_name() {
    #[derive(Debug)]
    struct ShopError;

    let (recorder, _guard) = Recorder::start();
    let service =
        ServiceBuilder::new()
            .trace_updates()
            .service(service_fn(async |_: Request<RawUpdate>| {
                Err::<Response<ReplyBody>, _>(ShopError)
            }));
    service.oneshot(message(5, 7)).await.unwrap_err();
    let updates = recorder.updates();
    assert_eq!(updates[0].get("telegram.update.outcome"), "failed");
    let error_type = updates[0].get("error.type");
    assert!(
        error_type.starts_with("it::trace::deferrals::") && error_type.ends_with("::ShopError"),
        "{error_type}"
    );
}

/// Also where the client's error is the service's own.
#[tokio::test]
async fn l4_a_services_client_error_has_its_kind() {
    let (recorder, _guard) = Recorder::start();
    let answers = Answers::default();
    answers.push(CHAT_NOT_FOUND);
    let client = answers.client();
    let service =
        ServiceBuilder::new()
            .trace_updates()
            .service(service_fn(move |_: Request<RawUpdate>| {
                let client = client.clone();
                async move {
                    let deleted = client.send(DeleteMessage::new(7, 1)).await;
                    deleted.map(|_| Response::<ReplyBody>::default())
                }
            }));
    service.oneshot(message(5, 7)).await.unwrap_err();
    let updates = recorder.updates();
    assert_eq!(updates[0].get("error.type"), "api");
    assert_eq!(updates[0].get("telegram.update.outcome"), "abandoned");
}

/// A runner has no response whose reason was counted before.
#[tokio::test(start_paused = true)]
async fn l5_a_deferral_of_a_polled_update_is_counted_once() {
    let telegram = crate::support::get_updates::PolledTelegram::default();
    telegram.message(7, "hi");
    let measured = Measured::default();
    let _measuring = metrics::set_default_local_recorder(&measured);
    let service = ServiceBuilder::new().trace_updates().service(service_fn({
        let calls = Arc::new(std::sync::atomic::AtomicU32::new(0));
        move |_: Request<RawUpdate>| {
            let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async move {
                match call {
                    0 => Err(BoxError::from(Failure::deferral("no worker is free"))),
                    _ => Ok(Response::<ReplyBody>::default()),
                }
            }
        }
    }));
    let polling = tower_telegram::polling::Polling::new(telegram.client());
    let running = tokio::spawn(polling.run(service));
    super::support::until("it is confirmed", || telegram.pending().is_empty()).await;
    running.abort();
    assert_eq!(
        measured.value(&deferred("handler")),
        1.0,
        "{:?}",
        measured.keys()
    );
}
