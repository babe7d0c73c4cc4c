//! J10 over replicas that share a Redis.

use std::{sync::Arc, time::Duration};

use http::Request;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tower::{ServiceExt as _, util::BoxCloneSyncService};
use tower_telegram::{
    redis::{RedisLocks, RedisSessions, RedisStore},
    router::{
        Router,
        session::{Session, SessionLayer, SessionStore as _},
    },
    webhook::{DeliveryLayer, RawUpdate, SequenceLayer, Webhook},
};

use super::server::RedisServer;

#[derive(Default, Deserialize, Serialize)]
struct Count {
    n: u32,
}

type Replica = BoxCloneSyncService<Request<RawUpdate>, u16, std::convert::Infallible>;

async fn count(mut count: Session<Count>) {
    let before = count.n;
    tokio::task::yield_now().await;
    count.n = before + 1;
}

fn replica(server: &RedisServer, in_sequence: bool) -> Replica {
    let sessions = RedisSessions::new(server.connection(), "bot");
    let router: Router = Router::new()
        .message(count)
        .layer(SessionLayer::<Count, _>::new(sessions));
    let deliveries = DeliveryLayer::with_store(RedisStore::new(server.connection(), "bot"));
    let mut webhook = Webhook::without_secret_token().delivery(deliveries.max_attempts(1000));
    if in_sequence {
        let locks = RedisLocks::new(server.connection(), "bot");
        webhook = webhook.sequence(SequenceLayer::new().with_lock(locks));
    }
    let updates = webhook.service(router).into_updates();
    BoxCloneSyncService::new(updates.map_response(|response| response.status().as_u16()))
}

fn update(id: i64) -> Request<RawUpdate> {
    let message = r#"{"message_id":1,"date":0,"chat":{"id":42,"type":"private"},"text":"x"}"#;
    let json = format!(r#"{{"update_id":{id},"message":{message}}}"#);
    Request::new(RawUpdate::from_bytes(json.into()).expect("an update"))
}

/// With the sequence at the first try; without it, again until no other is in the way.
#[tokio::test]
async fn j10_of_updates_to_two_replicas_no_change_is_lost() {
    for in_sequence in [true, false] {
        let Some(server) = RedisServer::start().await else {
            return;
        };
        let replicas = Arc::new([replica(&server, in_sequence), replica(&server, in_sequence)]);
        let mut telegram = JoinSet::new();
        for id in 0..40_u8 {
            let replicas = Arc::clone(&replicas);
            telegram.spawn(async move {
                for turn in 0.. {
                    let replica = replicas[(usize::from(id) + turn) % 2].clone();
                    let Ok(status) = replica.oneshot(update(id.into())).await;
                    if status == 200 {
                        return turn;
                    }
                }
                0
            });
        }
        let turns = telegram.join_all().await;
        if in_sequence {
            assert!(turns.iter().all(|turn| *turn == 0), "{turns:?}");
        }
        let sessions = RedisSessions::new(server.connection(), "bot");
        let stored = sessions
            .load("0:c42")
            .await
            .expect("redis is up")
            .expect("a session");
        let text = str::from_utf8(&stored.value).expect("a text");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..2], ["0", "{\"n\":40}"], "{text}");
        assert_eq!(lines[3..], ["0", "{\"n\":39}"], "{text}");
        let key = "{bot:0:c42}:session";
        let left: i64 = server.ask(&["PTTL", key]).await;
        let month = 30 * 24 * 60 * 60 * 1000;
        assert!(left > month - 60_000 && left <= month, "{left}");
        let revision = Some(stored.revision);
        let gone = sessions.save("0:c42", revision, None, Duration::MAX).await;
        assert!(gone.expect("redis is up"));
        assert_eq!(sessions.load("0:c42").await.expect("redis is up"), None);
        let forever = sessions
            .save("0:c42", None, Some("0\n{}".into()), Duration::MAX)
            .await;
        assert!(forever.expect("redis is up"));
    }
}
