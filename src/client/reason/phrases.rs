//! The phrases in Telegram's descriptions by which a reason is recognised.

use http::StatusCode;

use super::refusal::Reason;

/// Phrases in lower case, each with its reason. The first one that the description contains decides.
type Phrases = [(&'static str, Reason)];

/// Phrases of the [server](https://github.com/tdlib/telegram-bot-api) with status 400. Those with underscores are
/// error codes of Telegram's own servers, which it passes on.
const BAD_REQUEST: &Phrases = &[
    ("https url must be provided", Reason::WebhookNotHttps),
    ("can be set up only on ports", Reason::WebhookPort),
    ("failed to resolve host", Reason::WebhookHostNotFound),
    ("name or service not known", Reason::WebhookHostNotFound),
    ("getaddrinfo", Reason::WebhookHostNotFound),
    ("ipv6-only addresses", Reason::WebhookIpv6Only),
    ("invalid ip address", Reason::WebhookIpAddress),
    ("custom certificate", Reason::WebhookCertificate),
    ("certificate size", Reason::WebhookCertificate),
    ("secret token", Reason::WebhookSecretToken),
    ("invalid webhook url", Reason::WebhookUrl),
    ("wrong response from the webhook", Reason::WebhookResponse),
    ("upgraded to a supergroup", Reason::Migrated),
    ("message thread not found", Reason::ThreadNotFound),
    ("topic_deleted", Reason::ThreadNotFound),
    ("topic_id_invalid", Reason::ThreadNotFound),
    ("forum topic identifier", Reason::ThreadNotFound),
    ("message thread identifier", Reason::ThreadNotFound),
    ("invalid topic identifier", Reason::ThreadNotFound),
    ("unknown topic", Reason::ThreadNotFound),
    ("can't access the topic", Reason::ThreadNotFound),
    ("topic not found", Reason::ThreadNotFound),
    ("invalid topic specified", Reason::ThreadNotFound),
    ("chat is not a forum", Reason::ThreadNotFound),
    ("doesn't have topics", Reason::ThreadNotFound),
    ("doesn't have threads", Reason::ThreadNotFound),
    ("can't have message threads", Reason::ThreadNotFound),
    ("topic_closed", Reason::ThreadClosed),
    ("chat not found", Reason::ChatNotFound),
    ("group not found", Reason::ChatNotFound),
    ("peer_id_invalid", Reason::ChatNotFound),
    ("chat_id_invalid", Reason::ChatNotFound),
    ("channel_invalid", Reason::ChatNotFound),
    ("username_not_occupied", Reason::ChatNotFound),
    ("channel_private", Reason::NotAMember),
    ("no access to the chat", Reason::NotAMember),
    ("can't access the chat", Reason::NotAMember),
    ("chat is not accessible", Reason::NotAMember),
    ("not in the chat", Reason::NotAMember),
    ("chat_forbidden", Reason::NotAMember),
    ("user not found", Reason::UserNotFound),
    ("member not found", Reason::UserNotFound),
    ("no access to the user", Reason::UserNotFound),
    ("can't access the user", Reason::UserNotFound),
    ("user_id_invalid", Reason::UserNotFound),
    ("invalid user_id", Reason::UserNotFound),
    ("user_not_participant", Reason::UserNotFound),
    ("participant_id_invalid", Reason::UserNotFound),
    ("user_deleted", Reason::UserDeactivated),
    ("user_deactivated", Reason::UserDeactivated),
    ("user_is_blocked", Reason::BlockedByUser),
    ("user_is_bot", Reason::RecipientIsBot),
    ("user is deactivated", Reason::UserDeactivated),
    // Of a group: by older servers, or before the server has noticed that it was deleted.
    ("group is deactivated", Reason::ChatDeleted),
    ("chat is deactivated", Reason::ChatDeleted),
    ("chat was deactivated", Reason::ChatDeleted),
    ("message is not modified", Reason::MessageNotModified),
    ("message_not_modified", Reason::MessageNotModified),
    ("message can't be edited", Reason::MessageCantBeEdited),
    ("message_edit_time_expired", Reason::MessageCantBeEdited),
    ("message_author_required", Reason::MessageCantBeEdited),
    ("message can't be deleted", Reason::MessageCantBeDeleted),
    ("message_delete_forbidden", Reason::MessageCantBeDeleted),
    ("message_id_invalid", Reason::MessageNotFound),
    ("msg_id_invalid", Reason::MessageNotFound),
    ("message_not_found", Reason::MessageNotFound),
    ("reply message not found", Reason::MessageNotFound),
    ("suggested post not found", Reason::MessageNotFound),
    ("can't find message to copy", Reason::MessageNotFound),
    ("text is empty", Reason::TextEmpty),
    ("message_empty", Reason::TextEmpty),
    ("message is too long", Reason::TextTooLong),
    ("caption is too long", Reason::TextTooLong),
    ("text is too long", Reason::TextTooLong),
    ("message_too_long", Reason::TextTooLong),
    ("caption_too_long", Reason::TextTooLong),
    ("query is too old", Reason::QueryTooOld),
    ("query id is invalid", Reason::QueryTooOld),
    ("query_id_invalid", Reason::QueryTooOld),
    ("file is too big", Reason::TooLarge),
    ("bytes is too big", Reason::TooLarge),
    ("entity too large", Reason::TooLarge),
    ("wrong file identifier", Reason::FileNotFound),
    ("wrong file_id", Reason::FileNotFound),
    ("wrong remote file", Reason::FileNotFound),
    ("wrong persistent file_id", Reason::FileNotFound),
    ("invalid file_id", Reason::FileNotFound),
    ("invalid file id", Reason::FileNotFound),
    ("invalid remote file", Reason::FileNotFound),
    ("unknown file identifier", Reason::FileNotFound),
    ("file_id is invalid", Reason::FileNotFound),
    ("file_id_invalid", Reason::FileNotFound),
    ("file_reference_", Reason::FileNotFound),
    ("http url content", Reason::FileNotFetched),
    ("wrong http url", Reason::FileNotFetched),
    ("invalid file http url", Reason::FileNotFetched),
    ("wc_convert_url_invalid", Reason::FileNotFetched),
    ("external_url_invalid", Reason::FileNotFetched),
    ("wrong type of the web page", Reason::FileNotFetched),
    ("upload file by url", Reason::FileNotFetched),
    ("webpage_", Reason::FileNotFetched),
];

/// With status 403.
const FORBIDDEN: &Phrases = &[
    ("blocked by the user", Reason::BlockedByUser),
    ("user_is_blocked", Reason::BlockedByUser),
    ("user is deactivated", Reason::UserDeactivated),
    ("user_deactivated", Reason::UserDeactivated),
    ("can't initiate conversation", Reason::NotStarted),
    ("messages to bots", Reason::RecipientIsBot),
    ("messages to the bot", Reason::RecipientIsBot),
    ("kicked from the supergroup", Reason::KickedFromSupergroup),
    ("kicked from the channel", Reason::KickedFromChannel),
    ("kicked from", Reason::KickedFromGroup),
    ("not a member", Reason::NotAMember),
    ("channel_private", Reason::NotAMember),
    ("was deleted", Reason::ChatDeleted),
];

/// With status 400 and with 403.
const RIGHTS: &Phrases = &[
    ("not enough rights", Reason::NotEnoughRights),
    ("have no rights", Reason::NotEnoughRights),
    ("no write access", Reason::NotEnoughRights),
    ("administrator right", Reason::NotEnoughRights),
    ("write_forbidden", Reason::NotEnoughRights),
    ("guest_send_forbidden", Reason::NotEnoughRights),
    ("right_forbidden", Reason::NotEnoughRights),
    ("chat_admin_required", Reason::NotEnoughRights),
    ("chat_admin_invite_required", Reason::NotEnoughRights),
    ("chat_restricted", Reason::NotEnoughRights),
    ("user_banned_in_channel", Reason::NotEnoughRights),
    ("need owner rights", Reason::NotEnoughRights),
    ("need creator rights", Reason::NotEnoughRights),
    ("need to be inviter", Reason::NotEnoughRights),
    ("only the creator of", Reason::NotEnoughRights),
    ("only the owner can", Reason::NotEnoughRights),
];

/// With status 409.
const CONFLICT: &Phrases = &[
    ("webhook is active", Reason::WebhookIsSet),
    ("other getupdates", Reason::OtherGetUpdates),
    ("other setwebhook", Reason::OtherSetWebhook),
    ("by setwebhook", Reason::EndedBySetWebhook),
];

/// The reason of a refusal with this code and description.
pub(super) fn reason_of(status: StatusCode, description: &str) -> Option<Reason> {
    let text = description.to_lowercase();
    let text = first_cause(&text);
    match status.as_u16() {
        400 => bad_request(text),
        401 => Some(Reason::Unauthorized),
        403 => find(FORBIDDEN, text).or_else(|| rights(text)),
        404 if text.contains("method not found") => Some(Reason::MethodNotFound),
        409 => find(CONFLICT, text),
        413 => Some(Reason::TooLarge),
        429 => Some(Reason::TooManyRequests),
        500 if text.contains("certificate") => Some(Reason::WebhookCertificate),
        500.. => Some(Reason::ServerTrouble),
        _ => None,
    }
}

fn bad_request(text: &str) -> Option<Reason> {
    // First, because the rest of the description quotes the message's text, which may contain any other phrase.
    if cant_parse_entities(text) {
        return Some(Reason::CantParseEntities);
    }
    // The address, or the kind of message, stands in between.
    let between = |start: &str, end: &str| {
        let rest = text.split_once(start).map(|(_, rest)| rest);
        rest.is_some_and(|rest| rest.contains(end))
    };
    if between("ip address ", " is reserved") {
        return Some(Reason::WebhookAddressReserved);
    }
    // Longer ones are about the text of a button, or an inline message.
    if matches!(text, "text must be non-empty" | "message must be non-empty") {
        return Some(Reason::TextEmpty);
    }
    let found = find(BAD_REQUEST, text).or_else(|| rights(text));
    if found.is_none() && text.starts_with("message ") && text.ends_with(" not found") {
        return Some(Reason::MessageNotFound);
    }
    if found.is_none() && text.starts_with("chat to ") && text.ends_with(" not found") {
        return Some(Reason::ChatNotFound);
    }
    found
}

/// Whether a text's HTML or Markdown is malformed. In an album or an inline result, the description says before
/// which part of it: `can't parse inputmedia: can't parse entities: …`, or `failed to parse …`. Servers before Bot
/// API 4.5 say where in the same part: `can't parse entities in message text: …`.
fn cant_parse_entities(text: &str) -> bool {
    let begins = ["can't parse ", "failed to parse "];
    let mut parts = text
        .split(": ")
        .take_while(|part| begins.iter().any(|begin| part.starts_with(begin)));
    parts.any(|part| {
        let rest = part.strip_prefix("can't parse entities");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" in "))
    })
}

/// The description without the status' own words at its beginning. Where one of several messages was refused, the
/// refusal of that one.
fn first_cause(text: &str) -> &str {
    let text = text.strip_prefix("bad request: ").unwrap_or(text);
    let text = text.strip_prefix("forbidden: ").unwrap_or(text);
    let quoted = text
        .strip_prefix("failed to send message #")
        .and_then(|rest| rest.split_once('"'));
    match quoted {
        Some((_, cause)) => cause.trim_end_matches('"'),
        None => text,
    }
}

fn rights(text: &str) -> Option<Reason> {
    // The kind of message stands in between.
    let forbids_a_kind =
        |word: &str| word.starts_with("chat_send_") && word.ends_with("_forbidden");
    if text.split(' ').any(forbids_a_kind) {
        return Some(Reason::NotEnoughRights);
    }
    find(RIGHTS, text)
}

fn find(phrases: &Phrases, text: &str) -> Option<Reason> {
    let found = phrases.iter().find(|(phrase, _)| text.contains(phrase));
    found.map(|(_, reason)| *reason)
}
