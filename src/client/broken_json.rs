//! Brackets and strings of a text that isn't JSON.
//!
//! The reader of [`json`](crate::json) ends at the first byte that isn't JSON, and these texts have such a byte: here it
//! is passed over, so that the damage in one update of a page costs no other. Each part that is found here is then read by
//! the reader, which decides whether it is JSON.

/// The beginning of each update of Telegram's. Inside a string it would have backslashes.
const UPDATE: &[u8] = b"{\"update_id\":";

/// Whether another update begins here, behind a comma.
pub(crate) fn is_next_update(text: &[u8], at: usize) -> bool {
    text[at..].starts_with(UPDATE) && text[..at].trim_ascii_end().ends_with(b",")
}

/// The bytes outside of strings, and the quote that each string begins with.
pub(crate) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    unclosed: Option<usize>,
}

pub(crate) struct Token {
    pub(crate) byte: u8,
    pub(crate) at: usize,
    /// Within how many brackets, whatever their kind.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    pub(crate) depth: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            unclosed: None,
        }
    }

    /// Where the string begins that doesn't end. Known at the end of the text.
    pub(crate) fn unclosed_string(&self) -> Option<usize> {
        self.unclosed
    }

    fn skip_string(&mut self, start: usize) {
        while let Some(byte) = self.text.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                return;
            }
        }
        self.unclosed = Some(start);
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let (at, byte) = (self.at, *self.text.get(self.at)?);
        let depth = self.depth;
        self.at += 1;
        match byte {
            b'"' => self.skip_string(at),
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Some(Token { byte, at, depth })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h3_brackets_in_strings_are_passed_over() {
        let mut tokens = Tokens::new(br#"[{"a]":"\"}"},tru]"#);
        let found: Vec<_> = tokens.by_ref().map(|t| (t.byte as char, t.depth)).collect();
        let expected = [
            ('[', 0),
            ('{', 1),
            ('"', 2),
            (':', 2),
            ('"', 2),
            ('}', 2),
            (',', 1),
            ('t', 1),
            ('r', 1),
            ('u', 1),
            (']', 1),
        ];
        assert_eq!(found, expected);
        assert_eq!(tokens.unclosed_string(), None);
    }

    #[test]
    fn h3_a_string_that_does_not_end_is_known_by_its_beginning() {
        for (text, start) in [
            (r#"["a","b]"#, Some(5)),
            (r#"["a\"]"#, Some(1)),
            (r#"["a\"#, Some(1)),
            (r#"["a""#, None),
        ] {
            let mut tokens = Tokens::new(text.as_bytes());
            tokens.by_ref().for_each(drop);
            assert_eq!(tokens.unclosed_string(), start, "{text}");
        }
    }

    #[test]
    fn h3_an_update_begins_behind_a_comma() {
        let text = br#"[{"update_id":1}, {"update_id":2},"{\"update_id\":3}"]"#;
        let begins = |at: &usize| is_next_update(text, *at);
        assert_eq!((0..text.len()).filter(begins).collect::<Vec<_>>(), [18]);
    }
}
