//! Finds a number deep in an update, without reading what stands before it.

use crate::json;

/// What a quick look at a JSON text finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Number(i64),
    /// The object ends without it.
    Nothing,
    /// It isn't written as Telegram writes it, so that a reader has to tell.
    Unusual,
}

/// The number that a path of names leads to, each of a member of the object before it.
pub(super) fn number(json: &[u8], path: &[&str]) -> Found {
    let mut at = Look { json, at: 0 };
    for name in path {
        match at.member(name.as_bytes()) {
            Some(true) => {}
            Some(false) => return Found::Nothing,
            None => return Found::Unusual,
        }
    }
    at.digits().map_or(Found::Unusual, Found::Number)
}

/// Where the look is. It takes white space, and an escape in a name, for unusual; what it passes over
/// is known to be JSON only once it is parsed.
struct Look<'a> {
    json: &'a [u8],
    at: usize,
}

impl Look<'_> {
    #[inline]
    fn byte(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    #[inline]
    fn exactly(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then(|| self.at += 1)
    }

    /// Goes into an object, up to the value of a member. Whether there is one.
    fn member(&mut self, name: &[u8]) -> Option<bool> {
        self.exactly(b'{')?;
        loop {
            match self.byte()? {
                b'"' => {}
                b'}' => return Some(false),
                _ => return None,
            }
            let start = self.at + 1;
            let end = json::plain_until(self.json, start);
            self.at = end;
            self.exactly(b'"')?;
            self.exactly(b':')?;
            if self.json.get(start..end)? == name {
                return Some(true);
            }
            self.pass_value()?;
            match self.byte()? {
                b',' => self.at += 1,
                b'}' => return Some(false),
                _ => return None,
            }
        }
    }

    #[inline]
    fn pass_value(&mut self) -> Option<()> {
        match self.byte()? {
            b'"' => self.pass_string(),
            b'{' | b'[' => self.pass_nested(),
            _ => {
                while !matches!(self.byte()?, b',' | b'}') {
                    self.at += 1;
                }
                Some(())
            }
        }
    }

    #[inline]
    fn pass_string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            self.at = json::plain_until(self.json, self.at);
            match self.byte()? {
                b'"' => break,
                // Whatever is escaped, its first byte is no end.
                b'\\' => self.at += 2,
                _ => return None,
            }
        }
        self.at += 1;
        Some(())
    }

    /// Objects and lists count alike: which of them an end is of, the parser will see.
    fn pass_nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.byte()? {
                b'"' => {
                    self.pass_string()?;
                    // What a string stands before, mostly.
                    if let b':' | b',' = self.byte()? {
                        self.at += 1;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 1 => break,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        self.at += 1;
        Some(())
    }

    /// A number of at most 18 digits, which always fits.
    fn digits(&mut self) -> Option<i64> {
        let negative = self.exactly(b'-').is_some();
        let rest = self.json.get(self.at..)?;
        let length = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        let canonical = length == 1 || rest[0] != b'0';
        if !canonical || !(1..=18).contains(&length) || !matches!(rest[length], b',' | b'}') {
            return None;
        }
        let number = rest[..length]
            .iter()
            .fold(0, |number, digit| 10 * number + i64::from(digit - b'0'));
        Some(if negative { -number } else { number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(json: &str) -> Found {
        number(json.as_bytes(), &["chat", "id"])
    }

    #[test]
    fn what_stands_before_it_is_passed_over() {
        for before in [
            r#""a":1,"#,
            r#""a":-1.5e3,"b":true,"c":null,"#,
            r#""a":"chat","b":"\"chat\":{\"id\":1}","c":"\\","#,
            r#""from":{"chat":{"id":1},"x":[{"chat":{}},"]}"]},"#,
            r#""chats":{"id":1},"cha":{"id":1},"#,
            r#""from":{"name":"\u0410\"}\\","x":{"y":["\\\\"],"z":[[],[{}]]}},"#,
        ] {
            let text = format!(r#"{{{before}"chat":{{"type":"private","id":-1001234}}}}"#);
            assert_eq!(chat(&text), Found::Number(-1_001_234), "{text}");
        }
    }

    #[test]
    fn an_object_without_it_ends() {
        for text in ["{}", r#"{"a":{"chat":{"id":1}}}"#, r#"{"chat":{},"a":1}"#] {
            assert_eq!(chat(text), Found::Nothing, "{text}");
        }
    }

    #[test]
    fn the_unusual_is_left_to_the_reader() {
        for text in [
            "",
            "[]",
            r#"{"chat":{"id":1"#,
            r#"{ "chat":{"id":1}}"#,
            r#"{"chat":{"id": 1}}"#,
            r#"{"chat":{"id":1.0}}"#,
            r#"{"chat":{"id":01}}"#,
            r#"{"chat":{"id":"1"}}"#,
            r#"{"chat":{"id":1234567890123456789}}"#,
            r#"{"chat":{"\u0069d":1}}"#,
            r#"{"chat":7}"#,
            "{\"a\":\"\n\",\"chat\":{\"id\":1}}",
        ] {
            assert_eq!(chat(text), Found::Unusual, "{text}");
        }
    }
}
