//! [`SequenceKey`]: updates with the same key are handled one after the other.

use std::{fmt, sync::Arc};

use http::Request;

use crate::{
    types::Str,
    webhook::{BotId, RawUpdate},
};

/// A number or a text. Updates with the same key are handled one after the other.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SequenceKey(Value);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Value {
    Number(i64),
    Text(Str),
}

impl From<i64> for SequenceKey {
    fn from(number: i64) -> Self {
        Self(Value::Number(number))
    }
}

impl From<&str> for SequenceKey {
    fn from(text: &str) -> Self {
        Self(Value::Text(text.into()))
    }
}

impl From<String> for SequenceKey {
    fn from(text: String) -> Self {
        Self(Value::Text(text.into()))
    }
}

impl fmt::Debug for SequenceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Value::Number(number) => fmt::Debug::fmt(number, f),
            Value::Text(text) => fmt::Debug::fmt(text, f),
        }
    }
}

/// A key, and the bot that the update is for where that is known: bots that share an endpoint meet
/// the same users and groups, and don't wait for each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct BotKey {
    bot: Option<BotId>,
    key: SequenceKey,
}

/// The key as text, for [`SequenceLock`](super::SequenceLock). Replicas of other builds use the same text, so it must
/// not change.
impl fmt::Display for BotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // For one bot, whose id isn't known, it is 0.
        let bot = self.bot.map_or(0, |BotId(bot)| bot);
        match &self.key.0 {
            Value::Number(number) => write!(f, "{bot}:{number}"),
            Value::Text(text) => write!(f, "{bot}:={text}"),
        }
    }
}

/// How an update's key is found.
#[derive(Clone)]
pub(super) struct KeyExtractor(Arc<FindKey>);

type FindKey = dyn Fn(&RawUpdate) -> Option<SequenceKey> + Send + Sync;

impl KeyExtractor {
    pub(super) fn new<K: Into<SequenceKey>>(
        key: impl Fn(&RawUpdate) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |update| key(update).map(Into::into)))
    }

    /// A private chat has its user's number, so that what a user does elsewhere is in line with it.
    pub(super) fn chat() -> Self {
        Self::new(RawUpdate::chat_or_user_id)
    }

    pub(super) fn user() -> Self {
        Self::new(|update| update.user_id().or_else(|| update.chat_id()))
    }

    pub(super) fn find(&self, request: &Request<RawUpdate>) -> Option<BotKey> {
        Some(BotKey {
            bot: request.extensions().get().copied(),
            key: (self.0)(request.body())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changed, replicas of two builds would handle a chat at once.
    #[test]
    fn d8_replicas_know_a_key_by_a_text_that_stays() {
        let text = |bot: Option<i64>, key: SequenceKey| {
            let bot = bot.map(BotId);
            BotKey { bot, key }.to_string()
        };
        assert_eq!(
            text(Some(4_839_574_812), (-1_001_234).into()),
            "4839574812:-1001234"
        );
        assert_eq!(text(None, 7.into()), "0:7");
        assert_eq!(text(None, "7".into()), "0:=7");
        assert_eq!(text(Some(1), "a:b}".into()), "1:=a:b}");
    }
}
