//! The bytes that were read from a connection and aren't parsed yet.

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::refusal::HttpReadError;

/// Reads more bytes. The end of the connection is an error.
pub(super) async fn fill<R>(io: &mut R, buffer: &mut BytesMut) -> Result<(), HttpReadError>
where
    R: AsyncRead + Unpin,
{
    buffer.reserve(16 << 10);
    match io.read_buf(buffer).await {
        Ok(0) => Err(HttpReadError::Closed),
        Ok(_) => Ok(()),
        Err(error) => Err(HttpReadError::Io(error)),
    }
}

/// The position of `what` in `text`.
pub(super) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
