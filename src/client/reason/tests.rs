use http::StatusCode;

use super::{Reason, phrases::reason_of};
use crate::client::Error;

fn read(code: u16, words: &str) -> Option<Reason> {
    reason_of(StatusCode::from_u16(code).unwrap(), words)
}

#[allow(clippy::too_many_lines)] // a table
#[test]
fn descriptions_of_the_server_have_their_reason_in_upper_and_lower_case() {
    for (code, words, reason) in [
        (
            400,
            "Bad Request: bad webhook: An HTTPS URL must be provided for webhook",
            Reason::WebhookNotHttps,
        ),
        (
            400,
            "Bad Request: bad webhook: HTTPS url must be provided for webhook",
            Reason::WebhookNotHttps,
        ),
        (
            400,
            "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
            Reason::WebhookPort,
        ),
        (
            400,
            "Bad Request: bad webhook: Failed to resolve host: Name or service not known",
            Reason::WebhookHostNotFound,
        ),
        (
            400,
            "Bad Request: bad webhook: IP address 10.0.0.1 is reserved",
            Reason::WebhookAddressReserved,
        ),
        (
            400,
            "Bad Request: bad webhook: IPv6-only addresses are not allowed",
            Reason::WebhookIpv6Only,
        ),
        (
            400,
            "Bad Request: bad webhook: Invalid IP address specified",
            Reason::WebhookIpAddress,
        ),
        (
            400,
            "Bad Request: bad webhook: Failed to set custom certificate file{...}",
            Reason::WebhookCertificate,
        ),
        (
            400,
            "Bad Request: certificate size is too big (3145729 bytes)",
            Reason::WebhookCertificate,
        ),
        (
            500,
            "Internal Server Error: failed to save certificate",
            Reason::WebhookCertificate,
        ),
        (
            400,
            "Bad Request: secret token is too long",
            Reason::WebhookSecretToken,
        ),
        (
            400,
            "Bad Request: secret token contains unallowed characters",
            Reason::WebhookSecretToken,
        ),
        (
            400,
            "Bad Request: invalid webhook URL specified",
            Reason::WebhookUrl,
        ),
        (
            400,
            "Bad Request: bad webhook: Wrong response from the webhook: 404 Not Found",
            Reason::WebhookResponse,
        ),
        (
            409,
            "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
            Reason::WebhookIsSet,
        ),
        (
            409,
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
            Reason::OtherGetUpdates,
        ),
        (
            409,
            "Conflict: terminated by setWebhook request",
            Reason::EndedBySetWebhook,
        ),
        (
            409,
            "Conflict: terminated by other setWebhook",
            Reason::OtherSetWebhook,
        ),
        (401, "Unauthorized", Reason::Unauthorized),
        (
            401,
            "Unauthorized: invalid token specified",
            Reason::Unauthorized,
        ),
        (404, "Not Found: method not found", Reason::MethodNotFound),
        (
            429,
            "Too Many Requests: retry after 7",
            Reason::TooManyRequests,
        ),
        (413, "Request Entity Too Large", Reason::TooLarge),
        (400, "Bad Request: file is too big", Reason::TooLarge),
        (500, "Internal Server Error: restart", Reason::ServerTrouble),
        (502, "Bad Gateway", Reason::ServerTrouble),
        (
            403,
            "Forbidden: bot was blocked by the user",
            Reason::BlockedByUser,
        ),
        (
            403,
            "Forbidden: user is deactivated",
            Reason::UserDeactivated,
        ),
        (
            403,
            "Forbidden: bot can't initiate conversation with a user",
            Reason::NotStarted,
        ),
        (
            403,
            "Forbidden: bot can't send messages to bots",
            Reason::RecipientIsBot,
        ),
        (
            403,
            "Forbidden: bot was kicked from the group chat",
            Reason::KickedFromGroup,
        ),
        (
            403,
            "Forbidden: bot was kicked from the supergroup chat",
            Reason::KickedFromSupergroup,
        ),
        (
            403,
            "Forbidden: bot was kicked from the channel chat",
            Reason::KickedFromChannel,
        ),
        (
            403,
            "Forbidden: bot is not a member of the channel chat",
            Reason::NotAMember,
        ),
        (
            403,
            "Forbidden: the group chat was deleted",
            Reason::ChatDeleted,
        ),
        (
            403,
            "Forbidden: CHAT_WRITE_FORBIDDEN",
            Reason::NotEnoughRights,
        ),
        (
            400,
            "Bad Request: not enough rights to send text messages to the chat",
            Reason::NotEnoughRights,
        ),
        (
            400,
            "Bad Request: need administrator rights in the channel chat",
            Reason::NotEnoughRights,
        ),
        (
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
            Reason::Migrated,
        ),
        (400, "Bad Request: chat not found", Reason::ChatNotFound),
        (400, "Bad Request: user not found", Reason::UserNotFound),
        (
            400,
            "Bad Request: message thread not found",
            Reason::ThreadNotFound,
        ),
        (400, "Bad Request: TOPIC_CLOSED", Reason::ThreadClosed),
        (
            400,
            "Bad Request: message is not modified: specified new message content and reply markup are exactly the same",
            Reason::MessageNotModified,
        ),
        (
            400,
            "Bad Request: message to edit not found",
            Reason::MessageNotFound,
        ),
        (
            400,
            "Bad Request: message to be replied not found",
            Reason::MessageNotFound,
        ),
        (
            400,
            "Bad Request: MESSAGE_ID_INVALID",
            Reason::MessageNotFound,
        ),
        (
            400,
            "Bad Request: message can't be edited",
            Reason::MessageCantBeEdited,
        ),
        (
            400,
            "Bad Request: message can't be deleted for everyone",
            Reason::MessageCantBeDeleted,
        ),
        (400, "Bad Request: message text is empty", Reason::TextEmpty),
        (400, "Bad Request: message is too long", Reason::TextTooLong),
        (
            400,
            "Bad Request: message caption is too long",
            Reason::TextTooLong,
        ),
        (
            400,
            "Bad Request: can't parse entities: Can't find end tag",
            Reason::CantParseEntities,
        ),
        (
            400,
            "Bad Request: query is too old and response timeout expired or query ID is invalid",
            Reason::QueryTooOld,
        ),
        (
            400,
            "Bad Request: wrong file identifier/HTTP URL specified",
            Reason::FileNotFound,
        ),
        (
            400,
            "Bad Request: failed to get HTTP URL content",
            Reason::FileNotFetched,
        ),
    ] {
        for words in [words.to_owned(), words.to_uppercase(), words.to_lowercase()] {
            assert_eq!(read(code, &words), Some(reason), "{code} {words}");
        }
    }
}

/// From the sources of the server and of `TDLib`.
#[allow(clippy::too_many_lines)] // a table
#[test]
fn f5_each_description_of_the_server_has_its_reason() {
    let all: [(Reason, &[&str]); 19] = [
        (
            Reason::CantParseEntities,
            &[
                "can't parse entities: Can't find end of the entity starting at byte offset 5",
                "can't parse entities: Unsupported start tag \"chat not found\" at byte offset 0",
                "can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\'",
                "can't parse InputMedia: Can't parse entities: Can't find end tag corresponding to start tag \"b\"",
                "can't parse entities",
                "can't parse entities in message text: Can't find end of the entity starting at byte offset 5",
                "can't parse entities in caption: Unsupported start tag \"a\" at byte offset 0",
                "can't parse InputChecklistTask: Can't parse entities: Can't find end of Bold entity",
                "failed to parse poll option media: Can't parse entities: Can't find end tag",
                "failed to send message #1 with the error message \"Can't parse entities: x\"",
            ],
        ),
        (
            Reason::NotEnoughRights,
            &[
                "CHAT_SEND_PHOTOS_FORBIDDEN",
                "CHAT_SEND_PLAIN_FORBIDDEN",
                "CHAT_SEND_VOICES_FORBIDDEN",
                "CHAT_SEND_MEDIA_FORBIDDEN",
                "CHAT_WRITE_FORBIDDEN",
                "CHAT_GUEST_SEND_FORBIDDEN",
                "CHAT_ADMIN_REQUIRED",
                "CHAT_ADMIN_INVITE_REQUIRED",
                "CHAT_RESTRICTED",
                "RIGHT_FORBIDDEN",
                "USER_BANNED_IN_CHANNEL",
                "need owner rights in the group chat",
                "need creator rights in the chat",
                "need to be inviter of a user to kick it from a basic group",
                "only the creator of a basic group can kick group administrators",
                "only the owner can edit their custom title",
                "not enough rights to send photos to the chat",
                "not enough rights to change custom title of the user",
                "have no rights to send a message",
                "have no write access to the chat",
                "need administrator rights in the channel chat",
                "need administrator rights to invite a bot to the group chat",
                "need delete messages administrator right in the supergroup chat",
                "failed to send message #1 with the error message \"CHAT_SEND_VIDEOS_FORBIDDEN\"",
            ],
        ),
        (
            Reason::TextTooLong,
            &[
                "message is too long",
                "message caption is too long",
                "text is too long",
                "MESSAGE_TOO_LONG",
                "MEDIA_CAPTION_TOO_LONG",
                "failed to send message #2 with the error message \"Message caption is too long\"",
            ],
        ),
        (
            Reason::TextEmpty,
            &[
                "message text is empty",
                "text must be non-empty",
                "message must be non-empty",
                "MESSAGE_EMPTY",
            ],
        ),
        (
            Reason::ChatNotFound,
            &[
                "chat not found",
                "private chat not found",
                "supergroup not found",
                "chat to forward messages to not found",
                "PEER_ID_INVALID",
                "chat to boost not found",
                "USERNAME_NOT_OCCUPIED",
            ],
        ),
        (
            Reason::UserNotFound,
            &[
                "user not found",
                "have no access to the user",
                "can't access the user",
                "invalid user_id specified",
                "USER_ID_INVALID",
                "PARTICIPANT_ID_INVALID",
            ],
        ),
        (
            Reason::NotAMember,
            &[
                "CHANNEL_PRIVATE",
                "have no access to the chat",
                "can't access the chat to copy message from",
                "chat is not accessible",
                "not in the chat",
                "CHAT_FORBIDDEN",
            ],
        ),
        (
            Reason::MessageNotFound,
            &[
                "message not found",
                "message to edit not found",
                "message to be replied not found",
                "message to copy not found",
                "message with poll to stop not found",
                "message poll not found",
                "MESSAGE_ID_INVALID",
                "REPLY_MESSAGE_ID_INVALID",
                "MESSAGE_NOT_FOUND",
                "reply message not found",
                "message to react not found",
                "message to set game score not found",
                "suggested post not found",
                "can't find message to copy",
            ],
        ),
        (
            Reason::MessageCantBeEdited,
            &[
                "message can't be edited",
                "MESSAGE_EDIT_TIME_EXPIRED",
                "MESSAGE_AUTHOR_REQUIRED",
            ],
        ),
        (
            Reason::ThreadNotFound,
            &[
                "message thread not found",
                "TOPIC_DELETED",
                "invalid forum topic identifier specified",
                "unknown forum topic identifier specified",
                "invalid message thread identifier specified",
                "invalid topic identifier specified",
                "unknown topic specified",
                "can't access the topic",
                "invalid topic specified",
                "the chat is not a forum",
                "chat doesn't have topics",
                "chat doesn't have threads",
                "chat can't have message threads",
            ],
        ),
        (
            Reason::FileNotFound,
            &[
                "wrong file identifier/HTTP URL specified",
                "wrong file_id or the file is temporarily unavailable",
                "wrong remote file identifier specified: can't unserialize it. Wrong last symbol",
                "invalid file_id",
                "wrong persistent file_id specified: contains wrong characters or have wrong length",
                "invalid file id",
                "FILE_REFERENCE_EXPIRED",
            ],
        ),
        (
            Reason::FileNotFetched,
            &[
                "failed to get HTTP URL content",
                "wrong type of the web page content",
                "wrong HTTP URL specified",
                "can't upload file by URL",
                "WEBPAGE_CURL_FAILED",
                "WC_CONVERT_URL_INVALID",
                "EXTERNAL_URL_INVALID",
                "invalid file HTTP URL specified: Unsupported URL protocol",
            ],
        ),
        (
            Reason::TooLarge,
            &[
                "file is too big",
                "file of size 20000000 bytes is too big for a photo; the maximum size is 10485760 bytes",
            ],
        ),
        (
            Reason::ChatDeleted,
            &[
                "chat is deactivated",
                "group is deactivated",
                "group chat was deactivated",
            ],
        ),
        (
            Reason::WebhookHostNotFound,
            &["bad webhook: getaddrinfo: Temporary failure in name resolution"],
        ),
        (
            Reason::QueryTooOld,
            &[
                "query is too old and response timeout expired or query ID is invalid",
                "QUERY_ID_INVALID",
            ],
        ),
        (Reason::RecipientIsBot, &["USER_IS_BOT"]),
        (
            Reason::UserDeactivated,
            &[
                "INPUT_USER_DEACTIVATED",
                "USER_DELETED",
                "user is deactivated",
            ],
        ),
        (Reason::BlockedByUser, &["USER_IS_BLOCKED"]),
    ];
    for (reason, all) in all {
        for words in all {
            for words in [
                format!("Bad Request: {words}"),
                format!("bad request: {}", words.to_lowercase()),
                format!("BAD REQUEST: {}", words.to_uppercase()),
                format!("Bad Request: {}{}", words[..1].to_uppercase(), &words[1..]),
                // As a proxy or a mock may write it.
                (*words).to_owned(),
            ] {
                assert_eq!(read(400, &words), Some(reason), "{words}");
            }
            if words.starts_with("failed to send") {
                continue;
            }
            // Each may be that of one message of several, in its own words.
            for number in ["1", "10"] {
                let words = format!(
                    "Bad Request: failed to send message #{number} with the error message \"{words}\""
                );
                assert_eq!(read(400, &words), Some(reason), "{words}");
            }
        }
    }
    for (reason, words) in [
        (
            Reason::RecipientIsBot,
            "Forbidden: the bot can't send messages to the bot",
        ),
        (
            Reason::RecipientIsBot,
            "Forbidden: bot can't send messages to bots",
        ),
        (
            Reason::BlockedByUser,
            "Forbidden: bot was blocked by the user",
        ),
        (Reason::UserDeactivated, "Forbidden: INPUT_USER_DEACTIVATED"),
        (Reason::NotAMember, "Forbidden: CHANNEL_PRIVATE"),
        (
            Reason::UserDeactivated,
            "Forbidden: failed to send message #1 with the error message \"User is deactivated\"",
        ),
    ] {
        assert_eq!(read(403, words), Some(reason), "{words}");
    }
}

/// A bot that shortens the text, or leaves out the parse mode, because of one of these fails again.
#[test]
fn f5_similar_descriptions_have_no_reason() {
    for words in [
        "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        "can't parse reply keyboard markup JSON object",
        "can't parse MessageEntity: Object expected",
        "can't parse entities JSON object",
        "can't parse InputMedia: type must be a string",
        "can't parse InputMedia: unknown type \"can't parse entities: x\"",
        "can't parse message identifier as a Number",
        "reply markup is too long",
        "name is too long",
        "CHAT_ABOUT_TOO_LONG",
        "CHAT_FORWARDS_RESTRICTED",
        "USER_PRIVACY_RESTRICTED",
        "VOICE_MESSAGES_FORBIDDEN",
        "sticker set not found",
        "business connection not found",
        "chat description is not modified",
        "user is an administrator of the chat",
        "message identifier is not specified",
        "wrong file type",
        "inline keyboard button text must be non-empty",
        "keyboard button text must be non-empty",
        "first name must be non-empty",
        "poll option must be non-empty",
        "sticker set name is already occupied",
        "document number is too long",
        "total price is too big",
        "dimensions of the photo are too big",
        "inline query result not found",
        "business connection not found",
        "message has protected content and can't be forwarded",
        "message can't be pinned",
        "photo can't be deleted",
        "the bot can't be edited",
        "USERNAME_NOT_MODIFIED",
        "RIGHTS_NOT_MODIFIED",
        "TOPIC_NOT_MODIFIED",
        "URL_EXPIRED",
        "FROZEN_METHOD_INVALID",
        "invalid chat username specified",
        "invalid message identifier specified",
        "too many messages to send as an album",
        "inline message must be non-empty",
        "rich message must be non-empty",
        "inline keyboard button URL 'ftp://a' is invalid: Unsupported URL protocol",
        "can't edit chat owner",
        "chat is too big",
        "file must be non-empty",
        "message has wrong type",
        "",
        "bad request: ",
    ] {
        let words = format!("Bad Request: {words}");
        assert_eq!(read(400, &words), None, "{words}");
    }
}

#[test]
fn an_unknown_description_has_no_reason() {
    for (code, words) in [
        (400, "Bad Request"),
        (400, "Bad Request: something quite new"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (409, "Conflict"),
        (421, ""),
        (200, "Unauthorized"),
    ] {
        assert_eq!(read(code, words), None, "{code} {words}");
    }
}

#[test]
fn an_error_with_a_new_id_has_the_reason_migrated_whatever_its_description() {
    let error = Error::api(StatusCode::BAD_REQUEST, "".into(), None, Some(-1001));
    assert_eq!(error.reason(), Some(Reason::Migrated));
    assert_eq!(Error::http(StatusCode::BAD_GATEWAY).reason(), None);
}

#[test]
fn g5_the_conflict_with_a_webhook_says_what_to_do() {
    let says = Reason::WebhookIsSet.to_string();
    assert!(
        says.contains("call deleteWebhook before getUpdates"),
        "{says}"
    );
}
