//! The reasons, and what to do about each.

use std::fmt;

/// Why Telegram refused a call, read from the status and the description of the refusal.
///
/// Telegram doesn't document its descriptions, and may change them. So they are compared loosely, and an unknown one has
/// no reason. Decide by [`Error::status`](crate::client::Error::status) where that is enough. Displayed, a reason says
/// what to do about it.
///
/// ```
/// use tower_telegram::client::{Error, Reason};
///
/// fn is_worth_keeping(error: &Error) -> bool {
///     !matches!(
///         error.reason(),
///         Some(Reason::BlockedByUser | Reason::UserDeactivated | Reason::ChatDeleted)
///     )
/// }
/// # let _ = is_worth_keeping;
/// assert_eq!(Reason::TextTooLong.to_string(), "split the text");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The webhook's URL isn't `https`. Use an `https` URL, or a Bot API server of your own.
    WebhookNotHttps,
    /// The webhook's port isn't 443, 80, 88 or 8443. Move it, or put a proxy in front.
    WebhookPort,
    /// The webhook's host can't be found. Check its name and its DNS; a new record takes a while.
    WebhookHostNotFound,
    /// The webhook's address isn't public. Use a host with a public address.
    WebhookAddressReserved,
    /// The webhook's host has IPv6 addresses only. Add an IPv4 address.
    WebhookIpv6Only,
    /// The parameter `ip_address` isn't an IP address. Correct it, or leave it out.
    WebhookIpAddress,
    /// The webhook's certificate is larger than 3 MiB, or can't be used. Upload the public certificate as PEM.
    WebhookCertificate,
    /// The secret token is longer than 256 characters, or has a character other than `A-Za-z0-9_-`.
    WebhookSecretToken,
    /// The webhook's URL is malformed. Correct it.
    WebhookUrl,
    /// The webhook's response isn't a 2xx. Look at the server behind the URL.
    WebhookResponse,

    /// getUpdates was called while a webhook is set (409). A bot can use only one of them: call deleteWebhook first, or
    /// don't call getUpdates.
    WebhookIsSet,
    /// Another getUpdates has ended this one (409): the bot is running twice. Stop one of them.
    OtherGetUpdates,
    /// A setWebhook has ended this getUpdates (409). Stop polling.
    EndedBySetWebhook,
    /// Another setWebhook has ended this one (409). Read the webhook's settings before setting them again.
    OtherSetWebhook,

    /// The token isn't a bot's, or was revoked (401). `@BotFather` has the current one.
    Unauthorized,
    /// The method doesn't exist on this server (404). Check its name and the server's version.
    MethodNotFound,
    /// Too many calls (429). Wait for [`Error::retry_after`](crate::client::Error::retry_after).
    TooManyRequests,
    /// The call is too large (413), or a file in it is. Send less, or use a server of your own.
    TooLarge,
    /// The server failed (5xx). Try again later.
    ServerTrouble,

    /// The user has blocked the bot (403). Send them no more messages until they write again.
    BlockedByUser,
    /// The user's account was deleted (403). Forget the user.
    UserDeactivated,
    /// The user has never written to the bot (403). Only users can begin a conversation.
    NotStarted,
    /// Bots can't write to bots (403).
    RecipientIsBot,
    /// The bot was removed from the group (403). Forget the chat until it is added again.
    KickedFromGroup,
    /// The bot was removed from the supergroup (403). Forget the chat until it is added again.
    KickedFromSupergroup,
    /// The bot was removed from the channel (403). Forget the chat until it is added again.
    KickedFromChannel,
    /// The bot isn't in the chat (403). A member has to add it.
    NotAMember,
    /// The chat was deleted (403). Forget it.
    ChatDeleted,
    /// The bot lacks a right in the chat. An administrator has to grant it.
    NotEnoughRights,

    /// The group has become a supergroup. Use the id of
    /// [`Error::migrate_to_chat_id`](crate::client::Error::migrate_to_chat_id) from now on.
    Migrated,
    /// There is no such chat, or the bot has never seen it.
    ChatNotFound,
    /// There is no such user, or the bot has never seen them.
    UserNotFound,
    /// The chat has no such topic, or it was deleted.
    ThreadNotFound,
    /// The topic is closed.
    ThreadClosed,
    /// The edit wouldn't change the message. No action is needed.
    MessageNotModified,
    /// The message was deleted, or never existed.
    MessageNotFound,
    /// The message isn't the bot's, or is too old to edit.
    MessageCantBeEdited,
    /// The message is too old to delete, or the bot isn't allowed to.
    MessageCantBeDeleted,
    /// The text is empty after it was parsed.
    TextEmpty,
    /// The text or caption is too long. Split it.
    TextTooLong,
    /// The text's HTML or Markdown is malformed. Escape the text of users.
    CantParseEntities,
    /// The query was answered too late, or twice. Answer it within seconds.
    QueryTooOld,
    /// The file's id is unknown, or is that of another bot.
    FileNotFound,
    /// Telegram couldn't fetch the file from its URL. Upload it instead.
    FileNotFetched,
}

/// Says what to do about it, in one line.
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
            Self::OtherGetUpdates => "the bot is running twice: stop the other one",
            Self::EndedBySetWebhook => "a webhook was set: stop polling",
            Self::OtherSetWebhook => "the webhook was set by another call: read its settings first",
            Self::Unauthorized => "the token isn't a bot's, or was revoked: check it",
            Self::MethodNotFound => "the server doesn't know the method: check its version",
            Self::TooManyRequests => "wait as long as telegram asks",
            Self::TooLarge => "send less, or use a bot api server of your own",
            Self::ServerTrouble => "the server failed: try again later",
            Self::BlockedByUser => "send no more until the user writes again",
            Self::UserDeactivated => "the user's account was deleted: forget the user",
            Self::NotStarted => "the user has to write to the bot first",
            Self::RecipientIsBot => "bots can't write to bots",
            Self::KickedFromGroup | Self::KickedFromSupergroup | Self::KickedFromChannel => {
                "forget the chat until the bot is added again"
            }
            Self::NotAMember => "the bot has to be added to the chat first",
            Self::ChatDeleted => "the chat was deleted: forget it",
            Self::NotEnoughRights => "an administrator has to grant the bot the right",
            Self::Migrated => "the group is a supergroup now: use its new id",
            Self::ChatNotFound => "no such chat, or the bot hasn't seen it",
            Self::UserNotFound => "no such user, or the bot hasn't seen them",
            Self::ThreadNotFound => "no such topic, or it was deleted",
            Self::ThreadClosed => "the topic is closed",
            Self::MessageNotModified => "no action is needed: the message is like that already",
            Self::MessageNotFound => "no such message, or it was deleted",
            Self::MessageCantBeEdited => "the message isn't the bot's, or is too old to edit",
            Self::MessageCantBeDeleted => {
                "the message is too old to delete, or the bot isn't allowed to"
            }
            Self::TextEmpty => "the text must not be empty",
            Self::TextTooLong => "split the text",
            Self::CantParseEntities => "escape the text of users, or send it without a parse mode",
            Self::QueryTooOld => "answer a query once, and within seconds",
            Self::FileNotFound => "no file has that id for this bot",
            Self::FileNotFetched => "telegram couldn't fetch the file: upload it",
        })
    }
}
