//! The content of a file that is uploaded to Telegram: from memory, from a path, or from a reader.

use std::{
    error, fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
#[cfg(feature = "tokio")]
use std::{
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
#[cfg(feature = "tokio")]
use tokio::io::AsyncRead;

use super::Str;

/// A reader that is uploaded as it is read.
#[cfg(feature = "tokio")]
pub type UploadReader = Pin<Box<dyn AsyncRead + Send>>;

/// The content of a file that is uploaded with a request. Cheap to clone.
#[derive(Clone)]
pub struct Upload {
    /// Distinguishes the uploads of one request. An upload that is used twice in it is sent once.
    number: u64,
    file_name: Str,
    source: Arc<ContentSource>,
    progress: Option<ProgressHook>,
}

enum ContentSource {
    Bytes(Bytes),
    #[cfg(feature = "tokio")]
    Path(PathBuf),
    #[cfg(feature = "tokio")]
    Reader {
        /// `None` once it was taken.
        reader: Mutex<Option<UploadReader>>,
        length: Option<u64>,
    },
}

impl Upload {
    fn new(file_name: Str, source: ContentSource) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            file_name,
            source: Arc::new(source),
            progress: None,
        }
    }

    pub(crate) fn from_bytes(file_name: Str, content: Bytes) -> Self {
        Self::new(file_name, ContentSource::Bytes(content))
    }

    /// Restores an upload with its content in memory, for a store that keeps replies: from its
    /// [`part_name`](Self::part_name), its [`file_name`](Self::file_name) and the content. `None` if `part_name` isn't the
    /// name of an upload's part.
    ///
    /// ```
    /// use tower_telegram_types::types::Upload;
    ///
    /// let upload = Upload::from_parts("file7", "a.txt", "content").unwrap();
    /// assert_eq!(upload.part_name(), "file7");
    /// assert_eq!(upload.file_name(), "a.txt");
    /// assert!(Upload::from_parts("photo", "a.txt", "content").is_none());
    /// ```
    pub fn from_parts(
        part_name: &str,
        file_name: impl Into<Str>,
        content: impl Into<Bytes>,
    ) -> Option<Self> {
        let number = part_name.strip_prefix("file")?.parse().ok()?;
        let upload = Self {
            number,
            ..Self::from_bytes(file_name.into(), content.into())
        };
        (upload.part_name() == part_name).then_some(upload)
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn from_path(path: PathBuf) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy());
        let name = name.map_or_else(Str::default, |name| (&*name).into());
        Self::new(name, ContentSource::Path(path))
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn from_reader(file_name: Str, reader: UploadReader, length: Option<u64>) -> Self {
        let reader = Mutex::new(Some(reader));
        Self::new(file_name, ContentSource::Reader { reader, length })
    }

    pub(crate) fn set_progress(&mut self, hook: ProgressHook) {
        self.progress = Some(hook);
    }

    pub(crate) fn set_file_name(&mut self, file_name: Str) {
        self.file_name = file_name;
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.number == other.number
    }

    /// The name of the multipart part that carries the content.
    pub fn part_name(&self) -> String {
        format!("file{}", self.number)
    }

    /// The file's name, as recipients see it.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The content, if it is in memory.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &*self.source {
            ContentSource::Bytes(bytes) => Some(bytes),
            #[cfg(feature = "tokio")]
            _ => None,
        }
    }

    /// Whether the content can be read: always, or for a reader, as long as it wasn't taken.
    pub fn is_replayable(&self) -> bool {
        match &*self.source {
            #[cfg(feature = "tokio")]
            ContentSource::Reader { reader, .. } => reader
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_some(),
            _ => true,
        }
    }

    /// Where the content comes from.
    pub fn source(&self) -> UploadSource<'_> {
        match &*self.source {
            ContentSource::Bytes(bytes) => UploadSource::Bytes(bytes),
            #[cfg(feature = "tokio")]
            ContentSource::Path(path) => UploadSource::Path(path),
            #[cfg(feature = "tokio")]
            ContentSource::Reader { length, .. } => UploadSource::Reader { length: *length },
        }
    }

    /// Takes the reader out. Only the first call gets it.
    ///
    /// # Errors
    ///
    /// If the content isn't a reader, or the reader was taken before.
    #[cfg(feature = "tokio")]
    pub fn take_reader(&self) -> Result<UploadReader, UploadError> {
        let reader = match &*self.source {
            ContentSource::Reader { reader, .. } => {
                reader.lock().unwrap_or_else(PoisonError::into_inner).take()
            }
            _ => None,
        };
        reader.ok_or(UploadError(UploadErrorKind::AlreadyRead))
    }

    /// Whether the upload has a progress hook, as set by [`InputFile::on_progress`](crate::types::InputFile::on_progress).
    pub fn has_progress_hook(&self) -> bool {
        self.progress.is_some()
    }

    /// Calls the upload's progress hook, if there is one, with the number of bytes that were handed to the connection.
    pub fn report_progress(&self, sent: u64, total: Option<u64>) {
        if let Some(hook) = &self.progress {
            hook.call(sent, total);
        }
    }
}

/// Where the content of an [`Upload`] comes from.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum UploadSource<'a> {
    /// From memory.
    Bytes(&'a Bytes),
    /// From the file at this path.
    #[cfg(feature = "tokio")]
    Path(&'a Path),
    /// From a reader, which [`Upload::take_reader`] hands out once.
    #[cfg(feature = "tokio")]
    Reader {
        /// The number of bytes in the reader, if it was given.
        length: Option<u64>,
    },
}

/// Equal if they upload the same content under the same name: equal bytes, the same path, or one and the same reader.
impl PartialEq for Upload {
    fn eq(&self, other: &Self) -> bool {
        let same_source = match (&*self.source, &*other.source) {
            (ContentSource::Bytes(a), ContentSource::Bytes(b)) => a == b,
            #[cfg(feature = "tokio")]
            (ContentSource::Path(a), ContentSource::Path(b)) => a == b,
            #[cfg(feature = "tokio")]
            _ => self.is_same(other),
        };
        same_source && self.file_name == other.file_name
    }
}

impl fmt::Debug for ProgressHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressHook")
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Upload");
        out.field("file_name", &self.file_name);
        match &*self.source {
            ContentSource::Bytes(bytes) => out.field("length", &bytes.len()),
            #[cfg(feature = "tokio")]
            ContentSource::Path(path) => out.field("path", path),
            #[cfg(feature = "tokio")]
            ContentSource::Reader { length, .. } => out.field("length", length),
        };
        out.finish_non_exhaustive()
    }
}

/// The progress of an upload. [`InputFile::on_progress`](crate::types::InputFile::on_progress) reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadProgress {
    /// The number of bytes of the file that were handed to the connection.
    pub sent: u64,
    /// The file's length in bytes; `None` for a reader of unknown length.
    pub total: Option<u64>,
}

/// A function that is called during an upload.
#[derive(Clone)]
pub(crate) struct ProgressHook(Arc<dyn Fn(UploadProgress) + Send + Sync>);

impl ProgressHook {
    pub(crate) fn new(hook: impl Fn(UploadProgress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    pub(crate) fn call(&self, sent: u64, total: Option<u64>) {
        (self.0)(UploadProgress { sent, total });
    }
}

/// The reason why a file couldn't be uploaded.
#[derive(Debug)]
pub struct UploadError(UploadErrorKind);

#[derive(Debug)]
enum UploadErrorKind {
    /// The reason is reported by another error.
    Stopped,
    #[cfg(feature = "tokio")]
    Io(std::io::Error),
    #[cfg(feature = "tokio")]
    NotAFile,
    #[cfg(feature = "tokio")]
    AlreadyRead,
    #[cfg(feature = "tokio")]
    TooShort { missing: u64 },
    #[cfg(feature = "tokio")]
    TooLong { length: u64 },
}

impl UploadError {
    /// The body ended because of another error, which is reported elsewhere.
    pub fn stopped() -> Self {
        Self(UploadErrorKind::Stopped)
    }

    /// The path leads to a directory, a pipe, or something else that isn't a file.
    #[cfg(feature = "tokio")]
    pub fn not_a_file() -> Self {
        Self(UploadErrorKind::NotAFile)
    }

    /// The content ended `missing` bytes before its declared length.
    #[cfg(feature = "tokio")]
    pub fn too_short(missing: u64) -> Self {
        Self(UploadErrorKind::TooShort { missing })
    }

    /// The content goes on after its declared length.
    #[cfg(feature = "tokio")]
    pub fn too_long(length: u64) -> Self {
        Self(UploadErrorKind::TooLong { length })
    }
}

#[cfg(feature = "tokio")]
impl From<std::io::Error> for UploadError {
    fn from(error: std::io::Error) -> Self {
        Self(UploadErrorKind::Io(error))
    }
}

/// Equal if the reasons are of one kind; for an I/O error, if its kind is the same too.
impl PartialEq for UploadError {
    fn eq(&self, other: &Self) -> bool {
        #[cfg(feature = "tokio")]
        if let (UploadErrorKind::Io(a), UploadErrorKind::Io(b)) = (&self.0, &other.0) {
            return a.kind() == b.kind();
        }
        std::mem::discriminant(&self.0) == std::mem::discriminant(&other.0)
    }
}

impl Eq for UploadError {}

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            UploadErrorKind::Stopped => f.write_str("the upload was stopped"),
            #[cfg(feature = "tokio")]
            UploadErrorKind::Io(_) => f.write_str("the file can't be read"),
            #[cfg(feature = "tokio")]
            UploadErrorKind::NotAFile => {
                f.write_str("the path leads to something else than a file")
            }
            #[cfg(feature = "tokio")]
            UploadErrorKind::AlreadyRead => {
                f.write_str("the reader was read by an earlier attempt, and can't be read again")
            }
            #[cfg(feature = "tokio")]
            UploadErrorKind::TooShort { missing } => {
                write!(f, "the file ended {missing} bytes before its length")
            }
            #[cfg(feature = "tokio")]
            UploadErrorKind::TooLong { length } => {
                write!(
                    f,
                    "the reader has more than the {length} bytes that were declared"
                )
            }
        }
    }
}

impl error::Error for UploadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            #[cfg(feature = "tokio")]
            UploadErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}
