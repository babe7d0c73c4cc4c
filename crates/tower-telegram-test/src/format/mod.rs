//! Texts with their entities: out of HTML and Markdown, out of `entities`, and those that the server finds
//! by itself.

mod detect;
mod html;
mod markdown;
mod markdown_v2;

use serde_json::{Value, json};

pub(super) use self::detect::detect;

/// A text and its entities.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Formatted {
    pub(super) text: String,
    pub(super) entities: Vec<Value>,
}

/// Formats a text as the arguments of a call say. An error is what the server says about it.
pub(super) fn format(
    text: &str,
    parse_mode: &str,
    entities: Option<&Value>,
) -> Result<Formatted, String> {
    let parsed = match parse_mode.to_ascii_lowercase().as_str() {
        "" | "none" => Ok(Formatted {
            text: text.to_owned(),
            entities: entities
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
        }),
        "html" => html::parse(text),
        "markdown" => markdown::parse(text),
        "markdownv2" => markdown_v2::parse(text),
        _ => return Err("unsupported parse_mode".to_owned()),
    };
    let mut formatted = parsed.map_err(|problem| format!("can't parse entities: {problem}"))?;
    formatted.trim();
    formatted.add_detected();
    Ok(formatted)
}

impl Formatted {
    /// Cuts white space from both ends, as the server does.
    fn trim(&mut self) {
        let trimmed = self.text.trim();
        if trimmed.len() == self.text.len() {
            return;
        }
        let start = &self.text[..self.text.len() - self.text.trim_start().len()];
        let (skipped, end) = (utf16_length(start), utf16_length(trimmed));
        self.entities = std::mem::take(&mut self.entities)
            .into_iter()
            .filter_map(|mut entity| {
                let (from, to) = range(&entity);
                let from = from.max(skipped) - skipped;
                let to = to.max(skipped).min(skipped + end) - skipped;
                entity["offset"] = from.into();
                entity["length"] = to.checked_sub(from).filter(|&length| length > 0)?.into();
                Some(entity)
            })
            .collect();
        self.text = trimmed.to_owned();
    }

    /// Adds what the server finds by itself where nothing is marked yet.
    fn add_detected(&mut self) {
        for entity in detect(&self.text) {
            let (from, to) = range(&entity);
            let is_free = self.entities.iter().all(|other| {
                let (other_from, other_to) = range(other);
                let is_inside = [
                    "bold",
                    "italic",
                    "underline",
                    "strikethrough",
                    "spoiler",
                    "blockquote",
                ]
                .iter()
                .any(|kind| other["type"] == *kind);
                is_inside || to <= other_from || other_to <= from
            });
            if is_free {
                self.entities.push(entity);
            }
        }
        self.entities.sort_by_key(|entity| {
            let (from, to) = range(entity);
            (from, usize::MAX - to)
        });
    }
}

fn range(entity: &Value) -> (usize, usize) {
    let number = |name: &str| {
        let number = entity[name].as_u64().unwrap_or(0);
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let offset = number("offset");
    (offset, offset.saturating_add(number("length")))
}

/// In the units that entities count in.
pub(super) fn utf16_length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn entity(kind: &str, offset: usize, length: usize) -> Value {
    json!({"type": kind, "offset": offset, "length": length})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_at_the_ends_goes_and_entities_move_with_the_text() {
        let formatted = format(" \n<b> hi </b>there \n", "HTML", None).unwrap();
        assert_eq!(formatted.text, "hi there");
        assert_eq!(formatted.entities, [entity("bold", 0, 3)]);
        let given = json!([entity("bold", 0, 4), entity("italic", 2, 2)]);
        let formatted = format("hi  ", "", Some(&given)).unwrap();
        assert_eq!(formatted.entities, [entity("bold", 0, 2)]);
    }

    #[test]
    fn what_is_found_stays_out_of_code_but_not_out_of_bold() {
        let formatted = format("<code>/start</code> <b>/help</b>", "html", None).unwrap();
        let kinds: Vec<_> = formatted
            .entities
            .iter()
            .map(|e| e["type"].clone())
            .collect();
        assert_eq!(kinds, ["code", "bold", "bot_command"]);
    }

    #[test]
    fn an_unknown_parse_mode_is_refused() {
        assert_eq!(
            format("a", "Markdown3", None),
            Err("unsupported parse_mode".to_owned())
        );
        let error = format("<b>a", "HTML", None).unwrap_err();
        assert_eq!(
            error,
            "can't parse entities: Can't find end tag corresponding to start tag \"b\""
        );
    }
}
