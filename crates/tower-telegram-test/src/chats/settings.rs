//! The bot's settings: commands, name, descriptions, menu button and default rights.

use serde_json::{Value, json};

use super::{method_call::MethodCall, people::People};

/// For each setter: its argument, and the field of the getter's result.
const SETTINGS: [(&str, &str, &str); 6] = [
    ("MyCommands", "commands", ""),
    ("MyName", "name", "name"),
    ("MyDescription", "description", "description"),
    (
        "MyShortDescription",
        "short_description",
        "short_description",
    ),
    ("ChatMenuButton", "menu_button", ""),
    ("MyDefaultAdministratorRights", "rights", ""),
];

/// Whether the method sets, deletes or returns a setting.
pub(super) fn is_setting(method: &str) -> bool {
    find(method).is_some()
}

/// The setting of a method: its argument, and the field of the getter's result.
fn find(method: &str) -> Option<(&'static str, &'static str, &'static str)> {
    let verb = ["set", "get", "delete"]
        .into_iter()
        .find(|verb| method.starts_with(verb))?;
    let setting = SETTINGS
        .into_iter()
        .find(|(name, ..)| *name == &method[verb.len()..])?;
    Some(setting)
}

impl People {
    /// Sets, deletes or returns the setting for a scope, language or chat.
    pub(super) fn setting(&mut self, r: &MethodCall<'_>) -> Value {
        let Some((name, argument, field)) = find(r.method.name) else {
            return true.into();
        };
        let mut key = name.to_owned();
        for part in ["scope", "language_code", "chat_id", "for_channels"] {
            let part = r.get(part).map(Value::to_string);
            key.extend([" ", &part.unwrap_or_default()]);
        }
        if r.method.name.starts_with("get") {
            let value = self.settings.get(&key).cloned();
            let value = value.unwrap_or_else(|| default(r, name));
            return if field.is_empty() {
                value
            } else {
                json!({field: value})
            };
        }
        match r.get(argument) {
            Some(value) => self.settings.insert(key, value.clone()),
            None => self.settings.remove(&key),
        };
        true.into()
    }
}

/// The value of a setting that was never set.
fn default(r: &MethodCall<'_>, name: &str) -> Value {
    match name {
        "MyCommands" => json!([]),
        "MyName" => "Test bot".into(),
        "ChatMenuButton" => json!({"type": "commands"}),
        "MyDefaultAdministratorRights" => crate::schema::get().make(r.method.returns, &|_, _| None),
        _ => "".into(),
    }
}
