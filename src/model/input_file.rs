//! Files on their way to Telegram.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use serde_core::{Serialize, Serializer};

use super::Str;
#[cfg(feature = "serde-all")]
use crate::json::{FromJson, Reader, deserialize_from_json};

/// A file for Telegram: one it has already, one it is to fetch, or one that is uploaded.
///
/// Made with [`id`](Self::id), [`url`](Self::url) or [`bytes`](Self::bytes). A text turns into a
/// reference by itself, so that `SendPhoto::new(chat, "https://…")` reads well.
/// See [Sending files](https://core.telegram.org/bots/api#sending-files).
#[derive(Clone, Debug, PartialEq)]
pub struct InputFile(Source);

#[derive(Clone, Debug, PartialEq)]
enum Source {
    Reference(Str),
    Upload(Upload),
}

impl InputFile {
    /// A file that Telegram has, by its `file_id`.
    pub fn id(file_id: impl Into<Str>) -> Self {
        Self(Source::Reference(file_id.into()))
    }

    /// A file that Telegram fetches: at most 5 MB for a photo, 20 MB for anything else.
    pub fn url(url: impl Into<Str>) -> Self {
        Self(Source::Reference(url.into()))
    }

    /// A file that is uploaded from memory, under the name that people will see.
    pub fn bytes(file_name: impl Into<Str>, content: impl Into<Bytes>) -> Self {
        Self(Source::Upload(Upload::new(
            file_name.into(),
            content.into(),
        )))
    }

    /// The upload, if it is one.
    pub fn as_upload(&self) -> Option<&Upload> {
        match &self.0 {
            Source::Upload(upload) => Some(upload),
            Source::Reference(_) => None,
        }
    }
}

impl<T: Into<Str>> From<T> for InputFile {
    fn from(reference: T) -> Self {
        Self(Source::Reference(reference.into()))
    }
}

/// An upload goes as `attach://NAME`, with its content in the part of that name.
impl Serialize for InputFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Source::Reference(reference) => serializer.serialize_str(reference),
            Source::Upload(upload) => {
                serializer.collect_str(&format_args!("attach://{}", upload.part_name()))
            }
        }
    }
}

#[cfg(feature = "serde-all")]
impl FromJson for InputFile {
    fn from_json(r: &mut Reader<'_>) -> crate::json::Result<Self> {
        Str::from_json(r).map(Self::from)
    }
}

#[cfg(feature = "serde-all")]
deserialize_from_json!(InputFile);

/// The content of a file that is uploaded with a request. Cheap to clone.
#[derive(Clone)]
pub struct Upload(Arc<Content>);

struct Content {
    /// Tells the uploads of one request apart; the same upload used twice in it is sent once.
    number: u64,
    file_name: Str,
    bytes: Bytes,
}

impl Upload {
    fn new(file_name: Str, bytes: Bytes) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(Arc::new(Content {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            file_name,
            bytes,
        }))
    }

    /// The name of the multipart part that carries the content.
    pub fn part_name(&self) -> String {
        format!("file{}", self.0.number)
    }

    /// The name that people will see.
    pub fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// The content.
    pub fn content(&self) -> &Bytes {
        &self.0.bytes
    }
}

impl PartialEq for Upload {
    fn eq(&self, other: &Self) -> bool {
        self.0.file_name == other.0.file_name && self.0.bytes == other.0.bytes
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("file_name", &self.0.file_name)
            .field("length", &self.0.bytes.len())
            .finish()
    }
}

/// A type that can hold uploads, however deep.
pub(crate) trait CollectUploads {
    fn collect_uploads(&self, into: &mut Vec<Upload>);
}

impl CollectUploads for InputFile {
    fn collect_uploads(&self, into: &mut Vec<Upload>) {
        if let Some(upload) = self.as_upload()
            && !into.iter().any(|known| known.0.number == upload.0.number)
        {
            into.push(upload.clone());
        }
    }
}

impl<T: CollectUploads> CollectUploads for Option<T> {
    fn collect_uploads(&self, into: &mut Vec<Upload>) {
        if let Some(value) = self {
            value.collect_uploads(into);
        }
    }
}

impl<T: CollectUploads> CollectUploads for Vec<T> {
    fn collect_uploads(&self, into: &mut Vec<Upload>) {
        for value in self {
            value.collect_uploads(into);
        }
    }
}

impl<T: CollectUploads> CollectUploads for Box<T> {
    fn collect_uploads(&self, into: &mut Vec<Upload>) {
        (**self).collect_uploads(into);
    }
}
