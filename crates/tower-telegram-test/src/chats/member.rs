//! `ChatMember` objects, and the rights in them.

use serde_json::Value;

use crate::schema;

/// A right of a chat's administrators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rights(&'static str);

impl Rights {
    /// A right of every member who isn't restricted.
    pub(super) const SEND: Self = Self("can_send_messages");
    pub(super) const POST: Self = Self("can_post_messages");
    pub(super) const DELETE: Self = Self("can_delete_messages");
    pub(super) const RESTRICT: Self = Self("can_restrict_members");
    pub(super) const PROMOTE: Self = Self("can_promote_members");
    pub(super) const INFO: Self = Self("can_change_info");
    pub(super) const INVITE: Self = Self("can_invite_users");
    pub(super) const PIN: Self = Self("can_pin_messages");
    pub(super) const TOPICS: Self = Self("can_manage_topics");
}

/// Whether a `ChatMember` has the right.
pub(super) fn may(member: &Value, right: Rights) -> bool {
    match member["status"].as_str().unwrap_or_default() {
        "creator" => true,
        "administrator" => right == Rights::SEND || member[right.0] == true,
        "member" => right == Rights::SEND,
        "restricted" => member[right.0] == true,
        _ => false,
    }
}

/// Whether a `ChatMember` is in the chat.
pub(crate) fn is_in(member: &Value) -> bool {
    match member["status"].as_str().unwrap_or_default() {
        "creator" | "administrator" | "member" => true,
        "restricted" => member["is_member"] == true,
        _ => false,
    }
}

/// A `ChatMember` with that status. Administrators get every right.
pub(crate) fn new(status: &str, user: &Value) -> Value {
    let type_ = match status {
        "creator" => "ChatMemberOwner",
        "administrator" => "ChatMemberAdministrator",
        "restricted" => "ChatMemberRestricted",
        "left" => "ChatMemberLeft",
        "kicked" => "ChatMemberBanned",
        _ => "ChatMemberMember",
    };
    let is_administrator = status == "administrator";
    let mut member = schema::get().make(type_, &|type_, name| match (type_, name) {
        ("User", _) => Some(user.clone()),
        ("Time", _) => Some(0.into()),
        ("Boolean", "is_anonymous") => Some(false.into()),
        ("Boolean", _) if is_administrator => Some(true.into()),
        _ => None,
    });
    if is_administrator {
        for right in [
            "can_post_messages",
            "can_edit_messages",
            "can_pin_messages",
            "can_manage_topics",
        ] {
            member[right] = true.into();
        }
    }
    member
}
