//! The type of update of tower-telegram for each of teloxide's.

use teloxide::types::AllowedUpdate;
use tower_telegram::types::UpdateType;

pub(crate) fn update_type(allowed: AllowedUpdate) -> UpdateType {
    match allowed {
        AllowedUpdate::Message => UpdateType::Message,
        AllowedUpdate::EditedMessage => UpdateType::EditedMessage,
        AllowedUpdate::ChannelPost => UpdateType::ChannelPost,
        AllowedUpdate::EditedChannelPost => UpdateType::EditedChannelPost,
        AllowedUpdate::BusinessConnection => UpdateType::BusinessConnection,
        AllowedUpdate::BusinessMessage => UpdateType::BusinessMessage,
        AllowedUpdate::EditedBusinessMessage => UpdateType::EditedBusinessMessage,
        AllowedUpdate::DeletedBusinessMessages => UpdateType::DeletedBusinessMessages,
        AllowedUpdate::MessageReaction => UpdateType::MessageReaction,
        AllowedUpdate::MessageReactionCount => UpdateType::MessageReactionCount,
        AllowedUpdate::InlineQuery => UpdateType::InlineQuery,
        AllowedUpdate::ChosenInlineResult => UpdateType::ChosenInlineResult,
        AllowedUpdate::CallbackQuery => UpdateType::CallbackQuery,
        AllowedUpdate::ShippingQuery => UpdateType::ShippingQuery,
        AllowedUpdate::PreCheckoutQuery => UpdateType::PreCheckoutQuery,
        AllowedUpdate::PurchasedPaidMedia => UpdateType::PurchasedPaidMedia,
        AllowedUpdate::Poll => UpdateType::Poll,
        AllowedUpdate::PollAnswer => UpdateType::PollAnswer,
        AllowedUpdate::MyChatMember => UpdateType::MyChatMember,
        AllowedUpdate::ChatMember => UpdateType::ChatMember,
        AllowedUpdate::ChatJoinRequest => UpdateType::ChatJoinRequest,
        AllowedUpdate::ChatBoost => UpdateType::ChatBoost,
        AllowedUpdate::RemovedChatBoost => UpdateType::RemovedChatBoost,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn m6_a_type_has_the_same_name_on_both_sides() {
        for name in UpdateType::ALL.map(UpdateType::as_str) {
            if let Ok(allowed) = serde_json::from_value::<AllowedUpdate>(name.into()) {
                assert_eq!(update_type(allowed).as_str(), name);
            }
        }
        let known = |name: &&str| serde_json::from_value::<AllowedUpdate>((*name).into()).is_ok();
        let names = UpdateType::ALL.map(UpdateType::as_str);
        assert_eq!(names.iter().filter(|name| known(name)).count(), 23);
    }
}
