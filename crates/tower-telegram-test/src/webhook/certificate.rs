//! Verification of the webhook's certificate, by the rules of OpenSSL.
//!
//! The real server uses OpenSSL. Where rustls has other rules, these apply:
//!
//! 1. The chain leads to a trusted root, or the certificate itself is trusted and self-signed. It may claim
//!    to be an authority, because certificates of `openssl req -x509` do.
//! 2. A host is searched among the DNS names of the certificate. Only if it has none, its common names
//!    count. A name may begin with a wildcard.
//! 3. An address is searched only among the addresses of the certificate. If the certificate was uploaded,
//!    the address is instead treated like a host, and the addresses don't count.
//!
//! Not imitated are certificates of version 1, RSA keys under 2048 bits, SHA-1 and other old algorithms,
//! which rustls rejects; the purposes of a self-signed certificate, which aren't checked; and revocation,
//! which neither server checks.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};

use super::certificate_names::{CertificateNames, Subject};

/// Parses the certificates of a PEM file. `None` if there is none, or one of them is malformed.
pub(crate) fn read_pem(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.ok().filter(|found| !found.is_empty())
}

/// The trusted certificates.
#[derive(Clone, Debug)]
pub(crate) struct Trusted {
    roots: Arc<RootCertStore>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Trusted {
    /// `None` if one of them is malformed.
    pub(crate) fn new(certificates: Vec<CertificateDer<'static>>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).ok()?;
        }
        Some(Self {
            roots: Arc::new(roots),
            certificates,
        })
    }
}

/// The check of one webhook's certificate.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) trusted: Trusted,
    pub(crate) subject: Subject,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// Whether the certificate itself is trusted.
    fn is_trusted_itself(
        &self,
        certificate: &CertificateDer<'_>,
        names: &CertificateNames<'_>,
    ) -> bool {
        names.is_self_signed && self.trusted.certificates.contains(certificate)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let names = CertificateNames::read(end_entity).ok_or(CertificateError::BadEncoding)?;
        let chain = verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &self.trusted.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        );
        match chain {
            // The dates are checked first, so with any other error they are valid.
            Err(error) if is_about_dates(&error) => return Err(error),
            Err(_) if self.is_trusted_itself(end_entity, &names) => {}
            // Such as the error for the certificate of an authority.
            Err(Error::InvalidCertificate(CertificateError::Other(_))) => {
                return Err(CertificateError::UnknownIssuer.into());
            }
            chain => chain?,
        }
        if !self.subject.is_in(&names) {
            return Err(CertificateError::NotValidForName.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Whether the error is about the dates of a certificate.
pub(crate) fn is_about_dates(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    )
}
