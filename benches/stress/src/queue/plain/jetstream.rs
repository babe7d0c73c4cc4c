//! A work queue of JetStream with one pull consumer.

use async_nats::jetstream::{
    Context,
    consumer::{AckPolicy, pull},
    stream::{Config, RetentionPolicy},
};
use futures_util::TryStreamExt as _;
use tokio::task::JoinHandle;
use tower_telegram::webhook::RawUpdate;

use super::PAGE;
use crate::queue::{AnyError, engine::MeasuredQueue};

/// The stream and its one subject have the same name.
#[derive(Clone)]
pub(crate) struct JetStreamConsumer {
    context: Context,
    name: String,
}

impl JetStreamConsumer {
    pub(crate) async fn create(context: Context, name: String) -> Result<Self, AnyError> {
        let config = Config {
            name: name.clone(),
            subjects: vec![name.clone()],
            retention: RetentionPolicy::WorkQueue,
            ..Config::default()
        };
        context.create_stream(config).await?;
        Ok(Self { context, name })
    }
}

impl MeasuredQueue for JetStreamConsumer {
    async fn add(&self, update: RawUpdate) -> Result<(), AnyError> {
        let payload = update.bytes().clone();
        let stored = self.context.publish(self.name.clone(), payload).await?;
        stored.await?;
        Ok(())
    }

    /// Acknowledges each message without waiting until the server has that.
    async fn start_worker(
        &self,
        record: impl Fn() + Clone + Send + Sync + 'static,
    ) -> Result<JoinHandle<()>, AnyError> {
        let config = pull::Config {
            durable_name: Some("worker".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ..pull::Config::default()
        };
        let stream = self.context.get_stream(&self.name).await?;
        let consumer = stream.create_consumer(config).await?;
        let messages = consumer.stream().max_messages_per_batch(PAGE);
        let mut messages = messages.messages().await?;
        Ok(tokio::spawn(async move {
            while let Ok(Some(message)) = messages.try_next().await {
                record();
                if let Err(error) = message.ack().await {
                    println!("the plain consumer ended: {error}");
                    return;
                }
            }
        }))
    }
}
