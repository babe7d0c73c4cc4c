//! The session store that replicas share.

use std::{fmt, sync::LazyLock, time::Duration};

use ::redis::aio::ConnectionLike;
use bytes::Bytes;

use super::{
    connection::{Error, RedisConnection, Script},
    values::{millis, number},
};
use crate::router::session::{SessionError, SessionStore, StoredSession};

static SAVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("sessions.lua")));
static LOAD: LazyLock<Script> =
    LazyLock::new(|| Script::new("return redis.call('HMGET', KEYS[1], 'revision', 'value')"));

/// The longest time that a session is kept, in milliseconds: Redis takes no more than about 292 million years
/// from now.
const MAX_EXPIRY_MILLIS: u64 = 1 << 50;

/// A [`SessionStore`] in Redis, for all replicas of a bot.
///
/// A session takes its own length, its length before its last change and about 150 bytes of Redis' memory. With
/// [`RedisLocks`](super::RedisLocks), two updates of one chat are handled one after the other, over all replicas;
/// without, the second to change the session is tried again.
///
/// A Redis that drops keys to make room (any `maxmemory-policy` but `noeviction`) ends sessions early. One that is
/// out of memory and drops none refuses to save a session, and still removes it: an update whose session can't
/// be saved is deferred.
#[derive(Clone)]
pub struct RedisSessions {
    connection: RedisConnection,
    prefix: Box<str>,
}

impl RedisSessions {
    /// Sessions over a connection that reconnects by itself.
    ///
    /// All keys begin with `{` and the prefix. All replicas of a bot have the same prefix; bots that share a Redis
    /// have one each, unless they share an endpoint too.
    pub fn new<C>(connection: C, prefix: &str) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self {
            connection: RedisConnection::new(connection, Duration::from_secs(2)),
            prefix: prefix.into(),
        }
    }

    /// How long Redis may take to respond. Default: two seconds.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.connection.timeout = limit;
        self
    }

    fn key(&self, session: &str) -> Vec<Box<str>> {
        vec![format!("{{{}:{session}}}:session", self.prefix).into()]
    }
}

impl SessionStore for RedisSessions {
    async fn load(&self, key: &str) -> Result<Option<StoredSession>, SessionError> {
        let call = LOAD.call(self.key(key));
        let answer: Vec<Option<Bytes>> = self
            .connection
            .run(call)
            .await
            .map_err(SessionError::store)?;
        match &answer[..] {
            [None, None] => Ok(None),
            [Some(revision), Some(value)] => {
                let revision = number(revision).map_err(SessionError::store)?;
                Ok(Some(StoredSession::new(value.clone(), revision)))
            }
            _ => Err(SessionError::store(Error::Unreadable)),
        }
    }

    async fn save(
        &self,
        key: &str,
        revision: Option<u64>,
        value: Option<Bytes>,
        expires_after: Duration,
    ) -> Result<bool, SessionError> {
        let revision = revision.map_or_else(String::new, |revision| revision.to_string());
        let time = millis(expires_after).clamp(1, MAX_EXPIRY_MILLIS);
        let mut call = SAVE.call(self.key(key)).arg(revision).arg(time);
        if let Some(value) = value {
            call = call.arg(&value[..]);
        }
        self.connection.run(call).await.map_err(SessionError::store)
    }
}

impl fmt::Debug for RedisSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSessions")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
