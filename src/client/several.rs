//! Methods that send several messages at once.

/// The parameter with the list of which each element becomes a message, where the method has one.
/// Telegram doesn't mind the case of a method's name.
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
