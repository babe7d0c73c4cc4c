//! Replicas that handle a chat's updates one after the other.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::StreamExt as _;
use http::{Request, Response, StatusCode, header};
use tokio::{
    runtime::Builder,
    sync::{Notify, mpsc},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout},
};
use tower::{Layer as _, ServiceExt as _, service_fn, util::BoxCloneSyncService};
use tower_telegram::{
    redis::{RedisLockGuard, RedisLocks, WakeUps},
    webhook::{
        BotId, RawUpdate, Rejection, SequenceLayer,
        sequence::{Lease, LockGuard as _, SequenceLock as _},
    },
};

use super::{
    late::Late,
    server::{RedisServer, SECOND},
};

const SHORT: Duration = Duration::from_millis(300);

const KEY: &str = "{bot:0:7}:turn";

type Answer = Response<()>;
type Bot = BoxCloneSyncService<Request<RawUpdate>, Answer, Infallible>;

/// A replica with this layer, and a handler that is given the request.
fn replica<F>(
    layer: &SequenceLayer,
    handle: impl Fn(Request<RawUpdate>) -> F + Clone + Send + Sync + 'static,
) -> Bot
where
    F: Future<Output = ()> + Send + 'static,
{
    let handler = service_fn(move |request| {
        let handled = handle(request);
        async move {
            handled.await;
            Ok(Response::new(()))
        }
    });
    BoxCloneSyncService::new(layer.layer(handler))
}

fn message(id: i64, chat: i64) -> Request<RawUpdate> {
    let json = format!(r#"{{"update_id":{id},"message":{{"chat":{{"id":{chat}}}}}}}"#);
    Request::new(RawUpdate::from_bytes(json.into()).unwrap())
}

async fn send(bot: &Bot, update: Request<RawUpdate>) -> Answer {
    let answer = timeout(20 * SECOND, bot.clone().oneshot(update)).await;
    answer.expect("it is answered").expect("errors are answers")
}

async fn turn(locks: &RedisLocks) -> RedisLockGuard {
    let turn = timeout(20 * SECOND, locks.acquire("0:7")).await;
    turn.expect("the turn comes").unwrap()
}

/// Another replica, which waits for the lock to be handed over.
async fn waiting_for_a_message(server: &RedisServer) -> JoinHandle<RedisLockGuard> {
    let locks = server.locks().wake_ups(&WakeUps::new(server.client()));
    let waiting = tokio::spawn(async move { turn(&locks).await });
    until_waiting(server, 1).await;
    waiting
}

/// No other replica gets the lock for some time.
async fn is_kept(server: &RedisServer, time: Duration) {
    let locks = server.locks();
    let other = timeout(time, locks.acquire("0:7")).await;
    assert!(other.is_err(), "two have it");
}

fn fence(turn: &RedisLockGuard) -> u64 {
    turn.lease().expect("it has one").fencing_token()
}

async fn keys(server: &RedisServer) -> Vec<String> {
    server.ask(&["KEYS", "*"]).await
}

/// Waits until so many wait for the chat.
async fn until_waiting(server: &RedisServer, count: usize) {
    let waiting = async {
        loop {
            let fields: Vec<String> = server.ask(&["HKEYS", KEY]).await;
            if fields.iter().filter(|f| f.starts_with("line:")).count() == count {
                return;
            }
            sleep(SECOND / 100).await;
        }
    };
    timeout(20 * SECOND, waiting).await.expect("they wait");
}

async fn until_no_keys(server: &RedisServer) {
    let emptied = async {
        while !keys(server).await.is_empty() {
            sleep(SECOND / 100).await;
        }
    };
    timeout(20 * SECOND, emptied)
        .await
        .expect("all is given back");
}

/// The handlers that run in each chat, and counts of what happened.
#[derive(Default)]
struct Chats {
    inside: HashMap<i64, usize>,
    /// How often a handler began while another ran in the chat.
    overlaps: usize,
    /// The most chats that had a running handler at once.
    at_once: usize,
    handled: usize,
}

impl Chats {
    fn enter(&mut self, chat: i64) {
        let inside = self.inside.entry(chat).or_default();
        *inside += 1;
        self.overlaps += usize::from(*inside > 1);
        self.at_once = self.at_once.max(self.inside.len());
    }

    fn leave(&mut self, chat: i64) {
        let inside = self.inside.entry(chat).or_default();
        *inside -= 1;
        if *inside == 0 {
            self.inside.remove(&chat);
        }
        self.handled += 1;
    }
}

/// The counts of three replicas with these layers, each of which gets ten updates of each of four chats.
async fn rush(layers: [SequenceLayer; 3]) -> Chats {
    let chats = Arc::new(Mutex::new(Chats::default()));
    let seen = chats.clone();
    let bots = layers.map(|layer| {
        let seen = seen.clone();
        replica(&layer, move |request| {
            let seen = seen.clone();
            let chat = request.body().chat_id().unwrap();
            async move {
                seen.lock().unwrap().enter(chat);
                sleep(Duration::from_millis(2)).await;
                seen.lock().unwrap().leave(chat);
            }
        })
    });
    let mut telegram = JoinSet::new();
    for id in 0..40 {
        for bot in &bots {
            let bot = bot.clone();
            telegram.spawn(async move { send(&bot, message(id, id % 4)).await });
        }
    }
    for answer in telegram.join_all().await {
        assert_eq!(answer.status(), StatusCode::OK);
    }
    std::mem::take(&mut *chats.lock().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d8_d11_replicas_handle_a_chat_one_after_the_other_and_chats_at_once() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let together = [0; 3].map(|_| SequenceLayer::new().with_lock(server.locks()));
    let seen = rush(together).await;
    assert_eq!((seen.handled, seen.overlaps), (120, 0));
    assert!(seen.at_once > 1);
    until_no_keys(&server).await;

    // Without the lock, this test sees the overlaps that it is for.
    let alone = [0; 3].map(|_| SequenceLayer::new());
    assert!(rush(alone).await.overlaps > 0);
}

#[tokio::test]
async fn d8_replicas_have_a_chat_in_the_order_in_which_they_asked() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let first = turn(&server.locks()).await;
    let (told, mut order) = mpsc::unbounded_channel();
    for place in 1..=4 {
        let (locks, told) = (server.locks(), told.clone());
        tokio::spawn(async move {
            let turn = turn(&locks).await;
            told.send((place, fence(&turn))).unwrap();
            turn.release().await;
        });
        until_waiting(&server, place).await;
    }
    let mut last = fence(&first);
    first.release().await;
    for place in 1..=4 {
        let (next, fence) = order.recv().await.unwrap();
        assert_eq!(next, place);
        assert!(fence > last, "{fence} after {last}");
        last = fence;
    }
    until_no_keys(&server).await;
}

/// The name of a waiter of another process.
const WAITER: &str = "00c0ffee00c0ffee-7";

#[tokio::test]
async fn d32_a_lock_that_is_released_belongs_to_the_next_waiter_before_it_asks() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let held = turn(&server.locks()).await;
    let mut messages = server.client().get_async_pubsub().await.unwrap();
    let channel = "tower-telegram:wake:00c0ffee00c0ffee";
    messages.subscribe(channel).await.unwrap();
    let line = format!("line:{WAITER}");
    let until = SystemTime::now() + 60 * SECOND;
    let until = until.duration_since(UNIX_EPOCH).unwrap().as_micros();
    let waits = format!("1 {until}");
    let _: i64 = server.ask(&["HSET", KEY, &line, &waits]).await;
    let before = fence(&held);
    held.release().await;
    let lock: HashMap<String, String> = server.ask(&["HGETALL", KEY]).await;
    assert_eq!(lock["holder"], WAITER);
    assert_eq!(
        lock["ends"],
        until.to_string(),
        "until it is taken for dead"
    );
    assert!(!lock.contains_key(&line), "it doesn't wait any more");
    assert!(lock["fence"].parse::<u64>().unwrap() > before);
    let message = messages.on_message().next().await.unwrap();
    let text: String = message.get_payload().unwrap();
    assert_eq!(text, format!("7 {}", lock["fence"]));
    is_kept(&server, SHORT).await;
}

/// A message may arrive when the lock has another holder by now.
#[tokio::test]
async fn d32_a_late_message_hands_no_lock_over() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let held = turn(&server.locks()).await;
    let waiting = waiting_for_a_message(&server).await;
    let fields: Vec<String> = server.ask(&["HKEYS", KEY]).await;
    let name = fields.iter().find_map(|field| field.strip_prefix("line:"));
    let (process, number) = name.unwrap().split_once('-').unwrap();
    let channel = format!("tower-telegram:wake:{process}");
    let late = format!("{number} {}", fence(&held));
    let reached = async {
        while server.ask::<i64>(&["PUBLISH", &channel, &late]).await == 0 {
            sleep(SECOND / 100).await;
        }
    };
    timeout(20 * SECOND, reached).await.expect("it subscribes");
    let waiting = timeout(SECOND, waiting);
    assert!(waiting.await.is_err(), "two have it");
    held.release().await;
}

/// A lock that was handed over has three seconds at first, so a renewal that fails has to be tried again before their end.
#[tokio::test]
async fn d32_a_lock_that_was_handed_over_outlives_a_renewal_that_fails() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let held = turn(&server.locks()).await;
    let waiting = waiting_for_a_message(&server).await;
    held.release().await;
    let handed_over = timeout(20 * SECOND, waiting).await.expect("in time");
    let handed_over = handed_over.expect("no panic");
    let kill = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
    let killed: i64 = server.ask(&kill).await;
    assert!(killed > 0);
    let lease = handed_over.lease().expect("of a lock of Redis");
    let lost = timeout(5 * SECOND, lease.lost()).await;
    assert!(lost.is_err(), "its lease has ended");
    handed_over.release().await;
}

/// The chat's next update here asks when the turn before was given back, and not at the same time.
#[tokio::test]
async fn d8_only_the_first_of_a_replicas_line_asks() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let held = turn(&server.locks()).await;
    let layer = SequenceLayer::new().with_lock(server.locks());
    let bot = replica(&layer, |_| async {});
    let mut sent = JoinSet::new();
    for id in 0..20 {
        let bot = bot.clone();
        sent.spawn(async move { send(&bot, message(id, 7)).await });
    }
    until_waiting(&server, 1).await;
    for _ in 0..20 {
        let fields: i64 = server.ask(&["HLEN", KEY]).await;
        assert_eq!(fields, 4, "the turn, and one who waits");
    }
    held.release().await;
    for answer in sent.join_all().await {
        assert_eq!(answer.status(), StatusCode::OK);
    }
    until_no_keys(&server).await;
}

#[tokio::test]
async fn d11_a_turn_is_kept_as_long_as_the_handler_runs() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let held = turn(&server.locks().lease(SECOND)).await;
    is_kept(&server, 3 * SECOND).await;
    assert!(held.lease().unwrap().is_held());
    held.release().await;
    turn(&server.locks()).await.release().await;
    until_no_keys(&server).await;
}

/// As `kill -9` would.
#[tokio::test]
async fn d11_the_turn_of_a_replica_that_died_runs_out() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let dying = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let entered = Arc::new(Notify::new());
    let layer = {
        let _inside = dying.enter();
        SequenceLayer::new().with_lock(server.locks().lease(SECOND))
    };
    let notify = entered.clone();
    let stuck = replica(&layer, move |_| {
        notify.notify_one();
        std::future::pending()
    });
    dying.spawn(async move { send(&stuck, message(1, 7)).await });
    entered.notified().await;

    let layer = SequenceLayer::new().with_lock(server.locks());
    let other = replica(&layer, |_| async {});
    let mut waiting = tokio::spawn(async move { send(&other, message(2, 7)).await });
    // As long as it lives, it has its turn.
    let early = timeout(2 * SECOND, &mut waiting).await;
    assert!(early.is_err(), "{early:?}");
    dying.shutdown_background();
    let began = Instant::now();
    assert_eq!(waiting.await.unwrap().status(), StatusCode::OK);
    assert!(began.elapsed() < 10 * SECOND, "{:?}", began.elapsed());
    until_no_keys(&server).await;
}

#[tokio::test]
async fn d11_who_died_while_it_waited_is_passed_over() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let held = turn(&server.locks()).await;
    let dying = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let locks = {
        let _inside = dying.enter();
        server.locks().timeout(SHORT)
    };
    dying.spawn(async move { turn(&locks).await });
    until_waiting(&server, 1).await;
    dying.shutdown_background();
    let next = {
        let locks = server.locks();
        tokio::spawn(async move { turn(&locks).await })
    };
    until_waiting(&server, 2).await;
    held.release().await;
    next.await.unwrap().release().await;
    until_no_keys(&server).await;
}

#[tokio::test]
async fn d11_a_replica_that_lost_its_lock_notices_and_the_other_goes_on() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (told, mut lost) = mpsc::unbounded_channel();
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let doors = (entered.clone(), leave.clone());
    let layer = SequenceLayer::new().with_lock(server.locks().lease(SHORT));
    let stalled = replica(&layer, move |request| {
        let held = request.extensions().get::<Lease>().unwrap().clone();
        let (told, (entered, leave)) = (told.clone(), doors.clone());
        async move {
            assert!(held.is_held());
            entered.notify_one();
            held.lost().await;
            told.send(held.is_held()).unwrap();
            leave.notified().await;
        }
    });
    let stalled = tokio::spawn(async move { send(&stalled, message(1, 7)).await });
    entered.notified().await;
    // To it, Redis is as good as gone.
    let _: i64 = server
        .ask(&["HSET", KEY, "holder", "another", "ends", "0"])
        .await;
    assert_eq!(timeout(20 * SECOND, lost.recv()).await, Ok(Some(false)));

    let held = turn(&server.locks()).await;
    leave.notify_one();
    assert_eq!(stalled.await.unwrap().status(), StatusCode::OK);
    // The late one's release doesn't release the other's lock.
    is_kept(&server, SHORT).await;
    assert!(held.lease().unwrap().is_held());
    held.release().await;
    until_no_keys(&server).await;
}

#[tokio::test]
async fn d12_a_turn_that_cant_be_renewed_in_time_is_lost() {
    let Some(mut server) = RedisServer::start().await else {
        return;
    };
    let held = turn(&server.locks().lease(SECOND).timeout(SHORT)).await;
    let lease = held.lease().unwrap();
    let began = Instant::now();
    server.kill();
    timeout(20 * SECOND, lease.lost())
        .await
        .expect("it is told");
    assert!(began.elapsed() > SECOND / 2, "{:?}", began.elapsed());
    server.start_again().await;
    sleep(SECOND).await;
    assert!(!lease.is_held(), "what is lost stays so");
}

#[tokio::test]
async fn d12_a_lock_whose_lease_was_over_when_it_was_read_is_acquired_again() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let late = RedisLocks::new(Late::first(&server, 2 * SHORT), "bot").lease(SHORT);
    let turn = turn(&late).await;
    assert!(turn.lease().unwrap().is_held());
}

#[tokio::test]
async fn d12_locks_are_recorded_again_after_redis_lost_its_memory() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let held = turn(&server.locks().lease(SECOND)).await;
    let _: () = server.ask(&["FLUSHALL"]).await;
    let _: () = server.ask(&["SCRIPT", "FLUSH"]).await;
    let told = async {
        while keys(&server).await.is_empty() {
            sleep(SECOND / 100).await;
        }
    };
    timeout(20 * SECOND, told).await.expect("it is renewed");
    assert!(held.lease().unwrap().is_held());
    is_kept(&server, SHORT).await;
    held.release().await;
    until_no_keys(&server).await;
}

#[tokio::test]
async fn d12_while_redis_is_down_nothing_is_handled_and_then_all_goes_on() {
    let Some(mut server) = RedisServer::start().await else {
        return;
    };
    let handled = Arc::new(Mutex::new(Vec::new()));
    let layer = SequenceLayer::new().with_lock(server.locks().timeout(SHORT));
    let seen = handled.clone();
    let bot = replica(&layer, move |request| {
        seen.lock().unwrap().push(request.body().update_id());
        std::future::ready(())
    });
    assert_eq!(send(&bot, message(1, 7)).await.status(), StatusCode::OK);
    server.stop().await;
    for id in [2, 3] {
        let answer = send(&bot, message(id, 7)).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "2");
        assert_eq!(answer.extensions().get(), Some(&Rejection::LockUnavailable));
    }
    server.start_again().await;
    let recovering = async {
        while send(&bot, message(4, 7)).await.status() != StatusCode::OK {
            sleep(SECOND / 100).await;
        }
    };
    timeout(20 * SECOND, recovering).await.expect("it recovers");
    assert_eq!(*handled.lock().unwrap(), [1, 4]);
    until_no_keys(&server).await;
}

#[tokio::test]
async fn d12_a_redis_that_hangs_is_an_error_in_time() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let locks = server.locks().timeout(SECOND / 10);
    turn(&locks).await.release().await;
    let _: () = server.ask(&["CLIENT", "PAUSE", "1500"]).await;
    let began = Instant::now();
    assert!(locks.acquire("0:7").await.is_err());
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    let recovering = async {
        loop {
            if let Ok(turn) = locks.acquire("0:7").await {
                return turn.release().await;
            }
        }
    };
    timeout(20 * SECOND, recovering).await.expect("it goes on");
    // The call that timed out was carried out late, and its lock is released as well.
    until_no_keys(&server).await;
}

#[tokio::test]
async fn d8_d9_a_turn_that_doesnt_come_in_time_is_503_and_leaves_no_trace() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let held = turn(&server.locks()).await;
    let layer = SequenceLayer::new().with_lock(server.locks());
    let bot = replica(&layer.max_wait(SHORT), |_| async {});
    let mut sent = JoinSet::new();
    // In Redis' line, and in that of the replica.
    for id in 0..3 {
        let bot = bot.clone();
        sent.spawn(async move { send(&bot, message(id, 7)).await });
    }
    for answer in sent.join_all().await {
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
        assert_eq!(answer.extensions().get(), Some(&Rejection::QueueTimeout));
    }
    until_waiting(&server, 0).await;
    held.release().await;
    assert_eq!(send(&bot, message(4, 7)).await.status(), StatusCode::OK);
    until_no_keys(&server).await;
}

#[tokio::test]
async fn d8_who_hangs_up_leaves_no_trace() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let layer = SequenceLayer::new().with_lock(server.locks());
    let entered = Arc::new(Notify::new());
    let notify = entered.clone();
    let bot = replica(&layer, move |_| {
        notify.notify_one();
        std::future::pending()
    });
    let send = || {
        let bot = bot.clone();
        tokio::spawn(async move { send(&bot, message(1, 7)).await })
    };
    // While it is handled.
    let first = send();
    entered.notified().await;
    first.abort();
    until_no_keys(&server).await;
    // While it waits.
    let held = turn(&server.locks()).await;
    let second = send();
    until_waiting(&server, 1).await;
    second.abort();
    until_waiting(&server, 0).await;
    held.release().await;
    until_no_keys(&server).await;
    // While the answer that its turn has come is under way.
    for _ in 0..50 {
        let third = send();
        tokio::task::yield_now().await;
        third.abort();
    }
    until_no_keys(&server).await;
    turn(&server.locks()).await.release().await;
}

#[tokio::test]
async fn d8_bots_dont_wait_for_each_other() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let layer = SequenceLayer::new().with_lock(server.locks());
    let (told, mut entered) = mpsc::unbounded_channel();
    let leave = Arc::new(Notify::new());
    let door = leave.clone();
    let bot = replica(&layer, move |request| {
        told.send(request.extensions().get::<BotId>().copied())
            .unwrap();
        let leave = door.clone();
        async move { leave.notified().await }
    });
    let mut sent = JoinSet::new();
    for id in [None, Some(BotId(1)), Some(BotId(2))] {
        let mut update = message(1, 7);
        if let Some(id) = id {
            update.extensions_mut().insert(id);
        }
        let bot = bot.clone();
        sent.spawn(async move { send(&bot, update).await });
        assert_eq!(entered.recv().await, Some(id));
    }
    let mut held = keys(&server).await;
    held.sort();
    assert_eq!(held, [KEY, "{bot:1:7}:turn", "{bot:2:7}:turn"]);
    leave.notify_waiters();
    sent.join_all().await;
    until_no_keys(&server).await;
}

#[tokio::test]
async fn d11_a_cluster_does_too() {
    let Some(server) = RedisServer::start_cluster().await else {
        return;
    };
    let locks = server.locks();
    // One of its keys has what ends the part that the slot is chosen by.
    for key in ["0:7", "1:=a}b{c"] {
        let held = locks.acquire(key).await.unwrap();
        let other = timeout(SHORT, locks.acquire(key)).await;
        assert!(other.is_err(), "two have it");
        held.release().await;
        locks.acquire(key).await.unwrap().release().await;
    }
    until_no_keys(&server).await;
}

#[tokio::test]
async fn d12_a_key_that_is_no_lock_is_an_error() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let _: () = server.ask(&["SET", KEY, "something else"]).await;
    assert!(server.locks().acquire("0:7").await.is_err());
}

#[test]
fn a_lock_can_go_anywhere() {
    fn goes<T: Clone + Send + Sync + 'static>() {}
    goes::<RedisLocks>();
    goes::<Lease>();
}
