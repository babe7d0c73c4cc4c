//! The bot's token.

use std::{fmt, str::FromStr, sync::Arc};

use tower_telegram_types::BotId;

/// The token that a bot is known by: its number, a colon, and a secret, as `BotFather` gives it.
///
/// Whoever has it is the bot, so it never prints itself.
///
/// ```
/// use tower_telegram::{BotToken, webhook::BotId};
///
/// let token: BotToken = "123456:a-Secret_One".parse()?;
/// assert_eq!(token.bot_id(), BotId(123456));
/// assert_eq!(format!("{token:?}"), "BotToken(123456:..)");
/// # Ok::<(), tower_telegram::client::InvalidBotToken>(())
/// ```
#[derive(Clone)]
pub struct BotToken {
    text: Arc<str>,
    bot: BotId,
}

impl BotToken {
    /// Checks the form.
    ///
    /// # Errors
    ///
    /// When it isn't digits, a colon, and at least one of `A-Za-z0-9_-`.
    pub fn new(token: &str) -> Result<Self, InvalidBotToken> {
        let (number, secret) = token.split_once(':').ok_or(InvalidBotToken)?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if secret.is_empty() || !secret.bytes().all(allowed) {
            return Err(InvalidBotToken);
        }
        // `parse` would take a sign.
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidBotToken);
        }
        let number = number.parse().map_err(|_| InvalidBotToken)?;
        Ok(Self {
            text: token.into(),
            bot: BotId(number),
        })
    }

    /// The bot's number.
    pub fn bot_id(&self) -> BotId {
        self.bot
    }

    /// The token itself. Keep it out of logs.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl FromStr for BotToken {
    type Err = InvalidBotToken;

    fn from_str(token: &str) -> Result<Self, InvalidBotToken> {
        Self::new(token)
    }
}

impl fmt::Debug for BotToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BotToken({}:..)", self.bot)
    }
}

/// A text that can't be a bot's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidBotToken;

impl fmt::Display for InvalidBotToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bot token is digits, a colon, and some of A-Z, a-z, 0-9, _ and -")
    }
}

impl std::error::Error for InvalidBotToken {}

#[cfg(test)]
mod tests {
    use super::BotToken;

    #[test]
    fn only_what_has_the_form_of_a_token_is_one() {
        for good in ["1:a", "123456:ABC-def_123"] {
            assert_eq!(BotToken::new(good).unwrap().expose(), good);
        }
        for bad in [
            "",
            ":",
            "1",
            "1:",
            ":a",
            "a:b",
            "+1:a",
            "1:a/b",
            "1:a b",
            "1:é",
            "99999999999999999999:a",
        ] {
            assert!(BotToken::new(bad).is_err(), "{bad}");
        }
    }
}
