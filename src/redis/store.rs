//! The store of updates that replicas share.

use std::{fmt, sync::LazyLock, time::Duration};

use ::redis::{FromRedisValue, aio::ConnectionLike};
use bytes::Bytes;

use super::{
    connection::{Error, RedisConnection, Script, ScriptCall},
    values::{LIFE, MIN_LEASE, micros, millis, number},
};
use crate::{
    Reply,
    webhook::delivery::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("delivery.lua")));

/// Remembers in Redis which updates were handled, for all replicas of a bot.
///
/// 1. An update is claimed for 30 seconds, unless told otherwise, and that is renewed while its
///    handler runs. If its replica dies, another may have it once that time is over.
/// 2. A replica that was out of reach for longer, and whose update another has begun, can't note
///    anything any more. What its handler has done outside, it has done.
/// 3. What was handled is remembered for 24 hours. It takes about 150 bytes of Redis' memory.
/// 4. A reply is kept for an hour, unless told otherwise, and given to each redelivery of its update;
///    it takes its own length. One with files isn't: those are on one replica only.
/// 5. A Redis that doesn't answer in two seconds, unless told otherwise, is as good as down: then
///    updates are answered with 503, and Telegram sends them again.
/// 6. A claim whose answer was lost holds nevertheless until its time is over, and counts as an
///    attempt.
///
/// A Redis that loses its memory, or drops keys to make room (any `maxmemory-policy` but
/// `noeviction`), has updates handled again that were done before and that Telegram sends again. Those
/// that run are noted anew.
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
    /// Over a connection that reconnects by itself.
    ///
    /// All keys begin with `{` and the prefix. Replicas have the same, and **bots that share a Redis
    /// each their own**, as the numbers of their updates may be the same.
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

    /// For how long an update is claimed, and claimed anew in every third of that time: 30 seconds
    /// unless told otherwise, at least 100 milliseconds, at most 24 hours.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.clamp(MIN_LEASE, LIFE);
        self
    }

    /// How long replies are kept for redeliveries. Default: one hour; at most 24 hours. With zero, none
    /// is.
    pub fn max_reply_age(mut self, age: Duration) -> Self {
        self.max_reply_age = age.min(LIFE);
        self
    }

    /// How long Redis may take for an answer; two seconds unless told otherwise. It should be well
    /// under a third of the lease.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.connection.timeout = limit;
        self
    }

    /// The braces have a cluster put all that belongs to one update into one slot.
    fn call(&self, operation: &str, key: DeliveryKey) -> ScriptCall {
        // 0 where there is only one bot.
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

/// What is kept of a reply, if it can be: files would have to go too.
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
