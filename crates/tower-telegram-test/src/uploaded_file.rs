//! The files of a multipart body.

use bytes::Bytes;
use serde_json::{Map, Value};

/// A file of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadedFile {
    /// The name of its field.
    pub field: String,
    /// Its file name, percent-decoded as Telegram does.
    pub file_name: String,
    /// The part's content type; `application/octet-stream` if it has none.
    pub content_type: String,
    /// What is in it; nothing if it is larger than [`keep_uploads_up_to`](super::TelegramBuilder::keep_uploads_up_to).
    pub bytes: Bytes,
    /// How many bytes were uploaded.
    pub length: u64,
    /// The SHA-256 of what was uploaded.
    pub sha256: [u8; 32],
}

/// The file of that field, or the one that an argument of that name points to with `attach://`.
pub(super) fn find_file<'a>(
    files: &'a [UploadedFile],
    params: &Map<String, Value>,
    name: &str,
) -> Option<&'a UploadedFile> {
    let with_field = |field: &str| files.iter().find(|file| file.field == field);
    with_field(name).or_else(|| with_field(params.get(name)?.as_str()?.strip_prefix("attach://")?))
}
