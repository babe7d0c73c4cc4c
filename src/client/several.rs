//! Methods that send several messages in one call.

/// Returns the name of the parameter with the list whose elements each become a message, if the method has one.
/// Telegram ignores the case of a method's name.
pub(super) fn list_of_messages(method: &str) -> Option<&'static str> {
    const LISTS: [(&str, &str); 3] = [
        ("sendMediaGroup", "media"),
        ("copyMessages", "message_ids"),
        ("forwardMessages", "message_ids"),
    ];
    let list = LISTS
        .iter()
        .find(|(name, _)| method.eq_ignore_ascii_case(name));
    list.map(|(_, list)| *list)
}
