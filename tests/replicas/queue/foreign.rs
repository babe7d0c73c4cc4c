//! Entries that other programs write into a queue's streams.

use super::support::{
    AttemptLog, Calls, fill, message, queue, serve, start_with, status, succeeding, until,
    until_empty,
};
use crate::replicas::server::RedisServer;

const STREAM: &str = "{bot:queue}:updates:0";

async fn add(server: &RedisServer, stream: &str, fields: &[&str]) {
    let command = ["XADD", stream, "*"].into_iter();
    let command: Vec<_> = command.chain(fields.iter().copied()).collect();
    drop(server.ask::<String>(&command).await);
}

fn json(id: i64, chat: i64) -> String {
    String::from_utf8(message(id, chat).bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn entries_of_others_are_dead_letters_at_once_and_others_are_unaffected() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server).partitions(1), AttemptLog::default());
    fill(&queue, (1..=20).map(|id| message(id, id % 3))).await;
    add(&server, STREAM, &["foo", "bar"]).await;
    let update = json(21, 7);
    add(
        &server,
        STREAM,
        &["bot", "me", "chat_key", "0:7", "json", &update],
    )
    .await;
    add(
        &server,
        STREAM,
        &["bot", "0", "chat_key", "0:1", "json", "no update"],
    )
    .await;
    add(&server, STREAM, &["json", &update]).await;
    let not_utf8 = "return redis.call('XADD', KEYS[1], '*', 'bot', '0', 'chat_key', '0:\\255', 'json', ARGV[1])";
    drop(
        server
            .ask::<String>(&["EVAL", not_utf8, "1", STREAM, &update])
            .await,
    );
    // As of a version that is to come.
    let other_order = json(22, 8);
    let fields = [
        "since",
        "1",
        "json",
        &other_order,
        "chat_key",
        "0:8",
        "bot",
        "0",
    ];
    add(&server, STREAM, &fields).await;
    fill(&queue, (31..=50).map(|id| message(id, id % 3))).await;

    let worker = queue.worker(Calls::default().client());
    let running = start_with(|| worker, succeeding(&log));
    until_empty(&queue).await;
    running.stop().await;
    let mut succeeded = log.succeeded();
    succeeded.sort_unstable();
    let expected: Vec<_> = (1..=20).chain([22]).chain(31..=50).collect();
    assert_eq!(succeeded, expected, "each once");

    assert_eq!(status(&queue).await.dead_letters, 5);
    let letters = queue.dead_letters(None, 10).await.unwrap();
    let of = |text: &str| letters.iter().filter(|l| l.failure.contains(text)).count();
    assert_eq!(
        (letters.len(), of("bot"), of("UTF-8")),
        (3, 2, 1),
        "{letters:?}"
    );
    assert!(letters.iter().all(|letter| letter.attempts == 1));
    let unreadable = queue.unreadable_letters(None, 10).await.unwrap();
    let bytes: Vec<_> = unreadable.iter().map(|letter| &letter.bytes[..]).collect();
    assert_eq!(bytes, [&br#"["foo","bar"]"#[..], b"no update"]);

    // An update can be queued again, behind those of its chat.
    assert!(queue.requeue(&letters[2]).await.unwrap());
    assert!(queue.discard_unreadable(&unreadable[0]).await.unwrap());
    assert!(
        !queue.discard_unreadable(&unreadable[0]).await.unwrap(),
        "it is gone"
    );
    let running = start_with(|| queue.worker(Calls::default().client()), succeeding(&log));
    until(|| log.succeeded().contains(&21), "it is handled").await;
    running.stop().await;
    assert_eq!(status(&queue).await.dead_letters, 3);
}

#[tokio::test]
async fn keys_of_other_types_stop_their_partition_alone() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server).partitions(4), AttemptLog::default());
    let chats = 0..40;
    for chat in chats.clone() {
        fill(&queue, [message(chat + 1, chat)]).await;
    }
    let in_stream: usize = server.ask(&["XLEN", STREAM]).await;
    assert!((1..40).contains(&in_stream));
    let _: usize = server.ask(&["DEL", STREAM]).await;
    drop(server.ask::<String>(&["SET", STREAM, "text"]).await);
    let _: usize = server
        .ask(&["HSET", "{bot:queue}:attempts", "1:0-1", "text"])
        .await;
    let worker = queue.worker(Calls::default().client());
    let running = start_with(|| worker, succeeding(&log));
    log.until_succeeded(40 - in_stream).await;
    let _: usize = server.ask(&["DEL", STREAM]).await;
    let before = log.succeeded().len();
    for chat in chats {
        fill(&queue, [message(chat + 101, chat)]).await;
    }
    log.until_succeeded(before + 40).await;
    until_empty(&queue).await;
    running.stop().await;
}

#[tokio::test]
async fn d15_an_update_that_is_not_json_throughout_is_tried_once() {
    use tower_telegram::{
        types::Update,
        webhook::{RawUpdate, Webhook},
    };

    let Some(server) = RedisServer::start().await else {
        return;
    };
    let queue = queue(&server);
    let broken = r#"{"update_id":1,"message":{"chat":{"id":7},"text":"a\ud83d"}}"#;
    let broken = RawUpdate::from_bytes(broken.into()).unwrap();
    queue.enqueue(None, &broken).await.unwrap();
    let worker = queue.worker(Calls::default().client());
    let webhook = Webhook::without_secret_token().handler(async |_: Update| {});
    let running = serve(|| worker, webhook.into_updates());
    until_empty(&queue).await;
    running.stop().await;
    let letters = queue.dead_letters(None, 10).await.unwrap();
    assert_eq!((letters.len(), letters[0].attempts), (1, 1), "{letters:?}");
}

/// An entry behind which Redis can add no other.
#[tokio::test]
async fn d31_entries_with_the_last_id_of_all_stop_no_stream() {
    const LAST: &str = "18446744073709551615-18446744073709551615";
    const BEFORE_LAST: &str = "18446744073709551615-18446744073709551614";
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server).partitions(1), AttemptLog::default());
    fill(&queue, (1..=20).map(|id| message(id, id % 3))).await;
    for (stream, id) in [
        (STREAM, BEFORE_LAST),
        (STREAM, LAST),
        ("{bot:queue}:dead", BEFORE_LAST),
        ("{bot:queue}:dead", LAST),
    ] {
        drop(
            server
                .ask::<String>(&["XADD", stream, id, "foo", "bar"])
                .await,
        );
    }
    fill(&queue, (21..=40).map(|id| message(id, id % 3))).await;

    let worker = queue.worker(Calls::default().client());
    let running = start_with(|| worker, succeeding(&log));
    until_empty(&queue).await;
    assert_eq!(status(&queue).await.dead_letters, 4);
    // Once more, with a worker that has read it.
    drop(
        server
            .ask::<String>(&["XADD", STREAM, LAST, "foo", "bar"])
            .await,
    );
    until_empty(&queue).await;
    fill(&queue, (41..=60).map(|id| message(id, id % 3))).await;
    until_empty(&queue).await;
    running.stop().await;
    let mut chats = [const { Vec::new() }; 3];
    for id in log.succeeded() {
        chats[usize::try_from(id % 3).unwrap()].push(id);
    }
    for (chat, ids) in (0..).zip(chats) {
        let expected: Vec<_> = (1..=60).filter(|id| id % 3 == chat).collect();
        assert_eq!(ids, expected, "chat {chat}");
    }
    let letters = queue.unreadable_letters(None, 10).await.unwrap();
    let bytes: Vec<_> = letters.iter().map(|letter| &letter.bytes[..]).collect();
    // Those that were put among the dead letters have no update and no fields of one.
    assert_eq!(bytes[2..], [&br#"["foo","bar"]"#[..]; 3]);
    let updates = queue.dead_letters(None, 10).await.unwrap();
    assert!(updates.is_empty(), "{updates:?}");
}

/// Lua can't pass so many fields to one command.
#[tokio::test]
async fn d31_an_entry_of_ten_thousand_fields_before_the_last_id_loses_no_others() {
    const LAST: &str = "18446744073709551615-18446744073709551615";
    const DEAD: &str = "{bot:queue}:dead";
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server).partitions(1), AttemptLog::default());
    fill(&queue, (1..=20).map(|id| message(id, id % 3))).await;
    let wide: Vec<_> = (0..10_000)
        .flat_map(|n| [format!("field {n}"), format!("\"{n}\"")])
        .collect();
    let fields: Vec<_> = wide.iter().map(String::as_str).collect();
    add(&server, STREAM, &fields).await;
    // An update with many other fields is an update still.
    let update = json(21, 0);
    let mut named = vec!["json", &*update, "chat_key", "0:0", "bot", "0"];
    named.extend(&fields);
    add(&server, STREAM, &named).await;
    add(&server, DEAD, &fields).await;
    for stream in [STREAM, DEAD] {
        drop(
            server
                .ask::<String>(&["XADD", stream, LAST, "foo", "bar"])
                .await,
        );
    }
    fill(&queue, (22..=40).map(|id| message(id, id % 3))).await;
    let in_stream: usize = server.ask(&["XLEN", STREAM]).await;
    assert_eq!(in_stream, 42);

    let worker = queue.worker(Calls::default().client());
    let running = start_with(|| worker, succeeding(&log));
    until_empty(&queue).await;
    running.stop().await;
    let mut succeeded = log.succeeded();
    succeeded.sort_unstable();
    assert_eq!(succeeded, (1..=40).collect::<Vec<_>>(), "each once");
    let letters = queue.unreadable_letters(None, 10).await.unwrap();
    let mut bytes: Vec<_> = letters.iter().map(|letter| &letter.bytes[..]).collect();
    bytes.sort_unstable();
    let wide = wide.iter().map(|text| format!("{text:?}"));
    let wide = format!("[{}]", wide.collect::<Vec<_>>().join(","));
    // The last one among the dead letters has no update and no fields of one.
    let (wide, short) = (wide.as_bytes(), &br#"["foo","bar"]"#[..]);
    let expected = [&b""[..], wide, wide, short];
    assert!(bytes == expected, "{} letters", bytes.len());
}

#[tokio::test]
async fn d31_paging_through_dead_letters_ends_after_the_last_ids() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let queue = queue(&server).partitions(1);
    let ids = [
        "5-18446744073709551615",
        "6-0",
        "18446744073709551615-18446744073709551615",
    ];
    for id in ids {
        drop(
            server
                .ask::<String>(&["XADD", "{bot:queue}:dead", id, "foo", "bar"])
                .await,
        );
    }
    let (mut found, mut last) = (Vec::new(), None::<Box<str>>);
    loop {
        let letters = queue.unreadable_letters(last.as_deref(), 1).await.unwrap();
        let Some(letter) = letters.first() else { break };
        assert!(found.len() < ids.len(), "{found:?}");
        found.push(letter.id.clone());
        last = Some(letter.id.clone());
    }
    assert!(found.iter().map(|id| &**id).eq(ids), "{found:?}");
}

#[tokio::test]
async fn l5_a_key_of_another_type_leaves_the_other_partitions_measured() {
    const SCRIPT: &str = concat!(
        include_str!("../../../src/redis/common.lua"),
        include_str!("../../../src/redis/queue/queue.lua"),
    );
    let Some(server) = RedisServer::start().await else {
        return;
    };
    fill(&queue(&server).partitions(1), [message(1, 1)]).await;
    drop(server.ask::<String>(&["SET", "foreign", "text"]).await);
    let keys = ["{bot:queue}:partitions", STREAM, "foreign", "none", STREAM];
    let call = ["EVAL", SCRIPT, "5"].into_iter().chain(keys);
    let call: Vec<_> = call.chain(["depth", "1"]).collect();
    let depth: Vec<u64> = server.ask(&call).await;
    let counts: Vec<_> = depth.iter().step_by(2).copied().collect();
    assert_eq!(counts, [1, 0, 0, 1], "{depth:?}");
}
