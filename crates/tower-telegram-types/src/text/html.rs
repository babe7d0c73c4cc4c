//! Formatted text as HTML.

use super::{
    FormattedText,
    escape::escape_html,
    nesting::{MarkGroups, MarkupStep},
};
use crate::types::{MessageEntity, MessageEntityType as Kind};

impl FormattedText {
    /// The text as HTML, to send with [`ParseMode::Html`](crate::types::ParseMode::Html).
    ///
    /// Names, hashtags, commands and addresses are plain text in it, because Telegram finds them by itself. Entities that
    /// Telegram wouldn't accept are left out or cut: those with a range that the text doesn't have, links in links,
    /// formatting in code.
    ///
    /// ```
    /// use tower_telegram::text::Builder;
    ///
    /// let text = Builder::new().bold("1 < 2").text(" ").link("so", "https://example.org/?a&b");
    /// assert_eq!(
    ///     text.build().html(),
    ///     r#"<b>1 &lt; 2</b> <a href="https://example.org/?a&amp;b">so</a>"#,
    /// );
    /// ```
    pub fn html(&self) -> String {
        html(&self.text, &self.entities)
    }
}

pub(crate) fn html(text: &str, entities: &[MessageEntity]) -> String {
    let mut groups = MarkGroups::new(text, entities);
    groups.settle_solids();
    let mut html = String::with_capacity(text.len());
    for step in groups.steps(text.len(), &[]) {
        match step {
            MarkupStep::Open(entity, _) => open(entity, &mut html),
            MarkupStep::Text(range) => {
                html.push_str(&escape_html(text.get(range).unwrap_or_default()));
            }
            MarkupStep::Close(entity, _) => html.push_str(close(entity)),
        }
    }
    html
}

fn open(entity: &MessageEntity, html: &mut String) {
    let mut tag = |name: &str, attributes: &[(&str, &str)]| {
        html.push('<');
        html.push_str(name);
        for (name, value) in attributes {
            html.extend([" ", name, "=\"", &escape_html(value), "\""]);
        }
        html.push('>');
    };
    match entity.kind {
        Kind::Bold => tag("b", &[]),
        Kind::Italic => tag("i", &[]),
        Kind::Underline => tag("u", &[]),
        Kind::Strikethrough => tag("s", &[]),
        Kind::Spoiler => tag("tg-spoiler", &[]),
        Kind::Blockquote => tag("blockquote", &[]),
        Kind::ExpandableBlockquote => tag("blockquote expandable", &[]),
        Kind::Code => tag("code", &[]),
        Kind::Pre => {
            tag("pre", &[]);
            if let Some(language) = language(entity) {
                tag("code", &[("class", &format!("language-{language}"))]);
            }
        }
        Kind::TextLink => tag("a", &[("href", entity.url.as_deref().unwrap_or_default())]),
        Kind::TextMention => {
            let id = entity.user.as_ref().map_or(0, |user| user.id);
            tag("a", &[("href", &format!("tg://user?id={id}"))]);
        }
        Kind::CustomEmoji => {
            let id = entity.custom_emoji_id.as_deref().unwrap_or_default();
            tag("tg-emoji", &[("emoji-id", id)]);
        }
        Kind::DateTime => {
            let time = entity.unix_time.unwrap_or_default().to_string();
            match entity.date_time_format.as_deref() {
                Some(format) => tag("tg-time", &[("unix", &time), ("format", format)]),
                None => tag("tg-time", &[("unix", &time)]),
            }
        }
        _ => {}
    }
}

fn close(entity: &MessageEntity) -> &'static str {
    match entity.kind {
        Kind::Bold => "</b>",
        Kind::Italic => "</i>",
        Kind::Underline => "</u>",
        Kind::Strikethrough => "</s>",
        Kind::Spoiler => "</tg-spoiler>",
        Kind::Blockquote | Kind::ExpandableBlockquote => "</blockquote>",
        Kind::Code => "</code>",
        Kind::Pre if language(entity).is_some() => "</code></pre>",
        Kind::Pre => "</pre>",
        Kind::TextLink | Kind::TextMention => "</a>",
        Kind::CustomEmoji => "</tg-emoji>",
        Kind::DateTime => "</tg-time>",
        _ => "",
    }
}

fn language(entity: &MessageEntity) -> Option<&str> {
    entity
        .language
        .as_deref()
        .filter(|language| !language.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::User;

    fn entity(kind: Kind, offset: i64, length: i64) -> MessageEntity {
        MessageEntity::new(kind, offset, length)
    }

    #[test]
    fn each_entity_has_its_tag() {
        for (entity, expected) in [
            (entity(Kind::Bold, 1, 1), "a<b>&lt;</b>c"),
            (entity(Kind::Italic, 1, 1), "a<i>&lt;</i>c"),
            (entity(Kind::Underline, 1, 1), "a<u>&lt;</u>c"),
            (entity(Kind::Strikethrough, 1, 1), "a<s>&lt;</s>c"),
            (
                entity(Kind::Spoiler, 1, 1),
                "a<tg-spoiler>&lt;</tg-spoiler>c",
            ),
            (
                entity(Kind::Blockquote, 1, 1),
                "a<blockquote>&lt;</blockquote>c",
            ),
            (
                entity(Kind::ExpandableBlockquote, 1, 1),
                "a<blockquote expandable>&lt;</blockquote>c",
            ),
            (entity(Kind::Code, 1, 1), "a<code>&lt;</code>c"),
            (entity(Kind::Pre, 1, 1), "a<pre>&lt;</pre>c"),
            (
                entity(Kind::Pre, 1, 1).language("c++\""),
                "a<pre><code class=\"language-c++&quot;\">&lt;</code></pre>c",
            ),
            (
                entity(Kind::TextLink, 1, 1).url("http://a/?\"&"),
                "a<a href=\"http://a/?&quot;&amp;\">&lt;</a>c",
            ),
            (entity(Kind::TextLink, 1, 1), "a&lt;c"),
            (
                entity(Kind::TextMention, 1, 1).user(User::new(5, false, "A")),
                "a<a href=\"tg://user?id=5\">&lt;</a>c",
            ),
            (
                entity(Kind::CustomEmoji, 1, 1).custom_emoji_id("5"),
                "a<tg-emoji emoji-id=\"5\">&lt;</tg-emoji>c",
            ),
            (
                entity(Kind::DateTime, 1, 1)
                    .unix_time(5)
                    .date_time_format("r"),
                "a<tg-time unix=\"5\" format=\"r\">&lt;</tg-time>c",
            ),
            (entity(Kind::Hashtag, 1, 1), "a&lt;c"),
            (entity(Kind::from("new"), 1, 1), "a&lt;c"),
        ] {
            assert_eq!(
                html("a<c", std::slice::from_ref(&entity)),
                expected,
                "{entity:?}"
            );
        }
    }

    #[test]
    fn entities_that_overlap_are_cut_and_nested() {
        for (entities, expected) in [
            (
                vec![entity(Kind::Bold, 0, 4), entity(Kind::Italic, 2, 4)],
                "<b>ab<i>cd</i></b><i>ef</i>g",
            ),
            (
                vec![entity(Kind::Italic, 1, 1), entity(Kind::Bold, 0, 7)],
                "<b>a<i>b</i>cdefg</b>",
            ),
            (
                vec![entity(Kind::Bold, 0, 2), entity(Kind::Bold, 2, 2)],
                "<b>abcd</b>efg",
            ),
            (
                vec![entity(Kind::Bold, 0, 4), entity(Kind::Code, 2, 1)],
                "<b>ab</b><code>c</code><b>d</b>efg",
            ),
            (
                vec![
                    entity(Kind::TextLink, 0, 4).url("u"),
                    entity(Kind::TextLink, 2, 4).url("v"),
                    entity(Kind::Bold, 3, 2),
                ],
                "<a href=\"u\">abc<b>d</b></a><b>e</b>fg",
            ),
            (
                vec![
                    entity(Kind::Blockquote, 2, 3),
                    entity(Kind::TextLink, 1, 2).url("u"),
                    entity(Kind::Code, 3, 2),
                    entity(Kind::Spoiler, 0, 7),
                ],
                "<tg-spoiler>ab</tg-spoiler><blockquote><tg-spoiler>c</tg-spoiler><code>de</code></blockquote><tg-spoiler>fg</tg-spoiler>",
            ),
            (
                vec![
                    entity(Kind::Bold, -1, 4),
                    entity(Kind::Bold, 3, 9),
                    entity(Kind::Bold, 3, 0),
                    entity(Kind::Bold, i64::MAX, i64::MAX),
                ],
                "abcdefg",
            ),
        ] {
            assert_eq!(html("abcdefg", &entities), expected);
        }
    }
}
