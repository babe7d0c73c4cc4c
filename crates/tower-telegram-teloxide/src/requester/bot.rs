//! [`ClientBot`], a bot whose calls go through a client.

use teloxide::{Bot, DownloadError, net::Download};
use tokio::io::AsyncWrite;
use tower_telegram::Client;

/// A bot for teloxide's handlers whose calls go through a [`Client`] of tower-telegram and its layers: retries,
/// Telegram's limits, spans and metrics.
///
/// It has teloxide's methods, by its trait [`Requester`](teloxide::requests::Requester), and its errors are teloxide's
/// `RequestError`. teloxide's adaptors, such as `DefaultParseMode`, can be put around it. Handlers that take a
/// `Bot` have to take this type instead: `type Bot = ClientBot`.
///
/// Calls that upload a file, and downloads of files, go through a [`Bot`] of teloxide, because teloxide shows the content
/// of its `InputFile` to no other crate.
///
/// ```no_run
/// use teloxide::{prelude::*, types::Message};
/// use tower_telegram::{Client, client::{RateLimitLayer, RetryLayer}};
/// use tower_telegram_teloxide::{Bridge, ClientBot};
///
/// async fn echo(bot: ClientBot, message: Message) -> ResponseResult<()> {
///     bot.send_message(message.chat.id, message.text().unwrap_or("?")).await?;
///     Ok(())
/// }
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder_from_env()?
///     .layer(RetryLayer::new())
///     .layer(RateLimitLayer::new())
///     .build();
/// let bot = ClientBot::new(client, Bot::from_env());
/// let bridge = Bridge::new(Update::filter_message().endpoint(echo));
/// let dispatcher = Dispatcher::builder(bot, bridge.handler).build();
/// # let _ = dispatcher;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// - A refusal is `Api`, `RetryAfter` or `MigrateToChatId`, as with teloxide's own bot.
/// - A result that doesn't fit is `InvalidJson`, with the whole response. Telegram has carried the call out.
/// - Each other error of the client, such as a broken connection, is an `Io` with the
///   [`client::Error`](tower_telegram::client::Error) in it, because `Network` is made for reqwest.
///
/// A call that may have arrived is repeated by a `RetryLayer` only if its method is idempotent.
#[derive(Clone, Debug)]
pub struct ClientBot {
    client: Client,
    uploads: Bot,
}

impl ClientBot {
    /// A bot that calls through the client, and uploads through teloxide's bot. Both need the same token and server.
    #[must_use]
    pub fn new(client: Client, uploads: Bot) -> Self {
        Self { client, uploads }
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The bot for uploads and downloads.
    pub fn uploads(&self) -> &Bot {
        &self.uploads
    }
}

impl Download for ClientBot {
    type Err<'dst> = DownloadError;
    type Fut<'dst> = <Bot as Download>::Fut<'dst>;
    type StreamErr = <Bot as Download>::StreamErr;
    type Stream = <Bot as Download>::Stream;

    fn download_file<'dst>(
        &self,
        path: &str,
        destination: &'dst mut (dyn AsyncWrite + Unpin + Send),
    ) -> Self::Fut<'dst> {
        self.uploads.download_file(path, destination)
    }

    fn download_file_stream(&self, path: &str) -> Self::Stream {
        self.uploads.download_file_stream(path)
    }
}
