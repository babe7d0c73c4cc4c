//! Rate limits that replicas share.

use std::{fmt, sync::LazyLock, time::Duration};

use ::redis::aio::ConnectionLike;

use super::{
    connection::{Error, RedisConnection, Script, script},
    values::{micros, millis},
};
use crate::client::rate_limit::{LimitKey, LimitScope, SharedLimits, SharedLimitsError};

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(script!("limits.lua")));
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("give_back.lua")));
static PAUSE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("pause.lua")));

/// The longest span that Redis and Lua can count with, and more than Telegram asks for.
const MAX_SPAN: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Records in Redis when messages were sent, for the
/// [`RateLimitLayer`](crate::client::RateLimitLayer::shared)s of all replicas of a bot.
///
/// 1. Each call that counts takes one more round trip.
/// 2. A Redis that doesn't respond in half a second by default counts as down. Then
///    each replica keeps to the limits by itself, and tries Redis again after three seconds: a bot must not
///    stop sending with its Redis. Together the replicas may then send too much, and Telegram responds to
///    some calls with 429.
/// 3. A scope takes one key, of about 20 bytes for each message that its limits count, until its longest span has
///    passed. A Redis that is out of memory still counts.
///
/// See the [module](super) for an example.
#[derive(Clone)]
pub struct RedisLimits {
    connection: RedisConnection,
    prefix: Box<str>,
}

impl RedisLimits {
    /// Limits over a connection that reconnects by itself.
    ///
    /// All keys begin with `{` and the prefix. All replicas of a bot have the same prefix, and bots that share a Redis
    /// have one each, because Telegram counts by bot.
    pub fn new<C>(connection: C, prefix: &str) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self {
            connection: RedisConnection::new(connection, Duration::from_millis(500)),
            prefix: prefix.into(),
        }
    }

    /// How long Redis may take to respond. Default: half a second. A call waits that long if Redis hangs.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.connection.timeout = limit;
        self
    }

    async fn count(&self, scopes: &[LimitScope], messages: usize) -> Result<Vec<Duration>, Error> {
        let keys = scopes
            .iter()
            .flat_map(|scope| ["log", "pause"].map(|what| self.key(what, &scope.key)));
        let mut call = TAKE.call(keys.collect()).arg(messages);
        for scope in scopes {
            call = call.arg(scope.rates.len());
            for (count, span) in scope.rates.iter().map(|rate| (rate.count(), rate.span())) {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                call = call.arg(count).arg(micros(span.min(MAX_SPAN)));
            }
        }
        let rests: Vec<u64> = self.connection.run(call).await?;
        if rests.len() != scopes.len() {
            return Err(Error::Unreadable);
        }
        Ok(rests.into_iter().map(Duration::from_micros).collect())
    }

    /// The newest records go, which may be those of a call that another replica counted meanwhile. They differ by the time
    /// of a round trip.
    async fn uncount(&self, scopes: &[LimitScope], messages: usize) -> Result<(), Error> {
        let keys = scopes.iter().map(|scope| self.key("log", &scope.key));
        let mut call = GIVE_BACK.call(keys.collect()).arg(messages);
        for scope in scopes {
            let counts = scope.rates.iter().map(|rate| rate.count());
            let most = counts.max().unwrap_or_default();
            call = call.arg(u32::try_from(most).unwrap_or(u32::MAX));
        }
        self.connection.run(call).await
    }

    async fn set_pause(&self, key: &LimitKey, time: Duration) -> Result<(), Error> {
        let pause = self.key("pause", key);
        let time = millis(time.min(MAX_SPAN)).max(1);
        self.connection.run(PAUSE.call(vec![pause]).arg(time)).await
    }

    /// The key of a scope's log or pause. Because of the braces, a cluster has all of a bot's in one slot.
    fn key(&self, what: &str, key: &LimitKey) -> Box<str> {
        let prefix = &self.prefix;
        match key {
            LimitKey::Overall => format!("{{{prefix}:limits}}:{what}"),
            LimitKey::Paid => format!("{{{prefix}:limits}}:paid-{what}"),
            LimitKey::Chat(chat) => format!("{{{prefix}:limits}}:{what}:{chat}"),
            LimitKey::Method(name) => format!("{{{prefix}:limits}}:method-{what}:{name}"),
        }
        .into()
    }
}

impl SharedLimits for RedisLimits {
    async fn take(
        &self,
        scopes: &[LimitScope],
        messages: usize,
    ) -> Result<Vec<Duration>, SharedLimitsError> {
        let taken = self.count(scopes, messages).await;
        taken.map_err(SharedLimitsError::new)
    }

    async fn give_back(
        &self,
        scopes: &[LimitScope],
        messages: usize,
    ) -> Result<(), SharedLimitsError> {
        let given = self.uncount(scopes, messages).await;
        given.map_err(SharedLimitsError::new)
    }

    async fn pause(&self, key: &LimitKey, time: Duration) -> Result<(), SharedLimitsError> {
        let paused = self.set_pause(key, time).await;
        paused.map_err(SharedLimitsError::new)
    }
}

impl fmt::Debug for RedisLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLimits")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
