//! The bot's token.

use std::{fmt, str::FromStr, sync::Arc};

use tower_telegram_types::BotId;

/// The token of a bot, as `BotFather` issues it: the bot's id, a colon, and a secret.
///
/// Anyone with the token controls the bot, so `Debug` shows the id alone, and there is no `Display`. See
/// [Authorizing your bot](https://core.telegram.org/bots/api#authorizing-your-bot).
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
    /// Makes a token of a text that has the form of one. Whether the bot exists is known by
    /// [`GetMe`](crate::methods::GetMe) alone.
    ///
    /// # Errors
    ///
    /// When the text isn't digits, a colon, and at least one character of `A-Za-z0-9_-`.
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

    /// The id of the bot, which is also the id of its user.
    pub fn bot_id(&self) -> BotId {
        self.bot
    }

    /// The token as text. Keep it out of logs.
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

/// A text that doesn't have the form of a bot's token. It doesn't contain the text.
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
    fn a_text_without_the_form_of_a_token_is_rejected() {
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
