//! The secrets that Telegram shows, and the set that an endpoint accepts.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    io,
    ops::BitAnd,
    str::FromStr,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_core::{Serialize, Serializer};
use subtle::ConstantTimeEq as _;

use super::Rejection;

/// The header in which Telegram shows the secret.
pub const SECRET_TOKEN_HEADER: HeaderName = HeaderName::from_static(HEADER);

const HEADER: &str = "x-telegram-bot-api-secret-token";

/// A bot's number: what its token begins with, and its user id.
///
/// Where several bots share an endpoint, the layer puts it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BotId(pub i64);

impl fmt::Display for BotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The secret that `setWebhook` is given and that Telegram shows with each update: 1 to 256 of
/// `A-Z`, `a-z`, `0-9`, `_` and `-` ([setWebhook](https://core.telegram.org/bots/api#setwebhook)).
///
/// It never prints itself.
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
    /// The longest that Telegram takes, in bytes.
    pub const MAX_LEN: usize = 256;

    /// A secret of your own.
    ///
    /// # Errors
    ///
    /// When it is empty, too long, or has a character that isn't allowed (conformance A5).
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

    /// A new random one of 256 bits.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub fn generate() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self::from_digest(&bytes))
    }

    /// The one for a bot, from a key that all replicas share: they agree on it without having to
    /// store it. It is the HMAC-SHA-256 of the bot's number; the bot's token makes a good key.
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
        same(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for SecretToken {}

/// Compares in a time that only the lengths decide, eight bytes at a time.
fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let ((ones, one_end), (others, other_end)) = (one.as_chunks(), other.as_chunks());
    let number = |eight: &[u8; 8]| u64::from_le_bytes(*eight);
    let words = ones.iter().zip(others);
    let equal = words.map(|(one, other)| number(one).ct_eq(&number(other)));
    equal.fold(one_end.ct_eq(other_end), BitAnd::bitand).into()
}

/// Why a text can't be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSecretToken {
    /// It has no character.
    Empty,
    /// It has more than [`SecretToken::MAX_LEN`] bytes.
    TooLong {
        /// How many it has.
        length: usize,
    },
    /// It has a character that isn't one of `A-Za-z0-9_-`.
    Character {
        /// The byte at which it stands.
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

/// The secrets that an endpoint accepts, as a handle that can be changed while it serves.
///
/// ```
/// use tower_telegram::webhook::{SecretToken, SecretTokens};
///
/// let old = SecretToken::new("old")?;
/// let tokens = SecretTokens::new(old.clone());
/// // Rotate: accept the new one, tell Telegram, and once its updates carry it drop the old one.
/// tokens.accept(SecretToken::new("new")?);
/// assert!(tokens.retire(&old));
/// # Ok::<(), tower_telegram::webhook::InvalidSecretToken>(())
/// ```
#[derive(Clone)]
pub struct SecretTokens(Arc<Accepted>);

struct Accepted {
    entries: RwLock<Vec<Entry>>,
    hasher: RandomState,
}

impl Accepted {
    fn read(&self) -> RwLockReadGuard<'_, Vec<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Entry>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Entry {
    hash: u64,
    token: SecretToken,
    bot: Option<BotId>,
}

impl SecretTokens {
    /// One secret.
    pub fn new(token: SecretToken) -> Self {
        let tokens = Self::none();
        tokens.insert(token, None);
        tokens
    }

    fn none() -> Self {
        Self(Arc::new(Accepted {
            entries: RwLock::default(),
            hasher: RandomState::new(),
        }))
    }

    /// Accepts one secret more.
    pub fn accept(&self, token: SecretToken) {
        self.insert(token, None);
    }

    /// Accepts one secret more, and says whose it is.
    pub fn accept_for(&self, bot: BotId, token: SecretToken) {
        self.insert(token, Some(bot));
    }

    /// Drops a secret; says whether it was there. With the last one gone nobody gets in.
    pub fn retire(&self, token: &SecretToken) -> bool {
        let mut entries = self.0.write();
        let before = entries.len();
        entries.retain(|entry| entry.token != *token);
        entries.len() < before
    }

    fn insert(&self, token: SecretToken, bot: Option<BotId>) {
        let hash = self.0.hasher.hash_one(token.0.as_bytes());
        let mut entries = self.0.write();
        entries.retain(|entry| entry.token != token);
        entries.push(Entry { hash, token, bot });
    }

    /// Whether the request shows an accepted secret, and whose it is. What is shown is marked as
    /// sensitive, as the head travels on, and people log requests.
    pub(super) fn admit(&self, headers: &mut HeaderMap) -> Result<Option<BotId>, Rejection> {
        let mut shown: Option<&HeaderValue> = None;
        for (name, value) in headers.iter_mut() {
            if name.as_str() == HEADER {
                value.set_sensitive(true);
                // Two headers could be read as either by whatever stands in between.
                if shown.replace(value).is_some() {
                    return Err(Rejection::SecretToken);
                }
            }
        }
        let shown = shown.ok_or(Rejection::SecretToken)?;
        self.find(shown.as_bytes())
    }

    /// The work is the same wherever what is shown goes wrong: it is compared in constant time
    /// (conformance A8). Where there are several secrets, only with those that have the same hash, under
    /// a key that nobody outside knows: a bot more costs one comparison of two numbers.
    fn find(&self, shown: &[u8]) -> Result<Option<BotId>, Rejection> {
        let entries = self.0.read();
        let is_shown = |entry: &&Entry| same(entry.token.0.as_bytes(), shown);
        let entry = if let [only] = &**entries {
            Some(only).filter(is_shown)
        } else {
            let hash = self.0.hasher.hash_one(shown);
            let mut entries = entries.iter().filter(|entry| entry.hash == hash);
            entries.find(is_shown)
        };
        entry.map(|entry| entry.bot).ok_or(Rejection::SecretToken)
    }
}

impl From<SecretToken> for SecretTokens {
    fn from(token: SecretToken) -> Self {
        Self::new(token)
    }
}

/// Several bots on one endpoint.
impl FromIterator<(BotId, SecretToken)> for SecretTokens {
    fn from_iter<I: IntoIterator<Item = (BotId, SecretToken)>>(bots: I) -> Self {
        let tokens = Self::none();
        for (bot, token) in bots {
            tokens.insert(token, Some(bot));
        }
        tokens
    }
}

impl fmt::Debug for SecretTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.0.read();
        write!(f, "SecretTokens({})", entries.len())
    }
}

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
    fn a6_neither_a_secret_nor_a_set_of_them_prints_one() {
        let secret = SecretToken::new("swordfish").unwrap();
        let tokens = SecretTokens::new(secret.clone());
        for shown in [
            format!("{secret:?}"),
            format!("{tokens:?}"),
            format!("{tokens:#?}"),
        ] {
            assert!(!shown.contains("swordfish"), "{shown}");
        }
        let error = SecretToken::new("sword fish").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("fish"));
    }

    fn shown(secrets: &[&SecretToken]) -> HeaderMap {
        let value = |secret: &&SecretToken| secret.expose().parse().unwrap();
        let values = secrets.iter().map(value);
        values.map(|value| (SECRET_TOKEN_HEADER, value)).collect()
    }

    #[test]
    fn a2_a3_a4_who_shows_one_accepted_secret_gets_in_as_its_bot() {
        let secret = |text| SecretToken::new(text).unwrap();
        let (old, new, other) = (secret("old"), secret("new"), secret("other"));
        let tokens = SecretTokens::new(old.clone());
        let admit = |secrets: &[&SecretToken]| tokens.admit(&mut shown(secrets));
        assert_eq!(admit(&[&old]), Ok(None));
        for wrong in [&[][..], &[&new], &[&old, &old], &[&old, &new]] {
            assert_eq!(admit(wrong), Err(Rejection::SecretToken));
        }
        tokens.accept(new.clone());
        tokens.accept_for(BotId(7), other.clone());
        assert_eq!(admit(&[&old]), Ok(None));
        assert_eq!(admit(&[&new]), Ok(None));
        assert_eq!(admit(&[&other]), Ok(Some(BotId(7))));
        assert!(tokens.retire(&old) && !tokens.retire(&old));
        assert_eq!(admit(&[&old]), Err(Rejection::SecretToken));
        assert_eq!(admit(&[&new]), Ok(None));
        // The last word counts.
        tokens.accept_for(BotId(8), new.clone());
        assert_eq!(admit(&[&new]), Ok(Some(BotId(8))));
        assert_eq!(format!("{tokens:?} {}", BotId(8)), "SecretTokens(2) 8");
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
