//! The dispatch of a call to the method that executes it.

use serde_json::{Value, json};

use super::{
    content, media,
    method_call::{MethodCall, MethodResult},
    people::People,
    settings,
};
use crate::schema;

impl People {
    /// Executes a call.
    pub(super) fn answer(&mut self, r: &MethodCall<'_>) -> MethodResult {
        match r.method.name {
            "getMe" => Ok(self.me()),
            "getFile" => self.get_file(r),
            "uploadStickerFile" => Ok(media::file(r, "File", "sticker", r.text("sticker"))),
            "forwardMessage" | "forwardMessages" => self.forward(r),
            "copyMessage" | "copyMessages" => self.copy(r),
            "sendMediaGroup" => self.send_album(r),
            name if content::is_sent(name) => self.send(r),
            "editMessageText"
            | "editMessageCaption"
            | "editMessageMedia"
            | "editMessageReplyMarkup"
            | "editMessageLiveLocation"
            | "stopMessageLiveLocation"
            | "editMessageChecklist"
            | "setGameScore" => self.edit(r),
            "stopPoll" => self.stop_poll(r),
            "deleteMessage" | "deleteMessages" => self.delete(r),
            "setMessageReaction" => self.set_reaction(r),
            "pinChatMessage" | "unpinChatMessage" | "unpinAllChatMessages" => self.pin(r),
            "getChat" | "setChatTitle" | "setChatDescription" | "setChatPhoto"
            | "deleteChatPhoto" | "setChatPermissions" => self.chat_info(r),
            "getChatMember" | "getChatMemberCount" | "getChatAdministrators" => self.members(r),
            "banChatMember"
            | "unbanChatMember"
            | "restrictChatMember"
            | "promoteChatMember"
            | "setChatAdministratorCustomTitle"
            | "leaveChat"
            | "approveChatJoinRequest"
            | "declineChatJoinRequest" => self.administer(r),
            "createChatInviteLink"
            | "editChatInviteLink"
            | "revokeChatInviteLink"
            | "exportChatInviteLink"
            | "createChatSubscriptionInviteLink"
            | "editChatSubscriptionInviteLink" => self.invite_link(r),
            "createForumTopic"
            | "editForumTopic"
            | "closeForumTopic"
            | "reopenForumTopic"
            | "deleteForumTopic"
            | "unpinAllForumTopicMessages"
            | "editGeneralForumTopic"
            | "closeGeneralForumTopic"
            | "reopenGeneralForumTopic"
            | "hideGeneralForumTopic"
            | "unhideGeneralForumTopic"
            | "unpinAllGeneralForumTopicMessages" => self.topic(r),
            "answerCallbackQuery"
            | "answerInlineQuery"
            | "answerPreCheckoutQuery"
            | "answerShippingQuery" => self.answer_query(r),
            "getMyStarBalance" | "getStarTransactions" | "refundStarPayment" => self.stars(r),
            name if settings::is_setting(name) => Ok(self.setting(r)),
            _ => self.other(r),
        }
    }

    /// The result of `getMe`.
    fn me(&self) -> Value {
        let mut me = self.bot.clone();
        for (name, is_on) in [
            ("can_join_groups", true),
            ("can_read_all_group_messages", !self.has_privacy_mode),
            ("supports_guest_queries", false),
            ("supports_inline_queries", true),
            ("can_connect_to_business", false),
            ("has_main_web_app", false),
            ("has_topics_enabled", false),
            ("allows_users_to_create_topics", false),
            ("can_manage_bots", false),
            ("supports_join_request_queries", false),
        ] {
            me[name] = is_on.into();
        }
        me
    }

    /// The result of a method that isn't imitated: a value of its type, with the call's own arguments in
    /// it.
    fn other(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let is_for_chat = r
            .method
            .params
            .iter()
            .any(|param| param.name == "chat_id" && param.is_required);
        let chat = if is_for_chat && !r.has("business_connection_id") {
            let id = self.writable(r)?;
            self.chats[&id].value()
        } else {
            json!({"id": self.bot_id(), "type": "private", "first_name": "Test bot"})
        };
        let id = self.next_id();
        let bot = &self.bot;
        let token = format!("{}:AAManaged-by-the-bot", r.integer("user_id").unwrap_or(1));
        let is_token = r.method.name.ends_with("ManagedBotToken");
        let given = |type_: &str, name: &str| match (type_, name) {
            ("User", _) => Some(bot.clone()),
            ("Chat", _) => Some(chat.clone()),
            ("Time", _) => Some(self.clock.unix().into()),
            ("String", "") if is_token => Some(token.as_str().into()),
            ("String", "") => Some(format!("https://t.me/$test{id}").into()),
            ("Integer", name) if name.ends_with("_count") || name == "amount" => Some(0.into()),
            ("Integer", "message_thread_id" | "message_id" | "id") => Some(id.into()),
            ("Integer", "icon_color") if !r.has(name) => Some(7_322_096.into()),
            ("String" | "Integer" | "Boolean", name) => r
                .params
                .get(name)
                .filter(|value| !value.is_object())
                .cloned(),
            _ => None,
        };
        Ok(schema::get().make(main_return(r.method.returns), &given))
    }
}

/// The first type of a choice: a message for `Message | True`.
fn main_return(returns: &'static str) -> &'static str {
    returns.split('|').next().unwrap_or(returns)
}
