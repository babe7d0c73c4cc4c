//! The names in a certificate, parsed from its DER and compared by OpenSSL's rules.

use std::net::IpAddr;

/// The host or address for which a certificate must be valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Host(String),
    Address(IpAddr),
}

impl Subject {
    /// With an uploaded certificate, an address is treated like a host.
    pub(crate) fn new(host: &str, is_uploaded: bool) -> Self {
        match host.parse() {
            Ok(address) if !is_uploaded => Self::Address(address),
            _ => Self::Host(host.to_ascii_lowercase()),
        }
    }

    /// Whether the certificate has that name.
    pub(crate) fn is_in(&self, names: &CertificateNames<'_>) -> bool {
        match self {
            Self::Address(IpAddr::V4(address)) => names.addresses.contains(&&address.octets()[..]),
            Self::Address(IpAddr::V6(address)) => names.addresses.contains(&&address.octets()[..]),
            Self::Host(host) => {
                let names = if names.dns.is_empty() {
                    &names.common
                } else {
                    &names.dns
                };
                names.iter().any(|name| matches(name, host))
            }
        }
    }
}

/// Whether a name in a certificate, which may have a wildcard in its first label, matches the host.
fn matches(name: &[u8], host: &str) -> bool {
    let Ok(name) = std::str::from_utf8(name) else {
        return false;
    };
    let (name, host) = (name.trim_end_matches('.'), host.trim_end_matches('.'));
    let Some((before, after)) = name.split_once('*') else {
        return name.eq_ignore_ascii_case(host);
    };
    let Some((rest, domain)) = after.split_once('.') else {
        return false;
    };
    // A wildcard for a whole top-level domain, a second one, or one further right is taken literally.
    if before.contains('.') || after.contains('*') || !domain.contains('.') {
        return false;
    }
    let Some((label, host_domain)) = host.split_once('.') else {
        return false;
    };
    let label = label.to_ascii_lowercase();
    host_domain.eq_ignore_ascii_case(domain)
        && label.len() > before.len() + rest.len()
        && label.starts_with(&before.to_ascii_lowercase())
        && label.ends_with(&rest.to_ascii_lowercase())
}

/// The names for which a certificate is valid.
#[derive(Debug, Default)]
pub(crate) struct CertificateNames<'a> {
    dns: Vec<&'a [u8]>,
    addresses: Vec<&'a [u8]>,
    common: Vec<&'a [u8]>,
    /// Whether its issuer is its own subject.
    pub(crate) is_self_signed: bool,
}

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

impl<'a> CertificateNames<'a> {
    /// Checks only the parts that it reads. The rest is checked by rustls.
    pub(crate) fn read(certificate: &'a [u8]) -> Option<Self> {
        let mut certificate = Der(Der(certificate).take(SEQUENCE)?);
        let mut fields = Der(certificate.take(SEQUENCE)?);
        // The version can be missing, the serial number and the algorithm can't.
        fields.take(VERSION);
        fields.take(INTEGER)?;
        fields.take(SEQUENCE)?;
        let issuer = fields.take(SEQUENCE)?;
        let _validity = fields.take(SEQUENCE)?;
        let subject = fields.take(SEQUENCE)?;
        let mut names = Self {
            is_self_signed: issuer == subject,
            ..Self::default()
        };
        names.read_subject(subject)?;
        while let Some((tag, field)) = fields.next() {
            if tag == EXTENSIONS {
                names.read_extensions(field)?;
            }
        }
        Some(names)
    }

    /// Adds the common names of a subject.
    fn read_subject(&mut self, subject: &'a [u8]) -> Option<()> {
        let mut sets = Der(subject);
        while let Some((_, set)) = sets.next() {
            let mut attributes = Der(set);
            while let Some((_, attribute)) = attributes.next() {
                let mut attribute = Der(attribute);
                if attribute.take(OID)? == COMMON_NAME {
                    self.common.push(attribute.next()?.1);
                }
            }
        }
        Some(())
    }

    /// Adds the alternative names among the extensions.
    fn read_extensions(&mut self, extensions: &'a [u8]) -> Option<()> {
        let mut extensions = Der(Der(extensions).take(SEQUENCE)?);
        while let Some((_, extension)) = extensions.next() {
            let mut extension = Der(extension);
            if extension.take(OID)? != SUBJECT_ALT_NAME {
                continue;
            }
            extension.take(BOOLEAN);
            let mut names = Der(Der(extension.take(OCTETS)?).take(SEQUENCE)?);
            while let Some((tag, name)) = names.next() {
                match tag {
                    DNS_NAME => self.dns.push(name),
                    ADDRESS => self.addresses.push(name),
                    _ => {}
                }
            }
        }
        Some(())
    }
}

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const DNS_NAME: u8 = 0x82;
const ADDRESS: u8 = 0x87;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// A sequence of DER values.
#[derive(Debug)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value if it has that tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        if *self.0.first()? != tag {
            return None;
        }
        self.next().map(|(_, value)| value)
    }

    /// The next value with its tag.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, length], mut rest) = self.0.split_first_chunk()?;
        let mut length = usize::from(length);
        if length >= 0x80 {
            let (bytes, after) = rest.split_at_checked(length - 0x80)?;
            if bytes.len() > 4 {
                return None;
            }
            length = bytes.iter().fold(0, |n, &b| n << 8 | usize::from(b));
            rest = after;
        }
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_openssl_matches_them() {
        for (name, host, expected) in [
            ("Example.COM", "example.com", true),
            ("example.com", "a.example.com", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("w*.example.com", "www.example.com", true),
            ("w*w.example.com", "ww.example.com", false),
            ("w*.example.com", "a.example.com", false),
            ("*.com", "example.com", false),
            ("a.*.com", "a.b.com", false),
            ("*", "localhost", false),
            ("127.0.0.1", "127.0.0.1", true),
        ] {
            assert_eq!(matches(name.as_bytes(), host), expected, "{name} {host}");
        }
    }

    #[test]
    fn dns_names_hide_common_names_and_addresses_are_apart() {
        let names = |dns: &[&'static [u8]]| CertificateNames {
            dns: dns.to_vec(),
            addresses: vec![&[127, 0, 0, 1]],
            common: vec![b"common", b"127.0.0.2"],
            is_self_signed: false,
        };
        let subject = |host, is_uploaded| Subject::new(host, is_uploaded);
        assert!(subject("common", false).is_in(&names(&[])));
        assert!(!subject("common", false).is_in(&names(&[b"dns"])));
        assert!(subject("127.0.0.1", false).is_in(&names(&[b"dns"])));
        assert!(!subject("127.0.0.1", true).is_in(&names(&[])));
        assert!(!subject("127.0.0.2", false).is_in(&names(&[])));
        assert!(subject("127.0.0.2", true).is_in(&names(&[])));
        assert!(subject("127.0.0.1", true).is_in(&names(&[b"127.0.0.1"])));
    }

    #[test]
    fn a_file_that_is_no_certificate_is_refused() {
        for bytes in [
            &b""[..],
            b"\x30",
            b"\x30\x85\x01\x01\x01\x01\x01",
            b"\x30\x82\xff",
            b"\x30\x02\x30\x00",
        ] {
            assert!(CertificateNames::read(bytes).is_none(), "{bytes:?}");
        }
    }
}
