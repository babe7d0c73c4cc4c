//! Literals, and values that are passed over as a whole.

use std::collections::BTreeSet;

use super::cursor::{Reader, Result};

impl<'a> Reader<'a> {
    /// Moves past `true`, `false` or `null`.
    #[inline]
    pub fn literal(&mut self, word: &'static str) -> Result<()> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        self.syntax("not a value")
    }

    /// Reads a boolean.
    #[inline]
    pub fn boolean(&mut self) -> Result<bool> {
        match self.peek() {
            Some(b't') => self.literal("true").map(|()| true),
            Some(b'f') => self.literal("false").map(|()| false),
            _ => self.unexpected("a boolean"),
        }
    }

    /// Moves past a value that isn't read by its type, and checks that it is JSON. Its keys aren't compared; the reader
    /// records that there is such a value.
    #[inline]
    pub fn skip(&mut self) -> Result<()> {
        self.has_skipped = true;
        self.pass_over()
    }

    /// Moves past a value that is read by its type as well, and checks that it is JSON.
    pub(crate) fn pass_over(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b'{') => {
                let mut more = self.open_object()?;
                while more {
                    if self.peek() != Some(b'"') {
                        return self.syntax("a key must be a string");
                    }
                    self.skip_string()?;
                    if self.peek() != Some(b':') {
                        return self.syntax("a colon must follow the key");
                    }
                    self.at += 1;
                    self.pass_over()?;
                    more = self.next_member()?;
                }
                Ok(())
            }
            Some(b'[') => {
                let mut more = self.open_array()?;
                while more {
                    self.pass_over()?;
                    more = self.next_element()?;
                }
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            Some(_) => self.syntax("not a value"),
            None => self.syntax("the text ends early"),
        }
    }

    /// Moves past a value, and checks that it is JSON and that no key occurs twice in any of its objects.
    pub(crate) fn compare_keys(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'{') => {
                let mut names = BTreeSet::new();
                let mut more = self.open_object()?;
                while more {
                    if !names.insert(self.key_text()?) {
                        return self.duplicate("");
                    }
                    self.compare_keys()?;
                    more = self.next_member()?;
                }
                Ok(())
            }
            Some(b'[') => {
                let mut more = self.open_array()?;
                while more {
                    self.compare_keys()?;
                    more = self.next_element()?;
                }
                Ok(())
            }
            _ => self.pass_over(),
        }
    }

    fn skip_string(&mut self) -> Result<()> {
        if self.plain_string()?.is_none() {
            self.escaped_string()?;
        }
        Ok(())
    }

    /// Moves past a value, and returns its text.
    pub fn raw(&mut self) -> Result<&'a str> {
        let text = self.text;
        let start = self.mark().at;
        self.skip()?;
        Ok(&text[start..self.at])
    }
}
