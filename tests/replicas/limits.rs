//! Replicas that keep to Telegram's limits together.

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use redis::aio::ConnectionManagerConfig;
use serde_json::json;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tower::{Layer as _, ServiceExt as _, service_fn, util::BoxCloneSyncService};
use tower_telegram::{
    client::{
        ApiBody, ApiRequest, ApiResponse, BotApi, Error, ErrorKind, Rate, RateLimitLayer,
        rate_limit::{LimitKey, LimitScope, SharedLimits, SharedLimitsError},
    },
    redis::RedisLimits,
};

use super::server::{RedisServer, SECOND};

pub(super) type Client = BoxCloneSyncService<ApiRequest, ApiResponse, Error>;

/// Long enough that it isn't over by itself while a busy machine makes the calls.
const SPAN: Duration = Duration::from_millis(400);

const THREE: Rate = Rate::new(3, SPAN);

const OK: &str = r#"{"ok":true,"result":true}"#;

const TOO_MANY: &str = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 1","parameters":{"retry_after":1}}"#;

pub(super) fn no_limits() -> RateLimitLayer {
    RateLimitLayer::new()
        .without_overall()
        .without_per_chat()
        .without_per_group()
}

/// A client of one replica, whose every call Telegram answers so.
fn answered(server: &RedisServer, layer: RateLimitLayer, answer: &'static str) -> Client {
    limited_by(RedisLimits::new(server.connection(), "bot"), layer, answer)
}

/// A client of one replica that waits for a slow Redis, in place of keeping to the limits by itself.
fn patient_replica(server: &RedisServer, layer: RateLimitLayer) -> Client {
    let config = ConnectionManagerConfig::new().set_response_timeout(None);
    let connection = server.client().get_connection_manager_lazy(config);
    let limits = RedisLimits::new(connection.unwrap(), "bot").timeout(30 * SECOND);
    limited_by(limits, layer, OK)
}

fn limited_by(limits: RedisLimits, layer: RateLimitLayer, answer: &'static str) -> Client {
    let http = service_fn(move |_: Request<ApiBody>| {
        ready(Ok::<_, Infallible>(Response::new(answer.to_owned())))
    });
    let token = "4839574812:AAFD39kkdpWt3".parse().unwrap();
    let api = BotApi::telegram(http, &token);
    BoxCloneSyncService::new(layer.shared(limits).layer(api))
}

pub(super) fn replica(server: &RedisServer, layer: RateLimitLayer) -> Client {
    answered(server, layer, OK)
}

pub(super) fn call(chat: impl Into<serde_json::Value>) -> ApiRequest {
    ApiRequest::raw("sendEcho", &json!({"chat_id": chat.into()})).unwrap()
}

/// How long these calls take, made by these clients in turn and all at once.
async fn time_of(clients: &[&Client], chats: impl IntoIterator<Item = i64>) -> Duration {
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for (chat, client) in chats.into_iter().zip(clients.iter().cycle()) {
        calls.spawn(Client::clone(client).oneshot(call(chat)));
    }
    let all = timeout(30 * SECOND, calls.join_all()).await;
    for answer in all.expect("all are made") {
        answer.unwrap();
    }
    began.elapsed()
}

#[tokio::test]
async fn f7_replicas_keep_to_the_limits_together() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let per_chat = no_limits().per_chat(THREE);
    let (one, other) = (
        replica(&server, per_chat.clone()),
        replica(&server, per_chat),
    );
    let time = time_of(&[&one, &other], [1; 12]).await;
    assert!(time >= 3 * SPAN && time < 20 * SPAN, "{time:?}");

    let overall = no_limits().overall(THREE);
    let (one, other) = (replica(&server, overall.clone()), replica(&server, overall));
    let time = time_of(&[&one, &other], 1..=12).await;
    assert!(time >= 3 * SPAN && time < 20 * SPAN, "{time:?}");
}

#[tokio::test]
async fn f7_a_chat_that_others_have_called_holds_up_no_other() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let layer = RateLimitLayer::new().per_chat(Rate::new(1, 60 * SECOND));
    let (one, other) = (replica(&server, layer.clone()), replica(&server, layer));
    time_of(&[&one], [1]).await;
    let held_up = tokio::spawn(other.clone().oneshot(call(1)));
    let time = time_of(&[&other], 2..=9).await;
    assert!(time < 5 * SECOND, "{time:?}");
    assert!(!held_up.is_finished());
    held_up.abort();
}

#[tokio::test]
async fn f7_a_group_has_both_its_limits_and_is_forgotten_after_them() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let layer = no_limits()
        .per_chat(Rate::new(100, SPAN))
        .per_group(Rate::per_minute(20));
    let one = patient_replica(&server, layer.clone());
    let other = patient_replica(&server, layer);
    let made = Arc::new(AtomicUsize::new(0));
    let mut calls = JoinSet::new();
    for n in 0..30 {
        let client = if n % 2 == 0 { &one } else { &other };
        let (client, made) = (client.clone(), made.clone());
        calls.spawn(async move {
            client.oneshot(call("@Group")).await.unwrap();
            made.fetch_add(1, Ordering::Relaxed);
        });
    }
    let log = "{bot:limits}:log:@group";
    while made.load(Ordering::Relaxed) < 20 {
        sleep(Duration::from_millis(5)).await;
    }
    // Any more would have come by now.
    sleep(SECOND / 2).await;
    assert_eq!(made.load(Ordering::Relaxed), 20);
    assert_eq!(server.ask::<usize>(&["LLEN", log]).await, 20);
    let stays: i64 = server.ask(&["PTTL", log]).await;
    assert!(stays > 0 && stays <= 60_000, "{stays}");
}

/// Three albums of 7 to one group, by two replicas.
#[tokio::test]
async fn f14_replicas_count_albums_as_the_messages_they_are() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let layer = no_limits().per_chat(Rate::new(20, SPAN));
    let (one, other) = (replica(&server, layer.clone()), replica(&server, layer));
    let media = [0; 7];
    let album = || {
        let parameters = json!({"chat_id": -5, "media": media});
        ApiRequest::raw("sendMediaGroup", &parameters).unwrap()
    };
    let began = Instant::now();
    for client in [&one, &other] {
        client.clone().oneshot(album()).await.unwrap();
    }
    let logged: usize = server.ask(&["LLEN", "{bot:limits}:log:-5"]).await;
    assert_eq!(logged, 14);
    one.clone().oneshot(album()).await.unwrap();
    assert!(began.elapsed() >= SPAN, "{:?}", began.elapsed());
}

/// A call of more messages than a limit allows pauses the chat for all replicas.
#[tokio::test]
async fn f14_replicas_wait_until_many_copies_are_made_up_for() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let layer = no_limits().per_chat(THREE);
    let (one, other) = (replica(&server, layer.clone()), replica(&server, layer));
    let parameters = json!({"chat_id": 5, "from_chat_id": 6, "message_ids": [1, 2, 3, 4, 5, 6, 7]});
    let copies = ApiRequest::raw("copyMessages", &parameters).unwrap();
    let began = Instant::now();
    one.oneshot(copies).await.unwrap();
    other.oneshot(call(5)).await.unwrap();
    assert!(began.elapsed() >= 3 * SPAN, "{:?}", began.elapsed());
}

#[tokio::test]
async fn f14_replicas_have_a_rate_for_paid_broadcasts() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let layer = no_limits()
        .overall(Rate::new(1, 60 * SECOND))
        .paid_broadcasts(THREE);
    let (one, other) = (replica(&server, layer.clone()), replica(&server, layer));
    time_of(&[&one], [1]).await;
    let began = Instant::now();
    for (chat, client) in (2..=7).zip([one, other].iter().cycle()) {
        let parameters = json!({"chat_id": chat, "allow_paid_broadcast": true});
        let paid = ApiRequest::raw("sendEcho", &parameters).unwrap();
        client.clone().oneshot(paid).await.unwrap();
    }
    let time = began.elapsed();
    assert!(time >= SPAN && time < 20 * SPAN, "{time:?}");
}

/// Calls of other replicas make it too late as well.
#[tokio::test]
async fn f13_a_replica_refuses_at_once_what_others_have_no_room_for() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let layer = no_limits().per_chat(Rate::new(1, 60 * SECOND));
    let (one, other) = (replica(&server, layer.clone()), replica(&server, layer));
    time_of(&[&one], [1]).await;
    let mut hasty = call(1);
    let began = Instant::now();
    let due = tower_telegram::webhook::Deadline::at(began + 30 * SECOND);
    hasty.extensions_mut().insert(due);
    let error = other.oneshot(hasty).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(began.elapsed() < 20 * SECOND);
    let logged: usize = server.ask(&["LLEN", "{bot:limits}:log:1"]).await;
    assert_eq!(logged, 1);
}

/// Limits whose response is held up once the call is counted.
struct HeldUp {
    limits: RedisLimits,
    responses: Arc<Semaphore>,
}

impl SharedLimits for HeldUp {
    async fn take(
        &self,
        scopes: &[LimitScope],
        messages: usize,
    ) -> Result<Vec<Duration>, SharedLimitsError> {
        let taken = self.limits.take(scopes, messages).await;
        self.responses.acquire().await.unwrap().forget();
        taken
    }

    async fn give_back(
        &self,
        scopes: &[LimitScope],
        messages: usize,
    ) -> Result<(), SharedLimitsError> {
        self.limits.give_back(scopes, messages).await
    }

    async fn pause(&self, key: &LimitKey, time: Duration) -> Result<(), SharedLimitsError> {
        self.limits.pause(key, time).await
    }
}

/// Telegram refused a call to the same chat, after the next one was counted and before it was made.
#[tokio::test]
async fn f13_a_call_that_redis_has_counted_and_that_is_not_made_does_not_count() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (responses, refusals) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(0)));
    let limits = HeldUp {
        limits: RedisLimits::new(server.connection(), "bot"),
        responses: Arc::clone(&responses),
    };
    let refusing = Arc::clone(&refusals);
    let http = service_fn(move |_: Request<ApiBody>| {
        let refusing = Arc::clone(&refusing);
        async move {
            refusing.acquire().await.unwrap().forget();
            Ok::<_, Infallible>(Response::new(TOO_MANY.to_owned()))
        }
    });
    let api = BotApi::telegram(http, &"4839574812:AAFD39kkdpWt3".parse().unwrap());
    let layer = no_limits()
        .per_chat(Rate::new(3, 60 * SECOND))
        .shared(limits);
    let client = layer.layer(api);
    let counted = async |expected: i64| {
        let waiting = async {
            while server.ask::<i64>(&["LLEN", "{bot:limits}:log:7"]).await != expected {
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(30 * SECOND, waiting).await.expect("in time");
    };
    let refused = tokio::spawn(client.clone().oneshot(call(7)));
    counted(1).await;
    let waiting = tokio::spawn(client.clone().oneshot(call(7)));
    counted(2).await;
    refusals.add_permits(1);
    assert!(refused.await.unwrap().unwrap_err().is_rate_limited());
    responses.add_permits(1);
    counted(1).await;
    waiting.abort();
}

#[tokio::test]
async fn f7_limits_without_end_do_not_overflow() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let layer = no_limits()
        .overall(Rate::new(usize::MAX, Duration::MAX))
        .per_chat(Rate::new(2, Duration::MAX));
    let client = replica(&server, layer);
    time_of(&[&client], [1, 1]).await;
    let third = timeout(SECOND / 4, client.oneshot(call(1))).await;
    assert!(third.is_err(), "there were two");
    let logged: usize = server.ask(&["LLEN", "{bot:limits}:log:1"]).await;
    assert_eq!(logged, 2, "redis had no fault with it");
}

#[tokio::test]
async fn f7_a_cluster_does_too() {
    let Some(server) = RedisServer::start_cluster().await else {
        return;
    };
    let client = replica(&server, RateLimitLayer::new());
    time_of(&[&client], 1..=3).await;
    let refused = answered(&server, RateLimitLayer::new(), TOO_MANY);
    assert!(refused.oneshot(call(4)).await.is_err());
    let mut keys: Vec<String> = server.ask(&["KEYS", "*"]).await;
    keys.sort_unstable();
    let expected = ["log", "log:1", "log:2", "log:3", "log:4", "pause:4"];
    assert_eq!(keys, expected.map(|key| format!("{{bot:limits}}:{key}")));
}

#[tokio::test]
async fn f2_what_telegram_refused_one_the_others_do_not_ask_for() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let refused = answered(&server, no_limits(), TOO_MANY);
    let other = replica(&server, no_limits());
    time_of(&[&other], [1]).await;
    let began = Instant::now();
    let error = refused.oneshot(call(1)).await.unwrap_err();
    assert!(error.is_rate_limited());
    assert!(time_of(&[&other], [2]).await < SECOND / 2);
    time_of(&[&other], [1]).await;
    assert!(began.elapsed() >= SECOND, "{:?}", began.elapsed());
}

#[tokio::test]
async fn d12_while_redis_is_down_each_keeps_to_the_limits_by_itself() {
    let Some(mut server) = RedisServer::start().await else {
        return;
    };
    let client = replica(&server, no_limits().per_chat(THREE));
    time_of(&[&client], [1]).await;
    server.kill();
    let time = time_of(&[&client], [2; 9]).await;
    assert!(time >= 2 * SPAN && time < 20 * SPAN, "{time:?}");

    server.start_again().await;
    let shared_again = async {
        loop {
            time_of(&[&client], [3]).await;
            let keys: Vec<String> = server.ask(&["KEYS", "*"]).await;
            if !keys.is_empty() {
                return;
            }
        }
    };
    let again = timeout(30 * SECOND, shared_again).await;
    assert!(again.is_ok(), "it recovers");
}

#[tokio::test]
async fn d12_a_redis_that_hangs_holds_up_calls_but_shortly() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let client = replica(&server, no_limits().per_chat(THREE));
    time_of(&[&client], [1]).await;
    let _: () = server.ask(&["CLIENT", "PAUSE", "60000"]).await;
    let time = time_of(&[&client], 2..=20).await;
    assert!(time < 5 * SECOND, "{time:?}");
}
