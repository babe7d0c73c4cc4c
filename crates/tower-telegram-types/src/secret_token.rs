//! The secret by which a bot knows that a request is from Telegram.

use std::{fmt, io, str::FromStr, sync::Arc};

use serde_core::{Serialize, Serializer};
use subtle::ConstantTimeEq as _;

use crate::BotId;

/// The secret that is set by `setWebhook`, and that Telegram sends with each update: 1 to 256 of `A-Z`, `a-z`, `0-9`, `_`
/// and `-` ([setWebhook](https://core.telegram.org/bots/api#setwebhook)).
///
/// `Debug` doesn't show it, and two secrets are compared in constant time.
///
/// ```
/// use tower_telegram::webhook::SecretToken;
///
/// let secret = SecretToken::new("a-long_Secret")?;
/// assert_eq!(format!("{secret:?}"), "SecretToken(..)");
/// assert!(SecretToken::new("not allowed!").is_err());
/// # Ok::<(), tower_telegram::webhook::InvalidSecretToken>(())
/// ```
#[derive(Clone)]
pub struct SecretToken(Arc<str>);

impl SecretToken {
    /// The length of the longest secret, in bytes.
    pub const MAX_LEN: usize = 256;

    /// A secret of your own.
    ///
    /// # Errors
    ///
    /// If it is empty, has more than 256 bytes, or has a character that isn't allowed.
    pub fn new(secret: &str) -> Result<Self, InvalidSecretToken> {
        if secret.is_empty() {
            return Err(InvalidSecretToken::Empty);
        }
        if secret.len() > Self::MAX_LEN {
            return Err(InvalidSecretToken::TooLong {
                length: secret.len(),
            });
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        match secret.bytes().position(|b| !allowed(b)) {
            None => Ok(Self(secret.into())),
            Some(at) => Err(InvalidSecretToken::Character { at }),
        }
    }

    /// A new random secret of 256 bits.
    ///
    /// # Errors
    ///
    /// If the operating system has no random numbers.
    pub fn generate() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self::from_digest(&bytes))
    }

    /// The secret of a bot, derived from a key that all replicas share, so that they agree on it without storing it.
    ///
    /// It is the HMAC-SHA-256 of the bot's number. The bot's token is a good key.
    pub fn derive(key: &[u8], bot: BotId) -> Self {
        Self::from_digest(&hmac_sha256::HMAC::mac(bot.0.to_string(), key))
    }

    fn from_digest(digest: &[u8; 32]) -> Self {
        use fmt::Write as _;
        let mut hex = String::with_capacity(2 * digest.len());
        for byte in digest {
            // Writing to a string can't fail.
            let _: fmt::Result = write!(hex, "{byte:02x}");
        }
        Self(hex.into())
    }

    /// The secret itself, for `setWebhook`. Keep it out of logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretToken {
    type Err = InvalidSecretToken;

    fn from_str(secret: &str) -> Result<Self, InvalidSecretToken> {
        Self::new(secret)
    }
}

/// For `setWebhook`.
impl Serialize for SecretToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(feature = "serde-all")]
impl crate::json::FromJson for SecretToken {
    fn from_json(r: &mut crate::json::Reader<'_>) -> crate::json::Result<Self> {
        match Self::new(&r.text()?) {
            Ok(secret) => Ok(secret),
            Err(_) => r.mismatch("a secret token"),
        }
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken(..)")
    }
}

/// In constant time.
impl PartialEq for SecretToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for SecretToken {}

/// The reason why a text can't be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSecretToken {
    /// It is empty.
    Empty,
    /// It has more than [`SecretToken::MAX_LEN`] bytes.
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It has a character that isn't one of `A-Za-z0-9_-`.
    Character {
        /// The character's place, in bytes.
        at: usize,
    },
}

impl fmt::Display for InvalidSecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a secret token can't be empty"),
            Self::TooLong { length } => write!(
                f,
                "a secret token has at most {} characters, not {length}",
                SecretToken::MAX_LEN
            ),
            Self::Character { at } => write!(
                f,
                "a secret token has only A-Z, a-z, 0-9, _ and -, unlike its byte {at}"
            ),
        }
    }
}

impl std::error::Error for InvalidSecretToken {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a5_only_the_allowed_is_a_secret() {
        for good in ["a", "A-Za-z0-9_-", &"x".repeat(256)] {
            assert!(SecretToken::new(good).is_ok(), "{good}");
        }
        assert_eq!(SecretToken::new(""), Err(InvalidSecretToken::Empty));
        assert_eq!(
            SecretToken::new(&"x".repeat(257)),
            Err(InvalidSecretToken::TooLong { length: 257 })
        );
        for bad in ["ab!", "ab ", "abé", "ab\n", "ab\0"] {
            assert_eq!(
                SecretToken::new(bad),
                Err(InvalidSecretToken::Character { at: 2 })
            );
        }
        assert_eq!(
            InvalidSecretToken::TooLong { length: 257 }.to_string(),
            "a secret token has at most 256 characters, not 257"
        );
    }

    #[test]
    fn a6_a_secret_does_not_print_itself() {
        let secret = SecretToken::new("swordfish").unwrap();
        assert!(!format!("{secret:?}").contains("swordfish"));
        let error = SecretToken::new("sword fish").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("fish"));
    }

    #[test]
    fn generated_secrets_are_valid_and_differ() {
        let (a, b) = (
            SecretToken::generate().unwrap(),
            SecretToken::generate().unwrap(),
        );
        assert_ne!(a, b);
        assert!(SecretToken::new(a.expose()).is_ok());
    }

    #[test]
    fn replicas_derive_the_same_secret_and_bots_have_their_own() {
        let derive = |key: &str, bot| SecretToken::derive(key.as_bytes(), BotId(bot));
        assert_eq!(derive("key", 1), derive("key", 1));
        assert_ne!(derive("key", 1), derive("key", 2));
        assert_ne!(derive("key", 1), derive("yek", 1));
        // HMAC-SHA-256("key", "1"), as any other tool computes it.
        assert_eq!(
            derive("key", 1).expose(),
            "6da91fb91517be1f5cdcf3af91d7d40c717dd638a306157606fb2e584f7ae926"
        );
    }
}
