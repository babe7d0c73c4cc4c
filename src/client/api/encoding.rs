//! Compressed responses.

use http::{HeaderMap, header};

/// The value of `Accept-Encoding`.
pub(super) const ACCEPTED: Option<&str> = if cfg!(feature = "gzip") {
    Some("gzip")
} else {
    None
};

/// Whether the response is still compressed. A layer below may have decompressed it.
pub(super) fn is_gzip(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING);
    cfg!(feature = "gzip")
        && encoding.is_some_and(|encoding| {
            let name = encoding.as_bytes().trim_ascii();
            // The second is its old name: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.3
            name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip")
        })
}

/// The coding with which a body was sent, other than none at all.
pub(super) fn coding(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut values = values.map(|value| value.to_str().unwrap_or("unknown").trim());
    values.find(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
}

/// Returns the decompressed text, if it is whole and has at most `limit` bytes.
#[cfg(feature = "gzip")]
pub(super) fn gunzip(body: &[u8], limit: usize) -> Option<bytes::Bytes> {
    use std::io::Read as _;

    let mut text = Vec::with_capacity(body.len().saturating_mul(4).min(limit));
    let most = limit as u64 + 1;
    let read = flate2::read::MultiGzDecoder::new(body)
        .take(most)
        .read_to_end(&mut text);
    (read.is_ok() && text.len() <= limit).then(|| text.into())
}

#[cfg(not(feature = "gzip"))]
pub(super) fn gunzip(_: &[u8], _: usize) -> Option<bytes::Bytes> {
    None
}

#[cfg(all(test, feature = "gzip"))]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn f5_a_compressed_answer_is_read_up_to_the_limit() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&[b' '; 1000]).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(gunzip(&packed, 1000).unwrap().len(), 1000);
        assert!(gunzip(&packed, 999).is_none());
        assert!(gunzip(&packed[..packed.len() - 9], 1000).is_none());
        assert!(gunzip(b"plain", 1000).is_none());
    }
}
