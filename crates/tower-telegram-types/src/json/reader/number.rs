//! Numbers: integers of 64 bits, floats, and their text.

use super::cursor::{Reader, Result};

impl<'a> Reader<'a> {
    /// Reads digits without a sign. `None` if the number overflows; it has no zeros in front.
    #[inline]
    fn digits(&mut self) -> Result<Option<u64>> {
        let digits = &self.text.as_bytes()[self.at..];
        let mut value = 0_u64;
        let mut length = 0;
        while let Some(digit @ b'0'..=b'9') = digits.get(length) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            length += 1;
        }
        self.at += length;
        if length == 0 || (length > 1 && digits[0] == b'0') {
            return self.syntax("not a number");
        }
        // 19 digits always fit, and what has more is out of an i64's range.
        Ok((length <= 19).then_some(value))
    }

    /// Reads an integer. A number with a fraction or an exponent, or beyond 64 bits, is a mismatch.
    pub fn integer(&mut self) -> Result<i64> {
        let Some(b'-' | b'0'..=b'9') = self.peek() else {
            return self.unexpected("an integer");
        };
        let start = self.at;
        let negative = self.byte() == Some(b'-');
        if negative {
            self.at += 1;
        }
        let magnitude = self.digits()?;
        if let Some(b'.' | b'e' | b'E') = self.byte() {
            self.at = start;
            self.number()?;
            return self.mismatch("an integer");
        }
        let value = magnitude.and_then(|m| {
            if negative {
                0_i64.checked_sub_unsigned(m)
            } else {
                i64::try_from(m).ok()
            }
        });
        match value {
            Some(value) => Ok(value),
            None => self.mismatch("an integer of 64 bits"),
        }
    }

    /// Moves past a number, and returns its text.
    pub(super) fn number(&mut self) -> Result<&'a str> {
        let text = self.text;
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        self.digits()?;
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits1()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits1()?;
        }
        Ok(&text[start..self.at])
    }

    /// Moves past the digits of a fraction or exponent, of which there must be one at least.
    fn digits1(&mut self) -> Result<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at == start {
            return self.syntax("not a number");
        }
        Ok(())
    }

    /// Reads a number as a float. One that is too large for it is a mismatch.
    pub fn float(&mut self) -> Result<f64> {
        let Some(b'-' | b'0'..=b'9') = self.peek() else {
            return self.unexpected("a number");
        };
        match self.number()?.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => self.mismatch("a number within range"),
        }
    }
}
