//! Tests that formatted text survives being written as markup and parsed again.

use std::collections::BTreeSet;

use serde_json::Value;
use tower_telegram_types::{
    text::{Builder, FormattedText},
    types::{MessageEntity, MessageEntityType as Kind, User},
};

use super::{formatted::Formatted, html, markdown_v2};

/// Random numbers that are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn any<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const WORDS: [&str; 22] = [
    "a", "bc", "_", "__", "*b", "`", "```", ".", "😀", "e\u{301}", "\\", "\\_", "~|", "||",
    "<&>\"", "&lt;", "x y", " ", "]", ")(", ">", "!",
];

const STYLES: [Kind; 5] = [
    Kind::Bold,
    Kind::Italic,
    Kind::Underline,
    Kind::Strikethrough,
    Kind::Spoiler,
];

/// Formatted text that Telegram accepts: no links in links, no code in styles.
fn inner(numbers: &mut Numbers, depth: usize, in_link: bool) -> Builder {
    let mut text = Builder::new();
    for _ in 0..=numbers.below(4) {
        let what = numbers.below(if depth > 3 { 3 } else { 10 });
        text = match what {
            0..=1 => text.text(numbers.any(&WORDS)),
            2 => text.text(numbers.any(&["a\nb", "c\n", "d ", "e"])),
            7 if !in_link => {
                let url = numbers.any(&["http://a/", "http://a/)\\", "http://a/?\"&b=_<"]);
                text.link(inner(numbers, depth + 1, true), url)
            }
            8 if !in_link => text.mention(inner(numbers, depth + 1, true), 5),
            9 if !in_link => text.custom_emoji("😀", "7"),
            _ => {
                let style = STYLES[numbers.below(5)].clone();
                text.nested(style, |_| inner(numbers, depth + 1, in_link))
            }
        };
    }
    text
}

/// Lines with code and formatting in them.
fn lines(numbers: &mut Numbers) -> Builder {
    let mut text = Builder::new();
    for _ in 0..=numbers.below(2) {
        let code = numbers.any(&["a", "`b`", "\\", "c_d*e", "f\ng", "<i>&"]);
        text = match numbers.below(5) {
            0 => text.code(code),
            1 => text.pre(code, numbers.any(&["", "rust", "c++"])),
            _ => text.text(inner(numbers, 0, false)),
        };
    }
    text
}

fn document(numbers: &mut Numbers) -> FormattedText {
    let mut text = Builder::new();
    for _ in 0..=numbers.below(4) {
        text = match numbers.below(4) {
            0 => text.blockquote(lines(numbers)).newline(),
            1 => text.expandable_blockquote(lines(numbers)).newline(),
            _ => text.text(lines(numbers)).newline(),
        };
    }
    text.build()
}

fn read(parsed: Result<Formatted, String>, markup: &str) -> FormattedText {
    let parsed = parsed.unwrap_or_else(|problem| panic!("{problem}: {markup}"));
    let entities: Vec<MessageEntity> =
        serde_json::from_value(Value::from(parsed.entities)).unwrap();
    FormattedText::new(parsed.text, entities)
}

fn through_html(text: &FormattedText) -> FormattedText {
    let html = text.html();
    read(html::parse(&html), &html)
}

fn through_markdown(text: &FormattedText) -> FormattedText {
    let markdown = text.markdown_v2();
    read(markdown_v2::parse(&markdown), &markdown)
}

/// The text with its entities in one order, and without differences that aren't visible: styles that touch
/// become one, a quotation ends before the white space at its end, and a mentioned user has only the ID.
fn canonical(mut text: FormattedText) -> FormattedText {
    let units: Vec<u16> = text.text.encode_utf16().collect();
    for entity in &mut text.entities {
        if let Some(user) = &entity.user {
            entity.user = Some(Box::new(User::new(user.id, false, "")));
        }
        let ends_blank = |entity: &MessageEntity| {
            let end = usize::try_from(entity.offset + entity.length).unwrap();
            entity.length > 0 && [u16::from(b'\n'), u16::from(b' ')].contains(&units[end - 1])
        };
        if matches!(entity.kind, Kind::Blockquote | Kind::ExpandableBlockquote) {
            while ends_blank(entity) {
                entity.length -= 1;
            }
        }
    }
    text.entities.retain(|entity| entity.length > 0);
    text.entities
        .sort_by_key(|entity| (entity.kind.to_string(), entity.offset));
    text.entities.dedup_by(|next, last| {
        let joins = STYLES.contains(&next.kind)
            && next.kind == last.kind
            && next.offset <= last.offset + last.length;
        if joins {
            let end = (next.offset + next.length).max(last.offset + last.length);
            last.length = end - last.offset;
        }
        joins
    });
    text
}

#[test]
fn j9_formatted_text_comes_back_from_markup_as_it_was() {
    let mut numbers = Numbers(1);
    for round in 0..1500 {
        let text = document(&mut numbers);
        let expected = canonical(text.clone());
        let html = canonical(through_html(&text));
        assert_eq!(html, expected, "{round}: {}", text.html());
        let markdown = canonical(through_markdown(&text));
        assert_eq!(markdown, expected, "{round}: {}", text.markdown_v2());
    }
}

/// Each character with its styles.
fn styles(text: &FormattedText) -> Vec<(char, BTreeSet<String>)> {
    let mut unit = 0;
    let mut styles = Vec::new();
    for char in text.text.chars() {
        let over = text.entities.iter().filter(|entity| {
            STYLES.contains(&entity.kind)
                && entity.offset <= unit
                && unit < entity.offset + entity.length
        });
        styles.push((char, over.map(|entity| entity.kind.to_string()).collect()));
        unit += i64::try_from(char.len_utf16()).unwrap();
    }
    styles
}

/// Any entities over any ranges of a text.
fn anything(numbers: &mut Numbers) -> FormattedText {
    let mut text = String::new();
    for _ in 0..numbers.below(8) {
        text += numbers.any(&WORDS);
        text += numbers.any(&["", "", "\n", "x"]);
    }
    let mut entities = Vec::new();
    for _ in 0..numbers.below(6) {
        let offset = i64::try_from(numbers.below(12)).unwrap() - 1;
        let length = i64::try_from(numbers.below(8)).unwrap();
        let entity = |kind| MessageEntity::new(kind, offset, length);
        entities.push(match numbers.below(12) {
            0 => entity(Kind::TextLink).url("http://a/"),
            1 => entity(Kind::TextMention).user(User::new(5, false, "")),
            2 => entity(Kind::CustomEmoji).custom_emoji_id("7"),
            3 => entity(Kind::DateTime).unix_time(5).date_time_format("r"),
            4 => entity(Kind::Code),
            5 => entity(Kind::Pre).language("rust"),
            6 => entity(Kind::Blockquote),
            7 => entity(Kind::ExpandableBlockquote),
            _ => entity(STYLES[numbers.below(5)].clone()),
        });
    }
    entities.retain(|entity| entity.slice(&text).is_some_and(|slice| !slice.is_empty()));
    FormattedText::new(text, entities)
}

#[test]
fn j9_entities_that_nest_in_no_way_make_markup_that_is_read() {
    let mut numbers = Numbers(2);
    for round in 0..5000 {
        let text = anything(&mut numbers);
        for (markup, back) in [
            (text.html(), through_html(&text)),
            (text.markdown_v2(), through_markdown(&text)),
        ] {
            assert_eq!(back.text, text.text, "{round}: {markup}");
            let is_code = |unit: usize| {
                let unit = i64::try_from(unit).unwrap();
                back.entities.iter().any(|entity| {
                    matches!(entity.kind, Kind::Code | Kind::Pre | Kind::DateTime)
                        && entity.offset <= unit
                        && unit < entity.offset + entity.length
                })
            };
            let mut unit = 0;
            for (was, is) in styles(&text).into_iter().zip(styles(&back)) {
                if is_code(unit) {
                    assert!(is.1.is_empty(), "{round}: {text:?} {markup}");
                } else if was.0 != '\n' {
                    assert_eq!(is, was, "{round}: {text:?} {markup}");
                }
                unit += was.0.len_utf16();
            }
            // The parsed text is in Telegram's form, so nothing more is lost.
            assert_eq!(
                canonical(through_html(&back)),
                canonical(back.clone()),
                "{markup}"
            );
            assert_eq!(
                canonical(through_markdown(&back)).text,
                text.text,
                "{markup}"
            );
        }
    }
}
