//! D12, D19, D20: work that goes on after the response to its update, and the shutdown that waits for it.

use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use tokio::time::{Instant, sleep};
use tower::{ServiceExt as _, service_fn};
use tower_telegram::{
    Client, Reply,
    client::{ApiBody, BotApi},
    methods::SendMessage,
    types::Update,
    webhook::{
        DeadlineLayer, DeliveryLayer, Failure, HandlerTimeoutLayer, Webhook,
        delivery::{
            Claim, ClaimToken, DeadLetter, DeliveryHandle, DeliveryKey, DeliveryStore, MemoryStore,
            ShutdownReport, StoreError,
        },
    },
};

use crate::support::{
    adapter::{BoxError, secret},
    wire::{Call, MESSAGE, SECRET},
};

const SECOND: Duration = Duration::from_secs(1);

/// The time of a shutdown.
const LIMIT: Duration = Duration::from_secs(30);

type Letters = Arc<Mutex<Vec<DeadLetter>>>;

/// A client whose calls take so long, and the number of those that have ended.
fn slow_client(time: Duration) -> (Client, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let http = service_fn(move |_: Request<ApiBody>| {
        let count = Arc::clone(&count);
        async move {
            sleep(time).await;
            count.fetch_add(1, Ordering::Relaxed);
            let message = r#"{"message_id":1,"date":1,"chat":{"id":7,"type":"private"}}"#;
            let body = format!(r#"{{"ok":true,"result":{message}}}"#);
            Ok::<_, Infallible>(Response::new(body))
        }
    });
    let token = "123456:a-Secret_One".parse().expect("a token");
    (Client::from_service(BotApi::telegram(http, &token)), sent)
}

fn deliveries(store: impl DeliveryStore) -> (DeliveryLayer, Letters) {
    let letters = Letters::default();
    let taken = Arc::clone(&letters);
    let layer = DeliveryLayer::with_store(store).dead_letter(move |letter| {
        taken.lock().expect("no panic").push(letter);
        ready(())
    });
    (layer, letters)
}

fn webhook(client: Client) -> Webhook {
    Webhook::new(secret(SECRET)).deadline(DeadlineLayer::ack_after(SECOND, client))
}

/// With the letters of its dead-letter hook, if it has one.
fn webhook_with_letters(client: Client, has_hook: bool) -> (Webhook, Letters) {
    let (layer, letters) = deliveries(MemoryStore::new());
    let webhook = webhook(client);
    if has_hook {
        return (webhook.delivery(layer), letters);
    }
    (webhook, letters)
}

/// Sends update 1, which is acknowledged after a second.
async fn acknowledged<F, Fut>(webhook: Webhook, handler: F) -> DeliveryHandle
where
    F: FnMut(Update) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<Option<SendMessage>, BoxError>> + Send + 'static,
{
    let service = webhook.handler(handler);
    let deliveries = service.deliveries();
    let response = service.oneshot(Call::new(MESSAGE).request());
    let response = response.await.expect("infallible");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(deliveries.running(), 1);
    deliveries
}

fn hello() -> SendMessage {
    SendMessage::new(7, "hello")
}

/// How many updates are in each list of a report: cancelled, lost, left running, unrecorded.
fn counts(report: &ShutdownReport) -> [usize; 4] {
    [
        &report.cancelled,
        &report.lost,
        &report.left_running,
        &report.unrecorded,
    ]
    .map(Vec::len)
}

#[tokio::test(start_paused = true)]
async fn d20_a_shutdown_waits_for_the_reply_of_an_acknowledged_update() {
    for has_deliveries in [true, false] {
        let (client, sent) = slow_client(10 * SECOND);
        let webhook = if has_deliveries {
            webhook(client)
        } else {
            webhook(client).without_delivery()
        };
        let deliveries = acknowledged(webhook, async |_| {
            sleep(2 * SECOND).await;
            Ok(Some(hello()))
        })
        .await;
        let report = deliveries.shutdown(LIMIT).await;
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(sent.load(Ordering::Relaxed), 1, "{has_deliveries}");
        assert_eq!(deliveries.running(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn d20_a_shutdown_waits_for_further_attempts_at_an_acknowledged_update() {
    let (client, sent) = slow_client(SECOND);
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&attempts);
    let deliveries = acknowledged(webhook(client), move |_| {
        let attempt = count.fetch_add(1, Ordering::Relaxed);
        async move {
            sleep(2 * SECOND).await;
            match attempt {
                0 | 1 => Err("not yet".into()),
                _ => Ok(Some(hello())),
            }
        }
    })
    .await;
    deliveries.close();
    let report = deliveries.shutdown(LIMIT).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(attempts.load(Ordering::Relaxed), 3);
    assert_eq!(sent.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn d20_an_acknowledged_update_without_time_for_its_next_attempt_is_a_dead_letter_at_once() {
    for has_hook in [true, false] {
        let (client, _) = slow_client(SECOND);
        let (webhook, letters) = webhook_with_letters(client, has_hook);
        let deliveries = acknowledged(webhook, async |_| {
            sleep(2 * SECOND).await;
            let failure = Failure::deferral("closed").with_retry_after(100 * SECOND);
            Err(failure.into())
        })
        .await;
        let began = Instant::now();
        let report = deliveries.shutdown(LIMIT).await;
        assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
        let lost = usize::from(!has_hook);
        assert_eq!(counts(&report), [0, lost, 0, 0]);
        let letters = letters.lock().expect("no panic");
        assert_eq!(letters.len(), usize::from(has_hook));
        for letter in letters.iter() {
            let failure = "no attempt could begin before shutdown";
            assert_eq!(letter.failure.to_string(), failure);
            assert_eq!(letter.attempts, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn d20_an_acknowledged_update_that_a_shutdown_cancels_is_a_dead_letter_or_named_as_lost() {
    for has_hook in [true, false] {
        let (client, _) = slow_client(SECOND);
        let (webhook, letters) = webhook_with_letters(client, has_hook);
        let deliveries = acknowledged(webhook, async |_| pending().await).await;
        let began = Instant::now();
        let report = deliveries.shutdown(LIMIT).await;
        assert_eq!(began.elapsed(), LIMIT);
        assert_eq!(counts(&report), [0, usize::from(!has_hook), 0, 0]);
        let letters = letters.lock().expect("no panic");
        let failures: Vec<_> = letters
            .iter()
            .map(|letter| letter.failure.to_string())
            .collect();
        let expected = has_hook.then_some("the attempt was cancelled by shutdown");
        assert_eq!(failures, Vec::from_iter(expected));
        assert_eq!(deliveries.running(), 0);
    }
}

/// Telegram sends it again, if its first response was lost.
#[tokio::test(start_paused = true)]
async fn d20_an_update_that_was_acknowledged_twice_has_one_letter_and_isnt_lost() {
    let (client, _) = slow_client(SECOND);
    let (webhook, letters) = webhook_with_letters(client, true);
    let service = webhook.handler(async |_: Update| {
        pending::<()>().await;
    });
    let deliveries = service.deliveries();
    for _ in 0..2 {
        let response = service.clone().oneshot(Call::new(MESSAGE).request());
        let status = response.await.expect("infallible").status();
        assert_eq!(status, StatusCode::OK);
    }
    let report = deliveries.shutdown(LIMIT).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(letters.lock().expect("no panic").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn d20_a_reply_that_a_shutdown_cuts_off_is_named_as_lost() {
    let (client, sent) = slow_client(2 * LIMIT);
    let (layer, letters) = deliveries(MemoryStore::new());
    let deliveries = acknowledged(webhook(client).delivery(layer), async |_| {
        sleep(2 * SECOND).await;
        Ok(Some(hello()))
    })
    .await;
    let report = deliveries.shutdown(LIMIT).await;
    assert_eq!(counts(&report), [0, 1, 0, 0]);
    sleep(3 * LIMIT).await;
    assert_eq!(sent.load(Ordering::Relaxed), 0, "it was cancelled");
    assert!(
        letters.lock().expect("no panic").is_empty(),
        "it was handled"
    );
}

/// A store that has failed a number of times.
struct FailingStore {
    store: MemoryStore,
    claims: usize,
    records: usize,
    calls: [AtomicUsize; 2],
}

impl FailingStore {
    fn new(claims: usize, records: usize) -> Self {
        Self {
            store: MemoryStore::new(),
            claims,
            records,
            calls: Default::default(),
        }
    }

    fn count(&self, call: usize, failing: usize) -> Result<(), StoreError> {
        if self.calls[call].fetch_add(1, Ordering::Relaxed) < failing {
            return Err(StoreError::new("the store is down"));
        }
        Ok(())
    }
}

impl DeliveryStore for FailingStore {
    async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
        if let Err(error) = self.count(0, self.claims) {
            // Later than an early acknowledgement.
            sleep(2 * SECOND).await;
            return Err(error);
        }
        self.store.claim(key).await
    }

    async fn finish(&self, token: &ClaimToken, reply: Option<&Reply>) -> Result<bool, StoreError> {
        self.count(1, self.records)?;
        self.store.finish(token, reply).await
    }

    async fn fail(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        self.store.fail(token).await
    }

    async fn release(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        self.store.release(token).await
    }
}

#[tokio::test(start_paused = true)]
async fn d20_an_acknowledged_update_whose_ten_minutes_are_over_is_a_dead_letter() {
    let hour = Duration::from_secs(3600);
    for is_deferred in [true, false] {
        let (client, _) = slow_client(SECOND);
        let (layer, letters) = deliveries(MemoryStore::new());
        let webhook = webhook(client).delivery(layer.max_attempts(1000));
        let deliveries = acknowledged(webhook, move |_| async move {
            sleep(2 * SECOND).await;
            if is_deferred {
                Err(Failure::deferral("no lock").into())
            } else {
                Err("no".into())
            }
        })
        .await;
        sleep(hour).await;
        assert_eq!(deliveries.running(), 0);
        let letters = letters.lock().expect("no panic");
        let [letter] = &letters[..] else {
            panic!("{letters:?}");
        };
        let failure = letter.failure.to_string();
        if is_deferred {
            let expected = "no attempt could begin within ten minutes";
            assert_eq!((letter.attempts, &*failure), (0, expected));
        } else {
            assert_eq!(failure, "the handler failed: no");
            assert!(letter.attempts > 5, "{}", letter.attempts);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn d20_an_acknowledged_update_that_no_store_could_claim_is_a_dead_letter() {
    let (client, _) = slow_client(SECOND);
    let (layer, letters) = deliveries(FailingStore::new(usize::MAX, 0));
    let deliveries =
        acknowledged(webhook(client).delivery(layer), async |_| Ok(Some(hello()))).await;
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(deliveries.running(), 0);
    let letters = letters.lock().expect("no panic");
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].attempts, 0);
}

/// Sends update 1, whose handler takes ten seconds and has a limit of one.
async fn left_running(webhook: Webhook) -> (DeliveryHandle, Arc<AtomicUsize>) {
    let ended = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ended);
    let service = webhook
        .handler_timeout(HandlerTimeoutLayer::new(SECOND).leave_running())
        .handler(move |_: Update| {
            let count = Arc::clone(&count);
            async move {
                sleep(10 * SECOND).await;
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    let deliveries = service.deliveries();
    let request = Call::new(MESSAGE).request();
    let response = service.oneshot(request).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(deliveries.running(), 1);
    (deliveries, ended)
}

#[tokio::test(start_paused = true)]
async fn d19_a_shutdown_waits_for_a_handler_that_was_left_running_and_names_it() {
    let plain = || Webhook::new(secret(SECRET));
    let webhooks: [fn(Webhook) -> Webhook; 3] = [
        |webhook| webhook,
        Webhook::without_delivery,
        Webhook::without_deadline,
    ];
    for webhook in webhooks {
        let (deliveries, ended) = left_running(webhook(plain())).await;
        let report = deliveries.shutdown(LIMIT).await;
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(ended.load(Ordering::Relaxed), 1);

        let (deliveries, ended) = left_running(webhook(plain())).await;
        let report = deliveries.shutdown(5 * SECOND).await;
        assert_eq!(counts(&report), [0, 0, 1, 0]);
        assert_eq!(ended.load(Ordering::Relaxed), 0);
        sleep(10 * SECOND).await;
        let ended = ended.load(Ordering::Relaxed);
        assert_eq!(ended, 1, "it isn't stopped half-way");
    }
}

#[tokio::test(start_paused = true)]
async fn d12_a_shutdown_waits_for_the_record_of_a_handled_update() {
    for (failing, limit, unrecorded) in [
        // The second call is after a pause.
        (2, LIMIT, 0),
        // Without time for the pause it is the last, and made at once.
        (1, Duration::ZERO, 0),
        (2, Duration::ZERO, 1),
    ] {
        let layer = DeliveryLayer::with_store(FailingStore::new(0, failing));
        let service = Webhook::new(secret(SECRET))
            .delivery(layer)
            .handler(async |_: Update| {});
        let deliveries = service.deliveries();
        let request = Call::new(MESSAGE).request();
        let response = service.oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(deliveries.running(), 1);
        let report = deliveries.shutdown(limit).await;
        assert_eq!(counts(&report), [0, 0, 0, unrecorded], "{failing}");
    }
}
