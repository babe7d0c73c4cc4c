//! Messages over Redis' publish/subscribe that wake the waiters of this process.

use std::{
    collections::HashMap,
    fmt,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use ::redis::{Client, RedisError, aio::PubSubSink};
use futures_util::StreamExt as _;
use tokio::{
    runtime::Handle,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::connection::Error;
use crate::{
    client::ErrorChain,
    task::{backoff::longer_at_random, random::random_u64},
};

/// The pause before the next attempt to subscribe.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// The longest time to connect and subscribe, or for the reply to a ping.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the connection is tested. One whose other end vanished would be silent for ever.
const PING_EVERY: Duration = Duration::from_secs(20);

/// A connection on which Redis tells this process that an update was queued or that a lock is free.
///
/// Without it, [`RedisQueue`](super::RedisQueue)'s workers ask for new updates every 50 ms and
/// [`RedisLocks`](super::RedisLocks) for a lock every 5 to 500 ms. With it they wait for a message instead, and
/// ask once or twice a second in case one was lost.
///
/// One is enough for a process; clones share its connection. It connects when something first waits, connects
/// again by itself, and needs a Tokio runtime only then. While it is not connected, all goes on as without it.
///
/// Redis users with restricted rights need `SUBSCRIBE` and `PUBLISH` on the channels `tower-telegram:wake:*`. In
/// a cluster, a client of any one node does, because nodes pass messages on to each other. A message can hand over a lock, so
/// nothing else may publish on these channels.
///
/// # Example
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use redis::aio::ConnectionManagerConfig;
/// use tower_telegram::redis::{RedisLocks, RedisQueue, WakeUps};
///
/// let redis = redis::Client::open("redis://127.0.0.1/")?;
/// let connection = redis.get_connection_manager_lazy(ConnectionManagerConfig::new())?;
/// let wake_ups = WakeUps::new(redis);
///
/// let queue = RedisQueue::new(connection.clone(), "my_bot").wake_ups(&wake_ups);
/// let locks = RedisLocks::new(connection, "my_bot").wake_ups(&wake_ups);
/// # drop((queue, locks));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WakeUps {
    hub: Arc<WakeUpHub>,
}

struct WakeUpHub {
    client: Option<Client>,
    process: u64,
    state: Mutex<WakeUpState>,
}

#[derive(Default)]
struct WakeUpState {
    last_number: u64,
    waiters: HashMap<u64, UnboundedSender<WakeUp>>,
    is_subscribed: bool,
    listener: Option<AbortHandle>,
}

/// The reason why a waiter was woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WakeUp {
    /// Anything: messages may have been lost.
    Any,
    /// The number that the message has: for a worker that of a partition, for the waiter of a lock that of its claim.
    Number(u64),
}

impl WakeUps {
    /// Wake-ups over a connection that this client makes.
    pub fn new(client: Client) -> Self {
        Self::with_client(Some(client))
    }

    /// Wake-ups from within this process alone, without a connection.
    pub(super) fn local() -> Self {
        Self::with_client(None)
    }

    fn with_client(client: Option<Client>) -> Self {
        let hub = WakeUpHub {
            client,
            process: random_u64(),
            state: Mutex::default(),
        };
        Self { hub: Arc::new(hub) }
    }

    /// The first part of the names of this process' waiters.
    pub(super) fn process(&self) -> String {
        format!("{:016x}", self.hub.process)
    }

    /// A new waiter. Subscribes if that wasn't done yet.
    pub(super) fn waiter(&self) -> WakeUpWaiter {
        let (sender, receiver) = unbounded_channel();
        let mut state = self.hub.state();
        state.last_number += 1;
        let number = state.last_number;
        state.waiters.insert(number, sender);
        let is_listening = state.listener.as_ref().is_some_and(|l| !l.is_finished());
        if let Some(client) = &self.hub.client
            && !is_listening
            && let Ok(runtime) = Handle::try_current()
        {
            let listening = listen(Arc::downgrade(&self.hub), client.clone());
            state.is_subscribed = false;
            state.listener = Some(runtime.spawn(listening).abort_handle());
        }
        drop(state);
        WakeUpWaiter {
            hub: Arc::clone(&self.hub),
            number,
            receiver,
        }
    }

    /// Whether messages of other processes arrive.
    pub(super) fn is_subscribed(&self) -> bool {
        self.hub.state().is_subscribed
    }

    /// Wakes a waiter of this process by its name.
    pub(super) fn wake(&self, waiter: &str, wake_up: WakeUp) {
        let number = waiter.rsplit_once('-').and_then(|(_, n)| n.parse().ok());
        if let Some(number) = number {
            self.hub.wake(number, wake_up);
        }
    }
}

impl fmt::Debug for WakeUps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client's address may have a password.
        f.debug_struct("WakeUps")
            .field("is_subscribed", &self.hub.state().is_subscribed)
            .finish_non_exhaustive()
    }
}

impl WakeUpHub {
    fn state(&self) -> MutexGuard<'_, WakeUpState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn channel(&self) -> String {
        format!("tower-telegram:wake:{:016x}", self.process)
    }

    fn wake(&self, number: u64, wake_up: WakeUp) {
        if let Some(waiter) = self.state().waiters.get(&number) {
            // Its wait may be over.
            waiter.send(wake_up).ok();
        }
    }

    /// Either way messages may have been missed, and all have to look for themselves.
    fn set_subscribed(&self, is_subscribed: bool) {
        let mut state = self.state();
        state.is_subscribed = is_subscribed;
        for waiter in state.waiters.values() {
            waiter.send(WakeUp::Any).ok();
        }
    }

    fn receive(&self, message: &str) {
        let (number, word) = message.split_once(' ').unwrap_or((message, ""));
        if let Ok(number) = number.parse() {
            let wake_up = word.parse().map_or(WakeUp::Any, WakeUp::Number);
            self.wake(number, wake_up);
        }
    }
}

impl Drop for WakeUpHub {
    fn drop(&mut self) {
        if let Some(listener) = self.state().listener.take() {
            listener.abort();
        }
    }
}

/// Subscribes again and again until the hub is dropped.
async fn listen(hub: Weak<WakeUpHub>, client: Client) {
    while let Some(channel) = hub.upgrade().map(|hub| hub.channel()) {
        if let Err(error) = forward(&hub, &client, &channel).await {
            let error = ErrorChain(&error);
            tracing::warn!(%error, "wake-ups from redis interrupted, asking redis at intervals meanwhile");
        }
        if let Some(hub) = hub.upgrade() {
            hub.set_subscribed(false);
        }
        sleep(longer_at_random(RETRY_PAUSE)).await;
    }
}

/// Wakes waiters by the messages of a connection, until that fails.
async fn forward(hub: &Weak<WakeUpHub>, client: &Client, channel: &str) -> Result<(), Error> {
    let subscribing = async {
        let mut subscription = client.get_async_pubsub().await?;
        subscription.subscribe(channel).await?;
        Ok::<_, RedisError>(subscription.split())
    };
    let (mut sink, mut messages) = timeout(SUBSCRIBE_TIMEOUT, subscribing)
        .await
        .map_err(|_| Error::Timeout)??;
    match hub.upgrade() {
        Some(hub) => hub.set_subscribed(true),
        None => return Ok(()),
    }
    loop {
        tokio::select! {
            message = messages.next() => {
                let (Some(message), Some(hub)) = (message, hub.upgrade()) else {
                    return Ok(());
                };
                if let Ok(text) = std::str::from_utf8(message.get_payload_bytes()) {
                    hub.receive(text);
                }
            }
            () = sleep(PING_EVERY) => ping(&mut sink).await?,
        }
    }
}

async fn ping(sink: &mut PubSubSink) -> Result<(), Error> {
    let answer = timeout(SUBSCRIBE_TIMEOUT, sink.ping::<::redis::Value>()).await;
    answer.map_err(|_| Error::Timeout)??;
    Ok(())
}

/// Waits for wake-ups. They are kept until they are asked for.
pub(super) struct WakeUpWaiter {
    hub: Arc<WakeUpHub>,
    number: u64,
    receiver: UnboundedReceiver<WakeUp>,
}

impl WakeUpWaiter {
    /// The name by which scripts wake it, which no other waiter of any process has.
    pub(super) fn name(&self) -> String {
        format!("{:016x}-{}", self.hub.process, self.number)
    }

    /// Whether messages of other processes arrive.
    pub(super) fn is_subscribed(&self) -> bool {
        self.hub.state().is_subscribed
    }

    /// The next wake-up. Dropped while it waits, it loses none.
    pub(super) async fn next(&mut self) -> WakeUp {
        match self.receiver.recv().await {
            Some(wake_up) => wake_up,
            // Its sender is dropped with this alone.
            None => pending().await,
        }
    }
}

impl Drop for WakeUpWaiter {
    fn drop(&mut self) {
        self.hub.state().waiters.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_wakes_the_waiter_that_it_names_and_no_other() {
        let wake_ups = WakeUps::local();
        let (mut first, mut second) = (wake_ups.waiter(), wake_ups.waiter());
        assert!(first.name().starts_with(&wake_ups.process()));
        let number = second.number;
        wake_ups.hub.receive(&format!("{number} 1784000000000000"));
        wake_ups.hub.receive(&format!("{number} what"));
        for lost in ["", "x 1", "-1 2", "99 3"] {
            wake_ups.hub.receive(lost);
        }
        wake_ups.wake(&first.name(), WakeUp::Number(4));
        assert_eq!(second.next().await, WakeUp::Number(1_784_000_000_000_000));
        assert_eq!(second.next().await, WakeUp::Any);
        assert_eq!(first.next().await, WakeUp::Number(4));
        drop(first);
        drop(second);
        assert!(wake_ups.hub.state().waiters.is_empty());
    }

    #[tokio::test]
    async fn all_look_for_themselves_when_the_connection_comes_or_goes() {
        let wake_ups = WakeUps::local();
        let mut waiter = wake_ups.waiter();
        for is_subscribed in [true, false] {
            wake_ups.hub.set_subscribed(is_subscribed);
            assert_eq!(waiter.is_subscribed(), is_subscribed);
            assert_eq!(waiter.next().await, WakeUp::Any);
        }
    }
}
