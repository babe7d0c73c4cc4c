//! Incidents in production, found from spans and metrics alone.
//!
//! Each test causes an incident, and then answers an operator's questions from the recorded spans and metrics.
//! It looks at no state of the bot.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future as _,
    sync::{Arc, Mutex},
    task::Poll,
};

use tokio::time::{Duration, Instant};
use tower::ServiceExt as _;
use tower_telegram::{
    methods::SendMessage,
    trace::TraceUpdatesLayer,
    types::Update,
    webhook::{
        DeliveryLayer, SequenceLayer, Webhook,
        delivery::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
    },
};

use super::support::{Answers, SECOND, TOO_MANY, message, paused};
use crate::support::{
    metrics::Measured,
    recorder::{RecordedSpan, Recorder},
};

fn traced() -> Webhook {
    Webhook::without_secret_token().trace(TraceUpdatesLayer::new().with_chat())
}

/// How much time a span spent in work of its own, and not in a queue.
fn work(span: &RecordedSpan) -> f64 {
    span.took.as_secs_f64() - span.number("telegram.update.turn_wait")
}

#[tokio::test(start_paused = true)]
async fn l6_a_slow_handler_is_found() {
    let (recorder, _guard) = Recorder::start();
    let measured = Measured::default();
    let _measuring = metrics::set_default_local_recorder(&measured);
    let webhook = traced().sequence(SequenceLayer::new());
    let bot = webhook.handler(async |update: Update| {
        let slow = update.update_id == 3;
        tokio::time::sleep(if slow { SECOND * 40 } else { SECOND / 10 }).await;
    });
    let bot = bot.into_updates();
    let chats = [(1, 10), (2, 20), (3, 30), (4, 30), (5, 30), (6, 40)];
    let deliver = |(update_id, chat)| bot.clone().oneshot(message(update_id, chat));
    futures_util::future::join_all(chats.map(deliver)).await;

    // All were handled, so that no count of failures shows it. Of the attempts that took long, one had a slow handler, and
    // the others waited.
    let long = |name: &str| {
        let labels = "{telegram.update.type=\"message\",telegram.update.outcome=\"done\"}";
        let durations = measured.get(&format!("{name}{labels}"));
        assert_eq!(durations.len(), 6);
        durations.into_iter().filter(|took| *took > 30.0).count()
    };
    assert_eq!(long("messaging.process.duration"), 3);
    assert_eq!(long("telegram.handler.duration"), 1);
    // Which chats are affected, and which update makes them wait?
    let updates = recorder.updates();
    let slow = updates.iter().filter(|span| span.took > SECOND * 30);
    let chats: Vec<_> = slow
        .clone()
        .map(|span| span.get("telegram.chat.id"))
        .collect();
    assert_eq!(chats, ["30", "30", "30"]);
    let guilty: Vec<_> = slow.filter(|span| work(span) > 30.0).collect();
    assert_eq!(guilty.len(), 1);
    assert_eq!(guilty[0].get("messaging.message.id"), "3");
}

#[tokio::test(start_paused = true)]
async fn l6_a_storm_of_429_is_found() {
    let (recorder, _guard) = Recorder::start();
    let measured = Measured::default();
    let _measuring = metrics::set_default_local_recorder(&measured);
    let answers = Answers::default();
    for _ in 0..3 {
        answers.push(TOO_MANY);
    }
    let client = answers.client();
    let bot = traced().handler(move |_: Update| {
        let client = client.clone();
        // The answer is `true`, which is no message, and all the same to this test.
        async move { drop(client.send(SendMessage::new(7, "hi")).await) }
    });
    drop(bot.into_updates().oneshot(message(1, 10)).await.unwrap());

    // Which method is limited, and how often?
    let labels = "{telegram.method=\"sendMessage\",http.response.status_code=\"429\"}";
    assert_eq!(
        measured.value(&format!("telegram.client.retries{labels}")),
        3.0
    );
    // Which update's handler called it, and how long did it take?
    let calls = recorder.calls();
    let limited = calls
        .iter()
        .find(|call| call.number("http.request.resend_count") > 2.0);
    let limited = limited.expect("a call that was repeated");
    assert!(limited.took >= SECOND * 9, "each asks for three seconds");
    let updates = recorder.updates();
    let caller = updates.iter().find(|span| Some(span.id) == limited.parent);
    assert_eq!(caller.unwrap().get("telegram.chat.id"), "10");
}

/// A store with leases that replicas share.
#[derive(Clone, Default)]
struct LeaseStore(Arc<Mutex<HashMap<DeliveryKey, Leased>>>);

#[derive(Clone, Copy)]
struct Leased {
    attempt: u32,
    ends: Option<Instant>,
    is_done: bool,
}

impl DeliveryStore for LeaseStore {
    async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
        let mut claims = self.0.lock().unwrap();
        let free = Leased {
            attempt: 0,
            ends: None,
            is_done: false,
        };
        let claim = claims.entry(key).or_insert(free);
        if claim.is_done {
            return Ok(Claim::Done { reply: None });
        }
        if let Some(ends) = claim.ends.filter(|ends| *ends > Instant::now()) {
            let lease = ends - Instant::now();
            return Ok(Claim::Busy { lease });
        }
        claim.attempt += 1;
        claim.ends = Some(Instant::now() + SECOND * 10);
        Ok(Claim::Acquired(ClaimToken::new(
            key,
            claim.attempt.into(),
            claim.attempt,
        )))
    }

    async fn finish(
        &self,
        token: &ClaimToken,
        _: Option<&tower_telegram::Reply>,
    ) -> Result<bool, StoreError> {
        let mut claims = self.0.lock().unwrap();
        claims.get_mut(&token.key).unwrap().is_done = true;
        Ok(true)
    }

    async fn fail(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        self.0.lock().unwrap().get_mut(&token.key).unwrap().ends = None;
        Ok(true)
    }

    async fn release(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        self.0.lock().unwrap().get_mut(&token.key).unwrap().ends = None;
        Ok(true)
    }
}

/// One replica stops in the middle, as on a machine that is gone, and its spans never end.
#[test]
fn l6_a_lost_replica_is_found() {
    let store = LeaseStore::default();
    let replica = |handler_ends: bool| {
        let delivery = DeliveryLayer::with_store(store.clone());
        let webhook = traced().delivery(delivery);
        webhook
            .handler(move |_: Update| async move {
                if !handler_ends {
                    std::future::pending::<()>().await;
                }
            })
            .into_updates()
    };
    let (lost, guard) = Recorder::start();
    let mut dying = Box::pin(replica(false).oneshot(message(1, 10)));
    paused(std::future::poll_fn(|cx| {
        assert!(dying.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    }));
    // Neither ends nor is dropped: the machine is gone.
    std::mem::forget(dying);
    drop(guard);

    let (recorder, _guard) = Recorder::start();
    let measured = Measured::default();
    let _measuring = metrics::set_default_local_recorder(&measured);
    paused(async {
        let bot = replica(true);
        let busy = bot.clone().oneshot(message(1, 10)).await.unwrap();
        assert_eq!(busy.status().as_u16(), 503);
        tokio::time::sleep(SECOND * 20).await;
        drop(bot.oneshot(message(1, 10)).await.unwrap());
    });

    // Redeliveries found the update in other hands.
    let elsewhere = "telegram.updates.deferred{telegram.reason=\"handled_elsewhere\"}";
    assert_eq!(measured.value(elsewhere), 1.0, "{:?}", measured.keys());
    // An attempt without the one before it among the spans that ended: that replica is gone.
    let ended = lost.updates().into_iter().chain(recorder.updates());
    let ended: Vec<_> = ended.filter(|span| span.has_ended).collect();
    let key = |span: &RecordedSpan, back: f64| {
        let attempt = span.number("telegram.update.attempt") - back;
        format!("{} {attempt}", span.get("messaging.message.id"))
    };
    let there: Vec<_> = ended.iter().map(|span| key(span, 0.0)).collect();
    let orphans: Vec<_> = ended
        .iter()
        .filter(|span| span.number("telegram.update.attempt") > 1.0)
        .filter(|span| !there.contains(&key(span, 1.0)))
        .collect();
    assert_eq!(orphans.len(), 1, "{ended:?}");
    assert_eq!(orphans[0].get("messaging.message.id"), "1");
    assert_eq!(orphans[0].get("telegram.update.outcome"), "done");
}

#[tokio::test(start_paused = true)]
async fn l6_a_poison_update_is_found() {
    let (recorder, _guard) = Recorder::start();
    let measured = Measured::default();
    let _measuring = metrics::set_default_local_recorder(&measured);
    let bot = traced().handler(async |update: Update| {
        assert!(update.update_id != 3, "an index out of bounds");
    });
    let bot = bot.into_updates();
    for update_id in [1, 2, 3, 3, 4, 3, 3, 3, 3, 5] {
        drop(bot.clone().oneshot(message(update_id, 10)).await.unwrap());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    // The alert: an update was abandoned.
    let abandoned = "telegram.updates.abandoned{telegram.update.type=\"message\"}";
    assert_eq!(measured.value(abandoned), 1.0);
    // Which one, what happened each time, and where is it reported?
    let mut attempts: BTreeMap<String, Vec<RecordedSpan>> = BTreeMap::new();
    for span in recorder.updates() {
        let id = span.get("messaging.message.id").to_owned();
        attempts.entry(id).or_default().push(span);
    }
    let poison = attempts.iter().filter(|(_, spans)| {
        spans
            .iter()
            .any(|span| span.get("telegram.update.outcome") == "abandoned")
    });
    let poison: Vec<_> = poison.collect();
    assert_eq!(poison.len(), 1);
    let (id, spans) = poison[0];
    assert_eq!(id, "3");
    assert_eq!(spans.len(), 5);
    for span in spans {
        assert_eq!(span.get("error.type"), "panic");
        assert_eq!(span.get("otel.status_code"), "ERROR");
    }
}
