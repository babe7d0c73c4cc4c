//! Why a webhook can't be set.

use std::{error, fmt, io, net::Ipv4Addr};

/// Why Telegram would refuse the arguments of `setWebhook`, or why they couldn't work.
///
/// It shows no part of the URL, which may hold a password, and neither the secret token nor the
/// certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidWebhook {
    /// The URL is empty, which would delete the webhook.
    NoUrl,
    /// The URL has no host.
    NotAbsolute,
    /// The URL's scheme isn't `https`.
    NotHttps,
    /// The URL's scheme is neither `https` nor `http`.
    NotHttp,
    /// The URL has a character that must be percent-encoded.
    Character {
        /// The byte at which it stands.
        at: usize,
    },
    /// The URL has a fragment, which Telegram would send as a part of the path.
    Fragment,
    /// The user name or password in the URL has a character that must be percent-encoded, or a `%`
    /// without two hexadecimal digits.
    UserInfo,
    /// The host is neither a name nor an address.
    Host,
    /// A label of the host's name, as Telegram sends it, has more than 63 bytes.
    LabelTooLong {
        /// Its bytes, in punycode where it has letters outside ASCII.
        length: usize,
    },
    /// The host's name, as Telegram sends it, has more than 253 bytes.
    HostTooLong {
        /// Its bytes, in punycode where it has letters outside ASCII.
        length: usize,
    },
    /// The host's name has one label, as `bot` has: it isn't in the public DNS.
    SingleLabel,
    /// The host's name has a suffix that isn't in the public DNS, such as `local` or `internal`.
    ReservedName {
        /// Its last label or labels.
        suffix: &'static str,
    },
    /// The host is `localhost`, or below it.
    Localhost,
    /// The host or the fixed address is an IPv6 address.
    Ipv6,
    /// The host or the fixed address belongs to a network that isn't public.
    ReservedAddress {
        /// Which one.
        address: Ipv4Addr,
    },
    /// The port isn't a number from 1 to 65535.
    NotAPort,
    /// The port isn't one of 443, 80, 88 and 8443.
    Port {
        /// Which one.
        port: u16,
    },
    /// With this URL and secret token the head of a request would exceed 4068 bytes. Telegram would
    /// set the webhook, and never send an update.
    HeadTooLong {
        /// Its bytes.
        length: usize,
    },
    /// `ip_address` isn't an address.
    IpAddress,
    /// `max_connections` is out of range.
    MaxConnections {
        /// The given number.
        given: i64,
        /// The most that there may be; the least is 1.
        most: i64,
    },
    /// The certificate isn't uploaded: Telegram ignores a file id, a URL or a text.
    CertificateNotUploaded,
    /// The certificate is over 3 MiB.
    CertificateTooLarge {
        /// Its bytes.
        length: usize,
    },
    /// The certificate's file can't be read, or isn't a file.
    CertificateUnreadable {
        /// The system's error.
        kind: io::ErrorKind,
    },
    /// The file holds no certificate as PEM, or something in it that isn't base64.
    CertificateNotPem,
    /// The PEM block of the file isn't an X.509 certificate.
    CertificateMalformed,
    /// The certificate's RSA key has fewer than 1000 bits. OpenSSL, with which Telegram connects, refuses it.
    CertificateKeyTooShort {
        /// Its bits.
        bits: usize,
    },
    /// There is a private key in the file, which must not leave the server.
    CertificateWithKey,
}

impl fmt::Display for InvalidWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUrl => "an empty url deletes the webhook: call deleteWebhook for that",
            Self::NotAbsolute => "the webhook's url must have a host: https://host/path",
            Self::NotHttps => "the webhook's url must be https; with `for_local_server`, http too",
            Self::NotHttp => "the webhook's url must be https or http",
            Self::Character { at } => {
                return write!(f, "byte {at} of the webhook's url must be percent-encoded");
            }
            Self::Fragment => "the webhook's url must not have a fragment",
            Self::UserInfo => {
                "the user name or password in the webhook's url must be percent-encoded"
            }
            Self::Host => "the host of the webhook's url is neither a name nor an address",
            Self::LabelTooLong { length } => {
                return write!(
                    f,
                    "a label of the webhook's host has {length} bytes: 63 at most"
                );
            }
            Self::HostTooLong { length } => {
                return write!(f, "the webhook's host has {length} bytes: 253 at most");
            }
            Self::SingleLabel => {
                "the webhook's host has no domain: telegram finds only names of the public dns"
            }
            Self::ReservedName { suffix } => {
                return write!(
                    f,
                    "the webhook's host ends in .{suffix}, which isn't in the public dns"
                );
            }
            Self::Localhost => "telegram can't reach localhost: the webhook needs a public host",
            Self::Ipv6 => "telegram doesn't send to an ipv6 address",
            Self::ReservedAddress { address } => {
                return write!(f, "telegram doesn't send to {address}: it isn't public");
            }
            Self::NotAPort => "the port of the webhook's url must be from 1 to 65535",
            Self::Port { port } => {
                return write!(
                    f,
                    "the webhook's port must be 443, 80, 88 or 8443, not {port}"
                );
            }
            Self::HeadTooLong { length } => {
                return write!(
                    f,
                    "the webhook's url is too long: a request's head would have {length} bytes"
                );
            }
            Self::IpAddress => "the fixed address of the webhook isn't an ip address",
            Self::MaxConnections { given, most } => {
                return write!(f, "max_connections must be from 1 to {most}, not {given}");
            }
            Self::CertificateNotUploaded => "the certificate must be uploaded as a file",
            Self::CertificateTooLarge { length } => {
                return write!(f, "the certificate has {length} bytes: 3 MiB at most");
            }
            Self::CertificateUnreadable { kind } => {
                return write!(f, "the certificate's file can't be read: {kind}");
            }
            Self::CertificateNotPem => "the file must hold a certificate as pem",
            Self::CertificateMalformed => "the file's pem isn't an x.509 certificate",
            Self::CertificateKeyTooShort { bits } => {
                return write!(
                    f,
                    "the certificate's rsa key has {bits} bits: telegram needs 1000, and 2048 are usual"
                );
            }
            Self::CertificateWithKey => {
                "the file holds a private key: upload the certificate alone"
            }
        })
    }
}

impl error::Error for InvalidWebhook {}
