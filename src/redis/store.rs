//! The delivery store that replicas share.

use std::{fmt, sync::LazyLock, time::Duration};

use ::redis::{FromRedisValue, aio::ConnectionLike};
use bytes::Bytes;

use super::{
    connection::{Error, RedisConnection, Script, ScriptCall, script},
    values::{LIFE, MIN_LEASE, micros, millis, number},
};
use crate::{
    Reply,
    webhook::delivery::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(script!("delivery.lua")));

/// A [`DeliveryStore`] in Redis, which records for all replicas of a bot which updates were handled.
///
/// 1. An update is claimed for a lease of 30 seconds by default, which is renewed while its
///    handler runs. If its replica dies, another may claim the update when the lease ends.
/// 2. A replica that couldn't reach Redis for longer, and whose update another has claimed, can't record
///    anything about it any more. The handler's effects elsewhere remain.
/// 3. An update that was handled is remembered for 24 hours, in about 150 bytes of Redis' memory.
/// 4. A reply is kept for an hour by default, in as many bytes as it has, and each redelivery of its update
///    gets it. A reply with files isn't kept, because the files are on one replica; nor is any while Redis is out
///    of memory.
/// 5. A Redis that doesn't respond in two seconds by default counts as down: updates are rejected with 503, and
///    Telegram sends them again.
/// 6. A claim whose answer was lost holds nevertheless until its lease ends, and counts as an
///    attempt.
///
/// If Redis loses its memory, or drops keys to make room (any `maxmemory-policy` but
/// `noeviction`), updates that were handled before and that Telegram sends again are handled again. Claims of
/// running handlers are recorded again.
///
/// See the [module](super) for an example.
#[derive(Clone)]
pub struct RedisStore {
    connection: RedisConnection,
    prefix: Box<str>,
    lease: Duration,
    max_reply_age: Duration,
}

impl RedisStore {
    /// A store over a connection that reconnects by itself.
    ///
    /// All keys begin with `{` and the prefix. All replicas of a bot have the same prefix, and **bots that share a
    /// Redis have one each**, because the numbers of their updates may be the same.
    pub fn new<C>(connection: C, prefix: &str) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self {
            connection: RedisConnection::new(connection, Duration::from_secs(2)),
            prefix: prefix.into(),
            lease: Duration::from_secs(30),
            max_reply_age: Duration::from_secs(60 * 60),
        }
    }

    /// For how long an update is claimed unless its lease is renewed, which happens in every third of that time.
    /// Default: 30 seconds; at least 100 milliseconds, at most 24 hours.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.clamp(MIN_LEASE, LIFE);
        self
    }

    /// How long replies are kept for redeliveries. Default: one hour; at most 24 hours. With zero, no reply
    /// is kept.
    pub fn max_reply_age(mut self, age: Duration) -> Self {
        self.max_reply_age = age.min(LIFE);
        self
    }

    /// How long Redis may take to respond. Default: two seconds. It should be well under a third of the lease.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.connection.timeout = limit;
        self
    }

    /// Because of the braces, a cluster has all keys of an update in one slot.
    fn call(&self, operation: &str, key: DeliveryKey) -> ScriptCall {
        // 0 if there is only one bot.
        let bot = key.bot.map_or(0, |bot| bot.0);
        let key = format!("{{{}:{bot}:{}}}", self.prefix, key.update_id);
        let reply_key = format!("{key}:reply");
        SCRIPT
            .call(vec![key.into(), reply_key.into()])
            .arg(operation)
            .arg(millis(LIFE))
    }

    async fn run<T: FromRedisValue>(&self, call: ScriptCall) -> Result<T, StoreError> {
        self.connection.run(call).await.map_err(StoreError::new)
    }
}

impl DeliveryStore for RedisStore {
    async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
        let call = self.call("claim", key).arg(micros(self.lease));
        let answer: Vec<Bytes> = self.run(call).await?;
        read_claim(key, &answer).map_err(StoreError::new)
    }

    fn renew_every(&self) -> Option<Duration> {
        Some(self.lease / 3)
    }

    async fn renew(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        let call = self.call("renew", token.key).arg(token.fencing_token);
        let call = call.arg(micros(self.lease)).arg(token.attempt);
        self.run(call).await
    }

    async fn finish(&self, token: &ClaimToken, reply: Option<&Reply>) -> Result<bool, StoreError> {
        let mut call = self.call("finish", token.key).arg(token.fencing_token);
        let max_age = millis(self.max_reply_age);
        if let Some((method, json)) = reply.and_then(parts)
            && max_age > 0
        {
            call = call.arg(max_age).arg(method).arg(json);
        }
        self.run(call).await
    }

    async fn fail(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        self.run(self.call("fail", token.key).arg(token.fencing_token))
            .await
    }

    async fn release(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        self.run(self.call("release", token.key).arg(token.fencing_token))
            .await
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// The parts of a reply that are kept; `None` if it has files.
fn parts(reply: &Reply) -> Option<(&str, &[u8])> {
    let (method, json) = (reply.method()?, reply.json()?);
    reply.uploads().is_empty().then_some((method, json))
}

fn read_claim(key: DeliveryKey, answer: &[Bytes]) -> Result<Claim, Error> {
    let (what, rest) = answer.split_first().ok_or(Error::Unreadable)?;
    Ok(match (&**what, rest) {
        (b"done", reply) => Claim::Done {
            reply: read_reply(reply)?,
        },
        (b"busy", [lease]) => Claim::Busy {
            lease: Duration::from_micros(number(lease)?),
        },
        (b"granted", [fencing_token, attempt]) => {
            let (fencing_token, attempt) = (number(fencing_token)?, number(attempt)?);
            Claim::Acquired(ClaimToken::new(key, fencing_token, attempt))
        }
        _ => return Err(Error::Unreadable),
    })
}

fn read_reply(answer: &[Bytes]) -> Result<Option<Reply>, Error> {
    let [method, json] = answer else {
        return answer.is_empty().then_some(None).ok_or(Error::Unreadable);
    };
    let method = std::str::from_utf8(method).map_err(|_| Error::Unreadable)?;
    let reply = Reply::from_parts(method, json.clone());
    reply.map(Some).ok_or(Error::Unreadable)
}
