//! The stores of deliveries: the one in Redis beside two plain commands, and the one in memory beside one hash map.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use redis::{SetExpiry, SetOptions, aio::ConnectionManager};
use tokio::task::JoinSet;
use tower_telegram::{
    redis::RedisStore,
    webhook::delivery::{Claim, DeliveryKey, DeliveryStore, MemoryStore},
};

use super::{
    AnyError,
    figures::{print_figure, print_time, to_f64},
    server::RedisServer,
};

const CLAIMS: usize = 40_000;
pub(super) const CLAIMS_AT_ONCE: usize = 64;

/// Rounds of claims over both, because a rate over loopback varies more than their ratio.
const ROUNDS: usize = 3;

/// How many updates the store in memory remembers.
const REMEMBERED: [usize; 2] = [1_000_000, 10_000_000];

pub(super) async fn measure(server: &RedisServer) -> Result<(), AnyError> {
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        server.clear().await?;
        let store = RedisStore::new(server.connection().await?, "bench");
        let claim = move |id| claim_and_finish(store.clone(), id);
        ours.push(rate(server, claim).await?);
        server.clear().await?;
        let connection = server.connection().await?;
        let set = move |id| set_twice(connection.clone(), id);
        plain.push(rate(server, set).await?);
    }
    print_median("RedisStore", ours);
    print_median("SET NX and SET", plain);
    for ids in REMEMBERED {
        let measure = format!("longest step at {ids} scattered ids");
        print_time(&measure, "MemoryStore", longest_of_store(ids).await?);
        print_time(&measure, "one HashMap", longest_of_map(ids));
    }
    Ok(())
}

/// The round with the median rate.
fn print_median(over: &str, mut rounds: Vec<(f64, f64)>) {
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (rate, cpu) = rounds[rounds.len() / 2];
    print_figure("claim and finish", over, rate, "a second");
    print_figure("CPU of a claim and finish, its server", over, cpu, "µs");
}

/// Calls `run` for each of so many ids, 64 at a time. Returns how many ended a second, and the processor time of Redis for
/// each, in microseconds.
async fn rate<F>(
    server: &RedisServer,
    run: impl Fn(i64) -> F + Clone + Send + 'static,
) -> Result<(f64, f64), AnyError>
where
    F: Future<Output = Result<(), AnyError>> + Send,
{
    let (began, cpu) = (Instant::now(), server.cpu()?);
    let ids = Arc::new(AtomicUsize::new(0));
    let mut handlers = JoinSet::<Result<(), AnyError>>::new();
    for _ in 0..CLAIMS_AT_ONCE {
        let (run, ids) = (run.clone(), Arc::clone(&ids));
        handlers.spawn(async move {
            loop {
                let id = ids.fetch_add(1, Ordering::Relaxed);
                if id >= CLAIMS {
                    return Ok(());
                }
                run(i64::try_from(id)?).await?;
            }
        });
    }
    for done in handlers.join_all().await {
        done?;
    }
    let rate = to_f64(CLAIMS) / began.elapsed().as_secs_f64();
    let cpu = server.cpu()?.saturating_sub(cpu);
    Ok((rate, cpu.as_secs_f64() * 1e6 / to_f64(CLAIMS)))
}

async fn claim_and_finish(store: impl DeliveryStore, id: i64) -> Result<(), AnyError> {
    let claim = store.claim(DeliveryKey::new(None, id)).await?;
    let Claim::Acquired(token) = claim else {
        return Err(format!("update {id} is claimed: {claim:?}").into());
    };
    store.finish(&token, None).await?;
    Ok(())
}

/// The least that a store in Redis could do: no attempts, no claims that end, no replies.
async fn set_twice(mut connection: ConnectionManager, id: i64) -> Result<(), AnyError> {
    let key = format!("{{bench:0:{id}}}");
    let day = SetExpiry::PX(24 * 60 * 60 * 1000);
    let options = SetOptions::default().with_expiration(day);
    let claim = options.clone().conditional_set(redis::ExistenceCheck::NX);
    for (value, options) in [("claimed", claim), ("done", options)] {
        let mut set = redis::cmd("SET");
        set.arg(&key).arg(value).arg(options);
        set.exec_async(&mut connection).await?;
    }
    Ok(())
}

/// The longest call of a store that gets so many ids, and then as many again in their place.
async fn longest_of_store(ids: usize) -> Result<Duration, AnyError> {
    let store = MemoryStore::with_capacity(ids);
    let mut longest = Duration::ZERO;
    for id in scattered(2 * ids) {
        let key = DeliveryKey::new(None, id);
        let began = Instant::now();
        let claim = store.claim(key).await?;
        let claimed = Instant::now();
        if let Claim::Acquired(token) = claim {
            store.finish(&token, None).await?;
        }
        longest = longest.max(claimed - began).max(claimed.elapsed());
    }
    Ok(longest)
}

fn longest_of_map(ids: usize) -> Duration {
    let mut map = HashMap::new();
    let mut longest = Duration::ZERO;
    for id in scattered(ids) {
        let began = Instant::now();
        map.insert(id, began);
        longest = longest.max(began.elapsed());
    }
    longest
}

/// Each in a block of 64 of its own, like those of many bots.
fn scattered(ids: usize) -> impl Iterator<Item = i64> {
    (0..i64::try_from(ids).unwrap_or(i64::MAX)).map(|id| id * 64)
}
