//! Calls of the Bot API: from a typed method to its typed result.
//!
//! ```text
//! Client                          cheap to clone, no type parameters
//!   │ TraceCallsLayer             optional: a span for each call
//!   │ your layers                 tower::timeout, tower::limit …
//!   │ RetryLayer                  optional: waits after a 429, and never repeats a send that may have arrived
//!   │ RateLimitLayer              optional: 30/s, 1/s a chat, 20/min a group
//!   │ MigrateChatLayer            optional: follows a group that has become a supergroup
//!   ▼ Service<ApiRequest, Response = ApiResponse>
//! BotApi<S>                       encodes, adds URL and token, decodes the envelope
//!   │ your HTTP layers            decompression …
//!   ▼ Service<http::Request<ApiBody>, Response = http::Response<impl Body>>
//! any HTTP client                 HttpTransport, ReqwestTransport, your own
//! ```
//!
//! [`Client::new`] and [`Client::from_env`] make a client without layers, [`Client::builder`] one with layers, and
//! [`Client::from_service`] one over any stack of services. A failed call is an [`Error`], whose
//! [`kind`](Error::kind) and [`reason`](Error::reason) say what to do.
//!
//! Trace calls above [`BotApi`], with [`TraceCallsLayer`]: the URL of each HTTP request
//! below it contains the bot's token.
//!
//! ```no_run
//! use tower_telegram::{Client, methods::SendMessage};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "client")] {
//! let client = Client::new(&"123456:a-Secret_One".parse()?);
//! let message = client.send(SendMessage::new(42, "hi")).await?;
//! println!("sent {}", message.message_id);
//! # }
//! # Ok(())
//! # }
//! ```

mod api;
pub(crate) mod broken_json;
mod builder;
#[allow(clippy::module_inception)]
mod client;
#[cfg(feature = "tokio")]
mod deadline;
pub(crate) mod env;
mod erased;
mod error;
mod error_chain;
pub(crate) mod http_date;
mod into_error;
pub mod migrate_chat;
#[cfg(feature = "tokio")]
pub mod rate_limit;
mod reason;
mod redact;
#[cfg(feature = "tokio")]
pub mod retry;
pub(crate) mod retry_after;
mod several;
mod token;
pub mod trace;
mod transport;

#[cfg(feature = "tokio")]
pub(crate) use self::api::CallProgress;
pub(crate) use self::error::CallVerdict;
pub(crate) use self::error_chain::{ErrorChain, causes};
#[cfg(feature = "reqwest")]
pub use self::transport::ReqwestTransport;
#[cfg(feature = "client")]
pub use self::transport::{HttpTransport, HttpTransportBuilder, InvalidCertificate};
#[cfg(any(feature = "client", feature = "reqwest"))]
pub use self::transport::{TransportBody, TransportError, TransportFuture};
pub use self::{
    api::{ApiBody, ApiRequest, ApiResponse, BotApi, Download, InvalidBaseUrl, ResponseFuture},
    builder::ClientBuilder,
    client::{Client, TELEGRAM_API_URL},
    env::EnvError,
    erased::CallFuture,
    error::{Error, ErrorKind},
    migrate_chat::layer::MigrateChatLayer,
    reason::Reason,
    token::{BotToken, InvalidBotToken},
    trace::TraceCallsLayer,
};
#[cfg(feature = "tokio")]
pub use self::{
    rate_limit::{layer::RateLimitLayer, rate::Rate},
    retry::{layer::RetryLayer, policy::RetryPolicy},
};
