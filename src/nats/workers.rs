//! The workers that share a queue, by the heartbeats that they send to each other.

use std::{collections::HashMap, time::Duration};

use async_nats::Subscriber;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;
use tower::BoxError;

use super::queue::NatsQueue;

/// The workers from which a heartbeat arrived. Heartbeats are messages that no stream stores.
#[derive(Default)]
pub(super) struct KnownWorkers {
    heartbeats: Option<Subscriber>,
    /// When each was heard last.
    heard: HashMap<String, Instant>,
}

impl KnownWorkers {
    /// Sends a heartbeat, or a farewell if the worker leaves.
    pub(super) async fn send(
        &mut self,
        queue: &NatsQueue,
        worker: &str,
        is_leaving: bool,
    ) -> Result<(), BoxError> {
        let client = queue.context.client();
        let subject = queue.workers_subject();
        if self.heartbeats.is_none() {
            self.heartbeats = Some(client.subscribe(subject.clone()).await?);
        }
        let word = if is_leaving { "leaves" } else { "stays" };
        client
            .publish(subject, format!("{worker} {word}").into())
            .await?;
        self.heard.insert(worker.to_owned(), Instant::now());
        Ok(())
    }

    /// How many workers there are, this one included.
    pub(super) fn count(&mut self, lease: Duration) -> usize {
        if let Some(heartbeats) = &mut self.heartbeats {
            while let Some(Some(heartbeat)) = heartbeats.next().now_or_never() {
                hear(&mut self.heard, &heartbeat.payload);
            }
        }
        self.heard.retain(|_, last| last.elapsed() < lease);
        self.heard.len().max(1)
    }
}

fn hear(heard: &mut HashMap<String, Instant>, heartbeat: &[u8]) {
    let heartbeat = String::from_utf8_lossy(heartbeat);
    match heartbeat.split_once(' ') {
        Some((worker, "leaves")) => drop(heard.remove(worker)),
        Some((worker, _)) => drop(heard.insert(worker.to_owned(), Instant::now())),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn workers_that_leave_or_are_silent_are_not_counted() {
        let lease = Duration::from_secs(10);
        let mut workers = KnownWorkers::default();
        assert_eq!(workers.count(lease), 1, "itself");
        for heartbeat in ["a stays", "b stays", "c stays", "b leaves", "nonsense", ""] {
            hear(&mut workers.heard, heartbeat.as_bytes());
        }
        assert_eq!(workers.count(lease), 2);
        tokio::time::advance(lease / 2).await;
        hear(&mut workers.heard, b"a stays");
        tokio::time::advance(lease / 2).await;
        assert_eq!(workers.count(lease), 1);
        assert!(workers.heard.contains_key("a"));
    }
}
