//! Parser of the `MarkdownV2` `parse_mode`, with the server's error messages.

use serde_json::Value;

use super::{entity::entity, formatted::Formatted, html::link};

/// A mark that isn't closed yet.
struct OpenMark {
    mark: &'static str,
    entity: Value,
    at: usize,
}

/// The state of the parser.
struct MarkdownV2Parser<'a> {
    markdown: &'a str,
    at: usize,
    text: String,
    /// The length of the text in UTF-16 units.
    units: usize,
    open: Vec<OpenMark>,
    entities: Vec<Value>,
    /// Whether the line has only had marks so far.
    is_line_start: bool,
}

/// The marks and their entities, longer marks before their beginnings.
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

/// Parses a text, or returns the server's error message.
pub(super) fn parse(markdown: &str) -> Result<Formatted, String> {
    let mut parser = MarkdownV2Parser {
        markdown,
        at: 0,
        text: String::with_capacity(markdown.len()),
        units: 0,
        open: Vec::new(),
        entities: Vec::new(),
        is_line_start: true,
    };
    while parser.at < markdown.len() {
        parser.step()?;
    }
    if parser.is_open(">") {
        parser.end_quote()?;
    }
    if !parser.open.is_empty() {
        return Err(parser.no_end());
    }
    Ok(Formatted {
        text: parser.text,
        entities: parser.entities,
    })
}

impl<'a> MarkdownV2Parser<'a> {
    /// The text that isn't parsed yet.
    fn rest(&self) -> &'a str {
        &self.markdown[self.at..]
    }

    /// Adds a character to the text.
    fn push(&mut self, c: char) {
        self.text.push(c);
        self.units += c.len_utf16();
        self.at += c.len_utf8();
        self.is_line_start = c == '\n' || c == '\r' && self.is_line_start;
    }

    /// Parses a mark or a character.
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
                // A line break inside code doesn't start a line of a quotation.
                self.is_line_start = false;
            }
            return Ok(());
        }
        if c == '\n' && next != Some('>') && self.is_open(">") {
            let entity = self.take_quote()?;
            self.push(c);
            self.add(entity);
            return Ok(());
        }
        if c == '>' && self.is_line_start {
            self.begin_quote();
            return Ok(());
        }
        if c == ']' && innermost == Some("[") {
            return self.close_link();
        }
        // Two underscores never end italic text.
        if let Some(mark) = innermost.filter(|mark| {
            *mark != "[" && rest.starts_with(mark) && (*mark != "_" || next != Some('_'))
        }) {
            self.close(mark.len());
            return Ok(());
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

    /// Whether the mark is open.
    fn is_open(&self, mark: &str) -> bool {
        self.open.iter().any(|open| open.mark == mark)
    }

    /// Opens a mark.
    fn begin(&mut self, mark: &'static str, kind: &str) {
        self.open.push(OpenMark {
            mark,
            entity: entity(kind, self.units, 0),
            at: self.at,
        });
        self.at += mark.len();
        if mark == "```" {
            self.language();
        }
    }

    /// Parses the first word of a code block as its language, if there is text between it and the end.
    fn language(&mut self) {
        let rest = self.rest();
        if let Some(end) = rest.find(|c: char| c.is_ascii_whitespace() || c == '`')
            && end > 0
            && !rest[end..].starts_with('`')
            && let Some(open) = self.open.last_mut()
        {
            open.entity["language"] = rest[..end].into();
            self.at += end;
        }
        self.at += usize::from(self.rest().starts_with('\n'));
    }

    /// Closes the innermost entity, whose mark has so many bytes.
    fn close(&mut self, mark: usize) {
        self.at += mark;
        if let Some(open) = self.open.pop() {
            self.add(open.entity);
        }
    }

    /// Adds an entity that has ended at the present position, unless it is empty.
    fn add(&mut self, mut entity: Value) {
        let offset = entity["offset"].as_u64().unwrap_or(0);
        let length = (self.units as u64).saturating_sub(offset);
        if length > 0 {
            entity["length"] = length.into();
            self.entities.push(entity);
        }
    }

    /// Parses the URL of a link.
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

    /// Adds the entity of a link, or of a custom emoji or a date.
    fn add_link(&mut self, open: &OpenMark, url: &str) {
        let mut made = match url.strip_prefix("tg://emoji?id=") {
            Some(id) if open.entity["type"] == "custom_emoji" => {
                let mut emoji = entity("custom_emoji", 0, 0);
                emoji["custom_emoji_id"] = id.into();
                emoji
            }
            _ if open.entity["type"] == "custom_emoji" => date_time(url),
            _ => link(url),
        };
        made["offset"] = open.entity["offset"].clone();
        self.add(made);
    }

    /// Parses the sign at the start of a line, which begins or continues a quotation.
    fn begin_quote(&mut self) {
        if !self.is_open(">") {
            self.open.push(OpenMark {
                mark: ">",
                entity: entity("blockquote", self.units, 0),
                at: self.at,
            });
        }
        self.at += 1;
    }

    /// Ends the quotation at the end of its last line.
    fn end_quote(&mut self) -> Result<(), String> {
        let entity = self.take_quote()?;
        self.add(entity);
        Ok(())
    }

    /// The entity of the quotation that ends here. A spoiler's mark right before makes it expandable.
    fn take_quote(&mut self) -> Result<Value, String> {
        let at = self.at;
        let is_mark = |open: &mut OpenMark| open.mark == "||" && open.at + 2 == at;
        let is_expandable = self.open.pop_if(is_mark).is_some();
        let Some(open) = self.open.pop_if(|open| open.mark == ">") else {
            return Err(self.no_end());
        };
        let mut entity = open.entity;
        if is_expandable {
            entity["type"] = "expandable_blockquote".into();
        }
        Ok(entity)
    }

    /// The server's message for an entity without an end.
    fn no_end(&self) -> String {
        let (name, at) = self
            .open
            .last()
            .map_or(("", 0), |open| (name(&open.entity), open.at));
        format!("Can't find end of {name} entity at byte offset {at}")
    }
}

/// The entity of a `tg://time` URL.
fn date_time(url: &str) -> Value {
    let mut made = entity("date_time", 0, 0);
    let query = url.strip_prefix("tg://time?").unwrap_or_default();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "unix" => made["unix_time"] = value.parse::<i64>().unwrap_or(0).into(),
            "format" => made["date_time_format"] = value.into(),
            _ => {}
        }
    }
    made
}

/// The entity's name in the server's messages.
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
                ">a\n>b||\nc",
                "a\nb\nc",
                json!({"type": "expandable_blockquote", "offset": 0, "length": 4}),
            ),
            (
                ">a||",
                "a",
                json!({"type": "expandable_blockquote", "offset": 0, "length": 1}),
            ),
            (
                "![a](tg://time?unix=5&format=r)",
                "a",
                json!({"type": "date_time", "offset": 0, "length": 1, "unix_time": 5, "date_time_format": "r"}),
            ),
            (
                "```c++ a\n```",
                " a\n",
                json!({"type": "pre", "offset": 0, "length": 3, "language": "c++"}),
            ),
            (
                "```a```",
                "a",
                json!({"type": "pre", "offset": 0, "length": 1}),
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
    fn underscores_are_read_in_twos() {
        let kinds = |markdown| -> Result<Vec<String>, String> {
            let entities = parse(markdown)?.entities.into_iter();
            Ok(entities
                .map(|entity| format!("{} {}", entity["type"], entity["length"]))
                .collect())
        };
        let (italic, underline) = (r#""italic" 1"#, r#""underline" 1"#);
        for markdown in ["_**__a__**_", "_**__a___", "___a_**__"] {
            let mut kinds = kinds(markdown).unwrap();
            kinds.sort();
            assert_eq!(kinds, [italic, underline], "{markdown}");
        }
        assert_eq!(kinds("_a__b__c_").unwrap(), [underline, r#""italic" 3"#]);
        assert!(kinds("___a___").is_err());
    }

    #[test]
    fn a_quotation_ends_with_a_line_in_which_nothing_is_open() {
        for markdown in [">*a\nb*", ">||a\nb||", ">[a\nb](c)"] {
            assert!(
                parse(markdown)
                    .unwrap_err()
                    .starts_with("Can't find end of"),
                "{markdown}"
            );
        }
        for markdown in [">a\n**>b", "*>a\n*>b"] {
            let formatted = parse(markdown).unwrap();
            assert_eq!(formatted.text, "a\nb");
            let quotes = formatted
                .entities
                .iter()
                .filter(|entity| entity["type"] == "blockquote");
            assert_eq!(quotes.count(), 2, "{markdown}");
        }
        assert_eq!(parse(">```\na\nb```\nc").unwrap().entities.len(), 2);
        assert!(parse("`\n`>").is_err());
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
