//! Parser of the `MarkdownV2` `parse_mode`.

use serde_json::Value;

use super::{entity::entity, formatted::Formatted, html::link};

struct OpenMark {
    mark: &'static str,
    entity: Value,
    at: usize,
}

struct MarkdownV2Parser<'a> {
    markdown: &'a str,
    at: usize,
    text: String,
    /// The text's length, as entities count.
    units: usize,
    open: Vec<OpenMark>,
    entities: Vec<Value>,
}

/// The marks, longer ones before those that they begin with, and their entities.
const MARKS: [(&str, &str); 8] = [
    ("```", "pre"),
    ("`", "code"),
    ("||", "spoiler"),
    ("__", "underline"),
    ("_", "italic"),
    ("*", "bold"),
    ("~", "strikethrough"),
    ("[", "text_link"),
];

/// Reads it, or says what is wrong in the server's words.
pub(super) fn parse(markdown: &str) -> Result<Formatted, String> {
    let mut parser = MarkdownV2Parser {
        markdown,
        at: 0,
        text: String::with_capacity(markdown.len()),
        units: 0,
        open: Vec::new(),
        entities: Vec::new(),
    };
    while parser.at < markdown.len() {
        parser.step()?;
    }
    parser.end_quote();
    if let Some(open) = parser.open.last() {
        let (name, at) = (name(&open.entity), open.at);
        return Err(format!(
            "Can't find end of {name} entity at byte offset {at}"
        ));
    }
    Ok(Formatted {
        text: parser.text,
        entities: parser.entities,
    })
}

impl<'a> MarkdownV2Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.markdown[self.at..]
    }

    fn is_at_line_start(&self) -> bool {
        self.at == 0 || self.markdown[..self.at].ends_with('\n')
    }

    fn push(&mut self, c: char) {
        self.text.push(c);
        self.units += c.len_utf16();
        self.at += c.len_utf8();
    }

    fn step(&mut self) -> Result<(), String> {
        let rest = self.rest();
        let mut chars = rest.chars();
        let (Some(c), next) = (chars.next(), chars.next()) else {
            return Ok(());
        };
        if c == '\\' && next.is_some_and(|next| matches!(next, '\u{1}'..='\u{7e}')) {
            self.at += 1;
            self.push(next.unwrap_or_default());
            return Ok(());
        }
        let innermost = self.open.last().map(|open| open.mark);
        if let Some(code @ ("```" | "`")) = innermost {
            if rest.starts_with(code) {
                self.close(code.len());
            } else {
                self.push(c);
            }
            return Ok(());
        }
        if self.is_at_line_start() && self.quote() {
            return Ok(());
        }
        if c == ']' && innermost == Some("[") {
            return self.close_link();
        }
        if let Some(mark) =
            innermost.filter(|mark| *mark != "[" && *mark != ">" && rest.starts_with(mark))
        {
            // `___` ends the one that was begun last.
            if mark != "_" || !rest.starts_with("__") || !self.is_open("__") {
                self.close(mark.len());
                return Ok(());
            }
        }
        if let Some((mark, kind)) = MARKS.into_iter().find(|(mark, _)| rest.starts_with(mark)) {
            self.begin(mark, kind);
            return Ok(());
        }
        if rest.starts_with("![") {
            self.at += 1;
            self.begin("[", "custom_emoji");
            return Ok(());
        }
        if "_*[]()~`>#+-=|{}.!".contains(c) {
            return Err(format!(
                "Character '{c}' is reserved and must be escaped with the preceding '\\'"
            ));
        }
        self.push(c);
        Ok(())
    }

    fn is_open(&self, mark: &str) -> bool {
        self.open.iter().any(|open| open.mark == mark)
    }

    fn begin(&mut self, mark: &'static str, kind: &str) {
        self.open.push(OpenMark {
            mark,
            entity: entity(kind, self.units, 0),
            at: self.at,
        });
        self.at += mark.len();
        if mark == "```"
            && let Some((language, _)) = self.rest().split_once('\n')
            && language
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '+')
        {
            if !language.is_empty()
                && let Some(open) = self.open.last_mut()
            {
                open.entity["language"] = language.into();
            }
            self.at += language.len() + 1;
        }
    }

    /// Ends the innermost entity, of which the mark takes so many bytes.
    fn close(&mut self, mark: usize) {
        self.at += mark;
        if let Some(open) = self.open.pop() {
            self.add(open.entity);
        }
    }

    fn add(&mut self, mut entity: Value) {
        let offset = entity["offset"].as_u64().unwrap_or(0);
        let length = (self.units as u64).saturating_sub(offset);
        if length > 0 {
            entity["length"] = length.into();
            self.entities.push(entity);
        }
    }

    fn close_link(&mut self) -> Result<(), String> {
        self.at += 1;
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let Some(url) = self.rest().strip_prefix('(') else {
            self.add_link(&open, &self.text.clone());
            return Ok(());
        };
        let (mut raw, mut length) = (String::new(), 0);
        let mut chars = url.chars();
        loop {
            match chars.next() {
                Some(')') => break,
                Some('\\') => {
                    let next = chars.next().unwrap_or('\\');
                    raw.push(next);
                    length += 1 + next.len_utf8();
                }
                Some(c) => {
                    raw.push(c);
                    length += c.len_utf8();
                }
                None => {
                    let at = self.at;
                    return Err(format!("Can't find end of a URL at byte offset {at}"));
                }
            }
        }
        self.at += length + 2;
        self.add_link(&open, &raw);
        Ok(())
    }

    fn add_link(&mut self, open: &OpenMark, url: &str) {
        let mut made = match url.strip_prefix("tg://emoji?id=") {
            Some(id) if open.entity["type"] == "custom_emoji" => {
                let mut emoji = entity("custom_emoji", 0, 0);
                emoji["custom_emoji_id"] = id.into();
                emoji
            }
            _ => link(url),
        };
        made["offset"] = open.entity["offset"].clone();
        self.add(made);
    }

    /// Takes the beginning of a line, if it is that of a quotation or ends one.
    fn quote(&mut self) -> bool {
        let is_open = self.is_open(">");
        let rest = self.rest();
        if let Some(mark) = ["**>", ">"].into_iter().find(|mark| rest.starts_with(mark)) {
            if is_open && mark == ">" {
                self.at += 1;
            } else {
                self.end_quote();
                let kind = if mark == ">" {
                    "blockquote"
                } else {
                    "expandable_blockquote"
                };
                self.open.push(OpenMark {
                    mark: ">",
                    entity: entity(kind, self.units, 0),
                    at: self.at,
                });
                self.at += mark.len();
            }
            return true;
        }
        self.end_quote();
        false
    }

    fn end_quote(&mut self) {
        if let Some(open) = self.open.pop_if(|open| open.mark == ">") {
            self.add(open.entity);
        }
    }
}

/// An entity's type as the server's messages call it.
fn name(entity: &Value) -> &'static str {
    match entity["type"].as_str().unwrap_or_default() {
        "bold" => "Bold",
        "italic" => "Italic",
        "underline" => "Underline",
        "strikethrough" => "Strikethrough",
        "spoiler" => "Spoiler",
        "code" => "Code",
        "pre" if entity["language"].is_string() => "PreCode",
        "pre" => "Pre",
        "custom_emoji" => "CustomEmoji",
        "text_link" => "TextUrl",
        _ => "BlockQuote",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_become_entities() {
        let formatted =
            parse("*é _b_* __c__ ~d~ ||e|| `f\\`.` [g\\.](https://h.i/\\)) \\.").unwrap();
        assert_eq!(formatted.text, "é b c d e f`. g. .");
        assert_eq!(
            Value::from(formatted.entities),
            json!([
                {"type": "italic", "offset": 2, "length": 1},
                {"type": "bold", "offset": 0, "length": 3},
                {"type": "underline", "offset": 4, "length": 1},
                {"type": "strikethrough", "offset": 6, "length": 1},
                {"type": "spoiler", "offset": 8, "length": 1},
                {"type": "code", "offset": 10, "length": 3},
                {"type": "text_link", "offset": 14, "length": 2, "url": "https://h.i/)"},
            ])
        );
    }

    #[test]
    fn blocks_become_entities() {
        for (markdown, text, expected) in [
            (
                "```rust\nfn a();\n```",
                "fn a();\n",
                json!({"type": "pre", "offset": 0, "length": 8, "language": "rust"}),
            ),
            (
                ">a\n>b\nc",
                "a\nb\nc",
                json!({"type": "blockquote", "offset": 0, "length": 4}),
            ),
            (
                "![😀](tg://emoji?id=5)",
                "😀",
                json!({"type": "custom_emoji", "offset": 0, "length": 2, "custom_emoji_id": "5"}),
            ),
        ] {
            let formatted = parse(markdown).unwrap();
            assert_eq!(formatted.text, text);
            assert_eq!(formatted.entities, [expected], "{markdown}");
        }
    }

    #[test]
    fn signs_that_are_not_escaped_are_refused_in_the_servers_words() {
        for c in [
            '.', '!', '-', '(', ')', '#', '+', '=', '|', '{', '}', ']', '>',
        ] {
            let expected =
                format!("Character '{c}' is reserved and must be escaped with the preceding '\\'");
            assert_eq!(parse(&format!("a{c}b")), Err(expected), "{c}");
        }
        for (markdown, expected) in [
            ("ab *c", "Can't find end of Bold entity at byte offset 3"),
            (
                "ab ||c",
                "Can't find end of Spoiler entity at byte offset 3",
            ),
            ("ab `c", "Can't find end of Code entity at byte offset 3"),
            ("ab [c", "Can't find end of TextUrl entity at byte offset 3"),
            ("[a](b", "Can't find end of a URL at byte offset 3"),
        ] {
            assert_eq!(parse(markdown), Err(expected.to_owned()), "{markdown}");
        }
    }
}
