//! The whole `DeliveryLayer`: requests that arrive, join a running handler, close their connection, and
//! arrive again.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use http::{Request, Response, StatusCode};
use modelled::{
    Reply, handler_fn,
    webhook::{
        DeliveryLayer, RawUpdate, ReplyBody, ReplyLayer,
        delivery::{DeliveryHandle, MemoryStore},
    },
};
use shuttle::{
    future::{JoinHandle, block_on, spawn, yield_now},
    rand::{Rng as _, thread_rng},
};
use tower::{ServiceBuilder, ServiceExt as _, util::BoxCloneSyncService};

use crate::check;

const ORDERS: usize = 500;

type Bot = BoxCloneSyncService<Request<RawUpdate>, Response<ReplyBody>, Infallible>;

/// The events of a run. These aren't shuttle's types, so that they are no steps of the model.
#[derive(Debug, Default)]
struct Seen {
    calls: AtomicU32,
    inside: AtomicU32,
    effects: AtomicU32,
    replies: AtomicU32,
    abandoned: AtomicU32,
}

impl Seen {
    fn count(counter: &AtomicU32) -> u32 {
        counter.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn effects(&self) -> u32 {
        self.effects.load(Ordering::Relaxed)
    }

    fn replies(&self) -> u32 {
        self.replies.load(Ordering::Relaxed)
    }
}

/// A bot whose first calls fail, the first with an error and the second with a panic.
fn bot(layer: &DeliveryLayer, seen: &Arc<Seen>, failing: u32, most_inside: u32) -> Bot {
    let seen = Arc::clone(seen);
    let handler = handler_fn(move |_: RawUpdate| {
        let seen = Arc::clone(&seen);
        async move {
            let call = Seen::count(&seen.calls);
            assert!(Seen::count(&seen.inside) <= most_inside, "too many at once");
            for _ in 0..thread_rng().gen_range(0..3) {
                yield_now().await;
            }
            seen.inside.fetch_sub(1, Ordering::Relaxed);
            if call <= failing {
                if call == 2 {
                    // Without a report, which would say that the model failed.
                    std::panic::resume_unwind(Box::new("the second time it panics"));
                }
                return Err("it fails");
            }
            Seen::count(&seen.effects);
            Ok(Reply::raw("sendMessage", &serde_json::json!({"chat_id": 1})).expect("an object"))
        }
    });
    let stack = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(ReplyLayer::new())
        .service(handler);
    BoxCloneSyncService::new(stack)
}

fn update(id: i64) -> Request<RawUpdate> {
    let json = format!(r#"{{"update_id":{id},"poll":{{"id":"1"}}}}"#);
    Request::new(RawUpdate::from_bytes(json.into()).expect("it is an update"))
}

/// Runs a model, and the layer's tasks to their ends.
fn run(model: impl Future<Output = ()>) {
    block_on(async {
        model.await;
        while tokio::task::alive() > 0 {
            yield_now().await;
        }
    });
}

async fn ask(bot: &Bot, seen: &Seen, id: i64) -> StatusCode {
    let Ok(answer) = bot.clone().oneshot(update(id)).await;
    if answer.body().reply().method().is_some() {
        Seen::count(&seen.replies);
    }
    if answer.status().is_success() {
        let over = seen.effects() + seen.abandoned.load(Ordering::Relaxed);
        assert!(over > 0, "it was acked, and nobody had handled it");
    }
    answer.status()
}

async fn ask_until_taken(bot: &Bot, seen: &Seen, id: i64) {
    while !ask(bot, seen, id).await.is_success() {
        yield_now().await;
    }
}

/// Cancels a request at some moment, unless its response is first.
async fn ask_and_hang_up(bot: Bot, seen: Arc<Seen>, id: i64) {
    let mut asking = pin!(ask(&bot, &seen, id));
    for _ in 0..thread_rng().gen_range(1..6) {
        let had = poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx).is_ready())).await;
        if had {
            return;
        }
        yield_now().await;
    }
}

async fn join(tasks: impl IntoIterator<Item = JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("no task panics");
    }
}

/// Waits until all handlers have ended.
async fn until_landed(handle: &DeliveryHandle) {
    while handle.running() > 0 {
        yield_now().await;
    }
}

fn asked_by_many(failing: u32) {
    run(async {
        let (layer, seen) = (DeliveryLayer::new(), Arc::new(Seen::default()));
        let bot = bot(&layer, &seen, failing, 1);
        let hanging_up = (0..2).map(|_| {
            let (bot, seen) = (bot.clone(), Arc::clone(&seen));
            spawn(ask_and_hang_up(bot, seen, 1))
        });
        let hanging_up: Vec<_> = hanging_up.collect();
        let (waiting, of) = (bot.clone(), Arc::clone(&seen));
        let waiting = spawn(async move { ask_until_taken(&waiting, &of, 1).await });
        join(hanging_up.into_iter().chain([waiting])).await;
        until_landed(&layer.handle()).await;
        assert_eq!(seen.effects(), 1);
        let before = seen.replies();
        for _ in 0..20 {
            ask_until_taken(&bot, &seen, 1).await;
            yield_now().await;
        }
        assert_eq!(seen.effects(), 1);
        assert_eq!(seen.replies() - before, 20, "each redelivery has it");
    });
}

#[test]
fn d1_d2_d16_a_cancelled_request_has_one_call_and_each_redelivery_its_reply() {
    check(ORDERS, || asked_by_many(0));
}

#[test]
fn d5_an_error_and_a_panic_are_tried_again_until_it_is_handled_once() {
    check(ORDERS, || asked_by_many(2));
}

#[test]
fn d6_an_update_that_always_fails_is_abandoned_once() {
    check(ORDERS, || {
        run(async {
            let seen = Arc::new(Seen::default());
            let hook = Arc::clone(&seen);
            let layer = DeliveryLayer::new().max_attempts(2).dead_letter(move |_| {
                Seen::count(&hook.abandoned);
                yield_now()
            });
            let bot = bot(&layer, &seen, u32::MAX, 1);
            let hanging_up = spawn(ask_and_hang_up(bot.clone(), Arc::clone(&seen), 1));
            let (waiting, of) = (bot.clone(), Arc::clone(&seen));
            let waiting = spawn(async move { ask_until_taken(&waiting, &of, 1).await });
            join([hanging_up, waiting]).await;
            until_landed(&layer.handle()).await;
            ask_until_taken(&bot, &seen, 1).await;
            assert_eq!(seen.calls.load(Ordering::Relaxed), 2);
            assert_eq!(seen.abandoned.load(Ordering::Relaxed), 1);
        });
    });
}

/// Two processes can't share memory, but two layers can, and then behave like replicas.
#[test]
fn d11_layers_that_share_a_store_handle_an_update_once() {
    check(ORDERS, || {
        run(async {
            let (store, seen) = (Arc::new(MemoryStore::new()), Arc::new(Seen::default()));
            let layers = [0, 1].map(|_| DeliveryLayer::with_store(Arc::clone(&store)));
            let bots = layers.each_ref().map(|layer| bot(layer, &seen, 1, 1));
            let mut tasks = Vec::new();
            for bot in &bots {
                tasks.push(spawn(ask_and_hang_up(bot.clone(), Arc::clone(&seen), 1)));
                let (bot, seen) = (bot.clone(), Arc::clone(&seen));
                tasks.push(spawn(async move { ask_until_taken(&bot, &seen, 1).await }));
            }
            join(tasks).await;
            for layer in &layers {
                until_landed(&layer.handle()).await;
            }
            let before = seen.replies();
            for turn in 0..20 {
                ask_until_taken(&bots[turn % 2], &seen, 1).await;
                yield_now().await;
            }
            assert_eq!((seen.effects(), seen.replies() - before), (1, 20));
        });
    });
}

#[test]
fn d9_no_more_are_handled_at_once_than_there_is_room_for() {
    check(ORDERS, || {
        run(async {
            let seen = Arc::new(Seen::default());
            let layer = DeliveryLayer::new().max_running(1);
            let bot = bot(&layer, &seen, 0, 1);
            let tasks = (1..=3).map(|id| {
                let (bot, seen) = (bot.clone(), Arc::clone(&seen));
                spawn(async move { ask_until_taken(&bot, &seen, id).await })
            });
            let tasks: Vec<_> = tasks.collect();
            join(tasks).await;
            assert_eq!((seen.effects(), seen.replies()), (3, 3));
        });
    });
}

#[test]
fn d10_a_shutdown_waits_for_what_runs_and_lets_nothing_begin() {
    check(ORDERS, || {
        run(async {
            let (layer, seen) = (DeliveryLayer::new(), Arc::new(Seen::default()));
            let (bot, handle) = (bot(&layer, &seen, 0, 2), layer.handle());
            let asking =
                [1, 2].map(|id| spawn(ask_and_hang_up(bot.clone(), Arc::clone(&seen), id)));
            for _ in 0..thread_rng().gen_range(0..4) {
                yield_now().await;
            }
            // A task without a wake-up would wait for ever, which this finds.
            let report = handle.shutdown(Duration::from_secs(1)).await;
            assert!(report.is_clean());
            let calls = seen.calls.load(Ordering::Relaxed);
            assert_eq!(seen.effects(), calls, "all came to their ends");
            join(asking).await;
            let late = ask(&bot, &seen, 3).await;
            assert_eq!(late, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(seen.calls.load(Ordering::Relaxed), calls, "none has begun");
        });
    });
}
