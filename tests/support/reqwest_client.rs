//! A builder of reqwest's client.

/// Another package of the workspace may have reqwest built with TLS and without the cryptography for it.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    #[cfg(feature = "client")]
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
}
