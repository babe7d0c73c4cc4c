//! HTTP clients to stand under [`BotApi`](crate::client::BotApi).

#[cfg(feature = "client")]
mod connector;
#[cfg(feature = "client")]
mod hyper;
#[cfg(feature = "reqwest")]
mod reqwest;

#[cfg(feature = "client")]
pub use self::hyper::{
    HttpTransport, HttpTransportBuilder, InvalidCertificate, TransportBody, TransportError,
    TransportFuture,
};
#[cfg(feature = "reqwest")]
pub use self::reqwest::{ReqwestBody, ReqwestError, ReqwestFuture, ReqwestTransport};
