//! A claimed partition: its consumer, and the messages that the worker has of it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_nats::jetstream::{
    Message,
    consumer::{
        PullConsumer,
        pull::{MessagesErrorKind, Stream},
    },
};
use futures_util::StreamExt as _;
use tokio::{sync::mpsc::UnboundedSender, task::AbortHandle, time::sleep};

use crate::{
    client::ErrorChain,
    queue::{PartitionClaim, TakenEntries, TakenEntry, chat_key},
};

use super::message::ReceivedMessage;

/// How many messages one pull request asks for.
const PULL: usize = 256;

/// The consumer of a partition, which is the claim on it. No longer read once it is dropped.
pub(super) struct ClaimedPartition {
    pub(super) claim: PartitionClaim,
    /// The consumer's name.
    pub(super) consumer: String,
    pub(super) inbox: Arc<Inbox>,
    receiving: AbortHandle,
}

impl ClaimedPartition {
    /// Starts to read the partition. `added` is sent its number when there are messages.
    pub(super) fn start(
        claim: PartitionClaim,
        consumer: PullConsumer,
        lease: Duration,
        added: UnboundedSender<u16>,
    ) -> Self {
        let info = consumer.cached_info();
        let name = info.name.clone();
        let inbox = Arc::new(Inbox {
            partition: claim.partition,
            inherited: info.num_pending,
            added,
            state: Mutex::default(),
        });
        let receiving = receive(consumer, Arc::clone(&inbox), lease);
        Self {
            claim,
            consumer: name,
            inbox,
            receiving: tokio::spawn(receiving).abort_handle(),
        }
    }
}

impl Drop for ClaimedPartition {
    fn drop(&mut self) {
        self.receiving.abort();
    }
}

/// The messages that arrived from a consumer.
pub(super) struct Inbox {
    partition: u16,
    /// How many messages the partition had when it was claimed: another worker may have begun those.
    inherited: u64,
    added: UnboundedSender<u16>,
    state: Mutex<InboxState>,
}

#[derive(Default)]
struct InboxState {
    unread: VecDeque<Arc<ReceivedMessage>>,
    /// Those that aren't settled, by their ids.
    unsettled: HashMap<Arc<str>, Arc<ReceivedMessage>>,
    /// The number of the consumer's last delivery.
    last_delivery: u64,
    /// How many messages arrived, each counted once.
    received: u64,
    condition: InboxCondition,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum InboxCondition {
    #[default]
    Complete,
    /// A message may have been lost on its way.
    Interrupted,
    /// The consumer was deleted.
    Lost,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worker may be gone.
    fn wake(&self) {
        self.added.send(self.partition).ok();
    }

    /// Messages may have been lost: what arrives from now on may be behind them.
    pub(super) fn interrupt(&self) {
        let mut state = self.state();
        if state.condition == InboxCondition::Complete {
            state.condition = InboxCondition::Interrupted;
            self.wake();
        }
    }

    /// The consumer doesn't exist any more.
    pub(super) fn lose(&self) {
        self.state().condition = InboxCondition::Lost;
        self.wake();
    }

    fn receive(&self, message: Message) {
        let Ok(info) = message.info() else {
            return self.interrupt();
        };
        let (delivery, sequence) = (info.consumer_sequence, info.stream_sequence);
        let is_redelivered = info.delivered > 1;
        let stored_at = info.published.unix_timestamp_nanos();
        let mut state = self.state();
        if state.condition != InboxCondition::Complete {
            return;
        }
        if delivery != state.last_delivery + 1 {
            drop(state);
            return self.interrupt();
        }
        state.last_delivery = delivery;
        if is_redelivered {
            // The worker has it, or has settled it meanwhile: a first delivery that was lost is a gap.
            return;
        }
        state.received += 1;
        let is_inherited = state.received <= self.inherited;
        let message = Arc::new(ReceivedMessage::new(
            sequence,
            stored_at,
            is_inherited,
            message,
        ));
        let id = Arc::clone(&message.id);
        state.unsettled.insert(id, Arc::clone(&message));
        state.unread.push_back(message);
        if state.unread.len() == 1 {
            self.wake();
        }
    }

    /// Up to so many messages that weren't read yet.
    pub(super) fn take(&self, count: usize) -> TakenEntries {
        let mut state = self.state();
        match state.condition {
            InboxCondition::Complete => {}
            InboxCondition::Interrupted => return TakenEntries::Interrupted,
            InboxCondition::Lost => return TakenEntries::Lost,
        }
        let count = count.min(state.unread.len());
        let entries = state.unread.drain(..count).map(|message| {
            let key = match message.update() {
                Ok((bot, update)) => chat_key(bot, &update),
                Err(_) => String::new(),
            };
            TakenEntry::new(Arc::clone(&message.id), key)
        });
        let entries = entries.collect();
        TakenEntries::Read {
            entries,
            is_end: state.unread.is_empty(),
        }
    }

    /// A message that isn't settled.
    pub(super) fn find(&self, id: &str) -> Option<Arc<ReceivedMessage>> {
        self.state().unsettled.get(id).cloned()
    }

    pub(super) fn settled(&self, id: &str) {
        self.state().unsettled.remove(id);
    }
}

/// Receives messages until the consumer is deleted. After an interruption it goes on too, because a consumer that
/// isn't asked for messages is deleted, and handlers still run under the claim.
async fn receive(consumer: PullConsumer, inbox: Arc<Inbox>, lease: Duration) {
    loop {
        let requests = consumer
            .stream()
            .max_messages_per_batch(PULL)
            .expires(lease / 4)
            .heartbeat(lease / 10);
        let failed = match requests.messages().await {
            Ok(messages) => match receive_until_failure(messages, &inbox).await {
                Some(MessagesErrorKind::ConsumerDeleted) => return inbox.lose(),
                kind => kind.map(|kind| kind.to_string()),
            },
            Err(error) => Some(ErrorChain(&error).to_string()),
        };
        let (partition, error) = (inbox.partition, failed.unwrap_or_default());
        tracing::warn!(partition, %error, "reading of a partition interrupted");
        inbox.interrupt();
        sleep(lease / 10).await;
    }
}

async fn receive_until_failure(mut messages: Stream, inbox: &Inbox) -> Option<MessagesErrorKind> {
    loop {
        match messages.next().await? {
            Ok(message) => inbox.receive(message),
            Err(error) => return Some(error.kind()),
        }
    }
}
