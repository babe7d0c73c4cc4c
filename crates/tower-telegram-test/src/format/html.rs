//! Parser of the HTML `parse_mode`, with the server's error messages.

use serde_json::Value;

use super::{entity::entity, formatted::Formatted};

/// A tag that isn't closed yet.
struct OpenTag {
    tag: String,
    entity: Value,
    offset: usize,
}

/// The state of the parser.
struct HtmlParser<'a> {
    html: &'a str,
    at: usize,
    text: String,
    /// The length of the text in UTF-16 units.
    units: usize,
    open: Vec<OpenTag>,
    entities: Vec<Value>,
}

/// Parses a text, or returns the server's error message.
pub(super) fn parse(html: &str) -> Result<Formatted, String> {
    let mut parser = HtmlParser {
        html,
        at: 0,
        text: String::with_capacity(html.len()),
        units: 0,
        open: Vec::new(),
        entities: Vec::new(),
    };
    parser.run()?;
    if let Some(open) = parser.open.last() {
        return Err(format!(
            "Can't find end tag corresponding to start tag \"{}\"",
            open.tag
        ));
    }
    Ok(Formatted {
        text: parser.text,
        entities: parser.entities,
    })
}

impl HtmlParser<'_> {
    /// Parses the whole text.
    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.html[self.at..].chars().next() {
            match c {
                '<' if self.html[self.at..].starts_with("</") => self.end_tag()?,
                '<' => self.start_tag()?,
                '&' => self.reference(),
                c => {
                    self.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        Ok(())
    }

    /// Adds a character to the text.
    fn push(&mut self, c: char) {
        self.text.push(c);
        self.units += c.len_utf16();
    }

    /// Parses a character reference such as `&lt;`. An unknown one stays as it is.
    fn reference(&mut self) {
        let rest = &self.html[self.at..];
        let name = rest[1..].split_once(';').map(|(name, _)| name);
        let c = match name {
            Some("lt") => Some('<'),
            Some("gt") => Some('>'),
            Some("amp") => Some('&'),
            Some("quot") => Some('"'),
            Some(name) => number(name).and_then(char::from_u32),
            None => None,
        };
        if let (Some(c), Some(name)) = (c, name) {
            self.push(c);
            self.at += name.len() + 2;
        } else {
            self.push('&');
            self.at += 1;
        }
    }

    /// Parses a tag that begins an entity.
    fn start_tag(&mut self) -> Result<(), String> {
        let start = self.at;
        let end = self.html[start..]
            .find('>')
            .ok_or_else(|| format!("Unclosed start tag at byte offset {start}"))?;
        let inner = &self.html[start + 1..start + end];
        let (name, attributes) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        let name = name.to_ascii_lowercase();
        let kind = kind(&name, attributes)
            .ok_or_else(|| format!("Unsupported start tag \"{name}\" at byte offset {start}"))?;
        self.at = start + end + 1;
        self.open.push(OpenTag {
            tag: name,
            entity: kind,
            offset: self.units,
        });
        Ok(())
    }

    /// Parses a tag that ends an entity.
    fn end_tag(&mut self) -> Result<(), String> {
        let start = self.at;
        let Some(open) = self.open.pop() else {
            return Err(format!("Unexpected end tag at byte offset {start}"));
        };
        let end = self.html[start..]
            .find('>')
            .ok_or_else(|| format!("Unclosed end tag at byte offset {start}"))?;
        let name = self.html[start + 2..start + end]
            .trim()
            .to_ascii_lowercase();
        if !name.is_empty() && name != open.tag {
            return Err(format!(
                "Unmatched end tag at byte offset {start}, expected \"</{}>\", found \"</{name}>\"",
                open.tag
            ));
        }
        self.at = start + end + 1;
        self.close(open);
        Ok(())
    }

    /// Adds the entity of a tag that has ended.
    fn close(&mut self, open: OpenTag) {
        let length = self.units - open.offset;
        let mut entity = open.entity;
        if length == 0 || entity["type"] == NOTHING {
            return;
        }
        entity["offset"] = open.offset.into();
        entity["length"] = length.into();
        // A `code` with a language that fills its `pre` sets the language of the `pre`.
        if entity["type"] == "pre"
            && let Some(inner) = self.entities.last()
            && inner["type"] == "code"
            && (&inner["offset"], &inner["length"]) == (&entity["offset"], &entity["length"])
        {
            entity["language"] = inner["language"].clone();
            self.entities.pop();
        }
        if entity["language"].is_null() || entity["type"] == "code" && self.open.is_empty() {
            entity
                .as_object_mut()
                .map(|entity| entity.remove("language"));
        }
        self.entities.push(entity);
    }
}

/// The character of a numeric reference.
fn number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix('#')?;
    match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    }
}

/// The type for a known tag that makes no entity, such as a link without a URL.
const NOTHING: &str = "";

/// The entity of a tag. `None` for an unknown tag.
fn kind(name: &str, attributes: &str) -> Option<Value> {
    let made = |kind| entity(kind, 0, 0);
    let attribute = |name| attribute(attributes, name);
    Some(match name {
        "b" | "strong" => made("bold"),
        "i" | "em" => made("italic"),
        "u" | "ins" => made("underline"),
        "s" | "strike" | "del" => made("strikethrough"),
        "tg-spoiler" => made("spoiler"),
        "span" if attribute("class")? == "tg-spoiler" => made("spoiler"),
        "blockquote" if attributes.trim().starts_with("expandable") => {
            made("expandable_blockquote")
        }
        "blockquote" => made("blockquote"),
        "pre" => made("pre"),
        "code" => {
            let mut code = made("code");
            let class = attribute("class").unwrap_or_default();
            if let Some(language) = class.strip_prefix("language-") {
                code["language"] = language.into();
            }
            code
        }
        "a" => {
            let url = attribute("href").filter(|url| !url.is_empty());
            url.map_or_else(|| made(NOTHING), |url| link(&url))
        }
        "tg-emoji" => {
            let mut emoji = made("custom_emoji");
            emoji["custom_emoji_id"] = attribute("emoji-id")?.into();
            emoji
        }
        "tg-time" => {
            let mut time = made("date_time");
            time["unix_time"] = attribute("unix")?.parse::<i64>().ok()?.into();
            if let Some(format) = attribute("format") {
                time["date_time_format"] = format.into();
            }
            time
        }
        _ => return None,
    })
}

/// The entity of a link to a page, or to a user by the ID.
pub(super) fn link(url: &str) -> Value {
    let user = url.strip_prefix("tg://user?id=");
    if let Some(id) = user.and_then(|id| id.parse::<i64>().ok()) {
        let mut mention = entity("text_mention", 0, 0);
        mention["user"] = serde_json::json!({"id": id, "is_bot": false, "first_name": "Ada"});
        return mention;
    }
    let mut link = entity("text_link", 0, 0);
    link["url"] = url.into();
    link
}

/// The value of an attribute, with its references resolved.
fn attribute(attributes: &str, name: &str) -> Option<String> {
    let mut rest = attributes.trim_start();
    while let Some((key, value)) = rest.split_once('=') {
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, after) = match quote {
            Some(quote) => value[1..].split_once(quote)?,
            None => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        let key = key.split_whitespace().last().unwrap_or_default();
        if key.eq_ignore_ascii_case(name) {
            let value = value.replace("&lt;", "<").replace("&gt;", ">");
            return Some(value.replace("&quot;", "\"").replace("&amp;", "&"));
        }
        rest = after.trim_start();
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tags_become_entities() {
        let formatted =
            parse("a <b>é😀 <i>c</i></b> &lt;&amp;&#33;&x <a href=\"https://a.b/?c&amp;d\">e</a>")
                .unwrap();
        assert_eq!(formatted.text, "a é😀 c <&!&x e");
        assert_eq!(
            Value::from(formatted.entities),
            json!([
                {"type": "italic", "offset": 6, "length": 1},
                {"type": "bold", "offset": 2, "length": 5},
                {"type": "text_link", "offset": 14, "length": 1, "url": "https://a.b/?c&d"},
            ])
        );
    }

    #[test]
    fn tags_with_attributes_are_read() {
        for (html, expected) in [
            (
                "<pre><code class=\"language-rust\">a</code></pre>",
                json!({"type": "pre", "offset": 0, "length": 1, "language": "rust"}),
            ),
            (
                "<pre>a</pre>",
                json!({"type": "pre", "offset": 0, "length": 1}),
            ),
            (
                "<span class='tg-spoiler'>a</span>",
                json!({"type": "spoiler", "offset": 0, "length": 1}),
            ),
            (
                "<blockquote expandable>a</blockquote>",
                json!({"type": "expandable_blockquote", "offset": 0, "length": 1}),
            ),
            (
                "<tg-emoji emoji-id=\"5\">a</tg-emoji>",
                json!({"type": "custom_emoji", "offset": 0, "length": 1, "custom_emoji_id": "5"}),
            ),
            (
                "<a href=\"tg://user?id=7\">a</a>",
                json!({"type": "text_mention", "offset": 0, "length": 1, "user": {"id": 7, "is_bot": false, "first_name": "Ada"}}),
            ),
        ] {
            assert_eq!(parse(html).unwrap().entities, [expected], "{html}");
        }
    }

    #[test]
    fn unbalanced_tags_are_refused_in_the_servers_words() {
        for (html, expected) in [
            (
                "a <b>c",
                "Can't find end tag corresponding to start tag \"b\"",
            ),
            ("a </b>", "Unexpected end tag at byte offset 2"),
            (
                "<b>é</i>",
                "Unmatched end tag at byte offset 5, expected \"</b>\", found \"</i>\"",
            ),
            ("1 <2> 3", "Unsupported start tag \"2\" at byte offset 2"),
            ("a < b", "Unclosed start tag at byte offset 2"),
            ("<b>a</b", "Unclosed end tag at byte offset 4"),
        ] {
            assert_eq!(parse(html), Err(expected.to_owned()), "{html}");
        }
    }
}
