//! TLS connections to the bot's webhook, with the settings of the real server.
//!
//! They have no ALPN and no resumed sessions. SNI has the host's name unless it is an IP address. The
//! versions are TLS 1.2 and 1.3, while the real server still speaks 1.0.

use std::{fmt, io, sync::Arc};

use rustls::{
    ClientConfig, InvalidMessage, client::Resumption, crypto::ring::default_provider,
    pki_types::ServerName,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    certificate::{self, Trusted, Verifier},
    certificate_names::Subject,
};

const VERIFY_FAILED: &str = "error:0A000086:SSL routines::certificate verify failed";
const WRONG_VERSION: &str = "error:0A00010B:SSL routines::wrong version number";
/// The description of `setWebhook` for a file without a certificate.
pub(crate) const NO_CERTIFICATE: &str = "Failed to set custom certificate file{error:05800088:x509 certificate routines::no certificate or crl found}";

/// The reason why a TLS handshake with the bot failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate is neither the uploaded one nor signed by a trusted root.
    Untrusted,
    /// The certificate isn't for the host in the webhook's URL.
    WrongName,
    /// The certificate is no longer valid, or not yet.
    NotValidNow,
    /// The certificate, or the signature made with it, can't be read or used.
    BadCertificate,
    /// The bot's response to the handshake isn't TLS.
    NotTls,
    /// Any other failure, in words.
    Handshake(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Untrusted | Self::WrongName | Self::NotValidNow | Self::BadCertificate => {
                VERIFY_FAILED
            }
            Self::NotTls => WRONG_VERSION,
            Self::Handshake(text) => text,
        };
        write!(f, "SSL error {{{text}}}")
    }
}

impl std::error::Error for TlsError {}

impl TlsError {
    /// The TLS failure behind an I/O error, if TLS is the reason.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        use rustls::{CertificateError as Certificate, Error};

        let error = error.get_ref()?.downcast_ref::<Error>()?;
        Some(match error {
            error if certificate::is_about_dates(error) => Self::NotValidNow,
            Error::InvalidCertificate(Certificate::UnknownIssuer) => Self::Untrusted,
            Error::InvalidCertificate(Certificate::NotValidForName) => Self::WrongName,
            Error::InvalidCertificate(_) => Self::BadCertificate,
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            error => Self::Handshake(error.to_string()),
        })
    }
}

/// The TLS settings for one webhook.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// For a host without brackets. If a certificate is uploaded, it is the only trusted one. The error is
    /// the description of `setWebhook`.
    pub(crate) fn new(
        host: &str,
        uploaded: Option<&[u8]>,
        roots: &Trusted,
    ) -> Result<Self, String> {
        let trusted = match uploaded {
            None => roots.clone(),
            Some(pem) => certificate::read_pem(pem)
                .and_then(Trusted::new)
                .ok_or(NO_CERTIFICATE)?,
        };
        let provider = Arc::new(default_provider());
        let verifier = Verifier {
            trusted,
            subject: Subject::new(host, uploaded.is_some()),
            provider: Arc::clone(&provider),
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from(host.to_owned());
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name: name.map_err(|_| format!("Failed to resolve host: {host}"))?,
        })
    }

    /// Opens TLS over a connection.
    pub(crate) async fn connect(&self, io: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), io).await
    }
}
