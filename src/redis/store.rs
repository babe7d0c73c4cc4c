//! The delivery store that replicas share.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::redis::{FromRedisValue, aio::ConnectionLike};
use bytes::Bytes;

use super::{
    connection::{Error, RedisConnection, Script, ScriptCall, script},
    reply_files::{KeptFiles, contents},
    values::{LIFE, MIN_LEASE, micros, millis, number},
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
///    gets it from any replica. Its files are kept with it, those in memory and those at a path, which are read once
///    more for that: the newest replies whose files have at most 16 MiB together, for each replica
///    ([`max_file_bytes`](Self::max_file_bytes)). A reply isn't kept, and a redelivery gets 200 without it, if its files
///    alone have more, if one of them is a reader or can't be read, and while Redis is out of memory.
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
            max_file_bytes: 16 << 20,
            kept_files: Arc::default(),
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

    /// How many bytes of files are kept in Redis with the replies of this replica; clones of the store count together.
    /// Default: 16 MiB. The oldest replies with files are dropped first, and a reply whose files have more isn't kept.
    /// With zero, no reply with a file is kept, unless the file is empty.
    ///
    /// Files that a replica has kept before it was restarted don't count, and stay for
    /// [`max_reply_age`](Self::max_reply_age).
    pub fn max_file_bytes(mut self, bytes: usize) -> Self {
        self.max_file_bytes = bytes;
        self
    }

    /// How long Redis may take to respond. Default: two seconds, and a second more for each MiB of files that are kept with
    /// a reply. It should be well under a third of the lease.
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

    /// Drops the oldest replies with files, so that there is room for these.
    async fn make_room(&self, key: DeliveryKey, bytes: usize) {
        let age = self.max_reply_age;
        let dropped = self.kept_files().add(key, bytes, self.max_file_bytes, age);
        for key in dropped {
            // Otherwise it stays until it expires.
            if let Err(error) = self.drop_reply(key).await {
                let error = ErrorChain(&error);
                tracing::debug!(%error, update_id = key.update_id, "failed to drop a kept reply");
            }
        }
    }

    async fn drop_reply(&self, key: DeliveryKey) -> Result<(), StoreError> {
        self.run(self.call("forget_reply", key)).await
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
        let mut connection = self.connection.clone();
        if let Some(parts) = self.parts(reply).await {
            if !parts.uploads.is_empty() {
                let bytes = parts.bytes();
                self.make_room(token.key, bytes).await;
                let more = Duration::from_secs(bytes as u64 >> 20);
                connection.timeout = connection.timeout.saturating_add(more);
            }
            call = parts.append_to(call.arg(millis(self.max_reply_age)));
        }
        connection.run(call).await.map_err(StoreError::new)
    }

    async fn forget_reply(&self, key: DeliveryKey) -> Result<(), StoreError> {
        self.kept_files().forget(key);
        self.drop_reply(key).await
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
    if answer.is_empty() {
        return Ok(None);
    }
    let pairs = answer.chunks_exact(2).map(|pair| (&*pair[0], &pair[1]));
    let fields: HashMap<&[u8], &Bytes> = pairs.collect();
    let reply = restored(&fields).ok_or(Error::Unreadable)?;
    Ok(Some(reply))
}

/// A reply from the fields of its hash.
fn restored(fields: &HashMap<&[u8], &Bytes>) -> Option<Reply> {
    let bytes = |name: &str| fields.get(name.as_bytes()).copied();
    let text = |name: &str| std::str::from_utf8(bytes(name)?).ok();
    let reply = Reply::from_parts(text("method")?, bytes("json")?.clone())?;
    let mut uploads = Vec::new();
    for [part, name, file] in (0..).map(file_fields) {
        let Some(content) = bytes(&file) else { break };
        let upload = Upload::from_parts(text(&part)?, text(&name)?, content.clone());
        uploads.push(upload?);
    }
    Some(reply.with_uploads(uploads))
}
