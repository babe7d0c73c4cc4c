//! Encodes the parameters of a method as a body: JSON, or `multipart/form-data` if files are uploaded. Used for the
//! replies of the webhook and the calls of the client.

use std::collections::VecDeque;

use bytes::Bytes;
use http::HeaderValue;

use super::chunks::{Chunks, Segment};
use crate::{
    json::{Reader, Result as Read, utf8},
    task::random::random_u64,
    types::{ParseError, Upload, UploadError},
};

/// Encodes parameters and uploads that needn't be opened. Returns the body and its content type: JSON if there is no
/// upload.
///
/// # Errors
///
/// When `object` isn't a JSON object.
pub(crate) fn encode(
    object: &Bytes,
    uploads: &[Upload],
) -> Result<(HeaderValue, Chunks), ParseError> {
    if uploads.is_empty() {
        return Ok(json(object.clone()));
    }
    form(object, uploads, uploads.iter().map(Segment::of))
}

/// Encodes parameters without uploads.
pub(crate) fn json(object: Bytes) -> (HeaderValue, Chunks) {
    (HeaderValue::from_static("application/json"), object.into())
}

/// Opens the files of the uploads and encodes. Files are opened first because their lengths are part of the head.
///
/// # Errors
///
/// When a file can't be opened.
pub(crate) async fn open_and_encode(
    object: Bytes,
    uploads: Vec<Upload>,
) -> Result<(HeaderValue, Chunks), OpenError> {
    if uploads.is_empty() {
        return encode(&object, &uploads).map_err(OpenError::Encode);
    }
    let mut pieces = Vec::with_capacity(uploads.len());
    for upload in &uploads {
        pieces.push(Segment::open(upload).await.map_err(OpenError::Upload)?);
    }
    form(&object, &uploads, pieces.into_iter()).map_err(OpenError::Encode)
}

/// [`open_and_encode`] for code that isn't async. It blocks while it opens the files.
///
/// # Errors
///
/// When a file can't be opened.
#[cfg(feature = "axum")]
pub(crate) fn open_and_encode_blocking(
    object: &Bytes,
    uploads: &[Upload],
) -> Result<(HeaderValue, Chunks), OpenError> {
    if uploads.is_empty() {
        return encode(object, uploads).map_err(OpenError::Encode);
    }
    let pieces: Result<Vec<_>, _> = uploads.iter().map(Segment::open_blocking).collect();
    let pieces = pieces.map_err(OpenError::Upload)?;
    form(object, uploads, pieces.into_iter()).map_err(OpenError::Encode)
}

/// A body couldn't be encoded.
#[derive(Debug)]
pub(crate) enum OpenError {
    Upload(UploadError),
    Encode(ParseError),
}

fn form(
    object: &[u8],
    uploads: &[Upload],
    contents: impl Iterator<Item = Segment>,
) -> Result<(HeaderValue, Chunks), ParseError> {
    let form = Form::new(object, uploads, contents)?;
    Ok((form.content_type(), form.pieces.into()))
}

/// The segments of a form, and the boundary between its parts.
#[derive(Debug)]
struct Form {
    pieces: VecDeque<Segment>,
    boundary: String,
}

impl Form {
    /// Each member of the object becomes a field: a string without its quotes, any other value as JSON. Each upload
    /// becomes the part that its `attach://` names.
    fn new(
        object: &[u8],
        uploads: &[Upload],
        contents: impl Iterator<Item = Segment>,
    ) -> Result<Self, ParseError> {
        let object = utf8(object)?;
        let mut form = Self {
            pieces: VecDeque::with_capacity(2 + 2 * uploads.len()),
            boundary: boundary(),
        };
        let mut text = String::with_capacity(object.len() + 256);
        let mut r = Reader::new(object);
        if form.fields(&mut r, &mut text).is_err() {
            return Err(r.into_error());
        }
        for (upload, content) in uploads.iter().zip(contents) {
            form.upload_head(upload, &mut text);
            form.push(&mut text);
            form.pieces.push_back(content);
            text.push_str("\r\n");
        }
        text.push_str("--");
        text.push_str(&form.boundary);
        text.push_str("--\r\n");
        form.push(&mut text);
        Ok(form)
    }

    fn push(&mut self, text: &mut String) {
        let bytes = Bytes::from(std::mem::take(text));
        self.pieces.push_back(Segment::bytes(bytes, None));
    }

    fn content_type(&self) -> HeaderValue {
        let text = format!("multipart/form-data; boundary={}", self.boundary);
        // The boundary is hexadecimal, which every header takes.
        HeaderValue::try_from(text)
            .unwrap_or_else(|_| HeaderValue::from_static("multipart/form-data"))
    }

    fn fields(&self, r: &mut Reader<'_>, out: &mut String) -> Read<()> {
        let mut more = r.open_object()?;
        while more {
            let name = r.key_text()?;
            self.disposition(&name, None, out);
            out.push_str("\r\n");
            if r.peek() == Some(b'"') {
                out.push_str(&r.text()?);
            } else {
                out.push_str(r.raw()?);
            }
            out.push_str("\r\n");
            more = r.next_member()?;
        }
        r.finish()
    }

    fn upload_head(&self, upload: &Upload, out: &mut String) {
        self.disposition(&upload.part_name(), Some(upload.file_name()), out);
        out.push_str("Content-Type: application/octet-stream\r\n\r\n");
    }

    fn disposition(&self, name: &str, file_name: Option<&str>, out: &mut String) {
        out.push_str("--");
        out.push_str(&self.boundary);
        out.push_str("\r\nContent-Disposition: form-data; name=\"");
        quote(name, out);
        if let Some(file_name) = file_name {
            out.push_str("\"; filename=\"");
            quote(file_name, out);
        }
        out.push_str("\"\r\n");
    }
}

/// Writes a name inside quotes, escaped as browsers do it: Telegram's server decodes percent signs in names, and a name
/// must not end its header. The crate percent-encoding isn't used because it would also escape characters other than
/// ASCII, which browsers don't.
fn quote(name: &str, out: &mut String) {
    for c in name.chars() {
        match c {
            '"' => out.push_str("%22"),
            '%' => out.push_str("%25"),
            '\\' => out.push_str("%5C"),
            c if c.is_ascii_control() => {
                let digit = |d| char::from_digit(d, 16).unwrap_or('0').to_ascii_uppercase();
                out.push('%');
                out.push(digit(c as u32 / 16));
                out.push(digit(c as u32 % 16));
            }
            c => out.push(c),
        }
    }
}

/// Returns 32 random hexadecimal characters, so that a file contains them with a probability of 1 in 2^128. At most 70
/// characters are allowed (RFC 2046, section 5.1.1).
fn boundary() -> String {
    format!("{:016x}{:016x}", random_u64(), random_u64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    use crate::types::InputFile;

    #[test]
    fn fields_and_files_have_their_parts() {
        let file = InputFile::bytes("a \"b\"%\r\n.png", &b"\x00content"[..]);
        let upload = file.as_upload().unwrap().clone();
        let object = r#"{"method":"sendPhoto","chat_id":1,"caption":"a\u00e9\"","x":{"y":[1]}}"#;
        let (content_type, mut pieces) =
            encode(&object.into(), std::slice::from_ref(&upload)).unwrap();
        let (_, boundary) = content_type.to_str().unwrap().split_once('=').unwrap();
        assert!(boundary.len() <= 70);
        let length = pieces.len().unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let mut body = Vec::new();
        while let Poll::Ready(Some(frame)) = pieces.poll_frame(&mut cx) {
            body.extend(frame.unwrap().into_data().unwrap());
        }
        assert_eq!(body.len() as u64, length);
        let field = |name: &str, value: &str| {
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let expected = [
            field("method", "sendPhoto"),
            field("chat_id", "1"),
            field("caption", "aé\""),
            field("x", r#"{"y":[1]}"#),
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; \
                 filename=\"a %22b%22%25%0D%0A.png\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n\0content\r\n--{boundary}--\r\n",
                upload.part_name()
            ),
        ]
        .concat();
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn other_json_than_an_object_is_an_error() {
        let file = InputFile::bytes("a", &b"b"[..]);
        for text in ["", "[]", "{", "{} x"] {
            let upload = file.as_upload().unwrap().clone();
            assert!(encode(&text.into(), &[upload]).is_err(), "{text}");
        }
    }
}
