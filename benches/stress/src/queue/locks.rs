//! One lock, for which each of four replicas asks again as soon as it has released it: the lock in Redis beside two plain
//! commands.

use std::time::{Duration, Instant};

use redis::{SetExpiry, SetOptions, aio::ConnectionManager, cmd};
use tokio::task::JoinSet;
use tower_telegram::{
    redis::{RedisLocks, WakeUps},
    webhook::sequence::{LockGuard as _, SequenceLock as _},
};

use super::{
    AnyError,
    figures::{print_figure, print_rate, to_f64},
    server::RedisServer,
};

const TIME: Duration = Duration::from_secs(3);
const WAITERS: usize = 4;
const KEY: &str = "0:7";

pub(crate) async fn measure(server: &RedisServer) -> Result<(), AnyError> {
    server.clear().await?;
    let mut replicas = Vec::new();
    for _ in 0..WAITERS {
        let locks = RedisLocks::new(server.connection().await?, "bench");
        replicas.push(locks.wake_ups(&WakeUps::new(server.client()?)));
    }
    let counts = hand_overs(replicas, |locks: RedisLocks| async move {
        locks.acquire(KEY).await?.release().await;
        Ok(locks)
    });
    print("RedisLocks", &counts.await?);

    server.clear().await?;
    let mut replicas = Vec::new();
    for _ in 0..WAITERS {
        replicas.push(server.connection().await?);
    }
    let counts = hand_overs(replicas, hold_plain);
    print("SET NX until it succeeds", &counts.await?);
    Ok(())
}

/// How often each replica had the lock.
async fn hand_overs<R, F>(
    replicas: Vec<R>,
    hold: impl Fn(R) -> F + Copy + Send + 'static,
) -> Result<Vec<usize>, AnyError>
where
    R: Send + 'static,
    F: Future<Output = Result<R, AnyError>> + Send,
{
    let mut running = JoinSet::<Result<usize, AnyError>>::new();
    let ends = Instant::now() + TIME;
    for mut replica in replicas {
        running.spawn(async move {
            let mut count = 0;
            while Instant::now() < ends {
                replica = hold(replica).await?;
                count += 1;
            }
            Ok(count)
        });
    }
    running.join_all().await.into_iter().collect()
}

/// Asks again at once, in no order, and releases the lock even if another caller has it by then.
async fn hold_plain(mut connection: ConnectionManager) -> Result<ConnectionManager, AnyError> {
    let options = SetOptions::default()
        .with_expiration(SetExpiry::PX(30_000))
        .conditional_set(redis::ExistenceCheck::NX);
    let mut set = cmd("SET");
    set.arg(KEY).arg("held").arg(options);
    while set
        .query_async::<Option<String>>(&mut connection)
        .await?
        .is_none()
    {}
    cmd("DEL").arg(KEY).exec_async(&mut connection).await?;
    Ok(connection)
}

fn print(over: &str, counts: &[usize]) {
    let all = counts.iter().sum();
    print_rate("hand-overs of a lock, four waiters", over, all, TIME);
    let least = counts.iter().min().copied().unwrap_or_default();
    let most = counts.iter().max().copied().unwrap_or_default();
    let fairness = to_f64(least) / to_f64(most);
    print_figure(
        "the same, the least of a waiter ÷ the most",
        over,
        fairness,
        "",
    );
}
