//! The shape of an X.509 certificate and the length of its key.
//!
//! `setWebhook` erases the old webhook before it reads the uploaded certificate, so a file that OpenSSL can't
//! read leaves the bot with no webhook. This reads as much of the DER as it takes to find that out
//! ([RFC 5280, section 4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)), and verifies nothing: a
//! certificate authority's own certificate (`CA:TRUE`), one without a subject alternative name, and any
//! signature algorithm are taken, because OpenSSL takes them of a self-signed certificate that is trusted.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// The optional version at the beginning.
const VERSION: u8 = 0xa0;

/// 1.2.840.113549.1.1.1
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// The public key of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa { bits: usize },
    Other,
}

/// Reads the public key of a certificate in DER. `None` if it isn't a certificate.
pub(super) fn public_key(certificate: &[u8]) -> Option<PublicKey> {
    let mut file = DerReader(certificate);
    let mut certificate = file.read(SEQUENCE)?;
    file.end()?;
    let mut signed = certificate.read(SEQUENCE)?;
    certificate.read(SEQUENCE)?; // the signature's algorithm
    certificate.read(BIT_STRING)?;
    certificate.end()?;

    if signed.0.first() == Some(&VERSION) {
        signed.read(VERSION)?;
    }
    signed.read(INTEGER)?; // the serial number
    signed.read(SEQUENCE)?; // the signature's algorithm
    signed.read(SEQUENCE)?; // the issuer
    signed.read(SEQUENCE)?; // the validity
    signed.read(SEQUENCE)?; // the subject
    let mut key = signed.read(SEQUENCE)?;
    let algorithm = key.read(SEQUENCE)?.read(OBJECT_IDENTIFIER)?;
    // The first byte counts the unused bits of the last one.
    let (0, key) = key
        .read(BIT_STRING)?
        .0
        .split_first()
        .map(|(n, key)| (*n, key))?
    else {
        return None;
    };
    if algorithm.0 != RSA_ENCRYPTION {
        return Some(PublicKey::Other);
    }
    let modulus = DerReader(key).read(SEQUENCE)?.read(INTEGER)?;
    Some(PublicKey::Rsa {
        bits: modulus.bits(),
    })
}

/// DER that is left to read, from the beginning of a value.
struct DerReader<'a>(&'a [u8]);

impl DerReader<'_> {
    /// The content of the next value, if that has this tag.
    fn read(&mut self, tag: u8) -> Option<Self> {
        let rest = self.0.strip_prefix(&[tag])?;
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Self(content))
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// How many bits a positive integer has.
    fn bits(&self) -> usize {
        let leading = self.0.iter().take_while(|byte| **byte == 0).count();
        let digits = &self.0[leading..];
        let unused = digits.first().map_or(0, |first| first.leading_zeros());
        digits.len() * 8 - unused as usize
    }
}

/// A value's length, and what follows it.
fn length(der: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = der.split_first()?;
    if *first < 0x80 {
        return Some((usize::from(*first), rest));
    }
    // 4 GiB are more than any certificate has.
    let digits = usize::from(*first & 0x7f);
    if !(1..=4).contains(&digits) {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(digits)?;
    let length = digits
        .iter()
        .fold(0_usize, |sum, digit| (sum << 8) | usize::from(*digit));
    Some((length, rest))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One value. Lengths have as many bytes as they need.
    #[allow(clippy::cast_possible_truncation)] // No test has a value over 64 KiB.
    fn value(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let mut der = vec![tag];
        match length {
            0..=0x7f => der.push(length as u8),
            _ => der.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        der.extend(content);
        der
    }

    /// A certificate with an RSA key of so many bits. Its signature is none.
    pub(in super::super) fn rsa(bits: usize) -> Vec<u8> {
        let mut modulus = vec![0; bits.div_ceil(8)];
        modulus[0] = 1 << ((bits - 1) % 8);
        // A positive integer doesn't begin with a bit that is set.
        modulus.insert(0, 0);
        let key = [value(INTEGER, &modulus), value(INTEGER, &[1, 0, 1])].concat();
        let mut key = value(SEQUENCE, &key);
        key.insert(0, 0);
        let algorithm = value(SEQUENCE, &value(OBJECT_IDENTIFIER, RSA_ENCRYPTION));
        let key = [algorithm, value(BIT_STRING, &key)].concat();
        let signed = [
            value(VERSION, &value(INTEGER, &[2])),
            value(INTEGER, &[1]),
            value(SEQUENCE, &[]),
            value(SEQUENCE, &[]),
            value(SEQUENCE, &[]),
            value(SEQUENCE, &[]),
            value(SEQUENCE, &key),
        ];
        let certificate = [
            value(SEQUENCE, &signed.concat()),
            value(SEQUENCE, &[]),
            value(BIT_STRING, &[0]),
        ];
        value(SEQUENCE, &certificate.concat())
    }

    #[test]
    fn g1_the_length_of_an_rsa_key_is_that_of_its_modulus() {
        for bits in [512, 999, 1000, 1024, 2048, 4096] {
            assert_eq!(public_key(&rsa(bits)), Some(PublicKey::Rsa { bits }));
        }
    }

    #[test]
    fn g1_a_certificate_that_is_cut_or_goes_on_is_none() {
        let whole = rsa(1024);
        for length in 0..whole.len() {
            assert_eq!(public_key(&whole[..length]), None, "{length}");
        }
        assert_eq!(public_key(&[whole, vec![0]].concat()), None);
        for broken in [
            &b"0\x80"[..],
            b"0\x81",
            b"0\x85\0\0\0\0\0",
            b"0\x84\xff\xff\xff\xff",
        ] {
            assert_eq!(public_key(broken), None, "{broken:?}");
        }
    }
}
