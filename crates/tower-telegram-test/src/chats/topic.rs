//! A topic of a forum.

use serde_json::{Map, Value, json};

use super::method_call::MethodCall;

/// Of a topic's icon, if none is asked for.
pub(super) const COLOR: i64 = 0x006f_b9f0;

#[derive(Clone, Debug)]
pub(crate) struct Topic {
    name: String,
    pub(super) icon_color: i64,
    pub(super) icon_custom_emoji_id: Option<String>,
    pub(super) is_closed: bool,
    is_hidden: bool,
    /// Who has made a topic may change it.
    pub(super) is_bots: bool,
}

impl Topic {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            icon_color: COLOR,
            icon_custom_emoji_id: None,
            is_closed: false,
            is_hidden: false,
            is_bots: false,
        }
    }

    /// As `ForumTopic`, or as `ForumTopicCreated` with a number too many.
    pub(super) fn value(&self, id: i64) -> Value {
        let mut value = json!({
            "message_thread_id": id, "name": self.name, "icon_color": self.icon_color,
        });
        if let Some(emoji) = &self.icon_custom_emoji_id {
            value["icon_custom_emoji_id"] = emoji.as_str().into();
        }
        value
    }

    /// Takes over what an edit says: what it has changed.
    fn edit(&mut self, r: &MethodCall<'_>) -> Map<String, Value> {
        let mut changed = Map::new();
        if let Some(name) = Some(r.text("name")).filter(|name| !name.is_empty())
            && name != self.name
        {
            name.clone_into(&mut self.name);
            changed.insert("name".to_owned(), name.into());
        }
        if r.has("icon_custom_emoji_id") {
            let emoji = r.text("icon_custom_emoji_id");
            let new = Some(emoji.to_owned()).filter(|emoji| !emoji.is_empty());
            if new != self.icon_custom_emoji_id {
                self.icon_custom_emoji_id = new;
                changed.insert("icon_custom_emoji_id".to_owned(), emoji.into());
            }
        }
        changed
    }

    /// Does what a method says: the kind and the content of the message about it, unless nothing changes.
    pub(super) fn change(&mut self, r: &MethodCall<'_>) -> Option<(&'static str, Value)> {
        let name = r.method.name;
        if name.starts_with("edit") {
            let changed = self.edit(r);
            return (!changed.is_empty()).then(|| ("forum_topic_edited", changed.into()));
        }
        let is_on = name.starts_with("close") || name.starts_with("hide");
        let flag = if name.ends_with("GeneralForumTopic") && name.contains("hide") {
            // What is hidden is closed.
            self.is_closed |= is_on;
            &mut self.is_hidden
        } else {
            &mut self.is_closed
        };
        let kind = match (name, is_on) {
            ("hideGeneralForumTopic", _) => "general_forum_topic_hidden",
            ("unhideGeneralForumTopic", _) => "general_forum_topic_unhidden",
            (_, true) => "forum_topic_closed",
            (_, false) => "forum_topic_reopened",
        };
        let is_changed = *flag != is_on;
        *flag = is_on;
        is_changed.then(|| (kind, json!({})))
    }
}
