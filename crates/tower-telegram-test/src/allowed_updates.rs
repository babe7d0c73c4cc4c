//! `allowed_updates`: the types of updates that a bot asks for.

use serde_json::Value;

/// The types of updates that a bot may ask for, in the server's order, and whether they are in the default.
const UPDATE_TYPES: [(&str, bool); 27] = [
    ("message", true),
    ("edited_message", true),
    ("channel_post", true),
    ("edited_channel_post", true),
    ("inline_query", true),
    ("chosen_inline_result", true),
    ("callback_query", true),
    ("shipping_query", true),
    ("pre_checkout_query", true),
    ("poll", true),
    ("poll_answer", true),
    ("my_chat_member", true),
    ("chat_member", false),
    ("chat_join_request", true),
    ("chat_boost", true),
    ("removed_chat_boost", true),
    ("message_reaction", false),
    ("message_reaction_count", false),
    ("business_connection", true),
    ("business_message", true),
    ("edited_business_message", true),
    ("deleted_business_messages", true),
    ("purchased_paid_media", true),
    ("managed_bot", true),
    ("guest_message", true),
    ("subscription", true),
    ("stopped_message_generation", true),
];

/// Reads `allowed_updates`: `None` if it isn't a JSON array of strings, else the known names in it, in
/// any case. The default set, or no known name at all, is an empty list.
pub(super) fn read(text: &str) -> Option<Vec<String>> {
    let Ok(Value::Array(names)) = serde_json::from_str(text) else {
        return None;
    };
    let names = names
        .iter()
        .map(Value::as_str)
        .collect::<Option<Vec<_>>>()?;
    let is_asked = |name: &str| names.iter().any(|asked| asked.eq_ignore_ascii_case(name));
    let is_default = UPDATE_TYPES
        .iter()
        .all(|(name, default)| is_asked(name) == *default);
    let known = UPDATE_TYPES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| is_asked(name));
    let asked: Vec<_> = known.map(str::to_owned).collect();
    Some(if is_default { Vec::new() } else { asked })
}

/// Whether an update of that type is queued; no list stands for the default set. One that Telegram doesn't
/// know yet always is, as a test must mean it.
pub(super) fn is_wanted(asked: Option<&[String]>, name: &str) -> bool {
    match UPDATE_TYPES.iter().find(|(known, _)| *known == name) {
        None => true,
        Some((_, is_default)) => {
            asked.map_or(*is_default, |asked| asked.iter().any(|asked| asked == name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_count_in_any_case_and_in_the_servers_order() {
        let names = read(r#"["callback_query","MESSAGE","what"]"#).unwrap();
        assert_eq!(names, ["message", "callback_query"]);
        assert_eq!(read(r#"["chat_member"]"#).unwrap(), ["chat_member"]);
        let default: Vec<_> = UPDATE_TYPES
            .iter()
            .filter(|kind| kind.1)
            .map(|kind| kind.0)
            .collect();
        for text in ["[]", r#"["what"]"#, &Value::from(default).to_string()] {
            assert!(read(text).unwrap().is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_no_array_of_strings_changes_nothing() {
        for text in ["", "message", "{}", "[1]", r#"["message", null]"#, "null"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
