//! An error with its causes, in one line.
//!
//! Crates for this print each level as it is; here a cause that the text above it has already named isn't
//! named again, because [`Error`](super::Error) says its cause itself.

use std::{error::Error, fmt};

/// An error and its causes, the outermost first.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Shows an error with its causes: `while saving: the database is down`.
pub(crate) struct ErrorChain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = String::new();
        for cause in causes(self.0) {
            let words = cause.to_string();
            if said.contains(&words) {
                continue;
            }
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.push_str(&words);
        }
        // One line, whatever a cause says.
        f.write_str(&without_tokens(&said.replace(['\n', '\r'], " ")))
    }
}

/// The text with `bot123456:..` in the place of a bot's token: the error of an HTTP client may show the
/// address, and the token is a part of it.
fn without_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("bot") {
        let (before, token) = rest.split_at(at + "bot".len());
        out.push_str(before);
        let digits = token.len() - token.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        rest = token;
        if digits > 0
            && let Some(secret) = token[digits..].strip_prefix(':')
        {
            let is_secret = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            out.push_str(&token[..digits]);
            out.push_str(":..");
            rest = secret.trim_start_matches(is_secret);
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Level(&'static str, Option<Box<Level>>);

    impl fmt::Display for Level {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Level {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn a6_a_token_in_an_address_is_left_out() {
        for (text, shown) in [
            (
                "GET http://a/bot12:ab-C_1/getMe failed",
                "GET http://a/bot12:../getMe failed",
            ),
            ("bot bot1: robot2:x bot", "bot bot1:.. robot2:.. bot"),
            ("file/bot7:secret", "file/bot7:.."),
            ("no bot here", "no bot here"),
            ("über bot9:é", "über bot9:..é"),
        ] {
            assert_eq!(without_tokens(text), shown);
        }
    }

    #[test]
    fn each_cause_is_named_once_and_all_in_one_line() {
        let refused = Level("connection refused", None);
        let call = Level(
            "getMe: no response:\nconnection refused",
            Some(Box::new(refused)),
        );
        let outer = Level("while saving", Some(Box::new(call)));
        assert_eq!(
            ErrorChain(&outer).to_string(),
            "while saving: getMe: no response: connection refused"
        );
    }
}
