//! D14, D15: the outcome of an update by webhook, acknowledged early, and by polling. The
//! queue's workers are in `replicas::queue::failures`.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};
use tower::{ServiceBuilder, ServiceExt as _, service_fn, util::BoxCloneSyncService};
use tower_telegram::{
    Client,
    client::{ApiBody, BotApi},
    methods::SendMessage,
    polling::Polling,
    types::{Update, UpdateType},
    webhook::{
        DeadlineLayer, DeliveryLayer, Failure, RawUpdate, Rejection, ReplyBody,
        ServiceBuilderExt as _, Webhook, delivery::DeadLetter,
    },
};
use tower_telegram_test::{Telegram, update};

use crate::support::{
    adapter::{BoxError, secret},
    for_each_server::for_each_server,
    servers::Server,
    wire::{Call, SECRET, SECRET_HEADER},
};

for_each_server! {
    d14_what_a_layer_had_no_room_for_is_never_counted_against_the_update
    d14_a_wrong_secret_below_the_deliveries_is_no_attempt
    d14_a_pause_that_a_layer_names_as_a_date_is_kept
    d15_a_refusal_that_a_repeat_cant_change_is_a_dead_letter_at_once
    d15_an_error_that_may_pass_is_tried_again
    d15_telegrams_own_pause_is_passed_on
}

const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// A client whose every call has this response.
fn client(status: u16, body: &'static str) -> Client {
    let http = service_fn(move |_: Request<ApiBody>| {
        let response = Response::builder().status(status).body(body.to_owned());
        ready(Ok::<_, Infallible>(response.expect("a response")))
    });
    let token = "123456:a-Secret_One".parse().expect("a token");
    Client::from_service(BotApi::telegram(http, &token))
}

fn blocked() -> Client {
    let words = "Forbidden: bot was blocked by the user";
    client(
        403,
        json!({"ok": false, "error_code": 403, "description": words})
            .to_string()
            .leak(),
    )
}

/// An error of the bot's own, around one of the client's.
#[derive(Debug)]
struct WhileSaving(tower_telegram::client::Error);

impl fmt::Display for WhileSaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("while saving")
    }
}

impl Error for WhileSaving {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// How a handler fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It sends to a user who has blocked the bot.
    Blocked,
    /// It says itself that a repeat can't help.
    Permanent,
    /// A call that can't work, which isn't sent.
    Invalid,
    /// A reply over 1 MiB.
    TooLarge,
    /// Telegram has trouble.
    Unavailable,
    /// The bot's token isn't one any more: that isn't the update's fault.
    Unauthorized,
    /// Any other error.
    Unknown,
}

impl Fault {
    async fn result(self) -> Result<Option<SendMessage>, BoxError> {
        let hello = SendMessage::new(7, "hello");
        let unavailable = r#"{"ok":false,"error_code":500,"description":"Internal Server Error"}"#;
        let unauthorized = r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#;
        match self {
            Self::Blocked => drop(blocked().send(hello).await.map_err(WhileSaving)?),
            Self::Permanent => return Err(Failure::permanent("no such order").into()),
            Self::Invalid => {
                let webhook = tower_telegram::methods::SetWebhook::new("http://a.b/");
                blocked().send(webhook).await?;
            }
            Self::TooLarge => return Ok(Some(SendMessage::new(7, "x".repeat(2 << 20)))),
            Self::Unavailable => drop(client(500, unavailable).send(hello).await?),
            Self::Unauthorized => drop(client(401, unauthorized).send(hello).await?),
            Self::Unknown => return Err("the database is down".into()),
        }
        unreachable!("the call fails")
    }
}

const PERMANENT: [Fault; 4] = [
    Fault::Blocked,
    Fault::Permanent,
    Fault::Invalid,
    Fault::TooLarge,
];
const FOR_NOW: [Fault; 3] = [Fault::Unavailable, Fault::Unauthorized, Fault::Unknown];

fn call(id: u64) -> Call {
    Call::new(json!({"update_id": id, "poll": {"id": "1"}}).to_string())
}

/// Counts the handler's runs, and keeps what was abandoned.
#[derive(Clone, Default)]
struct Seen {
    runs: Arc<AtomicU32>,
    letters: Arc<Mutex<Vec<(i64, u32, String)>>>,
}

impl Seen {
    fn run(&self) -> u32 {
        self.runs.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }

    fn letters(&self) -> Vec<(i64, u32, String)> {
        self.letters.lock().expect("no panic").clone()
    }

    fn deliveries(&self) -> DeliveryLayer {
        let letters = Arc::clone(&self.letters);
        DeliveryLayer::new().dead_letter(move |letter: DeadLetter| {
            let mut why = letter.failure.to_string();
            let mut source = letter.failure.source();
            while let Some(error) = source {
                why = format!("{why}: {error}");
                source = error.source();
            }
            let letter = (letter.update.update_id(), letter.attempts, why);
            letters.lock().expect("no panic").push(letter);
            ready(())
        })
    }
}

async fn d15_a_refusal_that_a_repeat_cant_change_is_a_dead_letter_at_once(server: Server) {
    for fault in PERMANENT {
        let seen = Seen::default();
        let runs = seen.clone();
        let webhook = Webhook::new(secret(SECRET)).delivery(seen.deliveries());
        let endpoint = server
            .serve(webhook.handler(move |_: Update| {
                runs.run();
                fault.result()
            }))
            .await;
        let answer = endpoint.send(&call(1)).await;
        assert_eq!(answer.status, 200, "{fault:?}");
        assert_eq!(answer.body, b"", "{fault:?}");
        assert_eq!(endpoint.send(&call(1)).await.status, 200, "{fault:?}");
        assert_eq!(seen.runs(), 1, "{fault:?}");
        let letters = seen.letters();
        assert_eq!(letters.len(), 1, "{fault:?}");
        let (id, attempts, why) = &letters[0];
        assert_eq!((*id, *attempts), (1, 1), "{fault:?}");
        let words = match fault {
            Fault::Blocked => {
                "while saving: sendMessage: telegram refused the call: 403 Forbidden: bot was blocked"
            }
            Fault::Permanent => "no such order",
            Fault::Invalid => "setWebhook",
            _ => "reply",
        };
        assert!(why.contains(words), "{fault:?}: {why}");
    }
}

async fn d15_an_error_that_may_pass_is_tried_again(server: Server) {
    for fault in FOR_NOW {
        let seen = Seen::default();
        let runs = seen.clone();
        let webhook = Webhook::new(secret(SECRET)).delivery(seen.deliveries());
        let endpoint = server
            .serve(webhook.handler(move |_: Update| {
                runs.run();
                fault.result()
            }))
            .await;
        for run in 1..5 {
            let answer = endpoint.send(&call(1)).await;
            assert_eq!((answer.status, seen.runs()), (500, run), "{fault:?}");
            assert!(answer.has("retry-after"), "{fault:?}");
        }
        assert!(seen.letters().is_empty(), "{fault:?}");
        assert_eq!(endpoint.send(&call(1)).await.status, 200, "{fault:?}");
        assert_eq!(seen.letters().len(), 1, "{fault:?}");
    }
}

/// A pause that the Bot API asked the handler for also applies to the redelivery.
async fn d15_telegrams_own_pause_is_passed_on(server: Server) {
    let flood = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 30","parameters":{"retry_after":30}}"#;
    let webhook = Webhook::new(secret(SECRET));
    let service = webhook.handler(move |_: Update| async move {
        let sent = client(429, flood).send(SendMessage::new(7, "hello")).await;
        sent.map(drop).map_err(BoxError::from)
    });
    let answer = server.serve(service).await.send(&call(1)).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("retry-after"), Some("30"));
}

/// Whatever a layer further in can say that isn't about the update.
fn deferrals() -> Vec<Rejection> {
    vec![
        Rejection::DeadlineExceeded,
        Rejection::HandledElsewhere,
        Rejection::Overloaded,
        Rejection::QueueTimeout,
        Rejection::LockUnavailable,
        Rejection::ShuttingDown,
        Rejection::StoreUnavailable,
    ]
}

/// Defers each update so often, and then handles it.
fn deferring(
    seen: &Seen,
    why: Rejection,
    times: u32,
) -> BoxCloneSyncService<Request<RawUpdate>, Response<ReplyBody>, Infallible> {
    let seen = seen.clone();
    BoxCloneSyncService::new(service_fn(move |_: Request<RawUpdate>| {
        let response = if seen.run() > times {
            Response::default()
        } else {
            why.clone().into_response()
        };
        ready(Ok(response))
    }))
}

async fn d14_what_a_layer_had_no_room_for_is_never_counted_against_the_update(server: Server) {
    for why in deferrals() {
        let seen = Seen::default();
        let stack = ServiceBuilder::new()
            .secret_token(secret(SECRET))
            .update()
            .layer(seen.deliveries())
            .service(deferring(&seen, why.clone(), 10));
        let endpoint = server.serve_any(BoxCloneSyncService::new(stack)).await;
        for _ in 0..10 {
            let answer = endpoint.send(&call(1)).await;
            assert_eq!(answer.status, 503, "{why}");
            assert!(answer.has("retry-after"), "{why}");
        }
        assert_eq!(endpoint.send(&call(1)).await.status, 200, "{why}");
        assert_eq!((seen.runs(), seen.letters()), (11, vec![]), "{why}");
    }
}

/// As a gateway names it, whose response a layer passes on.
async fn d14_a_pause_that_a_layer_names_as_a_date_is_kept(server: Server) {
    let seen = Seen::default();
    let busy = service_fn(move |_: Request<RawUpdate>| {
        let response = Response::builder()
            .status(503)
            .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
            .header("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")
            .body(ReplyBody::default());
        ready(Ok::<_, Infallible>(response.expect("a response")))
    });
    let stack = ServiceBuilder::new()
        .secret_token(secret(SECRET))
        .update()
        .layer(seen.deliveries())
        .service(busy);
    let endpoint = server.serve_any(BoxCloneSyncService::new(stack)).await;
    for _ in 0..6 {
        let answer = endpoint.send(&call(1)).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("retry-after"), Some("30"));
    }
    assert_eq!(seen.letters(), vec![]);
}

/// The layers in the wrong order, as their types alone can't forbid it where they are boxed.
async fn d14_a_wrong_secret_below_the_deliveries_is_no_attempt(server: Server) {
    let seen = Seen::default();
    let inner = deferring(&seen, Rejection::HandledElsewhere, 0);
    let checked = service_fn(move |request: Request<RawUpdate>| {
        let inner = inner.clone();
        async move {
            let shown = request.headers().get(SECRET_HEADER);
            if shown.is_some_and(|shown| shown == SECRET) {
                inner.oneshot(request).await
            } else {
                Ok(Rejection::SecretToken.into_response())
            }
        }
    });
    let stack = ServiceBuilder::new()
        .update()
        .layer(seen.deliveries())
        .service(checked);
    let endpoint = server.serve_any(BoxCloneSyncService::new(stack)).await;
    let guess = call(1)
        .without(SECRET_HEADER)
        .header(SECRET_HEADER, "guess");
    for _ in 0..6 {
        assert_eq!(endpoint.send(&guess).await.status, 401);
    }
    assert_eq!(endpoint.send(&call(1)).await.status, 200);
    assert_eq!((seen.runs(), seen.letters()), (1, vec![]));
}

/// Deliveries stand below; the handler is only run once more where that can help.
#[tokio::test(start_paused = true)]
async fn d14_d15_acked_early_an_update_is_tried_again_only_where_that_can_help() {
    for (fault, runs) in PERMANENT
        .map(|fault| (fault, 1))
        .into_iter()
        .chain(FOR_NOW.map(|fault| (fault, 5)))
    {
        for has_deliveries in [true, false] {
            let seen = Seen::default();
            let count = seen.clone();
            let ack = DeadlineLayer::ack_after(Duration::from_secs(1), blocked());
            let webhook = Webhook::new(secret(SECRET)).deadline(ack);
            let webhook = if has_deliveries {
                webhook.delivery(seen.deliveries())
            } else {
                webhook.without_delivery()
            };
            let service = webhook.handler(move |_: Update| {
                count.run();
                async move {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    fault.result().await
                }
            });
            let response = service
                .oneshot(call(1).request())
                .await
                .expect("infallible");
            assert_eq!(response.status(), 200, "{fault:?}");
            tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
            if has_deliveries || runs == 1 {
                assert_eq!(seen.runs(), runs, "{fault:?} {has_deliveries}");
            } else {
                assert!(seen.runs() > runs, "{fault:?}");
            }
        }
    }
}

/// A bot that polls, until `done` is sent to.
async fn poll<S>(max_attempts: u32, service: S) -> Vec<i64>
where
    S: tower::Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let telegram = Telegram::start().await.expect("a port");
    let token = telegram.token().parse().expect("a token");
    let client = Client::with_base_url(&token, telegram.api_url()).expect("a URL");
    let last = telegram.enqueue(update::text(7, "hi")).expect("queued");
    let (failed, mut failures) = mpsc::unbounded_channel();
    let polling = Polling::new(client)
        .max_attempts(max_attempts)
        .dead_letter(move |letter| {
            let last = i64::try_from(last).expect("small");
            failed
                .send(letter.update.update_id() - last)
                .expect("it is awaited");
            ready(())
        });
    let run = tokio::spawn(polling.run(service));
    telegram.wait_until_confirmed(last).await.expect("taken");
    run.abort();
    let mut all = Vec::new();
    while let Ok(failure) = failures.try_recv() {
        all.push(failure);
    }
    all
}

#[tokio::test]
async fn d14_polling_counts_nothing_that_is_not_about_the_update() {
    for why in deferrals() {
        let seen = Seen::default();
        let service = deferring(&seen, why.clone(), 2);
        // A pause of the layer's own, so that the test needn't wait.
        let service = service.map_response(|mut response| {
            if !response.status().is_success() {
                response.headers_mut().insert("retry-after", 0.into());
            }
            response
        });
        let failed = timeout(STEP_TIMEOUT, poll(1, service))
            .await
            .expect("it ends");
        assert_eq!((seen.runs(), failed), (3, vec![]), "{why}");
    }
}

#[tokio::test]
async fn d15_polling_abandons_at_once_what_a_repeat_cant_change() {
    for fault in PERMANENT {
        let seen = Seen::default();
        let count = seen.clone();
        let webhook = Webhook::without_secret_token().allowed_updates(UpdateType::ALL);
        let service = webhook.without_delivery().handler(move |_: Update| {
            count.run();
            fault.result()
        });
        let polled = poll(5, service.into_updates());
        let failed = timeout(STEP_TIMEOUT, polled).await.expect("it ends");
        assert_eq!((seen.runs(), failed), (1, vec![0]), "{fault:?}");
    }
}

/// A hook that panics takes neither the chat's next update nor the bot with it.
#[tokio::test]
async fn polling_goes_on_when_the_hook_for_abandoned_updates_panics() {
    let telegram = Telegram::start().await.expect("a port");
    let token = telegram.token().parse().expect("a token");
    let client = Client::with_base_url(&token, telegram.api_url()).expect("a URL");
    let ids = ["one", "two"].map(|text| telegram.enqueue(update::text(7, text)).expect("queued"));
    let seen = Seen::default();
    let count = seen.clone();
    let webhook = Webhook::without_secret_token().without_delivery();
    let service = webhook.handler(move |_: Update| {
        count.run();
        Fault::Permanent.result()
    });
    let polling = Polling::new(client).dead_letter(async |_| panic!("the hook fails"));
    let run = tokio::spawn(polling.run(service.into_updates()));
    telegram.wait_until_confirmed(ids[1]).await.expect("taken");
    run.abort();
    assert_eq!(seen.runs(), 2);
}
