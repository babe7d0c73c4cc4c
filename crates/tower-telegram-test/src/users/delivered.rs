//! Updates that notify the bot of a user's action: [`Delivered`] and [`Sent`].

use std::fmt;

use serde_json::{Map, Value};

use crate::{
    error::{Error, Exchange},
    telegram::Telegram,
};
use tower_telegram_types::types::Message;

/// An update that notified the bot of a user's action.
///
/// ```no_run
/// # use tower_telegram_test::Telegram;
/// # async fn example(telegram: Telegram) -> Result<(), tower_telegram_test::Error> {
/// let sent = telegram.user("Ada").sends("hello").await?;
/// match &sent.delivered.exchange {
///     Some(exchange) => println!("the webhook responded with {:?}", exchange.status()),
///     None => sent.handled().await?,
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivered {
    /// The update's ID.
    pub update_id: u64,
    /// The webhook requests, if a webhook is set. `None` if the update waits for `getUpdates`.
    pub exchange: Option<Exchange>,
    telegram: Telegram,
}

impl Delivered {
    /// Waits until the bot has handled the update, as far as Telegram can see. With a webhook it already
    /// has; otherwise this waits for the `getUpdates` that confirms the update.
    ///
    /// # Errors
    ///
    /// [`Error::NotConfirmed`] if that doesn't happen within [`wait_timeout`](crate::TelegramBuilder::wait_timeout).
    pub async fn handled(&self) -> Result<(), Error> {
        match self.exchange {
            Some(_) => Ok(()),
            None => self.telegram.wait_until_confirmed(self.update_id).await,
        }
    }
}

/// A message that a user has sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct Sent {
    /// The message as the bot sees it.
    pub message: Message,
    /// The update that notified the bot.
    pub delivered: Delivered,
}

impl Sent {
    /// Waits like [`Delivered::handled`].
    ///
    /// # Errors
    ///
    /// [`Error::NotConfirmed`], as from that method.
    pub async fn handled(&self) -> Result<(), Error> {
        self.delivered.handled().await
    }
}

/// The error for an action of which the bot isn't notified.
pub(crate) fn not_notified(what: impl fmt::Display, why: impl fmt::Display) -> Error {
    Error::NotNotified {
        what: what.to_string(),
        why: why.to_string(),
    }
}

/// The error for an action that the user can't do.
pub(crate) fn not_possible(what: impl fmt::Display, why: impl fmt::Display) -> Error {
    Error::NotPossible {
        what: what.to_string(),
        why: why.to_string(),
    }
}

impl Telegram {
    /// Sends an update to the webhook if one is set, otherwise queues it.
    pub(crate) async fn notify_bot(
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
                .record(format!("update {update_id} {update_type} -> queued"));
            return Ok(Delivered {
                update_id,
                exchange: None,
                telegram: self.clone(),
            });
        }
        // In a box, so that the futures of all actions stay small.
        let exchange = Box::pin(self.deliver(update.into())).await;
        if !exchange.is_delivered() {
            return Err(Error::NotTaken(Box::new(exchange)));
        }
        if exchange.was_abandoned(state.max_attempts) {
            return Err(Error::Failed(Box::new(exchange)));
        }
        Ok(Delivered {
            update_id: exchange.update_id,
            exchange: Some(exchange),
            telegram: self.clone(),
        })
    }

    /// Sends those of the updates that the bot wants, in the given order. Returns the last one.
    pub(crate) async fn notify_bot_of_all(
        &self,
        updates: Vec<(&str, Value)>,
    ) -> Result<Delivered, Error> {
        let mut delivered = Err(not_notified("act", "there is no update"));
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
