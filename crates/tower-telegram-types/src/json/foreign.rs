//! Errors of types from other crates, described without a word of the text.
//!
//! Serde's errors are one message, which may quote the text (`invalid type: string "…", expected u32`). Only the parts
//! that come from the type are taken over: the expected type, or the name of a field. The error's place leads to the
//! field in the text.

use super::{Reader, Result, error::ParseError};

/// A longer description of the expected type is cut.
const MAX_EXPECTED: usize = 300;
/// Telegram's names of fields are shorter.
const MAX_NAME: usize = 64;

impl ParseError {
    /// The reason why `text` couldn't be read as a `U`.
    ///
    /// `about` is a member of the text and the place of its value. It is named if no field is known: a type that reads a
    /// whole update before it reports a fault has no better place for it.
    #[doc(hidden)]
    pub fn foreign<U>(error: &serde_json::Error, text: &str, about: Option<(&str, usize)>) -> Self {
        let at = offset(error, text);
        let is_after = |start| at.is_none_or(|at| at > start);
        let about = about.filter(|(name, start)| is_after(*start) && is_name(name));
        let field = at.and_then(|at| field_at(text, at));
        let field = field.or_else(|| about.map(|(name, _)| name.into()));
        let message = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = message.strip_suffix(&place).unwrap_or(&message);
        if let Some(own) = own_words(message) {
            let named = own
                .rsplit_once("field `")
                .and_then(|(_, rest)| rest.split_once('`'));
            let field = named.map_or(field, |(name, _)| Some(name.into()));
            return Self::described(at, own.into(), field);
        }
        if let Some((field, words)) = about_a_field(message) {
            return Self::described(at, words, Some(field.into()));
        }
        let words = if error.is_data() {
            let expected = expected(message);
            let expected =
                expected.unwrap_or_else(|| format!("a value for `{}`", std::any::type_name::<U>()));
            format!("expected {expected}")
        } else {
            // Said of JSON as such, without quoting it.
            message.to_owned()
        };
        let place = field
            .as_deref()
            .map(|field| format!(", in field `{field}`"));
        Self::described(at, words + &place.unwrap_or_default(), field)
    }
}

/// The words of an error of our own types, which may be anywhere in `U` and need no other words.
fn own_words(message: &str) -> Option<&str> {
    message
        .strip_prefix("unfitting: ")
        .or_else(|| message.strip_prefix("malformed: "))
}

/// `missing field` and `duplicate field`, which name a field of the type.
fn about_a_field(message: &str) -> Option<(&str, String)> {
    let of = |prefix| {
        let name: &str = message.strip_prefix(prefix)?;
        name.strip_suffix('`').filter(|name| is_name(name))
    };
    if let Some(name) = of("missing field `") {
        return Some((name, format!("field `{name}` is missing")));
    }
    let name = of("duplicate field `")?;
    Some((name, format!("field `{name}` comes twice")))
}

/// The expected type, in the words of serde's errors and derived types.
fn expected(message: &str) -> Option<String> {
    const UNTAGGED: &str = "data did not match any variant of untagged enum ";
    const FLATTENED: &str = "no variant of enum ";

    if let Some(name) = message.strip_prefix(UNTAGGED) {
        return is_name(name).then(|| format!("a variant of `{name}`"));
    }
    if let Some(rest) = message.strip_prefix(FLATTENED) {
        let name = rest.strip_suffix(" found in flattened data")?;
        return is_name(name).then(|| format!("a variant of `{name}`"));
    }
    let quotes = ["invalid ", "unknown variant ", "unknown field "];
    if !quotes.iter().any(|begins| message.starts_with(begins)) {
        return None;
    }
    // The words before it may be from the text.
    let (_, expected) = message.rsplit_once(", expected ")?;
    let mut short: String = expected.chars().take(MAX_EXPECTED).collect();
    if short.len() < expected.len() {
        short.push('…');
    }
    Some(short)
}

/// Whether this is a name of a type or field, and not a user's text.
fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_plain)
}

/// The byte before which the error was noticed. `None` if `serde_json` doesn't name a place, as for a type that first
/// reads a copy of the whole value.
fn offset(error: &serde_json::Error, text: &str) -> Option<usize> {
    let lines_before = error.line().checked_sub(1)?;
    let lines = text.split_inclusive('\n').take(lines_before);
    let start: usize = lines.map(str::len).sum();
    Some((start + error.column()).min(text.len()))
}

/// The innermost field whose value reaches up to the byte.
fn field_at(text: &str, at: usize) -> Option<Box<str>> {
    find_field(&mut Reader::new(text), at).ok().flatten()
}

fn find_field(r: &mut Reader<'_>, at: usize) -> Result<Option<Box<str>>> {
    let is_object = r.peek() == Some(b'{');
    let mut more = match r.peek() {
        // At its start, nothing in it was looked at.
        _ if at <= r.offset() => false,
        Some(b'{') => r.open_object()?,
        Some(b'[') => r.open_array()?,
        _ => false,
    };
    while more {
        let key = is_object.then(|| r.key_text()).transpose()?;
        let value = r.mark();
        r.skip()?;
        if r.offset() >= at {
            r.rewind(value);
            let inner = find_field(r, at)?;
            let key = key.filter(|key| is_name(key));
            return Ok(inner.or_else(|| key.map(Into::into)));
        }
        more = if is_object {
            r.next_member()?
        } else {
            r.next_element()?
        };
    }
    Ok(None)
}
