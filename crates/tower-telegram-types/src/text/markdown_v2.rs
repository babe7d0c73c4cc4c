//! Formatted text as `MarkdownV2`.

use std::ops::Range;

use super::{
    FormattedText,
    escape::{escape_markdown_v2, escape_markdown_v2_code, escape_markdown_v2_link},
    nesting::{MarkGroups, MarkupStep},
};
use crate::types::{MessageEntity, MessageEntityType as Kind};

impl FormattedText {
    /// The text as `MarkdownV2`, to send with
    /// [`ParseMode::MarkdownV2`](crate::types::ParseMode::MarkdownV2).
    ///
    /// As with [`html`](Self::html), names and addresses are plain text, and entities that Telegram wouldn't accept are
    /// left out or cut. `MarkdownV2` has some limits that HTML doesn't have:
    /// a quotation is of whole lines, and has the line break after its last one; a language ends
    /// before the first white space or backtick.
    ///
    /// ```
    /// use tower_telegram::text::Builder;
    ///
    /// let text = Builder::new().underline(Builder::new().text("1.5 ").italic("or so"));
    /// assert_eq!(text.build().markdown_v2(), r"__1\.5 _or so_**__");
    /// ```
    pub fn markdown_v2(&self) -> String {
        markdown_v2(&self.text, &self.entities)
    }
}

pub(crate) fn markdown_v2(text: &str, entities: &[MessageEntity]) -> String {
    let mut groups = MarkGroups::new(text, entities);
    let breaks = quote_whole_lines(text, &mut groups);
    let mut writer = MarkdownV2Writer::new(text, &breaks);
    for step in groups.steps(text.len(), &breaks) {
        match step {
            MarkupStep::Open(entity, at) => writer.open(entity, at),
            MarkupStep::Text(range) => writer.text(range),
            MarkupStep::Close(entity, at) => writer.close(entity, at),
        }
    }
    writer.markdown
}

/// Widens quotations to whole lines, and keeps everything else off the line breaks that end them:
/// no other entity may be open there. Returns these line breaks.
fn quote_whole_lines(text: &str, groups: &mut MarkGroups<'_>) -> Vec<Range<usize>> {
    let mut done = 0;
    for quote in &mut groups.quotes {
        let Range { start, end } = quote.range;
        let start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = if text[..end].ends_with('\n') {
            end
        } else {
            text[end..].find('\n').map_or(text.len(), |at| end + at + 1)
        };
        quote.range = start.max(done)..end.max(done);
        done = quote.range.end;
    }
    groups.quotes.retain(|quote| !quote.range.is_empty());
    let ends = groups.quotes.iter().map(|quote| quote.range.end);
    let breaks: Vec<_> = ends
        .filter(|&end| text[..end].ends_with('\n'))
        .map(|end| end - 1..end)
        .collect();
    for solid in &mut groups.solids {
        let end = solid.range.end;
        let is_before_quote = groups
            .quotes
            .binary_search_by_key(&end, |quote| quote.range.start)
            .is_ok();
        // A quotation isn't seen after a line break inside code, nor with one code ends too late.
        let ends_quote = breaks.binary_search_by_key(&end, |range| range.end).is_ok();
        if (is_before_quote || ends_quote) && text[solid.range.clone()].ends_with('\n') {
            solid.range.end -= 1;
        }
    }
    groups.settle_solids();
    breaks
}

struct MarkdownV2Writer<'a, 'e> {
    text: &'a str,
    /// The line breaks that end quotations.
    breaks: &'a [Range<usize>],
    markdown: String,
    open: Vec<&'e MessageEntity>,
    /// Whether the last thing written is a mark of underscores.
    after_underscore: bool,
    /// Where the last quotation ended.
    quote_end: Option<usize>,
}

impl<'a, 'e> MarkdownV2Writer<'a, 'e> {
    fn new(text: &'a str, breaks: &'a [Range<usize>]) -> Self {
        Self {
            text,
            breaks,
            markdown: String::with_capacity(text.len()),
            open: Vec::new(),
            after_underscore: false,
            quote_end: None,
        }
    }

    fn push(&mut self, markdown: &str) {
        self.after_underscore = false;
        self.markdown.push_str(markdown);
    }

    /// Marks of underscores one after the other would be read as others, `_` and `__` as `__` and
    /// `_`. An entity around nothing keeps them apart, and is ignored.
    fn push_underscores(&mut self, mark: &str) {
        if self.after_underscore {
            let is_in_bold = self
                .open
                .last()
                .is_some_and(|entity| entity.kind == Kind::Bold);
            self.push(if is_in_bold { "~~" } else { "**" });
        }
        self.push(mark);
        self.after_underscore = true;
    }

    fn open(&mut self, entity: &'e MessageEntity, at: usize) {
        match entity.kind {
            Kind::Blockquote | Kind::ExpandableBlockquote => {
                // Else the lines would go on with the quotation before.
                if self.quote_end == Some(at) {
                    self.push("**");
                }
                self.push(">");
            }
            Kind::Pre => {
                let language = entity.language.as_deref().unwrap_or_default();
                let end = |char: char| char.is_whitespace() || char == '`';
                let language = language.split(end).next().unwrap_or_default();
                self.push("```");
                self.push(language);
                self.push("\n");
            }
            Kind::TextLink | Kind::TextMention => self.push("["),
            Kind::CustomEmoji | Kind::DateTime => self.push("!["),
            _ => self.style(entity),
        }
        self.open.push(entity);
    }

    fn close(&mut self, entity: &MessageEntity, at: usize) {
        match entity.kind {
            Kind::Blockquote | Kind::ExpandableBlockquote => {
                let is_last = |range: &Range<usize>| range.end == at;
                if entity.kind == Kind::ExpandableBlockquote && !self.breaks.iter().any(is_last) {
                    self.push("||");
                }
                self.quote_end = Some(at);
            }
            Kind::Pre => self.push("```"),
            Kind::TextLink => self.link(entity.url.as_deref().unwrap_or_default()),
            Kind::TextMention => {
                let id = entity.user.as_ref().map_or(0, |user| user.id);
                self.link(&format!("tg://user?id={id}"));
            }
            Kind::CustomEmoji => {
                let id = entity.custom_emoji_id.as_deref().unwrap_or_default();
                self.link(&format!("tg://emoji?id={id}"));
            }
            Kind::DateTime => {
                let mut url = format!("tg://time?unix={}", entity.unix_time.unwrap_or_default());
                if let Some(format) = entity.date_time_format.as_deref() {
                    url.extend(["&format=", format]);
                }
                self.link(&url);
            }
            _ => self.style(entity),
        }
        self.open.pop();
    }

    /// The mark that begins and ends a style or code within a line.
    fn style(&mut self, entity: &MessageEntity) {
        match entity.kind {
            Kind::Bold => self.push("*"),
            Kind::Italic => self.push_underscores("_"),
            Kind::Underline => self.push_underscores("__"),
            Kind::Strikethrough => self.push("~"),
            Kind::Spoiler => self.push("||"),
            Kind::Code => self.push("`"),
            _ => {}
        }
    }

    fn link(&mut self, url: &str) {
        self.push("](");
        self.push(&escape_markdown_v2_link(url));
        self.push(")");
    }

    fn text(&mut self, range: Range<usize>) {
        let mut at = range.start;
        let text = self.text.get(range).unwrap_or_default();
        let innermost = self.open.last().map(|entity| &entity.kind);
        if matches!(innermost, Some(Kind::Code | Kind::Pre)) {
            return self.push(&escape_markdown_v2_code(text));
        }
        // A quotation is the outermost.
        let quote = self.open.first().map(|entity| entity.kind.clone());
        let is_expandable = quote == Some(Kind::ExpandableBlockquote);
        let is_quoted = is_expandable || quote == Some(Kind::Blockquote);
        for line in text.split_inclusive('\n') {
            at += line.len();
            let content = line.strip_suffix('\n').unwrap_or(line);
            self.push(&escape_markdown_v2(content));
            if content.len() == line.len() {
                continue;
            }
            let is_last = self
                .breaks
                .binary_search_by_key(&at, |range| range.end)
                .is_ok();
            if is_expandable && is_last {
                self.push("||");
            }
            self.push("\n");
            if is_quoted && !is_last {
                self.push(">");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::User;

    fn entity(kind: Kind, offset: i64, length: i64) -> MessageEntity {
        MessageEntity::new(kind, offset, length)
    }

    #[test]
    fn each_entity_has_its_marks() {
        for (entity, expected) in [
            (entity(Kind::Bold, 1, 1), r"a*\.*c"),
            (entity(Kind::Italic, 1, 1), r"a_\._c"),
            (entity(Kind::Underline, 1, 1), r"a__\.__c"),
            (entity(Kind::Strikethrough, 1, 1), r"a~\.~c"),
            (entity(Kind::Spoiler, 1, 1), r"a||\.||c"),
            (entity(Kind::Blockquote, 1, 1), r">a\.c"),
            (entity(Kind::ExpandableBlockquote, 1, 1), r">a\.c||"),
            (entity(Kind::Code, 1, 1), "a`.`c"),
            (entity(Kind::Pre, 1, 1), "a```\n.```c"),
            (entity(Kind::Pre, 1, 1).language("c++ `"), "a```c++\n.```c"),
            (
                entity(Kind::TextLink, 1, 1).url(r"http://a/)\"),
                r"a[\.](http://a/\)\\)c",
            ),
            (entity(Kind::TextLink, 1, 1), r"a\.c"),
            (
                entity(Kind::TextMention, 1, 1).user(User::new(5, false, "A")),
                r"a[\.](tg://user?id=5)c",
            ),
            (
                entity(Kind::CustomEmoji, 1, 1).custom_emoji_id("5"),
                r"a![\.](tg://emoji?id=5)c",
            ),
            (
                entity(Kind::DateTime, 1, 1)
                    .unix_time(5)
                    .date_time_format("r"),
                r"a![\.](tg://time?unix=5&format=r)c",
            ),
            (entity(Kind::Hashtag, 1, 1), r"a\.c"),
            (entity(Kind::from("new"), 1, 1), r"a\.c"),
        ] {
            let markdown = markdown_v2("a.c", std::slice::from_ref(&entity));
            assert_eq!(markdown, expected, "{entity:?}");
        }
    }

    #[test]
    fn underscores_of_two_marks_are_kept_apart() {
        use Kind::{Bold, Italic, Underline};
        for (entities, expected) in [
            (
                vec![entity(Italic, 0, 2), entity(Underline, 0, 2)],
                "_**__ab__**_",
            ),
            (
                vec![entity(Italic, 0, 1), entity(Underline, 1, 1)],
                "_a_**__b__",
            ),
            (
                vec![
                    entity(Bold, 0, 2),
                    entity(Italic, 0, 1),
                    entity(Underline, 1, 1),
                ],
                "*_a_~~__b__*",
            ),
            (vec![entity(Italic, 0, 1), entity(Italic, 1, 1)], "_ab_"),
            (
                vec![entity(Underline, 0, 2), entity(Italic, 1, 1)],
                "__a_b_**__",
            ),
        ] {
            assert_eq!(markdown_v2("ab", &entities), expected);
        }
        assert_eq!(markdown_v2("_a_", &[entity(Italic, 0, 3)]), r"_\_a\__");
    }

    #[test]
    fn quotations_are_of_whole_lines() {
        use Kind::{Blockquote, Bold, Code, ExpandableBlockquote, Pre, TextLink};
        for (text, entities, expected) in [
            ("a\nb\nc", vec![entity(Blockquote, 0, 3)], ">a\n>b\nc"),
            ("a\nb\nc", vec![entity(Blockquote, 0, 4)], ">a\n>b\nc"),
            ("abc\nd", vec![entity(Blockquote, 1, 1)], ">abc\nd"),
            ("a\nb", vec![entity(ExpandableBlockquote, 0, 1)], ">a||\nb"),
            ("a\nb", vec![entity(ExpandableBlockquote, 0, 3)], ">a\n>b||"),
            (
                "a\nb",
                vec![entity(ExpandableBlockquote, 0, 1), entity(Blockquote, 2, 1)],
                ">a||\n**>b",
            ),
            (
                "ab",
                vec![entity(Blockquote, 0, 1), entity(Blockquote, 1, 1)],
                ">ab",
            ),
            ("a\n>b", vec![entity(Blockquote, 0, 1)], ">a\n\\>b"),
            (
                "a\nb",
                vec![entity(Blockquote, 0, 1), entity(Bold, 0, 3)],
                ">*a*\n*b*",
            ),
            (
                "a\nb\nc",
                vec![entity(Blockquote, 0, 3), entity(Bold, 0, 3)],
                ">*a\n>b*\nc",
            ),
            (
                "a\nb\nc",
                vec![entity(Blockquote, 0, 4), entity(Pre, 0, 4)],
                ">```\na\nb```\nc",
            ),
            (
                "a\nb",
                vec![entity(Code, 0, 2), entity(Blockquote, 2, 1)],
                "`a`\n>b",
            ),
            (
                "a\nb",
                vec![entity(Blockquote, 0, 1), entity(TextLink, 0, 3).url("u")],
                ">a\nb",
            ),
        ] {
            assert_eq!(
                markdown_v2(text, &entities),
                expected,
                "{text} {entities:?}"
            );
        }
    }
}
