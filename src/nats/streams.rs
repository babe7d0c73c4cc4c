//! The queue's three streams.

use std::{collections::HashSet, sync::atomic::Ordering};

use async_nats::jetstream::{
    ErrorCode,
    context::{GetStreamError, GetStreamErrorKind},
    stream::{Config, DiscardPolicy, PersistenceMode, RetentionPolicy},
};
use futures_util::TryStreamExt as _;

use super::{
    call::{failed, in_time},
    queue::{MAX_DELIVERY_TIME, NatsQueue},
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
        check(&found, &config)?;
        let changed = changed(&found, &config);
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
            max_message_size: -1,
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
                duplicate_window: MAX_DELIVERY_TIME,
                ..all(self.updates_stream(), partitions.collect())
            },
            Config {
                max_messages_per_subject: 1,
                max_age: MAX_DELIVERY_TIME,
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

/// Refuses a stream, made by another program perhaps, whose messages would be lost or delivered again. The server can't
/// change these settings, or only with what the stream has.
fn check(found: &Config, wanted: &Config) -> Result<(), QueueError> {
    let is_queue = wanted.retention == RetentionPolicy::WorkQueue;
    if is_queue && found.subjects.len() != wanted.subjects.len() {
        return Err(QueueError::partitions(found.subjects.len().to_string()));
    }
    let name = &wanted.name;
    let other = |setting, value: &dyn std::fmt::Debug| {
        let what = format!("{setting} of the stream {name} is {value:?}");
        Err(QueueError::settings(what))
    };
    let has = |subject| found.subjects.contains(subject);
    if found.subjects.len() != wanted.subjects.len() || !wanted.subjects.iter().all(has) {
        return other("subjects", &found.subjects);
    }
    if found.retention != wanted.retention {
        return other("retention", &found.retention);
    }
    if found.discard != wanted.discard {
        return other("discard", &found.discard);
    }
    if found.discard_new_per_subject != wanted.discard_new_per_subject {
        return other("discard_new_per_subject", &found.discard_new_per_subject);
    }
    // In memory, a restart loses all of it.
    if found.storage != wanted.storage {
        return other("storage", &found.storage);
    }
    // It takes no message and no other settings.
    if found.sealed {
        return other("sealed", &found.sealed);
    }
    // Its messages may be stored under other subjects.
    if let Some(transform) = &found.subject_transform {
        return other("subject_transform", transform);
    }
    // A dead letter that is sent again, or discarded, is deleted.
    if found.deny_delete {
        return other("deny_delete", &found.deny_delete);
    }
    // A message isn't stored yet when it is acknowledged.
    if found.persist_mode == Some(PersistenceMode::Async) {
        return other("persist_mode", &PersistenceMode::Async);
    }
    // Each partition has a consumer, with settings of its own.
    let consumers = usize::try_from(found.max_consumers).unwrap_or_default();
    if is_queue && (1..wanted.subjects.len()).contains(&consumers) {
        return other("max_consumers", &consumers);
    }
    if let Some(limits) = &found.consumer_limits {
        return other("consumer_limits", limits);
    }
    Ok(())
}

/// The stream with the settings that a queue needs, and its others as they are.
fn changed(found: &Config, wanted: &Config) -> Config {
    let window = wanted.duplicate_window;
    Config {
        num_replicas: wanted.num_replicas,
        max_messages: wanted.max_messages,
        max_messages_per_subject: wanted.max_messages_per_subject,
        max_message_size: wanted.max_message_size,
        max_age: wanted.max_age,
        allow_direct: wanted.allow_direct,
        // Without acknowledgements no one learns whether an update was stored.
        no_ack: wanted.no_ack,
        duplicate_window: if window.is_zero() {
            // The server's default.
            found.duplicate_window
        } else {
            window
        },
        ..found.clone()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_nats::jetstream::stream::{ConsumerLimits, StorageType, SubjectTransform};

    use super::*;

    fn wanted() -> Config {
        Config {
            name: "bot_updates".into(),
            subjects: vec!["bot.queue.updates.0".into(), "bot.queue.updates.1".into()],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            discard_new_per_subject: true,
            max_messages_per_subject: 9,
            duplicate_window: MAX_DELIVERY_TIME,
            max_message_size: -1,
            allow_direct: true,
            ..Config::default()
        }
    }

    #[test]
    fn d34_a_stream_whose_messages_would_be_lost_or_delivered_again_is_refused() {
        for max_consumers in [-1, 0, 2] {
            let found = Config {
                max_consumers,
                ..wanted()
            };
            assert!(check(&found, &wanted()).is_ok(), "{max_consumers}");
        }
        let all = |change: fn(&mut Config)| {
            let mut found = wanted();
            change(&mut found);
            check(&found, &wanted()).unwrap_err()
        };
        let fewer = all(|found| drop(found.subjects.pop()));
        assert!(fewer.is_partitions(), "{fewer}");
        for (error, what) in [
            (
                all(|found| found.retention = RetentionPolicy::Limits),
                "retention of the stream bot_updates is Limits",
            ),
            (
                all(|found| found.retention = RetentionPolicy::Interest),
                "retention of the stream bot_updates is Interest",
            ),
            (
                all(|found| found.discard = DiscardPolicy::Old),
                "discard of the stream bot_updates is Old",
            ),
            (
                all(|found| found.discard_new_per_subject = false),
                "discard_new_per_subject of the stream bot_updates is false",
            ),
            (
                all(|found| found.storage = StorageType::Memory),
                "storage of the stream bot_updates is Memory",
            ),
            (
                all(|found| found.sealed = true),
                "sealed of the stream bot_updates is true",
            ),
            (
                all(|found| found.deny_delete = true),
                "deny_delete of the stream bot_updates is true",
            ),
            (
                all(|found| found.persist_mode = Some(PersistenceMode::Async)),
                "persist_mode of the stream bot_updates is Async",
            ),
            (
                all(|found| found.max_consumers = 1),
                "max_consumers of the stream bot_updates is 1",
            ),
            (
                all(|found| {
                    found.consumer_limits = Some(ConsumerLimits {
                        inactive_threshold: Duration::ZERO,
                        max_ack_pending: 1,
                    });
                }),
                "consumer_limits of the stream bot_updates is \
                 ConsumerLimits { inactive_threshold: 0ns, max_ack_pending: 1 }",
            ),
            (
                all(|found| {
                    found.subject_transform = Some(SubjectTransform {
                        source: "a".into(),
                        destination: "b".into(),
                    });
                }),
                r#"subject_transform of the stream bot_updates is SubjectTransform { source: "a", destination: "b" }"#,
            ),
            (
                all(|found| found.subjects[0] = "other".into()),
                r#"subjects of the stream bot_updates is ["other", "bot.queue.updates.1"]"#,
            ),
        ] {
            assert!(error.is_settings(), "{error}");
            let text = format!("the queue of updates exists with other settings: {what}");
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn d34_the_settings_that_can_change_are_changed_and_others_stay() {
        let minute = Duration::from_secs(60);
        let found = Config {
            duplicate_window: 2 * minute,
            max_age: minute,
            max_messages_per_subject: -1,
            allow_direct: false,
            no_ack: true,
            max_message_size: 16,
            max_bytes: 1 << 30,
            ..wanted()
        };
        let expected = Config {
            max_bytes: 1 << 30,
            ..wanted()
        };
        assert_eq!(changed(&found, &wanted()), expected);
        let without_window = Config {
            duplicate_window: Duration::ZERO,
            ..wanted()
        };
        let window = changed(&found, &without_window).duplicate_window;
        assert_eq!(window, 2 * minute, "the server's default");
    }
}
