//! The text of a stored session.
//!
//! Its lines are the version and the JSON of the session; then the number of the update that stored it; and then the
//! version and the JSON that it had before that update, if there was a session. In the JSON, a line end is
//! written as a space: valid JSON has one only between its tokens.

/// A stored session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionText<'a> {
    now: VersionedJson<'a>,
    /// The update that stored it.
    update_id: Option<i64>,
    before: Option<VersionedJson<'a>>,
}

/// The version and the JSON of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct VersionedJson<'a> {
    pub(super) version: u32,
    pub(super) json: &'a str,
}

impl<'a> SessionText<'a> {
    /// `None` if it isn't such a text.
    pub(super) fn read(text: &'a [u8]) -> Option<Self> {
        let mut lines = str::from_utf8(text).ok()?.split('\n');
        let now = VersionedJson::read(&mut lines)?;
        let update_id = lines.next().and_then(|line| line.parse().ok());
        let before = VersionedJson::read(&mut lines);
        Some(Self {
            now,
            update_id,
            before,
        })
    }

    /// The session as an attempt at this update has to find it. If an earlier attempt has stored a change already, that
    /// is the session before the change.
    pub(super) fn for_update(self, update_id: i64) -> Option<VersionedJson<'a>> {
        if self.update_id == Some(update_id) {
            return self.before;
        }
        Some(self.now)
    }
}

impl<'a> VersionedJson<'a> {
    fn read(lines: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let version = lines.next()?.parse().ok()?;
        let json = lines.next()?;
        Some(Self { version, json })
    }

    /// The text of a session that this update has changed to this.
    pub(super) fn stored_by(self, update_id: i64, before: Option<&str>) -> String {
        let Self { version, .. } = self;
        let json = self.in_one_line();
        match before {
            Some(before) => format!("{version}\n{json}\n{update_id}\n{before}"),
            None => format!("{version}\n{json}\n{update_id}"),
        }
    }

    /// The lines in which a later text has it as the session before.
    pub(super) fn lines(self) -> Box<str> {
        format!("{}\n{}", self.version, self.in_one_line()).into()
    }

    fn in_one_line(self) -> String {
        self.json.replace('\n', " ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn versioned(version: u32, json: &str) -> VersionedJson<'_> {
        VersionedJson { version, json }
    }

    #[test]
    fn j10_line_ends_between_the_tokens_of_a_session_are_spaces() {
        let stored = versioned(1, "{\n\"a\": \r\n1}").stored_by(7, None);
        let read = SessionText::read(stored.as_bytes()).unwrap();
        assert_eq!(read.for_update(8), Some(versioned(1, "{ \"a\": \r 1}")));
    }

    #[test]
    fn j10_a_session_is_read_as_it_was_before_the_update_that_stored_it() {
        let before = versioned(1, "{}").lines();
        let first = versioned(1, "{}").stored_by(7, None);
        let second = versioned(2, "[]").stored_by(8, Some(&before));
        for (text, update_id, expected) in [
            // Stored without an update's number.
            ("1\n{}", 7, Some(versioned(1, "{}"))),
            (&*first, 7, None),
            (&*first, 8, Some(versioned(1, "{}"))),
            (&*second, 8, Some(versioned(1, "{}"))),
            (&*second, 7, Some(versioned(2, "[]"))),
        ] {
            let read = SessionText::read(text.as_bytes()).unwrap();
            assert_eq!(read.for_update(update_id), expected, "{text} {update_id}");
        }
        for text in ["", "1", "x\n{}", "-1\n{}"] {
            assert_eq!(SessionText::read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(SessionText::read(b"1\n\xff"), None);
    }
}
