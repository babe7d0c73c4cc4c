//! The certificate that is uploaded where Telegram can't trust the server's by itself.

#[cfg(feature = "tokio")]
use std::{fs, io, path::Path};

use super::InvalidWebhook;
use crate::types::{InputFile, UploadSource};

/// The most that Telegram takes, in bytes.
const MAX_LENGTH: usize = 3 << 20;

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
    // A pipe would keep whoever opens it waiting.
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
    let mut blocks = text.split(BEGIN).skip(1);
    let is_first_fine = blocks.next().is_some_and(is_block);
    if is_first_fine && blocks.all(is_block) {
        Ok(())
    } else {
        Err(InvalidWebhook::CertificateNotPem)
    }
}

/// What follows a block's first line.
fn is_block(rest: &str) -> bool {
    let Some((body, _)) = rest.split_once(END) else {
        return false;
    };
    let digits: Vec<u8> = body.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let padding = digits.iter().rev().take_while(|b| **b == b'=').count();
    let (digits, padding) = digits.split_at(digits.len() - padding);
    let is_digit = |b: &u8| b.is_ascii_alphanumeric() || *b == b'+' || *b == b'/';
    !digits.is_empty()
        && digits.iter().all(is_digit)
        && padding.len() <= 2
        && (digits.len() + padding.len()).is_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(content: impl Into<Vec<u8>>) -> Result<(), InvalidWebhook> {
        check(&InputFile::bytes("bot.pem", content.into()))
    }

    #[test]
    fn g1_a_certificate_is_an_uploaded_pem_of_at_most_3_mib() {
        let block = format!("{BEGIN}\nMIIB\r\nAw==\n{END}\n");
        for good in [
            block.clone(),
            block.repeat(2),
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
        for reference in ["bot.pem", "https://bot.example/bot.pem", block.as_str()] {
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
            (format!("{BEGIN}\nMIIB\n{END}\n"), Ok(())),
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
    fn what_can_be_read_once_is_left_to_telegram() {
        let reader = InputFile::reader("bot.pem", &b"x"[..], None);
        assert_eq!(check(&reader), Ok(()));
    }

    #[test]
    fn g1_what_is_no_pem_or_more_than_a_certificate_is_no_certificate() {
        for bad in [
            Vec::new(),
            b"0\x82\x03\xc1".to_vec(),
            b"certificate".to_vec(),
            format!("{BEGIN}\n{END}\n").into(),
            format!("{BEGIN}\nMIIB\n").into(),
            format!("{BEGIN}\nMIIBA\n{END}\n").into(),
            format!("{BEGIN}\nMI?B\n{END}\n").into(),
            format!("{BEGIN}\nMIIB\n{END}\n{BEGIN}\n{END}\n").into(),
            "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n".into(),
        ] {
            assert_eq!(checked(bad), Err(InvalidWebhook::CertificateNotPem));
        }
        let with_key = format!(
            "{BEGIN}\nMIIB\n{END}\n-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----\n"
        );
        assert_eq!(checked(with_key), Err(InvalidWebhook::CertificateWithKey));
    }
}
