//! A store as Redis is one, without Redis: what `delivery.lua` does, by the clock of the test.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;
use tower_telegram::{
    Reply,
    webhook::delivery::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
};

use crate::delivery::stores::Place;

#[derive(Debug, Default)]
struct Record {
    fence: u64,
    /// There while it is held.
    ends: Option<Instant>,
    attempt: u32,
    is_done: bool,
    reply: Option<Reply>,
}

/// Replicas that share it each have one of these.
#[derive(Clone, Debug)]
pub(crate) struct Leased {
    records: Arc<Mutex<HashMap<DeliveryKey, Record>>>,
    lease: Duration,
    /// For showing that this is found out.
    is_careless: bool,
}

impl Leased {
    fn records(&self) -> MutexGuard<'_, HashMap<DeliveryKey, Record>> {
        self.records.lock().expect("nobody panics with it")
    }

    /// Changes a record, if the ticket still stands.
    fn held(&self, ticket: &ClaimToken, change: impl FnOnce(&mut Record)) -> bool {
        let mut records = self.records();
        let record = records.get_mut(&ticket.key);
        let held =
            record.filter(|record| record.fence == ticket.fencing_token && record.ends.is_some());
        held.map(change).is_some()
    }

    fn claimed(&self, key: DeliveryKey) -> Claim {
        let mut records = self.records();
        let record = records.entry(key).or_default();
        let now = Instant::now();
        if record.is_done {
            let reply = record.reply.clone();
            return Claim::Done { reply };
        }
        let lease = record.ends.unwrap_or(now).saturating_duration_since(now);
        if !lease.is_zero() && !self.is_careless {
            return Claim::Busy { lease };
        }
        record.fence += 1;
        record.attempt += 1;
        record.ends = Some(now + self.lease);
        Claim::Acquired(ClaimToken::new(key, record.fence, record.attempt))
    }
}

impl DeliveryStore for Leased {
    async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
        Ok(self.claimed(key))
    }

    fn renew_every(&self) -> Option<Duration> {
        Some(self.lease / 3)
    }

    async fn renew(&self, ticket: &ClaimToken) -> Result<bool, StoreError> {
        let ends = Instant::now() + self.lease;
        Ok(self.held(ticket, |record| record.ends = Some(ends)))
    }

    async fn finish(&self, ticket: &ClaimToken, reply: Option<&Reply>) -> Result<bool, StoreError> {
        Ok(self.held(ticket, |record| {
            record.ends = None;
            record.is_done = true;
            record.reply = reply.cloned();
        }))
    }

    async fn fail(&self, ticket: &ClaimToken) -> Result<bool, StoreError> {
        Ok(self.held(ticket, |record| record.ends = None))
    }

    async fn release(&self, ticket: &ClaimToken) -> Result<bool, StoreError> {
        Ok(self.held(ticket, |record| {
            record.ends = None;
            record.attempt -= 1;
        }))
    }
}

/// Where the replicas of a bot have theirs from.
pub(crate) struct SharedLeased(Leased);

impl Default for SharedLeased {
    fn default() -> Self {
        Self(Leased {
            records: Arc::default(),
            lease: Duration::from_secs(9),
            is_careless: false,
        })
    }
}

impl SharedLeased {
    pub(crate) fn careless() -> Self {
        let Self(store) = Self::default();
        Self(Leased {
            is_careless: true,
            ..store
        })
    }
}

impl Place for SharedLeased {
    type Store = Leased;

    async fn find() -> Option<Self> {
        Some(Self::default())
    }

    fn store(&self) -> Leased {
        self.0.clone()
    }
}
