//! Checks of the certificate that is uploaded because no public authority has signed the server's.

#[cfg(feature = "tokio")]
use std::{fs, io, path::Path};

use super::{
    InvalidWebhook,
    x509::{PublicKey, public_key},
};
use crate::types::{InputFile, UploadSource};

/// The most that Telegram takes, in bytes.
const MAX_LENGTH: usize = 3 << 20;

/// OpenSSL refuses shorter RSA keys at every security level but the lowest, which it doesn't use by default.
const MIN_RSA_BITS: usize = 1000;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

pub(super) fn check(certificate: &InputFile) -> Result<(), InvalidWebhook> {
    let Some(upload) = certificate.as_upload() else {
        return Err(InvalidWebhook::CertificateNotUploaded);
    };
    match upload.source() {
        UploadSource::Bytes(bytes) => check_content(bytes),
        #[cfg(feature = "tokio")]
        UploadSource::Path(path) => check_file(path),
        // It can be read once, and that is when it is sent.
        #[cfg(feature = "tokio")]
        UploadSource::Reader { .. } => Ok(()),
    }
}

#[cfg(feature = "tokio")]
fn check_file(path: &Path) -> Result<(), InvalidWebhook> {
    let unreadable =
        |error: io::Error| InvalidWebhook::CertificateUnreadable { kind: error.kind() };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    // Opening a pipe would block.
    if !metadata.is_file() {
        return Err(unreadable(io::ErrorKind::InvalidInput.into()));
    }
    let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if length > MAX_LENGTH {
        return Err(InvalidWebhook::CertificateTooLarge { length });
    }
    check_content(&fs::read(path).map_err(unreadable)?)
}

fn check_content(content: &[u8]) -> Result<(), InvalidWebhook> {
    if content.len() > MAX_LENGTH {
        return Err(InvalidWebhook::CertificateTooLarge {
            length: content.len(),
        });
    }
    let text = str::from_utf8(content).map_err(|_| InvalidWebhook::CertificateNotPem)?;
    if text.contains("PRIVATE KEY-----") {
        return Err(InvalidWebhook::CertificateWithKey);
    }
    let mut blocks = text.split(BEGIN).skip(1).peekable();
    if blocks.peek().is_none() {
        return Err(InvalidWebhook::CertificateNotPem);
    }
    blocks.try_for_each(check_block)
}

/// Checks the certificate that follows a block's first line.
fn check_block(rest: &str) -> Result<(), InvalidWebhook> {
    let (body, _) = rest
        .split_once(END)
        .ok_or(InvalidWebhook::CertificateNotPem)?;
    let der = decode_base64(body).ok_or(InvalidWebhook::CertificateNotPem)?;
    match public_key(&der) {
        Some(PublicKey::Rsa { bits }) if bits < MIN_RSA_BITS => {
            Err(InvalidWebhook::CertificateKeyTooShort { bits })
        }
        Some(_) => Ok(()),
        None => Err(InvalidWebhook::CertificateMalformed),
    }
}

/// Decodes padded base64 with white space anywhere. `None` if it is anything else, or empty.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let padding = digits.iter().rev().take_while(|b| **b == b'=').count();
    if digits.is_empty() || padding > 2 || !digits.len().is_multiple_of(4) {
        return None;
    }
    let digits = &digits[..digits.len() - padding];
    let values: Option<Vec<u32>> = digits.iter().map(|digit| value_of(*digit)).collect();
    let mut bytes = Vec::with_capacity(digits.len());
    for group in values?.chunks(4) {
        // A last group of two or three digits has one or two bytes.
        let bits =
            group.iter().fold(0, |bits, value| (bits << 6) | value) << (6 * (4 - group.len()));
        bytes.extend(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

fn value_of(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
pub(super) mod tests {
    use super::{super::x509::tests::rsa, *};

    /// As `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=bot.example` makes
    /// one: `CA:TRUE`, and without a subject alternative name.
    pub(crate) const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBgjCCASegAwIBAgIUXRl4izknMRL87yGukRBXvaTl4/QwCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLYm90LmV4YW1wbGUwHhcNMjYxMTI3MDMxNTExWhcNMjYxMjI3
MDMxNTExWjAWMRQwEgYDVQQDDAtib3QuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABFph2OkkTsMelNr9gh2vrdSsYR9NMeXUVdxVefxGou3jNTBhDmHy
6hlje5dLmXhqHeNKV3OsUX0RI+m2C0KfEimjUzBRMB0GA1UdDgQWBBTKraENKPL2
l11FQLljhTc6jI55cTAfBgNVHSMEGDAWgBTKraENKPL2l11FQLljhTc6jI55cTAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDeJm6PbSJD9cEYfu12
AH/VRMKuq6cbB9rYNoMRU5IL6AIhAPv1ZIHAwZebk2zcUK3FqGbJG5arFdKw+Kox
dgwgeKll
-----END CERTIFICATE-----
";

    /// PEM of any content.
    fn pem(der: &[u8]) -> String {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for group in der.chunks(3) {
            let bits = group
                .iter()
                .fold(0, |bits, byte| (bits << 8) | u32::from(*byte));
            let bits = bits << (8 * (3 - group.len()));
            for at in 0..4 {
                let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
                text.push(if at > group.len() { '=' } else { digit.into() });
            }
        }
        format!("{BEGIN}\n{text}\n{END}\n")
    }

    fn checked(content: impl Into<Vec<u8>>) -> Result<(), InvalidWebhook> {
        check(&InputFile::bytes("bot.pem", content.into()))
    }

    #[test]
    fn g1_a_certificate_is_an_uploaded_pem_of_at_most_3_mib() {
        let block = CERTIFICATE;
        for good in [
            block.to_owned(),
            block.repeat(2),
            block.replace('\n', "\r\n"),
            format!("subject=/CN=bot\n{block}"),
            format!("{block}{}", " ".repeat(MAX_LENGTH - block.len())),
        ] {
            assert_eq!(checked(good), Ok(()));
        }
        let too_large = format!("{block}{}", " ".repeat(MAX_LENGTH + 1 - block.len()));
        assert_eq!(
            checked(too_large),
            Err(InvalidWebhook::CertificateTooLarge {
                length: MAX_LENGTH + 1
            })
        );
        for reference in ["bot.pem", "https://bot.example/bot.pem", block] {
            assert_eq!(
                check(&reference.into()),
                Err(InvalidWebhook::CertificateNotUploaded)
            );
        }
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn g1_a_certificate_on_the_disk_is_read_before_it_is_sent() {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("tower-telegram-certificate-{}", std::process::id()));
        for (content, expected) in [
            (CERTIFICATE.into(), Ok(())),
            (pem(b"0\0"), Err(InvalidWebhook::CertificateMalformed)),
            ("0\u{82}".into(), Err(InvalidWebhook::CertificateNotPem)),
            (
                " ".repeat(MAX_LENGTH + 1),
                Err(InvalidWebhook::CertificateTooLarge {
                    length: MAX_LENGTH + 1,
                }),
            ),
        ] {
            fs::write(&path, content).unwrap();
            assert_eq!(check(&InputFile::path(&path)), expected);
        }
        fs::remove_file(&path).unwrap();
        let missing = InvalidWebhook::CertificateUnreadable {
            kind: io::ErrorKind::NotFound,
        };
        assert_eq!(check(&InputFile::path(&path)), Err(missing));
        let kind = io::ErrorKind::InvalidInput;
        assert_eq!(
            check(&InputFile::path(folder)),
            Err(InvalidWebhook::CertificateUnreadable { kind })
        );
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn a_reader_that_can_be_read_once_is_not_checked() {
        let reader = InputFile::reader("bot.pem", &b"x"[..], None);
        assert_eq!(check(&reader), Ok(()));
    }

    #[test]
    fn g1_a_file_without_pem_or_with_a_private_key_is_refused() {
        for bad in [
            Vec::new(),
            b"0\x82\x03\xc1".to_vec(),
            b"certificate".to_vec(),
            format!("{BEGIN}\n{END}\n").into(),
            format!("{BEGIN}\nMIIB\n").into(),
            format!("{BEGIN}\nMIIBA\n{END}\n").into(),
            format!("{BEGIN}\nMI?B\n{END}\n").into(),
            format!("{CERTIFICATE}{BEGIN}\n{END}\n").into(),
            format!("{BEGIN}\nMIIB=\n{END}\n").into(),
            format!("{BEGIN}\nMI=B\n{END}\n").into(),
            format!("{BEGIN}\nM===\n{END}\n").into(),
            "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n".into(),
        ] {
            assert_eq!(checked(bad), Err(InvalidWebhook::CertificateNotPem));
        }
        let with_key = format!(
            "{BEGIN}\nMIIB\n{END}\n-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----\n"
        );
        assert_eq!(checked(with_key), Err(InvalidWebhook::CertificateWithKey));
    }

    /// Telegram would erase the old webhook, and then fail to read it.
    #[test]
    fn g1_pem_that_openssl_cant_read_as_a_certificate_is_refused() {
        let whole = rsa(2048);
        assert_eq!(checked(pem(&whole)), Ok(()));
        for bad in [
            pem(&[whole.clone(), vec![0]].concat()),
            pem(&whole[..whole.len() - 1]),
            pem(b"x"),
            pem(b"0\x82\x03\xc1"),
            pem(b"0\x03\x02\x01\x07"),
            format!("{CERTIFICATE}{}", pem(b"xy")),
        ] {
            assert_eq!(checked(bad), Err(InvalidWebhook::CertificateMalformed));
        }
    }

    #[test]
    fn g1_an_rsa_key_that_openssl_refuses_is_refused() {
        for (bits, expected) in [
            (
                512,
                Err(InvalidWebhook::CertificateKeyTooShort { bits: 512 }),
            ),
            (
                999,
                Err(InvalidWebhook::CertificateKeyTooShort { bits: 999 }),
            ),
            (1000, Ok(())),
            (1024, Ok(())),
            (4096, Ok(())),
        ] {
            assert_eq!(checked(pem(&rsa(bits))), expected, "{bits}");
        }
        let second = format!("{CERTIFICATE}{}", pem(&rsa(768)));
        let refusal = InvalidWebhook::CertificateKeyTooShort { bits: 768 };
        assert_eq!(checked(second), Err(refusal));
    }
}
