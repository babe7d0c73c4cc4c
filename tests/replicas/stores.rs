//! Tests of the store on Redis, beside those of any store.

use std::{error::Error as _, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};
use tower_telegram::{
    IntoReply as _, Reply,
    methods::{CreateNewStickerSet, SendDocument},
    redis::{RedisLimits, RedisStore},
    types::{InputFile, InputSticker, StickerFormat, Upload},
    webhook::{
        DeliveryLayer,
        delivery::{Claim, ClaimToken, DeliveryStore, StoreError},
    },
};

use super::{
    late::Late,
    server::{RedisServer, SECOND},
};
use crate::delivery::stores::{done, granted, is_busy, json_of, key, reply, suite};

suite!(RedisServer);

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
    let Some(server) = RedisServer::start().await else {
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
    let Some(server) = RedisServer::start().await else {
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
    let Some(server) = RedisServer::start().await else {
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
    let Some(server) = RedisServer::start().await else {
        return;
    };
    granted(&server.store(), key(1)).await;
    let other = RedisStore::new(server.connection(), "other");
    assert_eq!(granted(&other, key(1)).await.attempt, 1);
}

#[tokio::test]
async fn d13_all_is_forgotten_after_a_day() {
    let Some(server) = RedisServer::start().await else {
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

/// The names and contents of the files of the reply that an update is done with.
async fn files_of(store: &RedisStore, update_id: i64) -> Option<Vec<(String, Bytes)>> {
    let Claim::Done { reply } = store.claim(key(update_id)).await.unwrap() else {
        panic!("it is done");
    };
    let reply = reply?;
    let file = |upload: &Upload| {
        let json = json_of(&reply);
        let reference = format!("attach://{}", upload.part_name());
        assert!(json.contains(&reference), "{reference} in {json}");
        let name = upload.file_name().to_owned();
        (name, upload.bytes().cloned().unwrap())
    };
    Some(reply.uploads().iter().map(file).collect())
}

/// Records an update as done with a reply that has this file.
async fn finish_with(store: &RedisStore, update_id: i64, file: InputFile) {
    let reply = SendDocument::new(1, file).into_reply().unwrap();
    let ticket = granted(store, key(update_id)).await;
    assert!(store.finish(&ticket, Some(&reply)).await.unwrap());
}

#[tokio::test]
async fn d16_files_are_kept_with_their_reply_for_all_replicas() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (one, other) = (server.store(), server.store());
    let bytes: Vec<u8> = (0..=255).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let on_disk = std::fs::read(path).unwrap();
    for (update_id, file, name, content) in [
        (
            1,
            InputFile::bytes("ü \"1\".bin", bytes.clone()),
            "ü \"1\".bin",
            bytes,
        ),
        (2, InputFile::path(path), "Cargo.toml", on_disk),
        (3, InputFile::bytes("empty", ""), "empty", Vec::new()),
    ] {
        finish_with(&one, update_id, file).await;
        for store in [&other, &one, &other] {
            let expected = vec![(name.to_owned(), content.clone().into())];
            assert_eq!(files_of(store, update_id).await, Some(expected), "{name}");
        }
    }
    // Twelve files, so that their numbers have two digits.
    let sticker = |n: usize| {
        let file = InputFile::bytes(n.to_string(), n.to_string());
        InputSticker::new(file, StickerFormat::Static, ["a"])
    };
    let stickers: Vec<_> = (0..12).map(sticker).collect();
    let reply = Reply::from(CreateNewStickerSet::new(1, "a", "b", stickers));
    let ticket = granted(&one, key(4)).await;
    assert!(one.finish(&ticket, Some(&reply)).await.unwrap());
    let files = files_of(&other, 4).await.unwrap();
    let expected = (0..12).map(|n: usize| (n.to_string(), n.to_string().into()));
    assert_eq!(files, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn d16_files_are_kept_up_to_a_limit_the_newest_ones() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let store = server.store().max_file_bytes(1000);
    let file = |length: usize| InputFile::bytes("a.txt", vec![b'x'; length]);
    // One that is too long drops no other.
    finish_with(&store, 100, file(1001)).await;
    assert_eq!(files_of(&store, 100).await, None);
    for update_id in 1..=20 {
        finish_with(&store.clone(), update_id, file(1000)).await;
    }
    // The old ones are dropped in the background.
    let newest: Vec<_> = (5..=20).collect();
    let mut kept = Vec::new();
    for _ in 0..1000 {
        kept.clear();
        for update_id in 1..=20 {
            kept.extend(files_of(&store, update_id).await.map(|_| update_id));
        }
        if kept == newest {
            break;
        }
    }
    assert_eq!(kept, newest);
    // Replies without files have room all the same, and none of the others is lost for them.
    let ticket = granted(&store, key(21)).await;
    let long = reply(&"x".repeat(5000));
    assert!(store.finish(&ticket, Some(&long)).await.unwrap());
    assert_eq!(done(&store, key(21)).await, Some(json_of(&long)));
    assert!(files_of(&store, 5).await.is_some());
}

/// Another program has changed it. Its update is done nevertheless.
#[tokio::test]
async fn d16_a_kept_reply_that_isnt_whole_is_none() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let store = server.store();
    let file = || InputFile::bytes("a.txt", "text");
    for field in ["part 0", "name 0", "file 0", "json", "method"] {
        let _: () = server.ask(&["FLUSHALL"]).await;
        finish_with(&store, 1, file()).await;
        assert!(done(&store, key(1)).await.is_some());
        let _: i64 = server.ask(&["HDEL", REPLY_KEY, field]).await;
        assert_eq!(done(&store, key(1)).await, None, "without {field}");
    }
    for (field, value) in [("method", "no method"), ("json", "{"), ("more", "x")] {
        let _: () = server.ask(&["FLUSHALL"]).await;
        finish_with(&store, 1, file()).await;
        let _: i64 = server.ask(&["HSET", REPLY_KEY, field, value]).await;
        assert_eq!(done(&store, key(1)).await, None, "{field}: {value}");
    }
}

#[tokio::test]
async fn d16_a_reply_whose_file_cant_be_kept_is_none() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let store = server.store();
    let none = server.store().max_file_bytes(0);
    for (update_id, store, file) in [
        (1, &store, InputFile::reader("a.txt", &b"text"[..], Some(4))),
        (2, &store, InputFile::reader("a.txt", &b"text"[..], None)),
        (3, &store, InputFile::path("/there/is/no/such/file")),
        (4, &store, InputFile::path("/")),
        (5, &none, InputFile::bytes("a.txt", "text")),
        (
            6,
            &store,
            InputFile::bytes("a.txt", vec![b'x'; (1 << 20) + 1]),
        ),
    ] {
        finish_with(store, update_id, file).await;
        assert_eq!(done(store, key(update_id)).await, None, "{update_id}");
    }
    // A file that Telegram has or fetches is a text of the reply.
    for (update_id, file) in [
        (7, InputFile::id("AgAD")),
        (8, InputFile::url("https://example.com/a.png")),
    ] {
        finish_with(&none, update_id, file).await;
        assert!(done(&none, key(update_id)).await.is_some(), "{update_id}");
    }
}

#[tokio::test]
async fn d16_a_reply_is_kept_for_an_hour_or_as_long_as_is_set() {
    let Some(server) = RedisServer::start().await else {
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
    let Some(server) = RedisServer::start_cluster().await else {
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
async fn d12_a_claim_that_is_read_after_its_end_is_none() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let late = Late::first(&server, 2 * SHORT);
    let late = RedisStore::new(late, "bot").lease(SHORT);
    assert!(late.claim(key(1)).await.is_err());
    // Another replica may have claimed the update meanwhile.
    let attempt = granted(&server.store(), key(1)).await.attempt;
    assert_eq!(attempt, 2);
}

#[tokio::test]
async fn d12_a_script_that_redis_lost_is_sent_again() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let store = server.store();
    let ticket = granted(&store, key(1)).await;
    let _: () = server.ask(&["SCRIPT", "FLUSH"]).await;
    assert!(store.finish(&ticket, None).await.unwrap());
}

#[tokio::test]
async fn d12_claims_are_recorded_again_after_redis_lost_its_memory() {
    let Some(server) = RedisServer::start().await else {
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
    let Some(server) = RedisServer::start().await else {
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
    let Some(mut server) = RedisServer::start().await else {
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
async fn d12_a_key_that_is_no_record_is_an_error_and_a_reply_that_is_none_is_left_out() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let _: i64 = server.ask(&["HSET", KEY, "done", "1"]).await;
    let error = server.store().claim(key(1)).await.unwrap_err();
    assert!(all_of(&error).contains("WRONGTYPE"), "{}", all_of(&error));
    let _: i64 = server.ask(&["DEL", KEY]).await;
    for text in ["something else", "1 2", "1 2 3 4", "", "done "] {
        let _: () = server.ask(&["SET", KEY, text]).await;
        let error = server.store().claim(key(1)).await.unwrap_err();
        let text = all_of(&error);
        assert!(text.contains("no record of an update"), "{text}");
    }
    let _: () = server.ask(&["SET", KEY, "done"]).await;
    let reply = ["HSET", REPLY_KEY, "method", "sendMessage", "json", "{}"];
    let _: i64 = server.ask(&reply).await;
    assert_eq!(done(&server.store(), key(1)).await, None);
}

#[tokio::test]
async fn a6_no_error_shows_the_password() {
    let Some(server) = RedisServer::start_with(&["--requirepass", "the-right-one"]).await else {
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
