//! A fingerprint of the secret token and the certificate, which Telegram doesn't return, in the webhook's URL.

use std::fmt::Write as _;

use crate::{
    methods::SetWebhook,
    types::{InputFile, UploadSource},
};

const PARAMETER: &str = "fingerprint=";

/// How much of the digest is kept. Two secrets have the same once in 2^64 times.
const BYTES: usize = 8;

/// Sets these digests apart from others with the same key.
const PURPOSE: &[u8] = b"tower-telegram: webhook fingerprint";

impl SetWebhook {
    /// Adds a fingerprint of the secret token and the certificate to the URL's query, as
    /// `fingerprint=0123456789abcdef`, so that another one makes another URL. Call it last.
    ///
    /// `getWebhookInfo` shows the URL but neither secret nor certificate. With the fingerprint,
    /// `Client::ensure_webhook`, `drift` and `WebhookHealth` notice that one of these was changed, on
    /// every replica and without storing anything. Routes match paths, so they don't see the query.
    ///
    /// A fingerprint that is there already is replaced. A certificate that is given as a path is read
    /// from there; one that is given as a reader isn't looked at.
    ///
    /// ```
    /// use tower_telegram::{methods::SetWebhook, webhook::SecretToken};
    ///
    /// let token = "7:a-bot-token";
    /// let url_with = |secret: &str| {
    ///     let wanted = SetWebhook::new("https://bot.example/telegram");
    ///     let wanted = wanted.secret_token(SecretToken::new(secret).unwrap());
    ///     wanted.with_fingerprint(token.as_bytes()).url
    /// };
    /// assert!(url_with("old").starts_with("https://bot.example/telegram?fingerprint="));
    /// assert_ne!(url_with("old"), url_with("new"));
    /// assert_eq!(url_with("new"), url_with("new"));
    /// ```
    ///
    /// # Security
    ///
    /// It is a part of the HMAC-SHA-256 of both under `key`. URLs stand in the logs of proxies, so the
    /// key must be as hard to guess as the bot's token, which is a good one: under a key that others
    /// know, a short secret could be found by trying.
    pub fn with_fingerprint(mut self, key: &[u8]) -> Self {
        let fingerprint = fingerprint(&self, key);
        self.url = with_parameter(&self.url, &fingerprint).into();
        self
    }
}

fn fingerprint(settings: &SetWebhook, key: &[u8]) -> String {
    let mut content = PURPOSE.to_vec();
    let mut add = |part: Option<&[u8]>| {
        // With its length, so that two parts can't be taken for other two.
        content.push(part.is_some().into());
        content.extend(part.map_or(0, <[u8]>::len).to_be_bytes());
        content.extend(part.unwrap_or_default());
    };
    add(settings
        .secret_token
        .as_ref()
        .map(|secret| secret.expose().as_bytes()));
    add(settings.certificate.as_ref().and_then(read).as_deref());
    let digest = hmac_sha256::HMAC::mac(content, key);
    let mut hex = String::with_capacity(2 * BYTES);
    for byte in &digest[..BYTES] {
        // Writing to a string can't fail.
        let _: std::fmt::Result = write!(hex, "{byte:02x}");
    }
    hex
}

/// One that can't be read is refused by the check, which says why.
fn read(certificate: &InputFile) -> Option<Vec<u8>> {
    match certificate.as_upload()?.source() {
        UploadSource::Bytes(bytes) => Some(bytes.to_vec()),
        #[cfg(feature = "tokio")]
        UploadSource::Path(path) if path.is_file() => std::fs::read(path).ok(),
        #[cfg(feature = "tokio")]
        _ => None,
    }
}

fn with_parameter(url: &str, fingerprint: &str) -> String {
    // A fragment is refused, but by its own name.
    let (url, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let others = query.split('&');
    let others = others.filter(|part| !part.is_empty() && !part.starts_with(PARAMETER));
    let mut out = format!("{path}?");
    for part in others {
        out.push_str(part);
        out.push('&');
    }
    out + PARAMETER + fingerprint + fragment
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SecretToken, types::Str};

    const URL: &str = "https://bot.example/x";

    fn settings(secret: &str) -> SetWebhook {
        SetWebhook::new(URL).secret_token(SecretToken::new(secret).unwrap())
    }

    fn url(settings: SetWebhook) -> Str {
        settings.with_fingerprint(b"key").url
    }

    #[test]
    fn g9_another_secret_or_certificate_makes_another_url() {
        let pem = |text: &'static str| InputFile::bytes("a.pem", text);
        let all = [
            url(SetWebhook::new(URL)),
            url(settings("a")),
            url(settings("b")),
            url(settings("a").certificate(pem("1"))),
            url(settings("a").certificate(pem("2"))),
            url(SetWebhook::new(URL).certificate(pem("a"))),
            settings("a").with_fingerprint(b"another key").url,
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{one}");
        }
        // Settings that Telegram returns aren't in it.
        assert_eq!(url(settings("a").max_connections(7)), url(settings("a")));
    }

    #[test]
    fn g9_the_rest_of_the_url_stays_and_a_fingerprint_is_replaced() {
        let new = "0123456789abcdef";
        for (url, expected) in [
            ("https://a.b", "https://a.b?fingerprint=0123456789abcdef"),
            (
                "https://a.b/x",
                "https://a.b/x?fingerprint=0123456789abcdef",
            ),
            (
                "https://a.b/x?",
                "https://a.b/x?fingerprint=0123456789abcdef",
            ),
            (
                "https://a.b/x?y=1&z",
                "https://a.b/x?y=1&z&fingerprint=0123456789abcdef",
            ),
            (
                "https://a.b/x?fingerprint=77&y=1",
                "https://a.b/x?y=1&fingerprint=0123456789abcdef",
            ),
            (
                "https://a.b/x#f",
                "https://a.b/x?fingerprint=0123456789abcdef#f",
            ),
        ] {
            assert_eq!(with_parameter(url, new), expected);
        }
        let once = settings("a").with_fingerprint(b"key");
        assert_eq!(once.clone().with_fingerprint(b"key"), once);
        assert_eq!(once.check(), Ok(()));
    }

    #[test]
    fn a6_a_fingerprint_does_not_show_the_secret() {
        let url = url(settings("swordfish"));
        assert!(!url.contains("swordfish"), "{url}");
    }
}
