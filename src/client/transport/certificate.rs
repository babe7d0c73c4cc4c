//! Certificates that are trusted in addition to the usual roots.

use std::{error, fmt};

use rustls::{
    CertificateError, RootCertStore,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
};

/// A host name that no certificate is valid for.
const NO_HOST: &str = "no-host.invalid";

/// Reads the certificates in a PEM text.
///
/// # Errors
///
/// When there is none, or when one of them can make no server trusted.
pub(super) fn read_roots(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidCertificate> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| InvalidCertificate(CertificateFault::Unreadable))?;
    if found.is_empty() {
        return Err(InvalidCertificate(CertificateFault::Unreadable));
    }
    found.iter().try_for_each(check)?;
    Ok(found)
}

/// Checks a certificate. One with host names is that of a server, and must be valid as such.
fn check(certificate: &CertificateDer<'_>) -> Result<(), InvalidCertificate> {
    let mut store = RootCertStore::empty();
    store
        .add(certificate.clone())
        .map_err(|_| InvalidCertificate(CertificateFault::Unreadable))?;
    // X.509 version 1, which only old authorities use.
    let Ok(own) = ParsedCertificate::try_from(certificate) else {
        return Ok(());
    };
    let names_hosts = names_hosts(&own);
    let now = UnixTime::now();
    let algorithms = ring::default_provider().signature_verification_algorithms;
    let verified =
        verify_server_cert_signed_by_trust_anchor(&own, &store, &[], now, algorithms.all);
    let fault = match verified {
        Ok(()) if names_hosts => return Ok(()),
        // It isn't an authority's either.
        Ok(()) => CertificateFault::NoHost,
        Err(_) if !names_hosts => return Ok(()),
        Err(rustls::Error::InvalidCertificate(error)) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                CertificateFault::Expired
            }
            // It will be valid later.
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                return Ok(());
            }
            _ => CertificateFault::Authority,
        },
        Err(_) => CertificateFault::Unreadable,
    };
    Err(InvalidCertificate(fault))
}

fn names_hosts(certificate: &ParsedCertificate<'_>) -> bool {
    let Ok(name) = ServerName::try_from(NO_HOST) else {
        return true;
    };
    match verify_server_name(certificate, &name) {
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented,
            ..
        })) => !presented.is_empty(),
        _ => true,
    }
}

/// A root certificate that can't be used, or root certificates of the operating system that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCertificate(CertificateFault);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CertificateFault {
    Unreadable,
    Authority,
    NoHost,
    Expired,
    #[cfg(feature = "platform-roots")]
    Platform,
}

impl InvalidCertificate {
    #[cfg(feature = "platform-roots")]
    pub(super) fn platform() -> Self {
        Self(CertificateFault::Platform)
    }
}

impl fmt::Display for InvalidCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            CertificateFault::Unreadable => "a root certificate can't be read",
            CertificateFault::Authority => {
                "a server's certificate can't be an authority's (CA:TRUE) and have a host name: \
                 make it with basicConstraints=CA:FALSE"
            }
            CertificateFault::NoHost => {
                "a server's certificate names no host: it needs a subjectAltName"
            }
            CertificateFault::Expired => "a server's certificate has expired",
            #[cfg(feature = "platform-roots")]
            CertificateFault::Platform => "the operating system's root certificates can't be read",
        })
    }
}

impl error::Error for InvalidCertificate {}
