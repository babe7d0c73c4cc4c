//! What Telegram's words mean.

use std::fmt;

use http::StatusCode;

use super::Error;

/// Why Telegram refused a call, read from its code and its words.
///
/// The words aren't a promise of Telegram's: they are read loosely, and what isn't known has no
/// reason. Decide by [`Error::status`] where that is enough. Displayed, a reason says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The webhook's URL isn't `https`. Give an `https` one, or use a server of your own.
    WebhookNotHttps,
    /// The webhook's port isn't 443, 80, 88 or 8443. Move it, or put a proxy in front.
    WebhookPort,
    /// The webhook's host can't be found. Check its name and its DNS; a new record takes a while.
    WebhookHostNotFound,
    /// The webhook's address isn't public. Give a public one.
    WebhookAddressReserved,
    /// The webhook's host has IPv6 addresses only. Give it an IPv4 one.
    WebhookIpv6Only,
    /// `ip_address` isn't an address. Correct it, or leave it out.
    WebhookIpAddress,
    /// The webhook's certificate is too large, or can't be used. Upload its public part as PEM.
    WebhookCertificate,
    /// The secret token is too long, or has a character that isn't allowed.
    WebhookSecretToken,
    /// The webhook's URL can't be read. Correct it.
    WebhookUrl,
    /// The webhook answered what it shouldn't. Look at the server behind it.
    WebhookResponse,

    /// getUpdates was called while a webhook is set (409). Call deleteWebhook first, or leave out
    /// getUpdates: a bot has the one or the other.
    WebhookIsSet,
    /// Another getUpdates has taken over (409): the bot runs twice. End one of them.
    OtherGetUpdates,
    /// A setWebhook has ended a getUpdates (409): stop polling.
    EndedBySetWebhook,
    /// Another setWebhook has taken over (409). Read the webhook again before setting it again.
    OtherSetWebhook,

    /// The token isn't, or is no longer, a bot's (401). Ask `@BotFather` for the present one.
    Unauthorized,
    /// The method doesn't exist on this server (404). Check its name and the server's version.
    MethodNotFound,
    /// Too many calls (429). Wait for [`Error::retry_after`].
    TooManyRequests,
    /// The call is too large (413), or a file in it is. Send less, or use a server of your own.
    TooLarge,
    /// The server has trouble (5xx). Try again later.
    ServerTrouble,

    /// The user has blocked the bot (403). Send no more until they write again.
    BlockedByUser,
    /// The user's account is gone (403). Forget them.
    UserDeactivated,
    /// The user hasn't written to the bot yet (403). Only people can begin a conversation.
    NotStarted,
    /// Bots can't write to bots (403).
    RecipientIsBot,
    /// The bot was removed from the group (403). Forget the chat until it is added again.
    KickedFromGroup,
    /// The bot was removed from the supergroup (403). Forget the chat until it is added again.
    KickedFromSupergroup,
    /// The bot was removed from the channel (403). Forget the chat until it is added again.
    KickedFromChannel,
    /// The bot isn't in the chat (403). Someone has to add it.
    NotAMember,
    /// The chat is gone (403). Forget it.
    ChatDeleted,
    /// The bot lacks a right in the chat. An administrator has to give it.
    NotEnoughRights,

    /// The group has become a supergroup. Use [`Error::migrate_to_chat_id`] from now on.
    Migrated,
    /// There is no such chat, or the bot has never seen it.
    ChatNotFound,
    /// There is no such user, or the bot has never seen them.
    UserNotFound,
    /// There is no such topic in the chat, or no longer.
    ThreadNotFound,
    /// The topic is closed.
    ThreadClosed,
    /// The edit would leave the message as it is. There is nothing to do.
    MessageNotModified,
    /// The message is gone, or was never there.
    MessageNotFound,
    /// The message isn't the bot's, or is too old to edit.
    MessageCantBeEdited,
    /// The message is too old to delete, or the bot may not.
    MessageCantBeDeleted,
    /// The text has no character left once it is parsed.
    TextEmpty,
    /// The text or caption is too long. Split it.
    TextTooLong,
    /// The text's HTML or Markdown is malformed. Escape what people wrote.
    CantParseEntities,
    /// The query was answered too late, or twice. Answer within seconds.
    QueryTooOld,
    /// Telegram doesn't know the file's id, or it belongs to another bot.
    FileNotFound,
    /// Telegram couldn't fetch the file from its URL. Upload it instead.
    FileNotFetched,
}

/// What is looked for in Telegram's words, in lower case; the first that is found counts.
type Words = [(&'static str, Reason)];

/// What the [server](https://github.com/tdlib/telegram-bot-api) says with 400. Words in capitals are those of
/// Telegram's own servers, which it passes on.
const BAD_REQUEST: &Words = &[
    ("https url must be provided", Reason::WebhookNotHttps),
    ("can be set up only on ports", Reason::WebhookPort),
    ("failed to resolve host", Reason::WebhookHostNotFound),
    ("name or service not known", Reason::WebhookHostNotFound),
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
    ("can't access the topic", Reason::ThreadNotFound),
    ("topic not found", Reason::ThreadNotFound),
    ("topic_closed", Reason::ThreadClosed),
    ("chat not found", Reason::ChatNotFound),
    ("group not found", Reason::ChatNotFound),
    ("peer_id_invalid", Reason::ChatNotFound),
    ("chat_id_invalid", Reason::ChatNotFound),
    ("channel_invalid", Reason::ChatNotFound),
    ("channel_private", Reason::NotAMember),
    ("no access to the chat", Reason::NotAMember),
    ("can't access the chat", Reason::NotAMember),
    ("user not found", Reason::UserNotFound),
    ("member not found", Reason::UserNotFound),
    ("no access to the user", Reason::UserNotFound),
    ("user_id_invalid", Reason::UserNotFound),
    ("invalid user_id", Reason::UserNotFound),
    ("user_not_participant", Reason::UserNotFound),
    ("participant_id_invalid", Reason::UserNotFound),
    ("user_deleted", Reason::UserDeactivated),
    ("user_is_bot", Reason::RecipientIsBot),
    ("message is not modified", Reason::MessageNotModified),
    ("message_not_modified", Reason::MessageNotModified),
    ("message can't be edited", Reason::MessageCantBeEdited),
    ("message_edit_time_expired", Reason::MessageCantBeEdited),
    ("message_author_required", Reason::MessageCantBeEdited),
    ("message can't be deleted", Reason::MessageCantBeDeleted),
    ("message_delete_forbidden", Reason::MessageCantBeDeleted),
    ("message_id_invalid", Reason::MessageNotFound),
    ("msg_id_invalid", Reason::MessageNotFound),
    ("text is empty", Reason::TextEmpty),
    ("text must be non-empty", Reason::TextEmpty),
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
    ("entity too large", Reason::TooLarge),
    ("wrong file identifier", Reason::FileNotFound),
    ("wrong file_id", Reason::FileNotFound),
    ("wrong remote file", Reason::FileNotFound),
    ("invalid file_id", Reason::FileNotFound),
    ("invalid file identifier", Reason::FileNotFound),
    ("invalid remote file", Reason::FileNotFound),
    ("unknown file identifier", Reason::FileNotFound),
    ("file_id is invalid", Reason::FileNotFound),
    ("file_id_invalid", Reason::FileNotFound),
    ("file_reference_", Reason::FileNotFound),
    ("http url content", Reason::FileNotFetched),
    ("wrong http url", Reason::FileNotFetched),
    ("wrong type of the web page", Reason::FileNotFetched),
    ("upload file by url", Reason::FileNotFetched),
    ("webpage_", Reason::FileNotFetched),
];

const FORBIDDEN: &Words = &[
    ("blocked by the user", Reason::BlockedByUser),
    ("user_is_blocked", Reason::BlockedByUser),
    ("user is deactivated", Reason::UserDeactivated),
    ("can't initiate conversation", Reason::NotStarted),
    ("messages to bots", Reason::RecipientIsBot),
    ("messages to the bot", Reason::RecipientIsBot),
    ("kicked from the supergroup", Reason::KickedFromSupergroup),
    ("kicked from the channel", Reason::KickedFromChannel),
    ("kicked from", Reason::KickedFromGroup),
    ("not a member", Reason::NotAMember),
    ("was deleted", Reason::ChatDeleted),
];

/// Telegram says it with 400 and with 403.
const RIGHTS: &Words = &[
    ("not enough rights", Reason::NotEnoughRights),
    ("have no rights", Reason::NotEnoughRights),
    ("no write access", Reason::NotEnoughRights),
    ("administrator rights", Reason::NotEnoughRights),
    ("write_forbidden", Reason::NotEnoughRights),
    ("guest_send_forbidden", Reason::NotEnoughRights),
    ("right_forbidden", Reason::NotEnoughRights),
    ("chat_admin_required", Reason::NotEnoughRights),
    ("chat_restricted", Reason::NotEnoughRights),
];

const CONFLICT: &Words = &[
    ("webhook is active", Reason::WebhookIsSet),
    ("other getupdates", Reason::OtherGetUpdates),
    ("other setwebhook", Reason::OtherSetWebhook),
    ("by setwebhook", Reason::EndedBySetWebhook),
];

impl Error {
    /// Why Telegram refused the call, where its words are known.
    pub fn reason(&self) -> Option<Reason> {
        if self.migrate_to_chat_id().is_some() {
            return Some(Reason::Migrated);
        }
        Reason::read(self.status()?, self.description()?)
    }
}

impl Reason {
    fn read(status: StatusCode, description: &str) -> Option<Self> {
        let words = description.to_lowercase();
        let words = first_cause(&words);
        match status.as_u16() {
            400 => Self::bad_request(words),
            401 => Some(Self::Unauthorized),
            403 => find(FORBIDDEN, words).or_else(|| rights(words)),
            404 if words.contains("method not found") => Some(Self::MethodNotFound),
            409 => find(CONFLICT, words),
            413 => Some(Self::TooLarge),
            429 => Some(Self::TooManyRequests),
            500 if words.contains("certificate") => Some(Self::WebhookCertificate),
            500.. => Some(Self::ServerTrouble),
            _ => None,
        }
    }

    fn bad_request(words: &str) -> Option<Self> {
        // What follows is what people wrote, and may be any of the other words.
        if words.starts_with("can't parse entities") {
            return Some(Self::CantParseEntities);
        }
        // The address, or what kind of message it is, stands in between.
        let between = |start: &str, end: &str| {
            let rest = words.split_once(start).map(|(_, rest)| rest);
            rest.is_some_and(|rest| rest.contains(end))
        };
        if between("ip address ", " is reserved") {
            return Some(Self::WebhookAddressReserved);
        }
        let found = find(BAD_REQUEST, words).or_else(|| rights(words));
        if found.is_none() && words.starts_with("message ") && words.ends_with(" not found") {
            return Some(Self::MessageNotFound);
        }
        if found.is_none() && words.starts_with("chat to ") && words.ends_with(" not found") {
            return Some(Self::ChatNotFound);
        }
        found
    }
}

/// The words without the status' own at their beginning. Of several messages it is told which was refused, and
/// why.
fn first_cause(words: &str) -> &str {
    let words = words.strip_prefix("bad request: ").unwrap_or(words);
    let words = words.strip_prefix("forbidden: ").unwrap_or(words);
    let quoted = words
        .strip_prefix("failed to send message #")
        .and_then(|rest| rest.split_once('"'));
    match quoted {
        Some((_, cause)) => cause.trim_end_matches('"'),
        None => words,
    }
}

fn rights(words: &str) -> Option<Reason> {
    // Which kind of message it is about stands in between.
    let of_a_kind = |word: &str| word.starts_with("chat_send_") && word.ends_with("_forbidden");
    if words.split(' ').any(of_a_kind) {
        return Some(Reason::NotEnoughRights);
    }
    find(RIGHTS, words)
}

fn find(list: &Words, words: &str) -> Option<Reason> {
    let found = list.iter().find(|(part, _)| words.contains(part));
    found.map(|(_, reason)| *reason)
}

/// What to do.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WebhookNotHttps => "the webhook needs an https url",
            Self::WebhookPort => "move the webhook to port 443, 80, 88 or 8443",
            Self::WebhookHostNotFound => "the webhook's host can't be found: check its dns",
            Self::WebhookAddressReserved => "the webhook needs a public address",
            Self::WebhookIpv6Only => "the webhook's host needs an ipv4 address",
            Self::WebhookIpAddress => "correct the webhook's fixed address, or leave it out",
            Self::WebhookCertificate => "upload the public certificate as pem, 3 MiB at most",
            Self::WebhookSecretToken => "a secret token is 1 to 256 of A-Z, a-z, 0-9, _ and -",
            Self::WebhookUrl => "correct the webhook's url",
            Self::WebhookResponse => "the webhook must answer with 200: look at its server",
            Self::WebhookIsSet => {
                "a webhook is set: call deleteWebhook before getUpdates, or don't poll"
            }
            Self::OtherGetUpdates => "the bot polls twice: end the other one",
            Self::EndedBySetWebhook => "a webhook was set: stop polling",
            Self::OtherSetWebhook => "the webhook was set elsewhere: read it again first",
            Self::Unauthorized => "the token isn't a bot's, or no longer: check it",
            Self::MethodNotFound => "the server doesn't know the method: check its version",
            Self::TooManyRequests => "wait as long as telegram asks for",
            Self::TooLarge => "send less, or use a bot api server of your own",
            Self::ServerTrouble => "the server has trouble: try again later",
            Self::BlockedByUser => "send no more until the user writes again",
            Self::UserDeactivated => "the user's account is gone: forget it",
            Self::NotStarted => "the user has to write to the bot first",
            Self::RecipientIsBot => "bots can't write to bots",
            Self::KickedFromGroup | Self::KickedFromSupergroup | Self::KickedFromChannel => {
                "forget the chat until the bot is added again"
            }
            Self::NotAMember => "the bot has to be added to the chat first",
            Self::ChatDeleted => "the chat is gone: forget it",
            Self::NotEnoughRights => "an administrator has to give the bot the right",
            Self::Migrated => "the group is a supergroup now: use its new id",
            Self::ChatNotFound => "no such chat, or the bot hasn't seen it",
            Self::UserNotFound => "no such user, or the bot hasn't seen them",
            Self::ThreadNotFound => "no such topic, or no longer",
            Self::ThreadClosed => "the topic is closed",
            Self::MessageNotModified => "nothing to do: the message is like that already",
            Self::MessageNotFound => "no such message, or no longer",
            Self::MessageCantBeEdited => "the message isn't the bot's, or is too old to edit",
            Self::MessageCantBeDeleted => "the message is too old to delete, or the bot may not",
            Self::TextEmpty => "the text must not be empty",
            Self::TextTooLong => "split the text",
            Self::CantParseEntities => "escape what people wrote, or send it without a parse mode",
            Self::QueryTooOld => "answer a query once, and within seconds",
            Self::FileNotFound => "no file has that id for this bot",
            Self::FileNotFetched => "telegram couldn't fetch the file: upload it",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: u16, words: &str) -> Option<Reason> {
        Reason::read(StatusCode::from_u16(code).unwrap(), words)
    }

    #[allow(clippy::too_many_lines)] // a table
    #[test]
    fn what_the_server_says_has_its_reason_in_any_case() {
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

    /// As the sources of the server and of `TDLib` have them.
    #[allow(clippy::too_many_lines)] // a table
    #[test]
    fn f5_each_of_the_servers_own_words_has_its_reason() {
        let all: [(Reason, &[&str]); 15] = [
            (
                Reason::CantParseEntities,
                &[
                    "can't parse entities: Can't find end of the entity starting at byte offset 5",
                    "can't parse entities: Unsupported start tag \"chat not found\" at byte offset 0",
                    "can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\'",
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
                    "CHAT_RESTRICTED",
                    "RIGHT_FORBIDDEN",
                    "not enough rights to send photos to the chat",
                    "not enough rights to change custom title of the user",
                    "have no rights to send a message",
                    "have no write access to the chat",
                    "need administrator rights in the channel chat",
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
                ],
            ),
            (
                Reason::UserNotFound,
                &[
                    "user not found",
                    "have no access to the user",
                    "invalid user_id specified",
                    "USER_ID_INVALID",
                    "PARTICIPANT_ID_INVALID",
                ],
            ),
            (
                Reason::NotAMember,
                &["CHANNEL_PRIVATE", "have no access to the chat"],
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
                ],
            ),
            (
                Reason::FileNotFound,
                &[
                    "wrong file identifier/HTTP URL specified",
                    "wrong file_id or the file is temporarily unavailable",
                    "wrong remote file identifier specified: can't unserialize it. Wrong last symbol",
                    "invalid file_id",
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
                ],
            ),
            (Reason::TooLarge, &["file is too big"]),
            (
                Reason::QueryTooOld,
                &[
                    "query is too old and response timeout expired or query ID is invalid",
                    "QUERY_ID_INVALID",
                ],
            ),
            (Reason::RecipientIsBot, &["USER_IS_BOT"]),
        ];
        for (reason, all) in all {
            for words in all {
                let words = format!("Bad Request: {words}");
                assert_eq!(read(400, &words), Some(reason), "{words}");
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
            (
                Reason::UserDeactivated,
                "Forbidden: failed to send message #1 with the error message \"User is deactivated\"",
            ),
        ] {
            assert_eq!(read(403, words), Some(reason), "{words}");
        }
    }

    /// A bot that answers one of these by another text, or by none of a mode, fails again.
    #[test]
    fn f5_words_that_only_look_alike_have_no_reason() {
        for words in [
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
            "can't parse reply keyboard markup JSON object",
            "can't parse MessageEntity: Object expected",
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
        ] {
            let words = format!("Bad Request: {words}");
            assert_eq!(read(400, &words), None, "{words}");
        }
    }

    #[test]
    fn what_is_not_known_has_no_reason() {
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
    fn a_group_that_moved_says_so_by_its_new_id_alone() {
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
}
