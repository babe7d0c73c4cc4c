//! Tests of the store on Redis, beside those of any store.

use std::{error::Error as _, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use tower_telegram::{
    IntoReply as _,
    methods::SendDocument,
    redis::{RedisLimits, RedisStore},
    types::InputFile,
    webhook::{
        DeliveryLayer,
        delivery::{Claim, ClaimToken, DeliveryStore, StoreError},
    },
};

use super::server::{SECOND, Server};
use crate::delivery::stores::{done, granted, is_busy, json_of, key, reply, suite};

suite!(Server);

const KEY: &str = "{bot:1:1}";
const REPLY_KEY: &str = "{bot:1:1}:reply";

const SHORT: Duration = Duration::from_millis(300);

/// Waits until it is granted.
async fn granted_later(store: &RedisStore) -> ClaimToken {
    let asking = async {
        loop {
            match store.claim(key(1)).await.unwrap() {
                Claim::Acquired(ticket) => return ticket,
                Claim::Busy { lease } => sleep(lease).await,
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(20 * SECOND, asking).await.expect("a claim ends")
}

/// All texts of an error and its sources.
fn all_of(error: &StoreError) -> String {
    let mut said = vec![format!("{error} {error:?}")];
    let mut source = error.source();
    while let Some(error) = source {
        said.push(format!("{error} {error:?}"));
        source = error.source();
    }
    said.join(" ")
}

#[test]
fn what_replicas_share_can_go_anywhere() {
    fn goes<T: Clone + Send + Sync + 'static>() {}
    goes::<RedisStore>();
    goes::<RedisLimits>();
    goes::<DeliveryLayer>();
}

#[tokio::test]
async fn d11_a_claim_that_is_not_renewed_ends() {
    let Some(server) = Server::start().await else {
        return;
    };
    let (one, other) = (server.store().lease(SHORT), server.store().lease(SHORT));
    let began = Instant::now();
    let lost = granted(&one, key(1)).await;
    let Claim::Busy { lease } = other.claim(key(1)).await.unwrap() else {
        panic!("it is held");
    };
    assert!(lease <= SHORT && lease > SHORT / 10, "{lease:?}");
    let held = granted_later(&other).await;
    assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
    assert_eq!(held.attempt, 2);
    assert!(held.fencing_token > lost.fencing_token);
    assert!(!one.renew(&lost).await.unwrap());
    assert!(!one.finish(&lost, Some(&reply("lost"))).await.unwrap());
    assert!(!one.fail(&lost).await.unwrap());
    assert!(other.finish(&held, None).await.unwrap());
    assert_eq!(done(&one, key(1)).await, None);
}

#[tokio::test]
async fn d11_a_claim_that_is_renewed_goes_on() {
    let Some(server) = Server::start().await else {
        return;
    };
    let (one, other) = (server.store().lease(SECOND), server.store().lease(SECOND));
    assert_eq!(one.renew_every(), Some(SECOND / 3));
    let ticket = granted(&one, key(1)).await;
    let began = Instant::now();
    while began.elapsed() < 2 * SECOND {
        assert!(one.renew(&ticket).await.unwrap());
        assert!(is_busy(&other, key(1)).await);
        sleep(SECOND / 10).await;
    }
}

#[tokio::test]
async fn d11_a_late_end_counts_if_no_other_replica_has_begun() {
    let Some(server) = Server::start().await else {
        return;
    };
    let store = server.store().lease(Duration::ZERO);
    let ticket = granted(&store, key(1)).await;
    sleep(SHORT).await;
    assert!(store.finish(&ticket, None).await.unwrap());
    assert_eq!(done(&store, key(1)).await, None);
}

#[tokio::test]
async fn d11_bots_with_prefixes_of_their_own_are_apart() {
    let Some(server) = Server::start().await else {
        return;
    };
    granted(&server.store(), key(1)).await;
    let other = RedisStore::new(server.connection(), "other");
    assert_eq!(granted(&other, key(1)).await.attempt, 1);
}

#[tokio::test]
async fn d13_all_is_forgotten_after_a_day() {
    let Some(server) = Server::start().await else {
        return;
    };
    let store = server.store();
    let day = 24 * 60 * 60 * 1000;
    let stays = async |what: &str| {
        let stays: i64 = server.ask(&["PTTL", KEY]).await;
        assert!(stays > day - 60_000 && stays <= day, "{what}: {stays}");
        let _: i64 = server.ask(&["PERSIST", KEY]).await;
    };
    let ticket = granted(&store, key(1)).await;
    stays("claimed").await;
    assert!(store.renew(&ticket).await.unwrap());
    stays("renewed").await;
    assert!(store.fail(&ticket).await.unwrap());
    stays("failed").await;
    let ticket = granted(&store, key(1)).await;
    assert!(store.finish(&ticket, Some(&reply("x"))).await.unwrap());
    stays("done").await;
    let mut keys: Vec<String> = server.ask(&["KEYS", "*"]).await;
    keys.sort();
    assert_eq!(keys, [KEY, REPLY_KEY]);
}

#[tokio::test]
async fn d16_a_reply_with_files_is_not_kept() {
    let Some(server) = Server::start().await else {
        return;
    };
    let store = server.store();
    let file = InputFile::bytes("a.txt", "text");
    let with_file = SendDocument::new(1, file).into_reply().unwrap();
    let ticket = granted(&store, key(1)).await;
    assert!(store.finish(&ticket, Some(&with_file)).await.unwrap());
    assert_eq!(done(&store, key(1)).await, None);
}

#[tokio::test]
async fn d16_a_reply_is_kept_for_an_hour_or_as_long_as_is_set() {
    let Some(server) = Server::start().await else {
        return;
    };
    let hour = 60 * 60 * 1000;
    let large = reply(&"x".repeat(1 << 20));
    for (store, longest) in [
        (server.store(), hour),
        (
            server.store().max_reply_age(Duration::from_secs(60)),
            60_000,
        ),
    ] {
        let _: () = server.ask(&["FLUSHALL"]).await;
        let ticket = granted(&store, key(1)).await;
        assert!(store.finish(&ticket, Some(&large)).await.unwrap());
        let left: i64 = server.ask(&["PTTL", REPLY_KEY]).await;
        assert!(left > longest - 30_000 && left <= longest, "{left}");
        assert_eq!(done(&store, key(1)).await, Some(json_of(&large)));
        let _: i64 = server.ask(&["DEL", REPLY_KEY]).await;
        assert_eq!(done(&store, key(1)).await, None, "it is done all the same");
    }
    let store = server.store().max_reply_age(Duration::ZERO);
    let ticket = granted(&store, key(2)).await;
    assert!(store.finish(&ticket, Some(&large)).await.unwrap());
    assert_eq!(done(&store, key(2)).await, None);
}

#[tokio::test]
async fn d11_a_cluster_does_too() {
    let Some(server) = Server::start_cluster().await else {
        return;
    };
    let store = server.store();
    let ticket = granted(&store, key(1)).await;
    assert!(store.renew(&ticket).await.unwrap());
    assert!(store.finish(&ticket, Some(&reply("x"))).await.unwrap());
    for _ in 0..2 {
        assert_eq!(done(&store, key(1)).await, Some(json_of(&reply("x"))));
    }
}

#[tokio::test]
async fn d12_a_script_that_redis_lost_is_sent_again() {
    let Some(server) = Server::start().await else {
        return;
    };
    let store = server.store();
    let ticket = granted(&store, key(1)).await;
    let _: () = server.ask(&["SCRIPT", "FLUSH"]).await;
    assert!(store.finish(&ticket, None).await.unwrap());
}

#[tokio::test]
async fn d12_claims_are_recorded_again_after_redis_lost_its_memory() {
    let Some(server) = Server::start().await else {
        return;
    };
    let store = server.store();
    let ticket = granted(&store, key(1)).await;
    let _: () = server.ask(&["FLUSHALL"]).await;
    assert!(store.renew(&ticket).await.unwrap());
    assert!(is_busy(&store, key(1)).await);
    let _: () = server.ask(&["FLUSHALL"]).await;
    assert!(store.finish(&ticket, None).await.unwrap());
    assert_eq!(done(&store, key(1)).await, None);

    let _: () = server.ask(&["FLUSHALL"]).await;
    assert!(store.release(&ticket).await.unwrap());
    let again = granted(&store, key(1)).await;
    assert_eq!(again.attempt, 1);
    assert!(
        again.fencing_token > ticket.fencing_token,
        "no number comes twice"
    );
    assert!(!store.finish(&ticket, None).await.unwrap());
}

#[tokio::test]
async fn d12_a_redis_that_hangs_is_an_error_in_time() {
    let Some(server) = Server::start().await else {
        return;
    };
    let store = server.store().timeout(SECOND / 10);
    granted(&store, key(1)).await;
    let _: () = server.ask(&["CLIENT", "PAUSE", "1500"]).await;
    let began = Instant::now();
    let error = store.claim(key(2)).await.unwrap_err();
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    assert!(all_of(&error).contains("in time"), "{}", all_of(&error));
    let recovering = async { while store.claim(key(3)).await.is_err() {} };
    timeout(20 * SECOND, recovering).await.expect("it goes on");
}

#[tokio::test]
async fn d12_a_redis_that_is_not_there_is_an_error_in_time() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    server.kill();
    let store = server.store().timeout(SECOND / 10);
    let error = timeout(5 * SECOND, store.claim(key(1))).await;
    assert!(error.expect("in time").is_err());
    server.start_again().await;
    let recovering = async { while store.claim(key(1)).await.is_err() {} };
    timeout(20 * SECOND, recovering).await.expect("it recovers");
}

#[tokio::test]
async fn d12_a_key_that_is_no_record_is_an_error() {
    let Some(server) = Server::start().await else {
        return;
    };
    let _: () = server.ask(&["SET", KEY, "something else"]).await;
    let error = server.store().claim(key(1)).await.unwrap_err();
    assert!(all_of(&error).contains("WRONGTYPE"), "{}", all_of(&error));
    let _: i64 = server.ask(&["DEL", KEY]).await;
    let _: i64 = server.ask(&["HSET", KEY, "done", "1"]).await;
    let reply = ["HSET", REPLY_KEY, "method", "sendMessage", "json", "{}"];
    let _: i64 = server.ask(&reply).await;
    assert!(server.store().claim(key(1)).await.is_err());
}

#[tokio::test]
async fn a6_no_error_shows_the_password() {
    let Some(server) = Server::start_with(&["--requirepass", "the-right-one"]).await else {
        return;
    };
    let url = format!("{}?pass=hunter2secret", server.url());
    let client = redis::Client::open(url).unwrap();
    let config = redis::aio::ConnectionManagerConfig::new().set_number_of_retries(0);
    let connection = client.get_connection_manager_lazy(config).unwrap();
    let store = RedisStore::new(connection, "bot");
    let error = store.claim(key(1)).await.unwrap_err();
    assert!(error.source().is_some());
    let text = format!("{} {store:?}", all_of(&error));
    assert!(
        text.to_lowercase().contains("auth") || text.contains("WRONGPASS"),
        "{text}"
    );
    assert!(!text.contains("hunter2secret"), "{text}");
}
