//! Updates that notify the bot of what people do.

use std::fmt;

use serde_json::{Map, Value};

use super::{
    error::{Error, Exchange},
    telegram::Telegram,
};
use tower_telegram_types::types::Message;

/// An update that notified the bot of what a person did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivered {
    /// The update's id.
    pub update_id: u64,
    /// How it went, if it went to a webhook. `None` if it waits for `getUpdates`.
    pub exchange: Option<Exchange>,
    telegram: Telegram,
}

impl Delivered {
    /// Waits until the bot is done with it, as far as Telegram can tell: with a webhook it is already, else when
    /// a `getUpdates` confirms the update.
    ///
    /// # Errors
    ///
    /// [`Error::NotConfirmed`] if that doesn't happen within [`patience`](super::TelegramBuilder::patience).
    pub async fn handled(&self) -> Result<(), Error> {
        match self.exchange {
            Some(_) => Ok(()),
            None => self.telegram.wait_until_confirmed(self.update_id).await,
        }
    }
}

/// A message that a person has sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct Sent {
    /// The message as the bot sees it.
    pub message: Message,
    /// The update that notified the bot.
    pub delivered: Delivered,
}

impl Sent {
    /// Waits as [`Delivered::handled`] does.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn handled(&self) -> Result<(), Error> {
        self.delivered.handled().await
    }
}

/// An error: the bot isn't notified of `what`.
pub(super) fn not_notified(what: impl fmt::Display, why: impl fmt::Display) -> Error {
    Error::NotNotified {
        what: what.to_string(),
        why: why.to_string(),
    }
}

/// An error: a person can't do `what`.
pub(super) fn not_possible(what: impl fmt::Display, why: impl fmt::Display) -> Error {
    Error::NotPossible {
        what: what.to_string(),
        why: why.to_string(),
    }
}

impl Telegram {
    /// Sends an update to the webhook, if one is set, else queues it.
    pub(super) async fn notify_bot(
        &self,
        update_type: &str,
        payload: Value,
    ) -> Result<Delivered, Error> {
        let state = &self.inner.state;
        if !state.webhook.is_wanted(update_type) {
            return Err(not_notified(
                update_type,
                "the bot does not ask for such updates, see allowed_updates",
            ));
        }
        let update = Map::from_iter([(update_type.to_owned(), payload)]);
        if self.webhook().is_none() {
            let update_id = self.enqueue(update.into())?;
            state
                .log
                .note(format!("update {update_id} {update_type} -> queued"));
            return Ok(Delivered {
                update_id,
                exchange: None,
                telegram: self.clone(),
            });
        }
        // In a box, so that the futures of all acts stay small.
        let exchange = Box::pin(self.deliver(update.into())).await;
        if !exchange.is_delivered() {
            return Err(Error::NotTaken(Box::new(exchange)));
        }
        if exchange.was_given_up(state.max_attempts) {
            return Err(Error::Failed(Box::new(exchange)));
        }
        Ok(Delivered {
            update_id: exchange.update_id,
            exchange: Some(exchange),
            telegram: self.clone(),
        })
    }

    /// Sends the updates that the bot asks for, in their order. Returns the last one.
    pub(super) async fn notify_bot_of_all(
        &self,
        updates: Vec<(&str, Value)>,
    ) -> Result<Delivered, Error> {
        let mut delivered = Err(not_notified("act", "nobody tells it"));
        for (update_type, payload) in updates {
            match self.notify_bot(update_type, payload).await {
                Err(error @ Error::NotNotified { .. }) if delivered.is_err() => {
                    delivered = Err(error);
                }
                Err(Error::NotNotified { .. }) => {}
                other => delivered = Ok(other?),
            }
        }
        delivered
    }
}
