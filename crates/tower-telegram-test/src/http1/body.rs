//! The body of a message: its framing, and reading it as a whole or piece by piece.

use std::io::Read;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{
    body_kind::BodyKind,
    buffer::{fill, find},
    refusal::{HttpReadError, HttpRefusal},
};

/// The longest line before a chunk, in bytes, with its extensions.
const MAX_CHUNK_LINE: usize = 8;

/// A body that isn't read yet.
#[derive(Debug)]
pub(crate) struct HttpBody {
    pub(crate) framing: Framing,
    pub(crate) is_compressed: bool,
    pub(crate) kind: BodyKind,
    /// The limit in bytes, after decompression.
    pub(crate) limit: usize,
}

/// How the end of the body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
}

impl HttpBody {
    /// Whether it can be large, so that it should be read piece by piece.
    pub(crate) fn is_stream(&self) -> bool {
        self.kind == BodyKind::Multipart
            && !self.is_compressed
            && self.framing != Framing::Length(0)
    }

    /// Reads the whole body. Later bytes stay in `buffer`.
    pub(crate) async fn read<R>(
        self,
        io: &mut R,
        buffer: &mut BytesMut,
    ) -> Result<Bytes, HttpReadError>
    where
        R: AsyncRead + Unpin,
    {
        let mut body = Vec::new();
        self.copy(io, buffer, &mut body).await?;
        if self.is_compressed && !body.is_empty() {
            return Ok(decompress(&body, self.limit)?);
        }
        Ok(body.into())
    }

    /// Writes the body to `to` while it arrives, without its chunks but still compressed.
    pub(crate) async fn copy<R, W>(
        &self,
        io: &mut R,
        buffer: &mut BytesMut,
        to: &mut W,
    ) -> Result<(), HttpReadError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        match self.framing {
            Framing::Length(length) if length > self.limit => Err(too_large(length).into()),
            Framing::Length(length) => copy_exactly(length, io, buffer, to).await,
            Framing::Chunked => copy_chunks(self.limit, io, buffer, to).await,
        }
    }
}

/// Copies a number of bytes.
async fn copy_exactly<R, W>(
    mut length: usize,
    io: &mut R,
    buffer: &mut BytesMut,
    to: &mut W,
) -> Result<(), HttpReadError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    while length > 0 {
        if buffer.is_empty() {
            fill(io, buffer).await?;
        }
        let piece = buffer.split_to(length.min(buffer.len()));
        length -= piece.len();
        to.write_all(&piece).await.map_err(HttpReadError::Io)?;
    }
    Ok(())
}

/// Skips exactly one line break after the last chunk. Trailers stay in the buffer, where the next message
/// is expected.
async fn copy_chunks<R, W>(
    limit: usize,
    io: &mut R,
    buffer: &mut BytesMut,
    to: &mut W,
) -> Result<(), HttpReadError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut total = 0;
    loop {
        let line = loop {
            match find(buffer, b"\r\n") {
                Some(at) if at <= MAX_CHUNK_LINE => break buffer.split_to(at),
                None if buffer.len() <= MAX_CHUNK_LINE => fill(io, buffer).await?,
                _ => {
                    return Err(
                        HttpRefusal::new(400, "Bad Request: Too long length in chunked").into(),
                    );
                }
            }
        };
        let length = line
            .iter()
            .map_while(|&b| (b as char).to_digit(16))
            .fold(0, |n, digit| n * 16 + digit as usize);
        total += length;
        if total > limit {
            return Err(too_large(total).into());
        }
        buffer.advance(2);
        copy_exactly(length, io, buffer, to).await?;
        while buffer.len() < 2 {
            fill(io, buffer).await?;
        }
        buffer.advance(2);
        if length == 0 {
            return Ok(());
        }
    }
}

/// Distinguishes gzip and zlib by their first bytes, not by the header. Raw deflate is neither.
fn decompress(body: &[u8], limit: usize) -> Result<Bytes, HttpRefusal> {
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
        Err(_) => Err(HttpRefusal::new(400, "Bad Request: zlib error")),
    }
}

/// The refusal of a body over the limit.
fn too_large(size: usize) -> HttpRefusal {
    HttpRefusal::new(
        413,
        format!("Request Entity Too Large: content length is {size}"),
    )
}
