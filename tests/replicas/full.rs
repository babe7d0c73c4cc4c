//! Replicas that share a Redis that is out of memory and keeps its keys (`noeviction`).

use std::time::Duration;

use tokio::time::timeout;
use tower_telegram::{
    client::{Rate, RateLimitLayer},
    redis::{RedisSessions, RedisStore},
    router::session::SessionStore as _,
    webhook::{
        delivery::{Claim, ClaimToken, DeliveryKey, DeliveryStore as _},
        sequence::{LockGuard as _, SequenceLock as _},
    },
};

use super::{
    limits::{call, no_limits, replica},
    server::{RedisServer, SECOND},
};
use crate::delivery::stores::reply;

async fn set_memory(server: &RedisServer, bytes: &str) {
    let command = ["CONFIG", "SET", "maxmemory", bytes];
    drop(server.ask::<String>(&command).await);
}

async fn acquired(store: &RedisStore, id: i64) -> ClaimToken {
    match store.claim(DeliveryKey::new(None, id)).await {
        Ok(Claim::Acquired(token)) => token,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn d30_updates_are_claimed_and_done_under_a_full_redis() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let store = server.store();
    let before = acquired(&store, 1).await;
    set_memory(&server, "1").await;

    // One that was claimed before, and one that wasn't.
    for token in [before, acquired(&store, 2).await] {
        assert!(store.renew(&token).await.unwrap());
        assert!(store.finish(&token, Some(&reply("hello"))).await.unwrap());
        let again = store.claim(token.key).await.unwrap();
        // The reply might be long.
        assert!(matches!(again, Claim::Done { reply: None }), "{again:?}");
    }
    let failed = acquired(&store, 3).await;
    assert!(store.fail(&failed).await.unwrap());
    let released = acquired(&store, 3).await;
    assert_eq!(released.attempt, 2);
    assert!(store.release(&released).await.unwrap());
    assert_eq!(acquired(&store, 3).await.attempt, 2);

    set_memory(&server, "0").await;
    let token = acquired(&store, 4).await;
    assert!(store.finish(&token, Some(&reply("hello"))).await.unwrap());
    let again = store.claim(token.key).await.unwrap();
    assert!(matches!(again, Claim::Done { reply: Some(_) }), "{again:?}");
}

#[tokio::test]
async fn d30_locks_are_granted_and_released_under_a_full_redis() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    set_memory(&server, "1").await;
    let held = server.locks().lease(SECOND).acquire("0:7").await.unwrap();
    let next = {
        let locks = server.locks();
        tokio::spawn(async move { locks.acquire("0:7").await })
    };
    // It is renewed meanwhile.
    tokio::time::sleep(2 * SECOND).await;
    assert!(held.lease().unwrap().is_held() && !next.is_finished());
    held.release().await;
    let next = timeout(20 * SECOND, next).await.expect("it is released");
    next.unwrap().unwrap().release().await;
}

#[tokio::test]
async fn d30_limits_are_kept_together_under_a_full_redis() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    set_memory(&server, "1").await;
    let layer: RateLimitLayer = no_limits().per_chat(Rate::new(1, 60 * SECOND));
    let (one, other) = (replica(&server, layer.clone()), replica(&server, layer));
    tower::ServiceExt::oneshot(one, call(1)).await.unwrap();
    let second = tower::ServiceExt::oneshot(other, call(1));
    let early = timeout(Duration::from_millis(300), second).await;
    assert!(early.is_err(), "the other replica has used up the limit");
}

/// It makes room.
#[tokio::test]
async fn d30_a_session_is_removed_under_a_full_redis() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let sessions = RedisSessions::new(server.connection(), "bot");
    let saved = sessions.save("7", None, Some("x".into()), 60 * SECOND);
    assert!(saved.await.unwrap());
    set_memory(&server, "1").await;
    let stored = sessions.load("7").await.unwrap().unwrap();
    let revision = Some(stored.revision);
    let longer = sessions.save("7", revision, Some("y".into()), 60 * SECOND);
    assert!(
        longer.await.is_err(),
        "it is an error and not lost in silence"
    );
    let removed = sessions.save("7", revision, None, 60 * SECOND);
    assert!(removed.await.unwrap());
    assert!(sessions.load("7").await.unwrap().is_none());
}
