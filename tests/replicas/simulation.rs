//! The simulation of `crate::simulation` with a real Redis, in real time and with restarts of Redis.

use std::{sync::Arc, time::Duration};

use redis::{Client, aio::ConnectionManagerConfig};
use tokio::time::sleep;
use tower_telegram::redis::RedisStore;

use super::server::{RedisServer, SECOND};
use crate::{
    delivery::stores::Place,
    simulation::{Blows, Plan, run},
};

/// A twentieth, for each second of Telegram's.
const SHORT: Duration = Duration::from_millis(50);

/// Each replica has a connection of its own.
struct Redis {
    client: Client,
}

impl Place for Redis {
    type Store = RedisStore;

    async fn find() -> Option<Self> {
        None
    }

    fn store(&self) -> RedisStore {
        let config = ConnectionManagerConfig::new();
        let connection = self.client.get_connection_manager_lazy(config);
        RedisStore::new(connection.expect("nothing is asked yet"), "bot")
            .lease(9 * SHORT)
            .timeout(2 * SHORT)
    }
}

#[tokio::test]
async fn d11_d12_over_a_redis_that_is_restarted_nothing_is_lost_and_nothing_succeeds_twice() {
    let Some(mut server) = RedisServer::start().await else {
        return;
    };
    let redis = Redis {
        client: server.client(),
    };
    let mut plan = Plan::new(3_000);
    plan.second = SHORT;
    plan.is_exact = false;
    plan.blows = Blows {
        // Here it is the server itself that goes away.
        store_down_every: None,
        ..Blows::ALL
    };
    let restarts = async {
        loop {
            sleep(SECOND).await;
            server.stop().await;
            sleep(SECOND / 5).await;
            server.start_again().await;
        }
    };
    tokio::select! {
        _ = run(plan, Arc::new(redis)) => {}
        () = restarts => {}
    }
}
