//! The header with the secret: a request with exactly one accepted secret passes, for the bot of the
//! secret, and no other does.

#![no_main]

use std::convert::Infallible;

use arbitrary::Arbitrary;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use libfuzzer_sys::fuzz_target;
use tower::{Layer, ServiceExt, service_fn};
use tower_telegram::webhook::{
    BotId, SECRET_TOKEN_HEADER, SecretToken, SecretTokenLayer, SecretTokens,
};
use tower_telegram_fuzz::now;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    changes: Vec<Change<'a>>,
    headers: Vec<Shown<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Change<'a> {
    Accept(&'a str),
    AcceptFor(i64, &'a str),
    Retire(&'a str),
    /// A secret that occurred before.
    RetireAgain(u8),
}

#[derive(Arbitrary, Debug)]
enum Shown<'a> {
    Bytes(&'a [u8]),
    /// An accepted secret, unchanged or with an error in it.
    Secret(u8, Slip),
}

#[derive(Arbitrary, Debug)]
enum Slip {
    None,
    Without(u8),
    With(u8, u8),
    Instead(u8, u8),
    OtherCase,
    Twice,
}

/// The accepted secrets as a list for a linear search.
#[derive(Default)]
struct Accepted(Vec<(String, Option<BotId>)>);

impl Accepted {
    fn retire(&mut self, secret: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|(other, _)| other != secret);
        self.0.len() < before
    }

    fn accept(&mut self, secret: &str, bot: Option<BotId>) {
        self.retire(secret);
        self.0.push((secret.to_owned(), bot));
    }

    fn admit(&self, headers: &HeaderMap) -> Option<Option<BotId>> {
        let shown: Vec<_> = headers
            .iter()
            .filter(|(name, _)| *name == SECRET_TOKEN_HEADER)
            .collect();
        let [(_, shown)] = *shown else {
            return None;
        };
        let found = self.0.iter().find(|(secret, _)| shown == secret.as_str());
        found.map(|(_, bot)| *bot)
    }

    fn shown(&self, shown: &Shown<'_>) -> Vec<u8> {
        let (at, slip) = match shown {
            Shown::Bytes(bytes) => return bytes.to_vec(),
            Shown::Secret(at, slip) => (usize::from(*at), slip),
        };
        let secret = self.0.get(at % self.0.len().max(1));
        let mut bytes = secret.map_or_else(Vec::new, |(secret, _)| secret.clone().into_bytes());
        let length = bytes.len().max(1);
        match slip {
            Slip::None => {}
            Slip::Without(at) => drop(bytes.drain(..).nth(usize::from(*at) % length)),
            Slip::With(at, byte) => bytes.insert(usize::from(*at) % length, *byte),
            Slip::Instead(at, byte) => {
                if let Some(old) = bytes.get_mut(usize::from(*at) % length) {
                    *old = *byte;
                }
            }
            Slip::OtherCase => bytes.make_ascii_uppercase(),
            Slip::Twice => bytes.extend_from_within(..),
        }
        bytes
    }
}

fn is_secret(text: &str) -> bool {
    let allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    (1..=256).contains(&text.len()) && text.chars().all(|c| allowed.contains(c))
}

fn secret(text: &str) -> Option<SecretToken> {
    let secret = SecretToken::new(text);
    assert_eq!(secret.is_ok(), is_secret(text));
    secret.ok()
}

fuzz_target!(|input: Input<'_>| {
    let mut accepted = Accepted::default();
    // An empty set exists only after its secrets have been removed.
    let first = SecretToken::new("first").unwrap();
    let tokens = SecretTokens::new(first.clone());
    assert!(tokens.remove(&first));
    let mut named = Vec::new();
    for change in &input.changes {
        match *change {
            Change::Accept(text) => {
                if let Some(secret) = secret(text) {
                    accepted.accept(text, None);
                    tokens.add(secret);
                    named.push(text);
                }
            }
            Change::AcceptFor(bot, text) => {
                if let Some(secret) = secret(text) {
                    accepted.accept(text, Some(BotId(bot)));
                    tokens.add_for(BotId(bot), secret);
                    named.push(text);
                }
            }
            Change::Retire(text) => {
                if let Some(secret) = secret(text) {
                    assert_eq!(tokens.remove(&secret), accepted.retire(text));
                }
            }
            Change::RetireAgain(at) => {
                if let Some(text) = named.get(usize::from(at)) {
                    let secret = SecretToken::new(text).unwrap();
                    assert_eq!(tokens.remove(&secret), accepted.retire(text));
                }
            }
        }
    }

    let mut request = Request::new(String::new());
    for shown in &input.headers {
        if let Ok(value) = HeaderValue::from_bytes(&accepted.shown(shown)) {
            request.headers_mut().append(SECRET_TOKEN_HEADER, value);
        }
    }
    let expected = accepted.admit(request.headers());
    let inner = service_fn(async |request: Request<String>| {
        let shown = request.headers()[SECRET_TOKEN_HEADER].is_sensitive();
        assert!(shown);
        let bot = request.extensions().get::<BotId>().copied();
        Ok::<_, Infallible>(Response::new(Some(bot)))
    });
    let answer = now(SecretTokenLayer::new(tokens).layer(inner).oneshot(request)).unwrap();
    let status = match expected {
        Some(_) => StatusCode::OK,
        None => StatusCode::UNAUTHORIZED,
    };
    assert_eq!(answer.status(), status);
    assert_eq!(*answer.body(), expected);
});
