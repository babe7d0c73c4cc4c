//! Who the examples of the client call.

use std::{env, error, fmt};

use tower_telegram::{BotToken, client::TELEGRAM_API, types::ChatId};
use tower_telegram_test::Telegram;

use crate::{Failure, SettingsError, say};

/// The Bot API that the environment names with `TELEGRAM_BOT_TOKEN` and `TELEGRAM_API_URL`, or else an
/// embedded Telegram.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Whose calls they are.
    pub token: BotToken,
    /// Where they go.
    pub api_url: String,
    /// The embedded Telegram, if there is no token.
    pub telegram: Option<Telegram>,
}

impl Connection {
    /// Reads the environment, and says so where an embedded Telegram takes its place.
    ///
    /// # Errors
    ///
    /// When `TELEGRAM_BOT_TOKEN` isn't a token, or the embedded Telegram can't start.
    pub async fn from_env() -> Result<Self, Failure> {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(token) = variable("TELEGRAM_BOT_TOKEN") {
            return Ok(Self {
                token: BotToken::new(&token).map_err(SettingsError::Token)?,
                api_url: variable("TELEGRAM_API_URL").unwrap_or_else(|| TELEGRAM_API.to_owned()),
                telegram: None,
            });
        }
        let telegram = Telegram::start().await?;
        say(&format!(
            "No TELEGRAM_BOT_TOKEN: calling an embedded Telegram at {}",
            telegram.api_url()
        ));
        Ok(Self {
            token: BotToken::new(telegram.token()).map_err(SettingsError::Token)?,
            api_url: telegram.api_url().to_owned(),
            telegram: Some(telegram),
        })
    }

    /// The chat that the first argument names, by its number or `@name`; the embedded Telegram needs
    /// none.
    ///
    /// # Errors
    ///
    /// When there is no argument, and a real chat is needed.
    pub fn chat(&self) -> Result<ChatId, Failure> {
        match (env::args().nth(1), &self.telegram) {
            (Some(chat), _) => Ok(match chat.parse::<i64>() {
                Ok(number) => number.into(),
                Err(_) => chat.into(),
            }),
            (None, Some(_)) => Ok(42.into()),
            (None, None) => Err(NoChat.into()),
        }
    }
}

/// Nobody was named to write to.
#[derive(Debug)]
struct NoChat;

impl fmt::Display for NoChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the first argument must be a chat: its number, or its @name")
    }
}

impl error::Error for NoChat {}
