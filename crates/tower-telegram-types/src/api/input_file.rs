//! Files as parameters of methods.

use bytes::Bytes;
use serde_core::{Serialize, Serializer};
#[cfg(feature = "tokio")]
use tokio::io::AsyncRead;

use super::Str;
use crate::api::upload::{ProgressHook, Upload, UploadProgress};
#[cfg(feature = "serde-all")]
use crate::json::{FromJson, Reader, impl_deserialize};

/// A file for Telegram: one that Telegram has already, one that it fetches from a URL, or one that is uploaded.
///
/// It is made by [`id`](Self::id), [`url`](Self::url), [`bytes`](Self::bytes), and with the feature `tokio`, by `path` or
/// `reader`. A text converts to an identifier or URL, so that `SendPhoto::new(chat, "https://…")` works.
///
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

    /// A file that is uploaded from memory, under the name that recipients see.
    pub fn bytes(file_name: impl Into<Str>, content: impl Into<Bytes>) -> Self {
        Self(Source::Upload(Upload::from_bytes(
            file_name.into(),
            content.into(),
        )))
    }

    /// A file that is uploaded from the disk, under its own name; [`file_name`](Self::file_name)
    /// gives it another. It is opened when it is sent, and again when that is tried again, and
    /// never all in memory.
    #[cfg(feature = "tokio")]
    pub fn path(path: impl Into<std::path::PathBuf>) -> Self {
        Self(Source::Upload(Upload::from_path(path.into())))
    }

    /// A file that is uploaded while it is read. Without a length the request goes out in chunks.
    ///
    /// A reader that ends before its length, or doesn't end after it, makes the call fail before all of it is
    /// sent. `AsyncReadExt::take` cuts one that goes on.
    ///
    /// A call that failed after the reader was used isn't repeated, because the reader can't be read twice.
    #[cfg(feature = "tokio")]
    pub fn reader(
        file_name: impl Into<Str>,
        reader: impl AsyncRead + Send + 'static,
        length: Option<u64>,
    ) -> Self {
        let upload = Upload::from_reader(file_name.into(), Box::pin(reader), length);
        Self(Source::Upload(upload))
    }

    /// Sets the name that recipients see. It has no effect on a file that isn't uploaded.
    pub fn file_name(mut self, file_name: impl Into<Str>) -> Self {
        if let Source::Upload(upload) = &mut self.0 {
            upload.set_file_name(file_name.into());
        }
        self
    }

    /// Calls `hook` as the upload goes on: after each piece that was handed to the connection, of at
    /// most 64 KiB. An attempt that is repeated begins again from nothing.
    ///
    /// ```
    /// use tower_telegram::types::InputFile;
    ///
    /// let picture = InputFile::bytes("a.png", &b"..."[..])
    ///     .on_progress(|at| println!("{} of {:?} bytes", at.sent, at.total));
    /// ```
    pub fn on_progress(mut self, hook: impl Fn(UploadProgress) + Send + Sync + 'static) -> Self {
        if let Source::Upload(upload) = &mut self.0 {
            upload.set_progress(ProgressHook::new(hook));
        }
        self
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
impl_deserialize!(InputFile);

/// A type that can hold uploads, however deep.
pub(crate) trait CollectUploads {
    fn collect_uploads(&self, into: &mut Vec<Upload>);
}

impl CollectUploads for InputFile {
    fn collect_uploads(&self, into: &mut Vec<Upload>) {
        if let Some(upload) = self.as_upload()
            && !into.iter().any(|known| known.is_same(upload))
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
