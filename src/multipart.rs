//! `multipart/form-data` out of a method's JSON and its uploads. The way in uses it for replies
//! and the way out for calls.

use std::{
    collections::VecDeque,
    hash::{BuildHasher as _, RandomState},
};

use bytes::Bytes;
use http::HeaderValue;

use crate::{
    json::{Reader, Result as Read, utf8},
    types::{ParseError, Upload},
};

/// The chunks of a body, and the boundary between its parts.
#[derive(Debug)]
pub(crate) struct Multipart {
    pub(crate) chunks: VecDeque<Bytes>,
    boundary: String,
}

impl Multipart {
    /// Each member of the object becomes a field, a text as it is and anything else as JSON; each
    /// upload becomes the part that its `attach://` names.
    ///
    /// # Errors
    ///
    /// When `object` isn't a JSON object.
    pub(crate) fn new(object: &[u8], uploads: &[Upload]) -> Result<Self, ParseError> {
        let object = utf8(object)?;
        let mut parts = Self {
            chunks: VecDeque::with_capacity(2 + 3 * uploads.len()),
            boundary: boundary(),
        };
        let mut fields = String::with_capacity(object.len() + 256);
        let mut r = Reader::new(object);
        if parts.fields(&mut r, &mut fields).is_err() {
            return Err(r.into_error());
        }
        for upload in uploads {
            parts.upload_head(upload, &mut fields);
            parts.chunks.push_back(std::mem::take(&mut fields).into());
            parts.chunks.push_back(upload.content().clone());
            fields.push_str("\r\n");
        }
        fields.push_str("--");
        fields.push_str(&parts.boundary);
        fields.push_str("--\r\n");
        parts.chunks.push_back(fields.into());
        Ok(parts)
    }

    pub(crate) fn content_type(&self) -> HeaderValue {
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

/// A name inside quotes, escaped as browsers do it: Telegram's server undoes percent signs in
/// names, and a name must not end its header.
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

/// 32 characters that nobody can foretell, so that no content can hold them but by a chance of 1
/// in 2^128; at most 70 are allowed.
fn boundary() -> String {
    let random = || RandomState::new().hash_one(0_u8);
    format!("{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use super::Multipart;
    use crate::types::InputFile;

    #[test]
    fn fields_and_files_stand_in_their_parts() {
        let file = InputFile::bytes("a \"b\"%\r\n.png", &b"\x00content"[..]);
        let upload = file.as_upload().unwrap().clone();
        let object = r#"{"method":"sendPhoto","chat_id":1,"caption":"a\u00e9\"","x":{"y":[1]}}"#;
        let parts = Multipart::new(object.as_bytes(), std::slice::from_ref(&upload)).unwrap();
        let boundary = parts.boundary.clone();
        assert!(boundary.len() <= 70);
        let body: Vec<u8> = parts.chunks.iter().flatten().copied().collect();
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
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "{", "{} x"] {
            assert!(Multipart::new(text.as_bytes(), &[]).is_err(), "{text}");
        }
    }
}
