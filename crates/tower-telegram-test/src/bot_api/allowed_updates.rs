//! The argument `allowed_updates` of `setWebhook` and `getUpdates`: the types of updates that a bot asks
//! for.

use serde_json::Value;

/// The types that a bot can ask for, in the server's order, and whether they are in the default set.
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

/// Parses `allowed_updates`. `None` if it isn't a JSON array of strings, otherwise its known names, in any
/// case. The list is empty for the default set and for a list without a known name.
pub(crate) fn read(text: &str) -> Option<Vec<String>> {
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

/// Whether an update of that type is queued. `None` is the default set. A type that Telegram doesn't have
/// is always queued, because a test sends it on purpose.
pub(crate) fn is_wanted(asked: Option<&[String]>, name: &str) -> bool {
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
    fn a_value_that_is_no_array_of_strings_changes_nothing() {
        for text in ["", "message", "{}", "[1]", r#"["message", null]"#, "null"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
