//! A topic of a forum.

use serde_json::{Map, Value, json};

use super::method_call::MethodCall;

/// The colour of a topic's icon if the call has none.
pub(super) const COLOR: i64 = 0x006f_b9f0;

/// The state of a topic.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    name: String,
    pub(super) icon_color: i64,
    pub(super) icon_custom_emoji_id: Option<String>,
    pub(super) is_closed: bool,
    is_hidden: bool,
    /// Whether the bot has created it, and so may change it.
    pub(super) is_bots: bool,
}

impl Topic {
    /// An open topic with the default colour.
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

    /// The topic as a `ForumTopic`, or as a `ForumTopicCreated` with one field too many.
    pub(super) fn value(&self, id: i64) -> Value {
        let mut value = json!({
            "message_thread_id": id, "name": self.name, "icon_color": self.icon_color,
        });
        if let Some(emoji) = &self.icon_custom_emoji_id {
            value["icon_custom_emoji_id"] = emoji.as_str().into();
        }
        value
    }

    /// Applies an edit, and returns the changed fields.
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

    /// Applies a method. Returns the kind and content of the message about it, or `None` if the topic
    /// doesn't change.
    pub(super) fn change(&mut self, r: &MethodCall<'_>) -> Option<(&'static str, Value)> {
        let name = r.method.name;
        if name.starts_with("edit") {
            let changed = self.edit(r);
            return (!changed.is_empty()).then(|| ("forum_topic_edited", changed.into()));
        }
        let is_on = name.starts_with("close") || name.starts_with("hide");
        let flag = if name.ends_with("GeneralForumTopic") && name.contains("hide") {
            // A hidden topic is also closed.
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
