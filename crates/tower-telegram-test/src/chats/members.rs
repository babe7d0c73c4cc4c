//! Methods for the members of a chat.

use serde_json::{Value, json};

use super::{
    chat_state::ChatKind,
    member,
    method_call::{MethodCall, MethodResult, bad},
    people::People,
};

impl People {
    /// Executes `getChatMember` and the other methods that read members.
    pub(super) fn members(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let id = self.open(r)?;
        let chat = &self.chats[&id];
        Ok(match r.method.name {
            "getChatMember" => {
                let user_id = r.integer("user_id").unwrap_or_default();
                if let Some(member) = chat.members.get(&user_id) {
                    return Ok(member.clone());
                }
                let is_known = self.users.contains_key(&user_id);
                match (chat.is_made_up, is_known) {
                    (true, _) => member::new("member", &self.user(user_id)),
                    (false, true) => member::new("left", &self.user(user_id)),
                    (false, false) => return Err(bad("PARTICIPANT_ID_INVALID")),
                }
            }
            "getChatMemberCount" if chat.is_made_up => 2.into(),
            "getChatMemberCount" => {
                let members = chat.members.values().filter(|member| member::is_in(member));
                members.count().into()
            }
            _ => {
                let members = chat.members.values();
                let returns_bots = r.is("return_bots");
                let shown = members.filter(|member| {
                    let status = member["status"].as_str().unwrap_or_default();
                    let is_bot =
                        member["user"]["is_bot"] == true && member["user"]["id"] != self.bot["id"];
                    ["creator", "administrator"].contains(&status) && (returns_bots || !is_bot)
                });
                shown.cloned().collect()
            }
        })
    }

    /// Changes a member's status. Returns the `ChatMemberUpdated` with the user who did it.
    pub(crate) fn change_member(
        &mut self,
        chat_id: i64,
        user_id: i64,
        member: &Value,
        by: &Value,
    ) -> Value {
        let user = self.user(user_id);
        let Some(chat) = self.chats.get_mut(&chat_id) else {
            return Value::Null;
        };
        let old = chat.members.insert(user_id, member.clone());
        let old = old.unwrap_or_else(|| member::new("left", &user));
        json!({
            "chat": chat.value(), "from": by, "date": self.clock.unix(),
            "old_chat_member": old, "new_chat_member": member,
        })
    }
}

impl People {
    /// Records that a user has started the bot by writing to it.
    pub(crate) fn start_bot(&mut self, chat_id: i64) {
        let (bot, bot_id) = (member::new("member", &self.bot), self.bot_id());
        if let Some(chat) = self.chats.get_mut(&chat_id)
            && chat.kind == ChatKind::Private
            && chat.status(bot_id) == "left"
        {
            chat.members.insert(bot_id, bot);
        }
    }
}
