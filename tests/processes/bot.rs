//! The settings that all processes share.

use std::{env, time::Duration};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tower_telegram::{Client, redis::RedisQueue};
use tower_telegram_test::Telegram;

use crate::{database::Database, failure::Failure};

/// The queue's name.
pub(crate) const NAME: &str = "replicas";

/// The webhook's secret token. In production it must be a secret.
pub(crate) const SECRET: &str = "only-for-the-example";

const REDIS_URL: &str = "REPLICAS_REDIS_URL";
const API_URL: &str = "REPLICAS_API_URL";
const TOKEN: &str = "REPLICAS_TOKEN";

/// Told to the children by their environment.
pub(crate) struct Surroundings {
    pub(crate) variables: [(&'static str, String); 3],
}

impl Surroundings {
    pub(crate) fn new(database: &Database, telegram: &Telegram) -> Self {
        Self {
            variables: [
                (REDIS_URL, database.url()),
                (API_URL, telegram.api_url().to_owned()),
                (TOKEN, telegram.token().to_owned()),
            ],
        }
    }
}

/// A connection that reconnects by itself.
pub(crate) fn connection() -> Result<ConnectionManager, Failure> {
    let client = redis::Client::open(env::var(REDIS_URL)?)?;
    Ok(client.get_connection_manager_lazy(ConnectionManagerConfig::new())?)
}

/// A short lease, so that a dead worker's updates are soon taken over.
pub(crate) fn queue(connection: ConnectionManager) -> RedisQueue {
    RedisQueue::new(connection, NAME).lease(Duration::from_secs(2))
}

pub(crate) fn client() -> Result<Client, Failure> {
    let token = env::var(TOKEN)?.parse()?;
    Ok(Client::with_base_url(&token, &env::var(API_URL)?)?)
}
