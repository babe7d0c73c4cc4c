//! The text of a message as HTML or `MarkdownV2`.

use crate::{
    text::{html::html, markdown_v2::markdown_v2},
    types::Message,
};

impl Message {
    /// The [text or caption](Self::text_or_caption) as HTML, to send again with
    /// [`ParseMode::Html`](crate::types::ParseMode::Html); `None` if the message has neither.
    ///
    /// [`FormattedText::html`](crate::text::FormattedText::html) describes how entities without markup are written.
    ///
    /// ```
    /// use tower_telegram::types::Message;
    ///
    /// let message: Message = serde_json::from_str(
    ///     r#"{"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"},
    ///         "text": "1 < 2.", "entities": [{"type": "bold", "offset": 0, "length": 5}]}"#,
    /// )?;
    /// assert_eq!(message.html().as_deref(), Some("<b>1 &lt; 2</b>."));
    /// assert_eq!(message.markdown().as_deref(), Some(r"*1 < 2*\."));
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    pub fn html(&self) -> Option<String> {
        let (text, entities) = self.text_and_entities()?;
        Some(html(text, entities))
    }

    /// The [text or caption](Self::text_or_caption) as `MarkdownV2`, to send again with
    /// [`ParseMode::MarkdownV2`](crate::types::ParseMode::MarkdownV2); `None` if the message has
    /// neither.
    ///
    /// HTML keeps more: see
    /// [`FormattedText::markdown_v2`](crate::text::FormattedText::markdown_v2) for what
    /// `MarkdownV2` can't say.
    pub fn markdown(&self) -> Option<String> {
        let (text, entities) = self.text_and_entities()?;
        Some(markdown_v2(text, entities))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caption_is_formatted_as_a_text_is() {
        let json = r#"{"message_id":1,"date":0,"chat":{"id":1,"type":"private"}}"#;
        let mut message: Message = serde_json::from_str(json).unwrap();
        assert_eq!((message.html(), message.markdown()), (None, None));
        message.caption = Some("a.".into());
        assert_eq!(message.html().unwrap(), "a.");
        let json = r#"[{"type":"italic","offset":0,"length":2}]"#;
        message.caption_entities = Some(serde_json::from_str(json).unwrap());
        assert_eq!(message.html().unwrap(), "<i>a.</i>");
        assert_eq!(message.markdown().unwrap(), r"_a\._");
    }
}
