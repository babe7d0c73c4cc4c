//! An error and its causes in one line.
//!
//! Crates for this print every level. Here a cause that is part of the text so far isn't repeated, because
//! [`Error`](super::Error) displays its own cause.

use std::{error::Error, fmt, io, sync::Arc};

use super::redact::redacted;

/// An error and its causes, the outermost first.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| cause(error))
}

/// The source of an I/O error that was made from another error is the other's source, and never the other itself.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let shared = error.downcast_ref::<Arc<io::Error>>();
    match shared.map(Arc::as_ref).or_else(|| error.downcast_ref()) {
        Some(error) => io::Error::get_ref(error).map(|inner| inner as _),
        None => error.source(),
    }
}

/// Shows an error with its causes: `while saving: the database is down`.
pub(crate) struct ErrorChain<'a>(pub(crate) &'a (dyn Error + 'static));

/// The same text: `Debug` of another crate's error may show secrets that its `Display` leaves out.
impl fmt::Debug for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = String::new();
        for cause in causes(self.0) {
            // A cause may contain line breaks, and a text may have it redacted.
            let words = redacted(&cause.to_string(), "");
            if said.contains(&words) {
                continue;
            }
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.push_str(&words);
        }
        f.write_str(&said)
    }
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

    #[test]
    fn a_cause_that_is_said_already_is_known_by_its_redacted_words() {
        for words in [
            "query failed\nat line 3",
            "GET /bot123456:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc/getMe",
        ] {
            let cause = Level(words, None);
            let shown = redacted(&format!("the handler failed: {words}"), "");
            let outer = Level(shown.clone().leak(), Some(Box::new(cause)));
            assert_eq!(ErrorChain(&outer).to_string(), shown);
        }
    }
}
