//! How often Redis is asked for an update.

use http::{Request, Response};
use tokio::time::timeout;
use tower::{Service, ServiceBuilder, ServiceExt as _};
use tower_telegram::{
    handler_fn,
    webhook::{DeliveryLayer, RawUpdate, ReplyLayer, SequenceLayer},
};

use super::server::{RedisServer, SECOND};

const UPDATES: i64 = 20;

/// How many scripts Redis was asked to run.
async fn scripts(server: &RedisServer) -> i64 {
    let stats: String = server.ask(&["INFO", "commandstats"]).await;
    let calls = |line: &str| {
        let (_, calls) = line.split_once(":calls=")?;
        calls.split(',').next()?.parse::<i64>().ok()
    };
    let of_scripts = stats
        .lines()
        .filter(|line| line.starts_with("cmdstat_eval"));
    of_scripts.filter_map(calls).sum()
}

/// A chat's turn is given back after the answer.
async fn until_no_turn(server: &RedisServer) {
    let given_back = async {
        loop {
            let turns: Vec<String> = server.ask(&["KEYS", "*:turn"]).await;
            if turns.is_empty() {
                return;
            }
        }
    };
    timeout(20 * SECOND, given_back)
        .await
        .expect("it is given back");
}

/// How many round trips an update takes, once Redis knows the scripts.
async fn round_trips<S, B>(server: &RedisServer, service: S) -> i64
where
    S: Service<Request<RawUpdate>, Response = Response<B>> + Clone,
    S::Error: std::fmt::Debug,
{
    let handle = async |id| {
        let json = format!(r#"{{"update_id":{id},"message":{{"chat":{{"id":7}}}}}}"#);
        let update = RawUpdate::from_bytes(json.into()).unwrap();
        let answer = service.clone().oneshot(Request::new(update)).await.unwrap();
        assert_eq!(answer.status(), 200);
        until_no_turn(server).await;
    };
    handle(0).await;
    let before = scripts(server).await;
    for id in 1..=UPDATES {
        handle(id).await;
    }
    let more = scripts(server).await - before;
    assert_eq!(more % UPDATES, 0, "each costs the same");
    more / UPDATES
}

#[tokio::test]
async fn d11_an_update_is_claimed_in_one_round_trip_and_recorded_in_another() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let bot = ServiceBuilder::new()
        .layer(ReplyLayer::new())
        .service(handler_fn(async |_: RawUpdate| {}));
    let delivery = DeliveryLayer::with_store(server.store());
    let service = ServiceBuilder::new().layer(delivery).service(bot.clone());
    assert_eq!(round_trips(&server, service).await, 2);

    // A turn is one round trip, and to give it back another.
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let service = ServiceBuilder::new()
        .layer(DeliveryLayer::with_store(server.store()))
        .layer(SequenceLayer::new().with_lock(server.locks()))
        .service(bot);
    assert_eq!(round_trips(&server, service).await, 4);
}
