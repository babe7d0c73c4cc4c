//! HTTP clients for [`BotApi`](crate::client::BotApi).

#[cfg(feature = "client")]
mod certificate;
#[cfg(feature = "client")]
mod connector;
#[cfg(any(feature = "client", feature = "reqwest"))]
mod early_answer;
#[cfg(feature = "client")]
mod hyper;
#[cfg(feature = "reqwest")]
mod replaceable_client;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(any(feature = "client", feature = "reqwest"))]
mod response;

#[cfg(feature = "reqwest")]
pub use self::reqwest::ReqwestTransport;
#[cfg(any(feature = "client", feature = "reqwest"))]
pub use self::response::{TransportBody, TransportError, TransportFuture};
#[cfg(feature = "client")]
pub use self::{
    certificate::InvalidCertificate,
    hyper::{HttpTransport, HttpTransportBuilder},
};
