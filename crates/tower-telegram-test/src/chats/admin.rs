//! Methods that ban, restrict, promote and admit members.

use serde_json::{Map, Value};

use super::{
    chat_state::ChatKind,
    member::{self, Rights},
    method_call::{MethodCall, MethodResult, bad},
    people::People,
};
use crate::bot_api::answer::Answer;

impl People {
    /// Executes `banChatMember` and the other methods for administrators.
    pub(super) fn administer(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let id = self.open(r)?;
        let bot = self.bot.clone();
        if r.method.name == "leaveChat" {
            if self.chats[&id].kind == ChatKind::Private {
                return Err(bad("chat member status can't be changed in private chats"));
            }
            let left = member::new("left", &bot);
            self.change_member(id, self.bot_id(), &left, &bot);
            return Ok(true.into());
        }
        let user_id = r.integer("user_id").unwrap_or_default();
        self.check_administration(r, id, user_id)?;
        let user = self.user(user_id);
        let current = self.chats[&id].members.get(&user_id).cloned();
        let current = current.unwrap_or_else(|| member::new("left", &user));
        let new = match r.method.name {
            "banChatMember" => {
                let mut banned = member::new("kicked", &user);
                banned["until_date"] = r.integer("until_date").unwrap_or(0).into();
                banned
            }
            "unbanChatMember" if r.is("only_if_banned") && current["status"] != "kicked" => {
                return Ok(true.into());
            }
            "unbanChatMember" => member::new("left", &user),
            "restrictChatMember" => restricted(r, &user, &current),
            "promoteChatMember" => promoted(r, &user),
            "setChatAdministratorCustomTitle" => {
                if current["status"] != "administrator" && !self.chats[&id].is_made_up {
                    return Err(bad("user is not an administrator"));
                }
                let mut titled = current;
                titled["custom_title"] = r.text("custom_title").into();
                titled
            }
            _ => return self.decide(r, id, user_id, &bot),
        };
        self.change_member(id, user_id, &new, &bot);
        Ok(true.into())
    }

    /// Approves or declines a request to join.
    fn decide(&mut self, r: &MethodCall<'_>, id: i64, user_id: i64, bot: &Value) -> MethodResult {
        let user = self.user(user_id);
        if let Some(chat) = self.chats.get_mut(&id) {
            let before = chat.requests.len();
            chat.requests.retain(|asks| *asks != user_id);
            if chat.requests.len() == before && !chat.is_made_up {
                return Err(bad("HIDE_REQUESTER_MISSING"));
            }
        }
        if r.method.name == "approveChatJoinRequest" {
            self.change_member(id, user_id, &member::new("member", &user), bot);
        }
        Ok(true.into())
    }

    /// Whether the bot has the right for the method, and the member can be changed.
    fn check_administration(
        &self,
        r: &MethodCall<'_>,
        id: i64,
        user_id: i64,
    ) -> Result<(), Answer> {
        let chat = &self.chats[&id];
        let (right, lack) = match r.method.name {
            "promoteChatMember" | "setChatAdministratorCustomTitle" => {
                (Rights::PROMOTE, "CHAT_ADMIN_REQUIRED")
            }
            "approveChatJoinRequest" | "declineChatJoinRequest" => {
                (Rights::INVITE, "CHAT_ADMIN_REQUIRED")
            }
            _ => (
                Rights::RESTRICT,
                "not enough rights to restrict/unrestrict chat member",
            ),
        };
        if chat.kind == ChatKind::Private {
            return Err(bad("chat member status can't be changed in private chats"));
        }
        if chat.kind == ChatKind::Group && r.method.name == "restrictChatMember" && !chat.is_made_up
        {
            return Err(bad("method is available only for supergroups"));
        }
        if !chat.allows(self.bot_id(), right) {
            return Err(bad(lack));
        }
        if chat.is_made_up {
            return Ok(());
        }
        if !self.users.contains_key(&user_id) {
            return Err(bad("PARTICIPANT_ID_INVALID"));
        }
        let removes = right == Rights::RESTRICT;
        match chat.status(user_id) {
            "creator" => Err(bad("can't remove chat owner")),
            "administrator" if removes => Err(bad("user is an administrator of the chat")),
            _ => Ok(()),
        }
    }
}

/// The restricted member after `restrictChatMember`.
fn restricted(r: &MethodCall<'_>, user: &Value, current: &Value) -> Value {
    let mut restricted = member::new("restricted", user);
    let given = r.get("permissions").and_then(Value::as_object);
    let empty = Map::new();
    let mut is_free = true;
    for (name, value) in restricted.as_object_mut().into_iter().flatten() {
        if name.starts_with("can_") {
            *value = (given.unwrap_or(&empty).get(name) == Some(&true.into())).into();
            let is_for_administrators =
                ["can_change_info", "can_pin_messages", "can_manage_topics"]
                    .contains(&name.as_str());
            is_free &= *value == true || is_for_administrators;
        }
    }
    if is_free {
        return member::new("member", user);
    }
    restricted["is_member"] = member::is_in(current).into();
    restricted["until_date"] = r.integer("until_date").unwrap_or(0).into();
    restricted
}

/// The administrator after `promoteChatMember`. Without any right it is a plain member again.
fn promoted(r: &MethodCall<'_>, user: &Value) -> Value {
    let mut promoted = member::new("administrator", user);
    let mut has_any = false;
    for (name, value) in promoted.as_object_mut().into_iter().flatten() {
        if name.starts_with("can_") && name != "can_be_edited" || name == "is_anonymous" {
            *value = r.is(name).into();
            has_any |= r.is(name);
        }
    }
    if !has_any {
        return member::new("member", user);
    }
    promoted["can_manage_chat"] = true.into();
    promoted
}
