//! What Telegram's words mean.

mod phrases;

use std::fmt;

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

impl Error {
    /// Why Telegram refused the call, where its words are known.
    pub fn reason(&self) -> Option<Reason> {
        if self.migrate_to_chat_id().is_some() {
            return Some(Reason::Migrated);
        }
        phrases::reason_of(self.status()?, self.description()?)
    }
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
mod tests;
