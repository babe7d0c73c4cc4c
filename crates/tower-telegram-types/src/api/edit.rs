//! Editing a message to rich content, which takes the place of its text.

use super::{ChatId, Str};
use crate::{methods::EditMessageText, types::InputRichMessage};

impl EditMessageText {
    /// Creates the call for a message in a chat that gets rich content: headings, tables, lists and so on.
    ///
    /// ```
    /// use tower_telegram::{methods::EditMessageText, types::InputRichMessage};
    ///
    /// let edit = EditMessageText::rich(42, 7, InputRichMessage::new().html("<h1>News</h1>"));
    /// assert_eq!(edit.text, None);
    /// ```
    pub fn rich(
        chat_id: impl Into<ChatId>,
        message_id: i64,
        content: impl Into<InputRichMessage>,
    ) -> Self {
        Self::new(chat_id, message_id, "").with_rich(content.into())
    }

    /// Creates the call for a message that was sent through the bot's inline mode, and gets rich content.
    ///
    /// Such a message can't get new uploads: its files must be known to Telegram already.
    pub fn inline_rich(
        inline_message_id: impl Into<Str>,
        content: impl Into<InputRichMessage>,
    ) -> Self {
        Self::inline(inline_message_id, "").with_rich(content.into())
    }

    /// The server takes a text or rich content, and refuses both at once.
    fn with_rich(mut self, content: InputRichMessage) -> Self {
        self.text = None;
        self.rich_message(content)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        methods::{
            EditMessageCaption, EditMessageLiveLocation, EditMessageMedia, EditMessageReplyMarkup,
            EditMessageText, GetGameHighScores, SetGameScore, StopMessageLiveLocation,
        },
        types::{InputMediaPhoto, InputRichMessage},
    };

    #[test]
    fn each_edit_names_a_message_of_a_chat_or_an_inline_one() {
        macro_rules! check {
            ($($method:ident($($needed:expr),*);)+) => {$(
                let name = stringify!($method);
                let json = |method: $method| serde_json::to_value(&method).unwrap();
                let in_chat = json($method::new(42, 7 $(, $needed)*));
                let place = [&in_chat["chat_id"], &in_chat["message_id"]];
                assert_eq!(place, [&42.into(), &7.into()] as [&serde_json::Value; 2], "{name}");
                assert!(in_chat.get("inline_message_id").is_none(), "{name}");
                let inline = json($method::inline("abc" $(, $needed)*));
                assert_eq!(inline["inline_message_id"], "abc", "{name}");
                assert!(inline.get("chat_id").or(inline.get("message_id")).is_none(), "{name}");
            )+};
        }

        check! {
            EditMessageText("new");
            EditMessageCaption();
            EditMessageMedia(InputMediaPhoto::new("file"));
            EditMessageLiveLocation(1.0, 2.0);
            StopMessageLiveLocation();
            EditMessageReplyMarkup();
            SetGameScore(1, 100);
            GetGameHighScores(1);
        }
    }

    #[test]
    fn rich_content_takes_the_place_of_the_text() {
        let content = || InputRichMessage::new().html("<h1>News</h1>");
        let json = |edit| serde_json::to_string(&edit).unwrap();
        assert_eq!(
            json(EditMessageText::rich(42, 7, content())),
            r#"{"chat_id":42,"message_id":7,"rich_message":{"html":"<h1>News</h1>"}}"#
        );
        assert_eq!(
            json(EditMessageText::inline_rich("abc", content())),
            r#"{"inline_message_id":"abc","rich_message":{"html":"<h1>News</h1>"}}"#
        );
    }
}
