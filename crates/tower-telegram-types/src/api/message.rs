//! The text of a message: its formatted parts, and the command with which it begins.

use crate::{
    text::utf16::{Utf16Cursor, range},
    types::{Message, MessageEntity, MessageEntityType},
};

impl Message {
    /// The text, or the caption of a photo, video or document. A message has at most one of the two.
    pub fn text_or_caption(&self) -> Option<&str> {
        self.text.as_deref().or(self.caption.as_deref())
    }

    /// The entities of the [text or caption](Self::text_or_caption) in Telegram's order, each with the piece of text that
    /// it covers.
    ///
    /// Entities may nest and overlap. One whose range the text doesn't have is left out; see
    /// [`MessageEntity::slice`]. The text is read once, when this is called, whatever the number of entities.
    ///
    /// ```
    /// use tower_telegram::types::{Message, MessageEntityType};
    ///
    /// let message: Message = serde_json::from_str(
    ///     r#"{"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"},
    ///         "text": "😀 ask @ada", "entities": [{"type": "mention", "offset": 7, "length": 4}]}"#,
    /// )?;
    /// let mentions: Vec<_> = message
    ///     .text_entities()
    ///     .filter(|(entity, _)| entity.kind == MessageEntityType::Mention)
    ///     .map(|(_, text)| text)
    ///     .collect();
    /// assert_eq!(mentions, ["@ada"]);
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    pub fn text_entities(&self) -> impl Iterator<Item = (&MessageEntity, &str)> {
        let (text, entities) = self.text_and_entities().unwrap_or_default();
        let mut units: Vec<_> = entities.iter().filter_map(range).flatten().collect();
        units.sort_unstable();
        let mut cursor = Utf16Cursor::new(text);
        let bytes: Vec<_> = units
            .into_iter()
            .filter_map(|unit| Some((unit, cursor.seek(unit)?)))
            .collect();
        entities.iter().filter_map(move |entity| {
            let [start, end] = range(entity)?.map(|unit| {
                let found = bytes.binary_search_by_key(&unit, |(unit, _)| *unit);
                found.ok().and_then(|at| bytes.get(at)).map(|found| found.1)
            });
            Some((entity, text.get(start?..end?)?))
        })
    }

    /// The command with which the [text or caption](Self::text_or_caption) begins.
    ///
    /// Only a command that Telegram has marked as one counts: a path such as `/usr/bin`, or a command inside code, does
    /// not. Commands further on in the text are among the [entities](Self::text_entities).
    ///
    /// ```
    /// use tower_telegram::types::Message;
    ///
    /// let message: Message = serde_json::from_str(
    ///     r#"{"message_id": 1, "date": 0, "chat": {"id": -1, "type": "group"},
    ///         "text": "/roll@dice_bot 2 d6",
    ///         "entities": [{"type": "bot_command", "offset": 0, "length": 14}]}"#,
    /// )?;
    /// let command = message.bot_command().expect("a command");
    /// assert_eq!(command.name, "roll");
    /// assert_eq!(command.mention, Some("dice_bot"));
    /// assert_eq!(command.arguments, "2 d6");
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    pub fn bot_command(&self) -> Option<CommandCall<'_>> {
        let (text, entities) = self.text_and_entities()?;
        let entity = entities
            .iter()
            .find(|entity| entity.offset == 0 && entity.kind == MessageEntityType::BotCommand)?;
        let called = entity.slice(text)?;
        let arguments = text.get(called.len()..)?.trim();
        let called = called.strip_prefix('/')?;
        let (name, mention) = match called.split_once('@') {
            Some((name, mention)) => (name, Some(mention)),
            None => (called, None),
        };
        (!name.is_empty()).then_some(CommandCall {
            name,
            mention,
            arguments,
        })
    }

    pub(super) fn text_and_entities(&self) -> Option<(&str, &[MessageEntity])> {
        let (text, entities) = match &self.text {
            Some(text) => (text, &self.entities),
            None => (self.caption.as_ref()?, &self.caption_entities),
        };
        Some((text, entities.as_deref().unwrap_or_default()))
    }
}

impl MessageEntity {
    /// The piece of `text` that the entity covers: its offset and length count UTF-16 code units,
    /// not bytes and not characters.
    ///
    /// `None` if the text has no such range: negative, beyond the end, or with an edge inside a character.
    ///
    /// It reads the text from its start to the entity's end. For all entities of a message,
    /// [`Message::text_entities`] reads it once.
    ///
    /// ```
    /// use tower_telegram::types::{MessageEntity, MessageEntityType};
    ///
    /// let bold = MessageEntity::new(MessageEntityType::Bold, 3, 5);
    /// assert_eq!(bold.slice("😀 hello"), Some("hello"));
    /// assert_eq!(bold.slice("hello"), None);
    /// ```
    pub fn slice<'a>(&self, text: &'a str) -> Option<&'a str> {
        let [start, end] = range(self)?;
        let mut cursor = Utf16Cursor::new(text);
        let start = cursor.seek(start)?;
        text.get(start..cursor.seek(end)?)
    }
}

/// A command in a message: `/name@mention arguments`. [`Message::bot_command`] finds it.
///
/// All parts are borrowed from the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandCall<'a> {
    /// The command, without its `/`, in the letters in which it was typed.
    pub name: &'a str,
    /// The user name of the bot that the command is meant for, without its `@`; `None` if it is meant for every bot in
    /// the chat.
    pub mention: Option<&'a str>,
    /// The text after the command, without the white space around it; may be empty.
    pub arguments: &'a str,
}

impl CommandCall<'_> {
    /// Whether the command is meant for the bot of this user name, given with or without an `@`: the command mentions it,
    /// in upper or lower case, or mentions no bot.
    ///
    /// In a group with several bots, a bot may receive commands that are meant for another.
    pub fn is_for(&self, username: &str) -> bool {
        let username = username.strip_prefix('@').unwrap_or(username);
        self.mention
            .is_none_or(|mention| mention.eq_ignore_ascii_case(username))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 6] = [
        "",
        "plain",
        "äöü",
        "😀",
        "a😀b\u{10FFFF}\u{FFFF}",
        "👩‍👩‍👧 é 🇺🇳",
    ];

    fn message() -> Message {
        let json = r#"{"message_id":1,"date":0,"chat":{"id":1,"type":"private"}}"#;
        serde_json::from_str(json).unwrap()
    }

    fn text(text: &str, entities: impl Into<Vec<MessageEntity>>) -> Message {
        let mut message = message();
        message.text = Some(text.into());
        message.entities = Some(entities.into());
        message
    }

    fn bold(offset: i64, length: i64) -> MessageEntity {
        MessageEntity::new(MessageEntityType::Bold, offset, length)
    }

    fn command(length: i64) -> MessageEntity {
        MessageEntity::new(MessageEntityType::BotCommand, 0, length)
    }

    /// The same range, as the standard library finds it.
    fn expected(text: &str, entity: &MessageEntity) -> Option<String> {
        let units: Vec<u16> = text.encode_utf16().collect();
        let start = usize::try_from(entity.offset).ok()?;
        let length = usize::try_from(entity.length).ok()?;
        let end = start.checked_add(length)?;
        // The parts before and after have to be text too, or an edge is inside a pair.
        String::from_utf16(units.get(..start)?).ok()?;
        String::from_utf16(units.get(end..)?).ok()?;
        String::from_utf16(units.get(start..end)?).ok()
    }

    fn ranges(text: &str) -> Vec<MessageEntity> {
        let end = i64::try_from(text.len()).unwrap() + 2;
        let mut all = vec![
            bold(i64::MIN, i64::MIN),
            bold(i64::MAX, i64::MAX),
            bold(0, i64::MAX),
            bold(1, i64::MAX),
            bold(i64::MIN, i64::MAX),
            bold(i64::MAX, 1),
        ];
        for offset in (-2..end).rev() {
            all.extend((-2..end).map(|length| bold(offset, length)));
        }
        all
    }

    #[test]
    fn a_range_is_sliced_just_where_utf_16_can_be_cut() {
        for text in TEXTS {
            for entity in ranges(text) {
                let expected = expected(text, &entity);
                assert_eq!(entity.slice(text), expected.as_deref(), "{text} {entity:?}");
            }
        }
    }

    #[test]
    fn all_entities_at_once_are_what_each_is_alone() {
        for each in TEXTS {
            let message = text(each, ranges(each));
            let alone = message.entities.iter().flatten();
            let alone: Vec<_> = alone
                .filter_map(|entity| Some((entity, entity.slice(each)?)))
                .collect();
            assert_eq!(message.text_entities().collect::<Vec<_>>(), alone);
        }
    }

    #[test]
    fn nested_and_unsorted_entities_keep_their_order() {
        let message = text("a 😀 b", [bold(5, 1), bold(0, 6), bold(2, 2), bold(3, 1)]);
        let texts: Vec<_> = message.text_entities().map(|(_, text)| text).collect();
        assert_eq!(texts, ["b", "a 😀 b", "😀"]);
    }

    #[test]
    fn a_caption_goes_with_its_own_entities() {
        let mut message = message();
        message.caption = Some("/see this".into());
        message.caption_entities = Some(vec![command(4)]);
        message.entities = Some(vec![bold(0, 1)]);
        assert_eq!(message.text_or_caption(), Some("/see this"));
        let texts: Vec<_> = message.text_entities().map(|(_, text)| text).collect();
        assert_eq!(texts, ["/see"]);
        assert_eq!(message.bot_command().unwrap().arguments, "this");
    }

    #[test]
    fn a_message_without_text_has_no_entities_and_no_command() {
        let mut message = message();
        message.entities = Some(vec![command(0), bold(0, 0)]);
        assert_eq!(message.text_or_caption(), None);
        assert_eq!(message.text_entities().count(), 0);
        assert_eq!(message.bot_command(), None);
    }

    #[test]
    fn a_command_is_taken_apart() {
        for (said, length, name, mention, arguments) in [
            ("/start", 6, "start", None, ""),
            ("/start  abc ", 6, "start", None, "abc"),
            ("/go@a_bot", 9, "go", Some("a_bot"), ""),
            ("/go@a_bot\n1 @2", 9, "go", Some("a_bot"), "1 @2"),
            ("/say 😀 ü", 4, "say", None, "😀 ü"),
        ] {
            let message = text(said, [bold(0, 2), command(length)]);
            let expected = CommandCall {
                name,
                mention,
                arguments,
            };
            assert_eq!(message.bot_command(), Some(expected), "{said}");
        }
    }

    #[test]
    fn what_only_looks_like_a_command_is_none() {
        assert_eq!(text("/start", []).bot_command(), None);
        assert_eq!(text("/start", [bold(0, 6)]).bot_command(), None);
        let later = MessageEntity::new(MessageEntityType::BotCommand, 4, 6);
        assert_eq!(text("try /start", [later]).bot_command(), None);
        for (said, length) in [
            ("start", 5),
            ("/", 1),
            ("/@a_bot", 7),
            ("/😀", 2),
            ("/a", -1),
            ("/a", 3),
        ] {
            let message = text(said, [command(length)]);
            assert_eq!(message.bot_command(), None, "{said} {length}");
        }
    }

    #[test]
    fn a_command_for_another_bot_is_not_for_this_one() {
        let mentioned = text("/go@A_bot", [command(9)]);
        let mentioned = mentioned.bot_command().unwrap();
        assert!(mentioned.is_for("a_Bot"));
        assert!(mentioned.is_for("@a_bot"));
        assert!(!mentioned.is_for("another_bot"));
        assert!(!mentioned.is_for(""));
        let open = text("/go", [command(3)]);
        assert!(open.bot_command().unwrap().is_for("a_bot"));
    }
}
