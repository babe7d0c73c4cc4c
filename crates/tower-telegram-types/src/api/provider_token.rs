//! The token of a payment provider.

use std::fmt;

use serde_core::{Serialize, Serializer};

use super::Str;
#[cfg(feature = "serde-all")]
use crate::json::{self, FromJson, Reader, impl_deserialize};

/// The token of a [payment provider](https://core.telegram.org/bots/payments), as `BotFather` gives
/// it. It is a secret like the bot's own token, so `Debug` doesn't show it.
///
/// ```
/// use tower_telegram::types::ProviderToken;
///
/// let token = ProviderToken::from("12345:TEST:secret");
/// assert_eq!(format!("{token:?}"), "ProviderToken(..)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderToken(Str);

impl ProviderToken {
    /// The token itself. Keep it out of logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Str>> From<T> for ProviderToken {
    fn from(token: T) -> Self {
        Self(token.into())
    }
}

impl Serialize for ProviderToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl fmt::Debug for ProviderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderToken(..)")
    }
}

#[cfg(feature = "serde-all")]
impl FromJson for ProviderToken {
    fn from_json(r: &mut Reader<'_>) -> json::Result<Self> {
        Str::from_json(r).map(Self)
    }
}

#[cfg(feature = "serde-all")]
impl_deserialize!(ProviderToken);
