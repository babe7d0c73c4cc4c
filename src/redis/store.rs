//! The delivery store that replicas share.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::redis::{FromRedisValue, Value, aio::ConnectionLike};
use bytes::Bytes;
use tokio::time::Instant;

use super::{
    connection::{Error, RedisConnection, Script, ScriptCall, script},
    reply_files::{KeptFiles, contents},
    values::{MAX_DELIVERY_TIME, MIN_LEASE, micros, millis, number},
};
use crate::{
    Reply,
    client::ErrorChain,
    types::Upload,
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
///    gets it from any replica. Files in memory or at a path are kept with it, up to 1 MiB for each reply
///    ([`max_file_bytes`](Self::max_file_bytes)); those at a path are read once more for that. A reply isn't kept, and a
///    redelivery gets 200 without it, if its files have more, if one of them is a reader or can't be read, and while Redis
///    is out of memory.
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
    max_file_bytes: usize,
    kept_files: Arc<Mutex<KeptFiles>>,
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
            max_file_bytes: 1 << 20,
            kept_files: Arc::default(),
        }
    }

    /// For how long an update is claimed unless its lease is renewed, which happens in every third of that time.
    /// Default: 30 seconds; at least 100 milliseconds, at most 24 hours.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.clamp(MIN_LEASE, MAX_DELIVERY_TIME);
        self
    }

    /// How long replies are kept for redeliveries. Default: one hour; at most 24 hours. With zero, no reply
    /// is kept.
    pub fn max_reply_age(mut self, age: Duration) -> Self {
        self.max_reply_age = age.min(MAX_DELIVERY_TIME);
        self
    }

    /// How many bytes the files of a reply may have together for the reply to be kept. Default: 1 MiB. With zero, no reply
    /// with a file is kept, unless the file is empty.
    ///
    /// Each replica keeps its newest replies with files: at most 1,000, with at most 16 times as many bytes. Clones of the
    /// store count together. Replies that a replica has kept before it was restarted don't count, and stay for
    /// [`max_reply_age`](Self::max_reply_age).
    ///
    /// A reply goes to Redis in one call, and comes back in one. So with much more than 1 MiB, the
    /// [`timeout`](Self::timeout) has to be longer, and so has the redis crate's own time-out for a response, which is
    /// 500 ms by default (`ConnectionManagerConfig::set_response_timeout`): otherwise updates with such replies
    /// can't be recorded, or their redeliveries get 503.
    pub fn max_file_bytes(mut self, bytes: usize) -> Self {
        self.max_file_bytes = bytes;
        self
    }

    /// How long Redis may take to respond. Default: two seconds. It should be well under a third of the lease. The
    /// redis crate has a time-out of its own, of 500 ms by default.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.connection.timeout = limit;
        self
    }

    /// Because of the braces, a cluster has all keys of an update in one slot.
    fn call(&self, operation: &str, key: DeliveryKey) -> ScriptCall {
        let key = self.key(key);
        let reply_key = reply_key(&key);
        SCRIPT
            .call(vec![key.into(), reply_key])
            .arg(operation)
            .arg(millis(MAX_DELIVERY_TIME))
    }

    fn key(&self, key: DeliveryKey) -> String {
        // 0 if there is only one bot.
        let bot = key.bot.map_or(0, |bot| bot.0);
        format!("{{{}:{bot}:{}}}", self.prefix, key.update_id)
    }

    async fn run<T: FromRedisValue>(&self, call: ScriptCall) -> Result<T, StoreError> {
        self.connection.run(call).await.map_err(StoreError::new)
    }

    /// The reply with the contents of its files, if it can be kept.
    async fn parts<'a>(&self, reply: Option<&'a Reply>) -> Option<ReplyParts<'a>> {
        let reply = reply.filter(|_| millis(self.max_reply_age) > 0)?;
        Some(ReplyParts {
            method: reply.method()?,
            json: reply.json()?,
            uploads: reply.uploads(),
            contents: contents(reply.uploads(), self.max_file_bytes).await?,
        })
    }

    /// Counts a reply with files, and drops the oldest where there are too many.
    fn drop_oldest(&self, key: DeliveryKey, bytes: usize) {
        let (key, age) = (reply_key(&self.key(key)), self.max_reply_age);
        let dropped = self.kept_files().add(key, bytes, self.max_file_bytes, age);
        if dropped.is_empty() {
            return;
        }
        let connection = self.connection.clone();
        tokio::spawn(async move {
            // Otherwise they stay until they expire.
            if let Err(error) = connection.unlink(&dropped).await {
                let (error, count) = (ErrorChain(&error), dropped.len());
                tracing::debug!(%error, count, "failed to drop kept replies");
            }
        });
    }

    /// Locked for a few lines, and never across an await.
    fn kept_files(&self) -> MutexGuard<'_, KeptFiles> {
        self.kept_files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeliveryStore for RedisStore {
    async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
        let call = self.call("claim", key).arg(micros(self.lease));
        let asked = Instant::now();
        let answer = self.run(call).await?;
        let claim = read_claim(key, answer).map_err(StoreError::new)?;
        // A process that was paused reads the response late. Another one may have claimed the update since.
        if matches!(claim, Claim::Acquired(_)) && asked.elapsed() >= self.lease {
            return Err(StoreError::new(Error::Timeout));
        }
        Ok(claim)
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
        let parts = self.parts(reply).await;
        if let Some(parts) = &parts {
            call = parts.append_to(call.arg(millis(self.max_reply_age)));
        }
        let finished = self.run(call).await;
        // It may have been kept if the call failed, too.
        if let Some(parts) = parts.filter(|parts| !parts.uploads.is_empty()) {
            self.drop_oldest(token.key, parts.bytes());
        }
        finished
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

/// The parts of a reply that are kept: the fields of a hash, with three for each file.
struct ReplyParts<'a> {
    method: &'a str,
    json: &'a Bytes,
    uploads: &'a [Upload],
    contents: Vec<Bytes>,
}

impl ReplyParts<'_> {
    fn bytes(&self) -> usize {
        self.contents.iter().map(Bytes::len).sum()
    }

    fn append_to(&self, call: ScriptCall) -> ScriptCall {
        let mut call = call.arg("method").arg(self.method);
        call = call.arg("json").arg(&**self.json);
        for (number, (upload, content)) in (0..).zip(self.uploads.iter().zip(&self.contents)) {
            let [part, name, file] = file_fields(number);
            call = call.arg(part).arg(upload.part_name());
            call = call.arg(name).arg(upload.file_name());
            call = call.arg(file).arg(&**content);
        }
        call
    }
}

/// The names of the fields with a file: its part's name, its own name, and its content.
fn file_fields(number: usize) -> [String; 3] {
    ["part", "name", "file"].map(|field| format!("{field} {number}"))
}

/// Where the reply of an update is, by the key of its record.
fn reply_key(key: &str) -> Box<str> {
    format!("{key}:reply").into()
}

/// A text is the new record, a number the rest of another claim, and a list the reply of an update that is done.
fn read_claim(key: DeliveryKey, answer: Value) -> Result<Claim, Error> {
    match answer {
        Value::BulkString(record) => {
            let mut fields = record.split(|byte| *byte == b' ');
            let (Some(fencing_token), Some(_), Some(attempt)) =
                (fields.next(), fields.next(), fields.next())
            else {
                return Err(Error::Unreadable);
            };
            let (fencing_token, attempt) = (number(fencing_token)?, number(attempt)?);
            Ok(Claim::Acquired(ClaimToken::new(
                key,
                fencing_token,
                attempt,
            )))
        }
        Value::Int(rest) => Ok(Claim::Busy {
            lease: Duration::from_micros(rest.unsigned_abs()),
        }),
        fields => {
            let fields = Vec::<Bytes>::from_redis_value(fields);
            Ok(Claim::Done {
                reply: read_kept(key, &fields.map_err(|_| Error::Unreadable)?),
            })
        }
    }
}

fn read_kept(key: DeliveryKey, fields: &[Bytes]) -> Option<Reply> {
    let reply = read_reply(fields);
    if reply.is_none() && !fields.is_empty() {
        let update_id = key.update_id;
        tracing::warn!(
            update_id,
            "kept reply lost: its value in redis can't be read"
        );
    }
    reply
}

/// A reply from its hash. `None` if there is none, or if it isn't whole.
fn read_reply(answer: &[Bytes]) -> Option<Reply> {
    let pairs = answer.chunks_exact(2).map(|pair| (&*pair[0], &pair[1]));
    let fields: HashMap<&[u8], &Bytes> = pairs.collect();
    let bytes = |name: &str| fields.get(name.as_bytes()).copied();
    let text = |name: &str| std::str::from_utf8(bytes(name)?).ok();
    let reply = Reply::from_parts(text("method")?, bytes("json")?.clone())?;
    let mut uploads = Vec::new();
    // Two more fields are the method and the JSON.
    for number in 0..(fields.len() - 2).div_ceil(3) {
        let [part, name, file] = file_fields(number);
        let content = bytes(&file)?.clone();
        uploads.push(Upload::from_parts(text(&part)?, text(&name)?, content)?);
    }
    Some(reply.with_uploads(uploads))
}
