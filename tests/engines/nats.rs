//! The queue over a node of NATS of the test's own.

use std::{future::ready, sync::Arc, time::Duration};

use async_nats::jetstream::stream::{
    Config, DiscardPolicy, RetentionPolicy, StorageType, SubjectTransform,
};
use tower_telegram::{
    Client,
    nats::NatsQueue,
    queue::{QueuedDeadLetter, Worker},
    webhook::Failure,
};

use crate::{
    engine::{Engine, LEASE, Options},
    node::{self, Node},
    process::Folder,
    queue::{AttemptLog, message, until_count},
    support::{fill, start_worker},
};

pub(crate) struct Nats {
    node: Node,
    _folder: Folder,
    options: Options,
}

impl Nats {
    async fn queue(&self) -> NatsQueue {
        let context = node::connect(std::slice::from_ref(&self.node.url)).await;
        let queue = NatsQueue::new(context, "bot").expect("it is a name");
        queue
            .partitions(self.options.partitions)
            .max_backlog(self.options.max_backlog)
            .lease(LEASE)
    }
}

impl Engine for Nats {
    type Writer = NatsQueue;

    async fn start(options: Options) -> Self {
        let folder = Folder::new();
        Self {
            node: node::start_alone(&folder).await,
            _folder: folder,
            options,
        }
    }

    async fn writer(&self) -> NatsQueue {
        self.queue().await
    }

    async fn worker(&self, client: Client) -> Worker {
        self.queue().await.worker(client)
    }

    async fn updates(&self) -> usize {
        let status = self.queue().await.status().await;
        status.expect("nats runs").updates
    }

    async fn dead_letters(&self) -> Vec<QueuedDeadLetter> {
        let letters = self.queue().await.dead_letters(None, 100).await;
        letters.expect("nats runs")
    }
}

/// The stream of updates, made by another program.
fn updates_stream() -> Config {
    Config {
        name: "bot_updates".into(),
        subjects: vec!["bot.queue.updates.0".into()],
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        discard_new_per_subject: true,
        max_messages_per_subject: 1,
        max_message_size: 16,
        duplicate_window: Duration::from_secs(1),
        no_ack: true,
        ..Config::default()
    }
}

fn one_partition() -> Options {
    Options {
        partitions: 1,
        ..Options::default()
    }
}

#[tokio::test]
async fn d34_a_stream_that_would_lose_updates_is_refused() {
    let engine = Nats::start(one_partition()).await;
    let context = node::connect(std::slice::from_ref(&engine.node.url)).await;
    let streams = [
        (
            "retention",
            Config {
                retention: RetentionPolicy::Limits,
                ..updates_stream()
            },
        ),
        (
            "storage",
            Config {
                storage: StorageType::Memory,
                ..updates_stream()
            },
        ),
        (
            "deny_delete",
            Config {
                deny_delete: true,
                ..updates_stream()
            },
        ),
        (
            "subject_transform",
            Config {
                subject_transform: Some(SubjectTransform {
                    source: "bot.queue.updates.0".into(),
                    destination: "elsewhere".into(),
                }),
                ..updates_stream()
            },
        ),
    ];
    for (setting, stream) in streams {
        let made = context.create_stream(stream).await;
        made.expect("nats runs");
        let found = engine.queue().await.status().await;
        let error = found.expect_err(setting);
        assert!(error.is_settings(), "{setting}: {error}");
        assert!(error.to_string().contains(setting), "{setting}: {error}");
        let deleted = context.delete_stream("bot_updates").await;
        deleted.expect("it exists");
    }
}

#[tokio::test]
async fn d34_a_stream_that_exists_gets_the_settings_of_a_queue() {
    let engine = Nats::start(one_partition()).await;
    let context = node::connect(std::slice::from_ref(&engine.node.url)).await;
    let made = context.create_stream(updates_stream()).await;
    made.expect("nats runs");
    engine.queue().await.status().await.expect("it is changed");
    let stream = context.get_stream("bot_updates").await.expect("it exists");
    let config = &stream.cached_info().config;
    assert_eq!(config.duplicate_window, Duration::from_secs(24 * 60 * 60));
    assert_eq!(config.max_message_size, -1);
    assert!(!config.no_ack, "an update is stored before its 200");
    fill(&engine.writer().await, [message(1, 7)]).await;
}

#[tokio::test]
async fn d34_the_numbers_of_a_new_stream_hide_no_dead_letter() {
    let options = Options {
        partitions: 1,
        ..Options::default()
    };
    let engine = Arc::new(Nats::start(options).await);
    for letters in 1..=2 {
        let log = AttemptLog::default();
        let number = i64::try_from(letters).expect("small");
        fill(&engine.writer().await, [message(number, 7)]).await;
        let worker = start_worker(&engine, &log, |_, _| {
            ready(Err(Failure::permanent("no such order").into()))
        });
        until_count(letters, || async { engine.dead_letters().await.len() }).await;
        worker.stop().await;
        // As to change the number of partitions.
        let context = node::connect(std::slice::from_ref(&engine.node.url)).await;
        for stream in ["bot_updates", "bot_attempts"] {
            context.delete_stream(stream).await.expect("it exists");
        }
    }
}
