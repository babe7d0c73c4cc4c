//! Telling the bot what people do.

use std::fmt;

use serde_json::{Map, Value};

use super::{Error, Exchange, Telegram};
use tower_telegram_types::types::Message;

/// What the bot was told of what somebody did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Told {
    /// The update's id.
    pub update_id: u64,
    /// How it went, if it went to a webhook. `None` if it waits for `getUpdates`.
    pub exchange: Option<Exchange>,
    telegram: Telegram,
}

impl Told {
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

/// A message that somebody has sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct Sent {
    /// The message as the bot sees it.
    pub message: Message,
    /// What the bot was told.
    pub told: Told,
}

impl Sent {
    /// Waits as [`Told::handled`] does.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn handled(&self) -> Result<(), Error> {
        self.told.handled().await
    }
}

/// Why the bot isn't told of something.
pub(super) fn not_told(what: impl fmt::Display, why: impl fmt::Display) -> Error {
    Error::NotTold {
        what: what.to_string(),
        why: why.to_string(),
    }
}

/// Why something can't be done.
pub(super) fn not_possible(what: impl fmt::Display, why: impl fmt::Display) -> Error {
    Error::NotPossible {
        what: what.to_string(),
        why: why.to_string(),
    }
}

impl Telegram {
    /// Sends an update to the webhook, if one is set, else queues it.
    pub(super) async fn tell(&self, update_type: &str, payload: Value) -> Result<Told, Error> {
        let state = &self.inner.state;
        if !state.webhook.is_wanted(update_type) {
            return Err(not_told(
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
            return Ok(Told {
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
        Ok(Told {
            update_id: exchange.update_id,
            exchange: Some(exchange),
            telegram: self.clone(),
        })
    }

    /// Sends the updates that the bot asks for, in their order: what it was told last.
    pub(super) async fn tell_all(&self, updates: Vec<(&str, Value)>) -> Result<Told, Error> {
        let mut told = Err(not_told("act", "nobody tells it"));
        for (update_type, payload) in updates {
            match self.tell(update_type, payload).await {
                Err(error @ Error::NotTold { .. }) if told.is_err() => told = Err(error),
                Err(Error::NotTold { .. }) => {}
                other => told = Ok(other?),
            }
        }
        told
    }
}
