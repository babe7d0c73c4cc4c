//! Building of formatted text by methods.

use super::{FormattedText, utf16};
use crate::{
    methods::SendMessage,
    types::{ChatId, MessageEntity, MessageEntityType as Kind, Str, User},
};

/// Formatted text, built piece by piece. No text in it needs escaping.
///
/// Each style takes plain text or another builder; [`nested`](Self::nested) takes a closure instead. The result is a
/// [`FormattedText`]: text with entities, for a message without a `parse_mode`.
///
/// ```
/// use tower_telegram::{text::Builder, types::{ChatId, MessageEntityType}};
///
/// let text = Builder::new()
///     .bold("Order 17").newline()
///     .text("for ").mention("Ada", 42).text(": ")
///     .nested(MessageEntityType::Italic, |inside| inside.text("two ").bold("<cats>"))
///     .newline()
///     .pre("fn main() {}", "rust");
/// let message = text.into_message(ChatId::from(7));
/// assert_eq!(message.text, "Order 17\nfor Ada: two <cats>\nfn main() {}");
/// assert_eq!(message.entities.map(|entities| entities.len()), Some(5));
/// ```
///
/// # White space
///
/// An entity doesn't begin or end with white space, as Telegram wants it: that stays in the text,
/// before or after the entity. Of code and quotations only the end is cut, so that the first line
/// keeps its indentation. No entity comes from text that is empty or only white space. Telegram itself
/// cuts spaces and line breaks from the ends of the whole text.
///
/// # What Telegram doesn't take
///
/// It doesn't nest links, mentions and custom emoji in each other, nor quotations. It ignores a
/// link that it can't read, and a mention of a user whom the bot hasn't met. Lengths aren't checked
/// here: see [`FormattedText::split`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Builder {
    made: FormattedText,
    /// The length of the text so far, in UTF-16 code units.
    units: usize,
}

impl Builder {
    /// An empty text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Text as it is, or formatted text with its entities.
    pub fn text(mut self, text: impl Into<FormattedText>) -> Self {
        self.append(text.into());
        self
    }

    /// A line break.
    pub fn newline(self) -> Self {
        self.text("\n")
    }

    /// Bold text.
    pub fn bold(self, text: impl Into<FormattedText>) -> Self {
        self.entity(Kind::Bold, text)
    }

    /// Italic text.
    pub fn italic(self, text: impl Into<FormattedText>) -> Self {
        self.entity(Kind::Italic, text)
    }

    /// Underlined text.
    pub fn underline(self, text: impl Into<FormattedText>) -> Self {
        self.entity(Kind::Underline, text)
    }

    /// Struck-out text.
    pub fn strikethrough(self, text: impl Into<FormattedText>) -> Self {
        self.entity(Kind::Strikethrough, text)
    }

    /// Text that is hidden until it's tapped.
    pub fn spoiler(self, text: impl Into<FormattedText>) -> Self {
        self.entity(Kind::Spoiler, text)
    }

    /// Code within a line. There is no other formatting in it.
    pub fn code(self, code: impl Into<String>) -> Self {
        self.entity(Kind::Code, code.into())
    }

    /// A block of code in a language, such as `rust`; an empty `language` is none. There is no other
    /// formatting in it.
    pub fn pre(self, code: impl Into<String>, language: impl Into<Str>) -> Self {
        let mut entity = MessageEntity::new(Kind::Pre, 0, 0);
        let language = language.into();
        if !language.is_empty() {
            entity = entity.language(language);
        }
        self.put(entity, code.into().into())
    }

    /// Text that opens a link.
    pub fn link(self, text: impl Into<FormattedText>, url: impl Into<Str>) -> Self {
        let entity = MessageEntity::new(Kind::TextLink, 0, 0).url(url);
        self.put(entity, text.into())
    }

    /// A mention of a user by id, also of one without a user name.
    ///
    /// It stays plain text if the bot hasn't met the user.
    pub fn mention(self, text: impl Into<FormattedText>, user_id: i64) -> Self {
        let text = text.into();
        // Telegram reads the id alone; the rest is what the type requires.
        let user = User::new(user_id, false, text.text.as_str());
        let entity = MessageEntity::new(Kind::TextMention, 0, 0).user(user);
        self.put(entity, text)
    }

    /// A custom emoji. The text is one usual emoji, shown where the custom one can't be.
    pub fn custom_emoji(self, emoji: impl Into<String>, id: impl Into<Str>) -> Self {
        let entity = MessageEntity::new(Kind::CustomEmoji, 0, 0).custom_emoji_id(id);
        self.put(entity, emoji.into().into())
    }

    /// A quotation. Put it on lines of its own: it's shown on these.
    pub fn blockquote(self, text: impl Into<FormattedText>) -> Self {
        self.entity(Kind::Blockquote, text)
    }

    /// A quotation that is collapsed until it's tapped, if it's long.
    pub fn expandable_blockquote(self, text: impl Into<FormattedText>) -> Self {
        self.entity(Kind::ExpandableBlockquote, text)
    }

    /// An entity around what the closure adds.
    ///
    /// ```
    /// use tower_telegram::{text::Builder, types::MessageEntityType::{Bold, Spoiler}};
    ///
    /// let text = Builder::new()
    ///     .nested(Bold, |bold| bold.text("It was ").nested(Spoiler, |hidden| hidden.text("him")))
    ///     .build();
    /// assert_eq!(text.html(), "<b>It was <tg-spoiler>him</tg-spoiler></b>");
    /// ```
    pub fn nested(self, kind: impl Into<Kind>, inside: impl FnOnce(Self) -> Self) -> Self {
        self.entity(kind, inside(Self::new()))
    }

    /// The text and its entities, sorted by their offsets, with an outer one before an inner one.
    pub fn build(self) -> FormattedText {
        self.made
    }

    /// A message of this text to a chat. See [`FormattedText::into_message`].
    pub fn into_message(self, chat_id: impl Into<ChatId>) -> SendMessage {
        self.build().into_message(chat_id)
    }

    fn entity(self, kind: impl Into<Kind>, text: impl Into<FormattedText>) -> Self {
        self.put(MessageEntity::new(kind, 0, 0), text.into())
    }

    /// Adds text inside an entity, whose place isn't set yet.
    fn put(mut self, mut entity: MessageEntity, text: FormattedText) -> Self {
        // The start of a line is part of a block.
        let keeps_start = matches!(
            entity.kind,
            Kind::Code | Kind::Pre | Kind::Blockquote | Kind::ExpandableBlockquote
        );
        let covered = text.text.trim_end();
        let inner = if keeps_start {
            covered
        } else {
            covered.trim_start()
        };
        if !inner.is_empty() {
            let skipped = &covered[..covered.len() - inner.len()];
            entity.offset = utf16::units(self.units + utf16::length(skipped));
            entity.length = utf16::units(utf16::length(inner));
            self.made.entities.push(entity);
        }
        self.append(text);
        self
    }

    fn append(&mut self, text: FormattedText) {
        let shift = utf16::units(self.units);
        self.units += text.units();
        self.made.text.push_str(&text.text);
        let moved = text.entities.into_iter().map(|mut entity| {
            entity.offset = entity.offset.saturating_add(shift);
            entity
        });
        self.made.entities.extend(moved);
    }
}

impl From<Builder> for FormattedText {
    fn from(builder: Builder) -> Self {
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &FormattedText) -> Vec<(&str, &str)> {
        let entities = text.entities.iter();
        entities
            .map(|entity| (entity.kind.as_str(), entity.slice(&text.text).unwrap()))
            .collect()
    }

    #[test]
    fn each_method_makes_its_entity() {
        let text = Builder::new()
            .text("😀")
            .bold("b")
            .italic("i")
            .underline("u")
            .strikethrough("s")
            .spoiler("p")
            .code("c")
            .pre("r", "rust")
            .pre("n", "")
            .link("l", "https://a.b")
            .mention("m", 5)
            .custom_emoji("👍", "7")
            .newline()
            .blockquote("q")
            .expandable_blockquote("e")
            .build();
        assert_eq!(text.text, "😀biuspcrnlm👍\nqe");
        assert_eq!(
            kinds(&text),
            [
                ("bold", "b"),
                ("italic", "i"),
                ("underline", "u"),
                ("strikethrough", "s"),
                ("spoiler", "p"),
                ("code", "c"),
                ("pre", "r"),
                ("pre", "n"),
                ("text_link", "l"),
                ("text_mention", "m"),
                ("custom_emoji", "👍"),
                ("blockquote", "q"),
                ("expandable_blockquote", "e"),
            ]
        );
        assert_eq!(text.entities[6].language.as_deref(), Some("rust"));
        assert_eq!(text.entities[7].language, None);
        assert_eq!(text.entities[8].url.as_deref(), Some("https://a.b"));
        assert_eq!(text.entities[9].user.as_ref().unwrap().id, 5);
        assert_eq!(text.entities[10].custom_emoji_id.as_deref(), Some("7"));
    }

    #[test]
    fn what_is_nested_comes_after_what_it_is_in() {
        let italic = Builder::new().italic("😀 i").text(" b");
        let text = Builder::new()
            .text("ü ")
            .bold(italic.clone())
            .nested(Kind::Underline, |inside| inside.text("u").link(italic, "x"))
            .build();
        assert_eq!(
            kinds(&text),
            [
                ("bold", "😀 i b"),
                ("italic", "😀 i"),
                ("underline", "u😀 i b"),
                ("text_link", "😀 i b"),
                ("italic", "😀 i"),
            ]
        );
    }

    #[test]
    fn white_space_is_left_out_of_entities_and_stays_in_the_text() {
        let text = Builder::new()
            .bold(" a ")
            .italic(" \n")
            .underline("")
            .code("  c\n")
            .pre(" ", "rust")
            .blockquote(" q \n")
            .build();
        assert_eq!(text.text, " a  \n  c\n  q \n");
        let kinds = kinds(&text);
        assert_eq!(
            kinds,
            [("bold", "a"), ("code", "  c"), ("blockquote", " q")]
        );
    }

    #[test]
    fn a_message_has_entities_only_if_there_are_any() {
        assert_eq!(Builder::new().text("a").into_message(1_i64).entities, None);
        let message = Builder::new().bold("a").into_message(1_i64);
        assert_eq!(message.entities.unwrap().len(), 1);
        assert_eq!(message.parse_mode, None);
    }
}
