//! Replies to a message, sent to where the message is.

use super::Str;
use crate::{
    methods::SendMessage,
    types::{EphemeralMessageParameters, Message, ReplyParameters},
};

impl Message {
    /// A text that replies to this message.
    ///
    /// It goes to the message's chat, and there to its forum topic or its topic of direct messages. It is sent for the
    /// same business account, if the message came through one. A reply to an ephemeral message is ephemeral too: only
    /// the user who wrote or received that message sees it.
    ///
    /// A guest message, which has a [`guest_query_id`](Self#structfield.guest_query_id), isn't in a chat of the bot:
    /// [`AnswerGuestQuery`](crate::methods::AnswerGuestQuery) responds to it.
    ///
    /// ```
    /// use tower_telegram::types::Message;
    ///
    /// let message: Message = serde_json::from_str(
    ///     r#"{"message_id": 7, "date": 0, "chat": {"id": 42, "type": "private"}, "text": "ping"}"#,
    /// )?;
    /// assert_eq!(
    ///     serde_json::to_string(&message.reply("pong"))?,
    ///     r#"{"chat_id":42,"text":"pong","reply_parameters":{"message_id":7}}"#,
    /// );
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    pub fn reply(&self, text: impl Into<Str>) -> SendMessage {
        let mut reply = SendMessage::new(self.chat.id, text);
        reply.reply_parameters = Some(self.reply_parameters());
        if self.is_topic_message {
            reply.message_thread_id = self.message_thread_id;
        }
        let topic = self.direct_messages_topic.as_ref();
        reply.direct_messages_topic_id = topic.map(|topic| topic.topic_id);
        reply
            .business_connection_id
            .clone_from(&self.business_connection_id);
        reply.ephemeral_message_parameters = self.ephemeral_parameters();
        reply
    }

    /// The parameters with which another message in the same chat becomes a reply to this one.
    ///
    /// ```
    /// # let message: tower_telegram::types::Message = serde_json::from_str(
    /// #     r#"{"message_id": 7, "date": 0, "chat": {"id": 42, "type": "private"}}"#,
    /// # )?;
    /// use tower_telegram::methods::SendPhoto;
    ///
    /// let photo = SendPhoto::new(message.chat.id, "https://example.org/cat.jpg")
    ///     .reply_parameters(message.reply_parameters());
    /// # assert_eq!(photo.reply_parameters.and_then(|to| to.message_id), Some(7));
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    pub fn reply_parameters(&self) -> ReplyParameters {
        let parameters = ReplyParameters::new();
        match self.ephemeral_message_id {
            Some(id) => parameters.ephemeral_message_id(id),
            None => parameters.message_id(self.message_id),
        }
    }

    /// Whom an ephemeral reply is for: the user at the other end, whichever of the two wrote this message.
    fn ephemeral_parameters(&self) -> Option<EphemeralMessageParameters> {
        self.ephemeral_message_id?;
        let sender = self.from.as_deref().filter(|user| !user.is_bot);
        let user = sender.or(self.receiver_user.as_deref())?;
        Some(EphemeralMessageParameters::new(user.id))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::types::Message;

    /// The reply to a message with these members more.
    fn reply(more: &Value) -> Value {
        let mut json = json!({
            "message_id": 7, "date": 1, "chat": {"id": -5, "type": "supergroup"},
            "from": {"id": 3, "is_bot": false, "first_name": "Ada"},
        });
        let members = json.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        let message: Message = serde_json::from_value(json).unwrap();
        serde_json::to_value(message.reply("yes")).unwrap()
    }

    #[test]
    fn a_reply_goes_to_the_message_and_its_chat() {
        let expected = json!({"chat_id": -5, "text": "yes", "reply_parameters": {"message_id": 7}});
        assert_eq!(reply(&json!({})), expected);
    }

    #[test]
    fn a_reply_stays_in_the_forum_topic_and_a_chain_of_replies_is_none() {
        let topic = json!({"message_thread_id": 9, "is_topic_message": true});
        assert_eq!(reply(&topic)["message_thread_id"], 9);
        let chain = reply(&json!({"message_thread_id": 9}));
        assert_eq!(chain.get("message_thread_id"), None);
    }

    #[test]
    fn a_reply_stays_in_the_topic_of_direct_messages() {
        let topic = json!({"direct_messages_topic": {"topic_id": 8}});
        assert_eq!(reply(&topic)["direct_messages_topic_id"], 8);
    }

    #[test]
    fn a_reply_is_sent_for_the_same_business_account() {
        let business = json!({"business_connection_id": "b1"});
        assert_eq!(reply(&business)["business_connection_id"], "b1");
    }

    #[test]
    fn a_reply_to_an_ephemeral_message_is_for_the_same_user() {
        let received = reply(&json!({"message_id": 0, "ephemeral_message_id": 4}));
        assert_eq!(
            received["reply_parameters"],
            json!({"ephemeral_message_id": 4})
        );
        let user = &received["ephemeral_message_parameters"]["receiver_user_id"];
        assert_eq!(*user, 3);

        let own = reply(&json!({
            "message_id": 0, "ephemeral_message_id": 4,
            "from": {"id": 1, "is_bot": true, "first_name": "Bot"},
            "receiver_user": {"id": 6, "is_bot": false, "first_name": "Bob"},
        }));
        let user = &own["ephemeral_message_parameters"]["receiver_user_id"];
        assert_eq!(*user, 6);
    }
}
