//! Names that the schema doesn't give, and how Telegram's become Rust's.

/// `send_message`, `sendMessage`, `text/html` → `SendMessage`, `TextHtml`.
pub(crate) fn pascal(name: &str) -> String {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect()
}

/// A field's name; the one keyword among them is spelled differently.
pub(crate) fn field(name: &str) -> &str {
    match name {
        "type" => "kind",
        other => other,
    }
}

/// A field's name as a sentence: `can_send_polls` → `Can send polls`.
pub(crate) fn sentence(name: &str) -> String {
    let words = name.replace('_', " ");
    let words = words[..1].to_uppercase() + &words[1..];
    let spell = |word: &str| match word {
        "id" | "Id" => "ID".to_owned(),
        "ids" => "IDs".to_owned(),
        "url" | "Url" => "URL".to_owned(),
        "ip" | "Ip" => "IP".to_owned(),
        other => other.to_owned(),
    };
    words.split(' ').map(spell).collect::<Vec<_>>().join(" ")
}

/// The name of a string enum, by the field that has its values.
pub(crate) fn string_enum(owner: &str, field: &str) -> String {
    match (owner, field) {
        (_, f) if f.ends_with("parse_mode") => "ParseMode".into(),
        ("VideoQuality", "codec") => "VideoCodec".into(),
        ("BotSubscriptionUpdated", "state") => "BotSubscriptionState".into(),
        ("SuggestedPostPaid" | "SuggestedPostPrice", "currency")
        | ("UniqueGiftInfo", "last_resale_currency") => "SuggestedPostCurrency".into(),
        ("SuggestedPostRefunded", "reason") => "SuggestedPostRefundReason".into(),
        ("KeyboardButton" | "InlineKeyboardButton", "style") => "ButtonStyle".into(),
        ("StickerSet" | "createNewStickerSet", "sticker_type") => "StickerType".into(),
        ("InputSticker" | "uploadStickerFile" | "setStickerSetThumbnail", _) => {
            "StickerFormat".into()
        }
        ("RichBlockTableCell" | "RichBlockButtons" | "InputRichBlockButtons", "align") => {
            "HorizontalAlignment".into()
        }
        ("RichBlockTableCell", "valign") => "VerticalAlignment".into(),
        ("RichBlockListItem" | "InputRichBlockListItem", "type") => "ListNumbering".into(),
        (o, "type") if o.starts_with("EncryptedPassport") || o.starts_with("PassportElement") => {
            "PassportElementType".into()
        }
        ("InlineQueryResultGif" | "InlineQueryResultMpeg4Gif", "thumbnail_mime_type") => {
            "ThumbnailMimeType".into()
        }
        ("TransactionPartnerUser", "transaction_type") => "TransactionType".into(),
        ("sendPoll", "type") => "PollType".into(),
        ("sendDice", "emoji") => "DiceEmoji".into(),
        ("sendChatAction", "action") => "ChatAction".into(),
        ("answerChatJoinRequestQuery", "result") => "ChatJoinRequestQueryResult".into(),
        ("ChatFullInfo", "type") => "ChatType".into(),
        _ => pascal(owner) + &pascal(field),
    }
}

/// The variant for a value of a string enum.
pub(crate) fn variant(value: &str) -> String {
    match value {
        "a" => "LowercaseLetter".into(),
        "A" => "UppercaseLetter".into(),
        "i" => "LowercaseRoman".into(),
        "I" => "UppercaseRoman".into(),
        "1" => "Decimal".into(),
        "🎲" => "Dice".into(),
        "🎯" => "Darts".into(),
        "🏀" => "Basketball".into(),
        "⚽" => "Football".into(),
        "🎳" => "Bowling".into(),
        "🎰" => "SlotMachine".into(),
        "HTML" => "Html".into(),
        "XTR" => "Stars".into(),
        "TON" => "Toncoin".into(),
        other => pascal(other),
    }
}

/// The choices that the schema spells out where it uses them, which become unions of their own.
pub(crate) const CHOICES: [(&str, &str); 3] = [
    (
        "ReplyMarkup",
        "InlineKeyboardMarkup | ReplyKeyboardMarkup | ReplyKeyboardRemove | ForceReply",
    ),
    (
        "MediaGroupItem",
        "InputMediaAudio | InputMediaDocument | InputMediaLivePhoto | InputMediaPhoto | InputMediaVideo",
    ),
    (
        "RichMessageMedia",
        "InputMediaAnimation | InputMediaAudio | InputMediaDocument | InputMediaPhoto | InputMediaVideo | InputMediaVoiceNote",
    ),
];

/// The name of a choice: one of [`CHOICES`], or a building block written by hand.
pub(crate) fn choice(alternatives: &str) -> Option<&'static str> {
    match alternatives {
        "Integer | String" => Some("ChatId"),
        "InputFile | String" => Some("InputFile"),
        "Message | True" => Some("MessageOrTrue"),
        other => CHOICES
            .iter()
            .find(|(_, spelled)| *spelled == other)
            .map(|(name, _)| *name),
    }
}

/// The names of a union's variants: those of its members, without the words that all of them share.
pub(crate) fn union_variants(members: &[String]) -> Vec<String> {
    let words: Vec<Vec<String>> = members.iter().map(|m| camel_words(m)).collect();
    let shortest = words.iter().map(Vec::len).min().unwrap_or(0);
    let first = &words[0];
    let prefix = (0..shortest)
        .take_while(|&i| words.iter().all(|w| w[i] == first[i]))
        .count();
    let suffix = (1..=shortest)
        .take_while(|&i| {
            words
                .iter()
                .all(|w| w[w.len() - i] == first[first.len() - i])
        })
        .count();
    if members.len() < 2 || words.iter().any(|w| w.len() <= prefix + suffix) {
        return members.to_vec();
    }
    words
        .iter()
        .map(|w| w[prefix..w.len() - suffix].concat())
        .collect()
}

fn camel_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if !c.is_ascii_uppercase() => word.push(c),
            _ => words.push(c.into()),
        }
    }
    words
}

/// The file of a type: its subject.
pub(crate) fn type_file(name: &str, section: &str) -> &'static str {
    match section {
        "getting-updates" => return "update",
        "rich-messages" => return "rich_message",
        "inline-mode" => return "inline",
        "payments" => return "payment",
        "telegram-passport" => return "passport",
        "stickers" => return "sticker",
        "games" => return "game",
        _ => {}
    }
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    if name == "Message" || name.starts_with("MessageO") || name == "MaybeInaccessibleMessage" {
        "message"
    } else if has(&[
        "Keyboard",
        "Button",
        "ForceReply",
        "WebApp",
        "LoginUrl",
        "CallbackQuery",
    ]) {
        "keyboard"
    } else if has(&["Checklist"]) {
        "checklist"
    } else if has(&["Gift"]) {
        "gift"
    } else if has(&["Giveaway"]) {
        "giveaway"
    } else if has(&["Story"]) {
        "story"
    } else if has(&["Business"]) {
        "business"
    } else if has(&["Forum", "SuggestedPost", "DirectMessage"]) {
        "forum"
    } else if has(&["Poll"]) {
        "poll"
    } else if has(&[
        "Media",
        "Photo",
        "Audio",
        "Video",
        "Document",
        "Animation",
        "Voice",
        "File",
        "Dice",
        "Contact",
        "Location",
        "Venue",
    ]) {
        "media"
    } else if has(&[
        "BotCommand",
        "BotName",
        "Description",
        "BotAccess",
        "Managed",
        "BotSubscription",
    ]) {
        "bot"
    } else if has(&["Message", "Reply", "Quote", "Entity", "Reaction"]) {
        "message"
    } else {
        "chat"
    }
}

/// The file of a method: its subject.
pub(crate) fn method_file(name: &str, section: &str) -> &'static str {
    match section {
        "getting-updates" => return "update",
        "updating-messages" => return "edit",
        "stickers" => return "sticker",
        "payments" => return "payment",
        "games" => return "game",
        "inline-mode" => return "inline",
        "telegram-passport" => return "passport",
        _ => {}
    }
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    if has(&["Gift"]) {
        "gift"
    } else if has(&["Story", "Stories"]) {
        "story"
    } else if has(&["Business", "readBusiness"]) {
        "business"
    } else if has(&["Forum"]) {
        "forum"
    } else if ["send", "forward", "copy"]
        .iter()
        .any(|p| name.starts_with(p))
    {
        "send"
    } else if name.starts_with("answer") || has(&["Prepared"]) {
        "answer"
    } else if has(&["My", "Managed", "MenuButton", "getMe", "logOut", "close"]) {
        "bot"
    } else {
        "chat"
    }
}

#[cfg(test)]
mod tests {
    use super::{pascal, union_variants};

    #[test]
    fn names_change_case() {
        assert_eq!(pascal("sendMessage"), "SendMessage");
        assert_eq!(pascal("bot_command"), "BotCommand");
    }

    #[test]
    fn variants_lose_what_all_members_share() {
        let names = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            union_variants(&names(&[
                "InputTextMessageContent",
                "InputVenueMessageContent"
            ])),
            ["Text", "Venue"]
        );
        assert_eq!(
            union_variants(&names(&["Message", "InaccessibleMessage"])),
            ["Message", "InaccessibleMessage"]
        );
    }
}
