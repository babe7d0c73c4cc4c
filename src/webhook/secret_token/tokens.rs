//! [`SecretTokens`], the set of secrets that an endpoint accepts.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use subtle::ConstantTimeEq as _;

use crate::webhook::{BotId, Rejection, SecretToken};

/// The header in which Telegram sends the secret token.
pub const SECRET_TOKEN_HEADER: HeaderName = HeaderName::from_static(HEADER);

const HEADER: &str = "x-telegram-bot-api-secret-token";

/// The secrets that an endpoint accepts, as a handle that can be changed while it serves.
///
/// ```
/// use tower_telegram::webhook::{SecretToken, SecretTokens};
///
/// let old = SecretToken::new("old")?;
/// let tokens = SecretTokens::new(old.clone());
/// // Rotate: accept the new one, tell Telegram, and once its updates carry it drop the old one.
/// tokens.add(SecretToken::new("new")?);
/// assert!(tokens.remove(&old));
/// # Ok::<(), tower_telegram::webhook::InvalidSecretToken>(())
/// ```
#[derive(Clone)]
pub struct SecretTokens(Arc<AcceptedTokens>);

struct AcceptedTokens {
    entries: RwLock<Vec<AcceptedToken>>,
    hasher: RandomState,
}

impl AcceptedTokens {
    fn read(&self) -> RwLockReadGuard<'_, Vec<AcceptedToken>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<AcceptedToken>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

struct AcceptedToken {
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
        Self(Arc::new(AcceptedTokens {
            entries: RwLock::default(),
            hasher: RandomState::new(),
        }))
    }

    /// Accepts another secret.
    pub fn add(&self, token: SecretToken) {
        self.insert(token, None);
    }

    /// Accepts another secret, which belongs to a bot.
    pub fn add_for(&self, bot: BotId, token: SecretToken) {
        self.insert(token, Some(bot));
    }

    /// Removes a secret. `false` if it wasn't accepted. Without any secret, every request is rejected.
    pub fn remove(&self, token: &SecretToken) -> bool {
        let mut entries = self.0.write();
        let before = entries.len();
        entries.retain(|entry| entry.token != *token);
        entries.len() < before
    }

    fn insert(&self, token: SecretToken, bot: Option<BotId>) {
        let hash = self.0.hasher.hash_one(token.expose().as_bytes());
        let mut entries = self.0.write();
        entries.retain(|entry| entry.token != token);
        entries.push(AcceptedToken { hash, token, bot });
    }

    /// The bot of the request's secret, if that is accepted. The header is marked as sensitive, because the request
    /// is passed on and may be logged.
    pub(in crate::webhook) fn authenticate(
        &self,
        headers: &mut HeaderMap,
    ) -> Result<Option<BotId>, Rejection> {
        // One pass over the headers, of which Telegram sends few: two searches by name cost 500 instructions more.
        let mut shown: Option<&HeaderValue> = None;
        for (name, value) in headers.iter_mut() {
            if name.as_str() == HEADER {
                value.set_sensitive(true);
                // With two headers, a proxy could check the one and pass on the other.
                if shown.replace(value).is_some() {
                    return Err(Rejection::SecretToken);
                }
            }
        }
        let shown = shown.ok_or(Rejection::SecretToken)?;
        self.find(shown.as_bytes())
    }

    /// Compares in constant time, so the position of the first wrong byte does not show. With several
    /// secrets, a keyed hash selects the candidates first; each further bot costs one integer comparison.
    fn find(&self, shown: &[u8]) -> Result<Option<BotId>, Rejection> {
        let entries = self.0.read();
        let is_shown =
            |entry: &&AcceptedToken| bool::from(entry.token.expose().as_bytes().ct_eq(shown));
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
    fn a6_a_set_of_secrets_prints_none_of_them() {
        let secret = SecretToken::new("swordfish").unwrap();
        let tokens = SecretTokens::new(secret);
        for shown in [format!("{tokens:?}"), format!("{tokens:#?}")] {
            assert!(!shown.contains("swordfish"), "{shown}");
        }
    }

    fn shown(secrets: &[&SecretToken]) -> HeaderMap {
        let value = |secret: &&SecretToken| secret.expose().parse().unwrap();
        let values = secrets.iter().map(value);
        values.map(|value| (SECRET_TOKEN_HEADER, value)).collect()
    }

    #[test]
    fn a2_a3_a4_a_request_with_one_accepted_secret_is_that_of_its_bot() {
        let secret = |text| SecretToken::new(text).unwrap();
        let (old, new, other) = (secret("old"), secret("new"), secret("other"));
        let tokens = SecretTokens::new(old.clone());
        let authenticate = |secrets: &[&SecretToken]| tokens.authenticate(&mut shown(secrets));
        assert_eq!(authenticate(&[&old]), Ok(None));
        for wrong in [&[][..], &[&new], &[&old, &old], &[&old, &new]] {
            assert_eq!(authenticate(wrong), Err(Rejection::SecretToken));
        }
        tokens.add(new.clone());
        tokens.add_for(BotId(7), other.clone());
        assert_eq!(authenticate(&[&old]), Ok(None));
        assert_eq!(authenticate(&[&new]), Ok(None));
        assert_eq!(authenticate(&[&other]), Ok(Some(BotId(7))));
        assert!(tokens.remove(&old) && !tokens.remove(&old));
        assert_eq!(authenticate(&[&old]), Err(Rejection::SecretToken));
        assert_eq!(authenticate(&[&new]), Ok(None));
        // The last word counts.
        tokens.add_for(BotId(8), new.clone());
        assert_eq!(authenticate(&[&new]), Ok(Some(BotId(8))));
        assert_eq!(format!("{tokens:?} {}", BotId(8)), "SecretTokens(2) 8");
    }
}
