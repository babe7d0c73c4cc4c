//! Methods for invite links.

use serde_json::{Value, json};

use super::{
    chat_state::ChatKind,
    member::Rights,
    method_call::{MethodCall, MethodResult, bad},
    people::People,
};
use crate::bot_api::answer::Answer;

impl People {
    /// Executes `createChatInviteLink` and the other methods for links.
    pub(super) fn invite_link(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let id = self.open(r)?;
        let chat = &self.chats[&id];
        if chat.kind == ChatKind::Private {
            return Err(bad("can't invite members to a private chat"));
        }
        if !chat.allows(self.bot_id(), Rights::INVITE) {
            return Err(bad("not enough rights to manage chat invite link"));
        }
        match r.method.name {
            "exportChatInviteLink" => {
                let link = self.new_link(r, id, true);
                Ok(link["invite_link"].clone())
            }
            "createChatInviteLink" | "createChatSubscriptionInviteLink" => {
                if r.is("creates_join_request") && r.has("member_limit") {
                    return Err(bad(
                        "member limit can't be specified for links requiring administrator approval",
                    ));
                }
                Ok(self.new_link(r, id, false))
            }
            _ => self.change_link(r, id),
        }
    }

    /// Creates a link of the bot.
    fn new_link(&mut self, r: &MethodCall<'_>, id: i64, is_primary: bool) -> Value {
        let number = self.next_id();
        let mut link = json!({
            "invite_link": format!("https://t.me/+test{number}"), "creator": self.bot,
            "creates_join_request": r.is("creates_join_request"), "is_primary": is_primary, "is_revoked": false,
        });
        set(r, &mut link);
        if let Some(chat) = self.chats.get_mut(&id) {
            for old in chat
                .links
                .iter_mut()
                .filter(|old| is_primary && old["is_primary"] == true)
            {
                old["is_revoked"] = true.into();
            }
            chat.links.push(link.clone());
        }
        link
    }

    /// Edits or revokes a link.
    fn change_link(&mut self, r: &MethodCall<'_>, id: i64) -> Result<Value, Answer> {
        let bot = self.bot.clone();
        let Some(chat) = self.chats.get_mut(&id) else {
            return Err(bad("chat not found"));
        };
        let text = r.text("invite_link");
        if chat.is_made_up && chat.links.iter().all(|link| link["invite_link"] != text) {
            chat.links.push(json!({
                "invite_link": text, "creator": bot, "creates_join_request": false, "is_primary": false, "is_revoked": false,
            }));
        }
        let link = chat
            .links
            .iter_mut()
            .find(|link| link["invite_link"] == text);
        let link = link.ok_or_else(|| bad("INVITE_HASH_EXPIRED"))?;
        if r.method.name == "revokeChatInviteLink" {
            link["is_revoked"] = true.into();
        } else {
            link["creates_join_request"] = r.is("creates_join_request").into();
            set(r, link);
        }
        Ok(link.clone())
    }
}

/// Sets the fields of a link from the arguments.
fn set(r: &MethodCall<'_>, link: &mut Value) {
    for name in [
        "name",
        "expire_date",
        "member_limit",
        "subscription_period",
        "subscription_price",
    ] {
        if let Some(value) = r.get(name) {
            link[name] = value.clone();
        }
    }
}
