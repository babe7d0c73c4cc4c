//! What a message's body is wrapped in: chunks and compression.

use std::io::Read;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncRead;

use super::http1::{ReadError, Refusal, fill, find, too_large};

/// The longest line that may announce a chunk, extensions included.
const MAX_CHUNK_LINE: usize = 8;

/// After the last chunk exactly one line break is skipped: trailers stay in the buffer, where the next
/// message is expected.
pub(super) async fn read_chunks<R>(
    io: &mut R,
    buffer: &mut BytesMut,
    limit: usize,
) -> Result<Bytes, ReadError>
where
    R: AsyncRead + Unpin,
{
    let mut body = BytesMut::new();
    loop {
        let line = loop {
            match find(buffer, b"\r\n") {
                Some(at) if at <= MAX_CHUNK_LINE => break buffer.split_to(at),
                None if buffer.len() <= MAX_CHUNK_LINE => fill(io, buffer).await?,
                _ => {
                    return Err(Refusal::new(400, "Bad Request: Too long length in chunked").into());
                }
            }
        };
        let length = line
            .iter()
            .map_while(|&b| (b as char).to_digit(16))
            .fold(0, |n, digit| n * 16 + digit as usize);
        if body.len() + length > limit {
            return Err(too_large(body.len() + length).into());
        }
        while buffer.len() < 2 + length + 2 {
            fill(io, buffer).await?;
        }
        buffer.advance(2);
        body.extend_from_slice(&buffer.split_to(length));
        buffer.advance(2);
        if length == 0 {
            return Ok(body.freeze());
        }
    }
}

/// gzip and zlib are told apart by their first bytes, not by the header. Raw deflate is neither.
pub(super) fn decompress(body: &[u8], limit: usize) -> Result<Bytes, Refusal> {
    let max = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut out = Vec::new();
    let read = if body.starts_with(&[0x1f, 0x8b]) {
        flate2::read::GzDecoder::new(body)
            .take(max)
            .read_to_end(&mut out)
    } else {
        flate2::read::ZlibDecoder::new(body)
            .take(max)
            .read_to_end(&mut out)
    };
    match read {
        Ok(size) if size <= limit => Ok(out.into()),
        Ok(size) => Err(too_large(size)),
        Err(_) => Err(Refusal::new(400, "Bad Request: zlib error")),
    }
}
