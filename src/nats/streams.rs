//! The queue's three streams.

use std::{collections::HashSet, sync::atomic::Ordering};

use async_nats::jetstream::{
    ErrorCode,
    context::{GetStreamError, GetStreamErrorKind},
    stream::{Config, DiscardPolicy, RetentionPolicy},
};
use futures_util::TryStreamExt as _;

use super::{
    call::{failed, in_time},
    queue::{LIFE, NatsQueue},
};
use crate::queue::{QueueError, QueueStatus};

impl NatsQueue {
    /// Makes the streams, or changes them to the options, unless that was done already.
    pub(super) async fn set_up(&self) -> Result<(), QueueError> {
        if self.is_set_up.load(Ordering::Relaxed) {
            return Ok(());
        }
        for config in self.configs() {
            self.set_up_stream(config).await?;
        }
        self.is_set_up.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// A stream wasn't found: the server may have lost it.
    pub(super) fn set_up_again(&self) {
        self.is_set_up.store(false, Ordering::Relaxed);
    }

    async fn set_up_stream(&self, config: Config) -> Result<(), QueueError> {
        let stream = self.context.get_stream(&config.name);
        let found = match in_time(self.timeout, async { Ok(stream.await) }).await {
            Ok(Ok(stream)) => stream.cached_info().config.clone(),
            Ok(Err(error)) if is_not_found(&error) => {
                let created = self.context.create_stream(config).await;
                return created.map(drop).map_err(failed);
            }
            Ok(Err(error)) => return Err(failed(error)),
            Err(error) => return Err(failed(error)),
        };
        if found.subjects.len() != config.subjects.len() {
            return Err(QueueError::partitions(found.subjects.len().to_string()));
        }
        let changed = Config {
            num_replicas: config.num_replicas,
            max_messages: config.max_messages,
            max_messages_per_subject: config.max_messages_per_subject,
            ..found.clone()
        };
        if changed != found {
            let updated = self.context.update_stream(changed).await;
            updated.map_err(failed)?;
        }
        Ok(())
    }

    fn configs(&self) -> [Config; 3] {
        let all = |name, subjects| Config {
            name,
            subjects,
            num_replicas: self.replicas,
            // A number below 1 means no limit.
            max_messages: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            max_bytes: -1,
            allow_direct: true,
            ..Config::default()
        };
        let partitions = (0..self.partitions).map(|number| self.partition_subject(number));
        [
            Config {
                retention: RetentionPolicy::WorkQueue,
                discard: DiscardPolicy::New,
                discard_new_per_subject: true,
                max_messages_per_subject: limit(self.max_length()),
                duplicate_window: LIFE,
                ..all(self.updates_stream(), partitions.collect())
            },
            Config {
                max_messages_per_subject: 1,
                max_age: LIFE,
                ..all(self.attempts_stream(), vec![self.attempts_subject("*")])
            },
            Config {
                max_messages: limit(self.max_dead_letters.max(1)),
                ..all(self.dead_stream(), vec![self.dead_subject()])
            },
        ]
    }

    /// The names of the consumers that there are: each is a claim on a partition.
    pub(super) async fn consumers(&self) -> Result<HashSet<String>, QueueError> {
        let listing = async {
            let stream = self
                .context
                .get_stream_no_info(self.updates_stream())
                .await?;
            Ok(stream.consumer_names().try_collect().await?)
        };
        let names = in_time(self.timeout, listing).await;
        names.inspect_err(|_| self.set_up_again()).map_err(failed)
    }

    /// Counts the contents of the queue, for readiness and metrics: three round trips. Its workers are those that
    /// have a partition.
    ///
    /// # Errors
    ///
    /// When the server can't be reached, or the queue has another number of partitions.
    pub async fn status(&self) -> Result<QueueStatus, QueueError> {
        self.set_up().await?;
        let consumers = self.consumers().await?;
        let workers: HashSet<_> = consumers
            .iter()
            .filter_map(|name| name.split('-').nth(1))
            .collect();
        Ok(QueueStatus {
            updates: self.messages(self.updates_stream()).await?,
            dead_letters: self.messages(self.dead_stream()).await?,
            workers: workers.len(),
        })
    }

    /// How many messages a stream has.
    async fn messages(&self, stream: String) -> Result<usize, QueueError> {
        let finding = async { Ok(self.context.get_stream(stream).await?) };
        let stream = in_time(self.timeout, finding).await.map_err(failed)?;
        let messages = stream.cached_info().state.messages;
        Ok(usize::try_from(messages).unwrap_or(usize::MAX))
    }
}

/// JetStream counts in signed numbers.
fn limit(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn is_not_found(error: &GetStreamError) -> bool {
    match error.kind() {
        GetStreamErrorKind::JetStream(error) => error.error_code() == ErrorCode::STREAM_NOT_FOUND,
        _ => false,
    }
}
