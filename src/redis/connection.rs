//! Calls of scripts over any kind of connection.

use std::{error, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use ::redis::{
    Arg, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, ToRedisArgs,
    Value, aio::ConnectionLike,
};
use tokio::time::timeout;

/// The shortest time-out, because no Redis responds in no time.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);

/// A connection of any kind. Cheap to clone.
#[derive(Clone)]
pub(super) struct RedisConnection {
    inner: Arc<dyn ErasedConnection>,
    /// How long Redis may take to respond.
    pub(super) timeout: Duration,
}

impl RedisConnection {
    pub(super) fn new<C>(inner: C, timeout: Duration) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        let inner = Arc::new(inner);
        Self { inner, timeout }
    }

    /// Runs a script: one round trip, and a second one if Redis doesn't know the script yet.
    pub(super) async fn run<T: FromRedisValue>(&self, call: ScriptCall) -> Result<T, Error> {
        let querying = async {
            match self.inner.query(&call.command).await {
                Err(error) if is_unknown(&error) => self.inner.query(&call.with_code()).await,
                answer => answer,
            }
        };
        let answer = timeout(self.timeout.max(MIN_TIMEOUT), querying).await;
        let answer = answer.map_err(|_| Error::Timeout)?.map_err(Error::Redis)?;
        T::from_redis_value(answer).map_err(|error| Error::Redis(error.into()))
    }
}

impl RedisConnection {
    /// Deletes keys in one call. A client of a cluster sends each node its own keys.
    pub(super) async fn unlink(&self, keys: &[Box<str>]) -> Result<(), Error> {
        let mut command = ::redis::cmd("UNLINK");
        for key in keys {
            command.arg(&**key);
        }
        let answer = timeout(self.timeout.max(MIN_TIMEOUT), self.inner.query(&command)).await;
        answer.map_err(|_| Error::Timeout)?.map_err(Error::Redis)?;
        Ok(())
    }
}

fn is_unknown(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

type QueryFuture<'a> = Pin<Box<dyn Future<Output = RedisResult<Value>> + Send + 'a>>;

trait ErasedConnection: Send + Sync {
    fn query<'a>(&self, command: &'a Cmd) -> QueryFuture<'a>;
}

impl<C> ErasedConnection for C
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    fn query<'a>(&self, command: &'a Cmd) -> QueryFuture<'a> {
        let mut connection = self.clone();
        // The command's own method turns an error among the replies into an error.
        Box::pin(async move { command.query_async(&mut connection).await })
    }
}

/// The code of a script in this folder, behind the one that all scripts share.
macro_rules! script {
    ($file:literal) => {
        concat!(
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/redis/common.lua")),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/redis/", $file)),
        )
    };
}
pub(super) use script;

/// A script, and the hash by which Redis knows it.
pub(super) struct Script {
    code: &'static str,
    hash: Box<str>,
}

impl Script {
    pub(super) fn new(code: &'static str) -> Self {
        let hash = ::redis::Script::new(code).get_hash().into();
        Self { code, hash }
    }

    /// A call with these keys. In a cluster, all of them have to be in one slot.
    pub(super) fn call(&'static self, keys: Vec<Box<str>>) -> ScriptCall {
        let mut command = ::redis::cmd("EVALSHA");
        command.arg(&*self.hash).arg(keys.len());
        for key in keys {
            command.arg(&*key);
        }
        ScriptCall {
            script: self,
            command,
        }
    }
}

/// A script with its keys and arguments.
pub(super) struct ScriptCall {
    script: &'static Script,
    /// By the script's hash.
    command: Cmd,
}

impl ScriptCall {
    pub(super) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.command.arg(argument);
        self
    }

    /// The same call with the script's code in the place of its hash.
    fn with_code(&self) -> Cmd {
        let mut command = ::redis::cmd("EVAL");
        command.arg(self.script.code);
        // Behind the command's name and the hash.
        for argument in self.command.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
                command.arg(bytes);
            }
        }
        command
    }
}

/// A failed call of Redis. It may have been carried out nevertheless, if its reply was late or lost.
#[derive(Clone, Debug)]
pub(crate) enum Error {
    Timeout,
    Redis(RedisError),
    Refused(Box<str>),
    Unreadable,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("redis didn't respond in time"),
            Self::Redis(_) => f.write_str("redis command failed"),
            Self::Refused(words) => write!(f, "redis refused a command: {words}"),
            Self::Unreadable => f.write_str("unexpected value under a key in redis"),
        }
    }
}

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Redis(error) => Some(error),
            Self::Timeout | Self::Refused(_) | Self::Unreadable => None,
        }
    }
}
