//! Files that `getFile` returns, their bytes, and the log of their downloads.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use serde_json::{Value, json};

use super::{sha256::Sha256, uploaded_file::UploadedFile};

/// How many downloads are remembered.
const MAX_DOWNLOADS: usize = 10_000;
/// How many bytes of uploaded files are kept; the oldest file is dropped first.
const MAX_UPLOADS: usize = 256 << 20;
/// How many file IDs without a file are remembered.
const MAX_RECORDED: usize = 100_000;
/// The size in bytes of the pieces in which a generated file is made.
const PIECE: usize = 64 << 10;
const WORD: u64 = 8;

/// A request for a file.
///
/// ```no_run
/// # use tower_telegram_test::Telegram;
/// # async fn example(telegram: Telegram) {
/// let file_id = telegram.add_file("documents/file_1.pdf", "some bytes");
/// // … the bot gets `file_id` in an update and downloads the file …
/// let downloads = telegram.downloads();
/// assert!(downloads[0].is_found && downloads[0].file_path == "documents/file_1.pdf");
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileDownload {
    /// The file's path, percent-decoded.
    pub file_path: String,
    /// Whether the request was made under `/file/bot<token>/test/`, the test environment.
    pub test_environment: bool,
    /// Whether the file exists.
    pub is_found: bool,
}

/// `length` bytes from `offset` of a file made by
/// [`Telegram::add_generated_file`](crate::Telegram::add_generated_file). All such files have the same
/// content, which continues beyond the end of each.
///
/// No two blocks are the same, so that bytes in the wrong place don't go unnoticed.
///
/// ```
/// # use tower_telegram_test::generated_bytes;
/// let whole = generated_bytes(0, 100);
/// assert_eq!(generated_bytes(40, 10), whole[40..50]);
/// ```
pub fn generated_bytes(offset: u64, length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 16);
    let skipped = usize::try_from(offset % WORD).unwrap_or_default();
    let mut index = offset / WORD;
    while out.len() < skipped + length {
        out.extend_from_slice(&word(index).to_le_bytes());
        index = index.wrapping_add(1);
    }
    out.drain(..skipped);
    out.truncate(length);
    out
}

/// The SHA-256 of a generated file of `length` bytes, to compare with
/// [`UploadedFile::sha256`](crate::UploadedFile::sha256).
pub fn generated_sha256(length: u64) -> [u8; 32] {
    let mut hash = Sha256::default();
    for piece in pieces(length) {
        hash.update(&piece);
    }
    hash.finish()
}

/// A word of `SplitMix64` with the seed 0.
fn word(index: u64) -> u64 {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The content of a generated file of that length, piece by piece.
fn pieces(length: u64) -> impl Iterator<Item = Vec<u8>> + Send {
    let piece = move |offset| {
        let left = usize::try_from(length - offset).unwrap_or(PIECE);
        generated_bytes(offset, left.min(PIECE))
    };
    (0..length).step_by(PIECE).map(piece)
}

#[derive(Debug)]
/// All files of a [`Telegram`](crate::Telegram).
pub(crate) struct Files {
    /// The largest file that `getFile` offers, in bytes.
    pub(crate) max_download: u64,
    inner: Mutex<FileTable>,
}

/// The files behind the lock.
#[derive(Debug, Default)]
struct FileTable {
    /// The path of each file by its `file_id`.
    paths: HashMap<String, String>,
    contents: HashMap<String, FileContent>,
    downloads: VecDeque<FileDownload>,
    /// The paths of the bot's uploads, oldest first, and their size in bytes.
    uploads: VecDeque<String>,
    uploaded: usize,
    last_number: u64,
    /// The IDs of files without content: the server fetched them from a URL, or they came with an update
    /// that the test made up.
    recorded: HashSet<String>,
}

#[derive(Clone, Debug)]
/// Where the bytes of a file come from.
pub(crate) enum FileContent {
    Bytes(Bytes),
    /// Generated, with its length.
    Generated(u64),
    /// On disk, with its length. It isn't served.
    Local(u64),
    /// An upload that isn't kept, with its length.
    Forgotten(u64),
}

impl FileContent {
    /// The length in bytes.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Generated(length) | Self::Local(length) | Self::Forgotten(length) => *length,
        }
    }

    /// The bytes to serve, piece by piece.
    pub(crate) fn pieces(&self) -> Box<dyn Iterator<Item = Bytes> + Send> {
        match self {
            Self::Bytes(bytes) => Box::new(std::iter::once(bytes.clone())),
            Self::Generated(length) => Box::new(pieces(*length).map(Bytes::from)),
            Self::Local(_) | Self::Forgotten(_) => Box::new(std::iter::empty()),
        }
    }
}

impl Files {
    pub(crate) fn new(max_download: u64) -> Self {
        Self {
            max_download,
            inner: Mutex::default(),
        }
    }

    /// Adds a file and returns its `file_id`. It replaces the file at the same path.
    pub(crate) fn add(&self, file_path: String, content: FileContent) -> String {
        let mut inner = self.lock();
        let id = format!("added-file-{}", inner.paths.len() + 1);
        inner.paths.insert(id.clone(), file_path.clone());
        inner.contents.insert(file_path, content);
        id
    }

    /// A number that no file and no poll has.
    pub(crate) fn next_number(&self) -> u64 {
        let mut inner = self.lock();
        inner.last_number += 1;
        inner.last_number
    }

    /// Adds a file that the bot has uploaded as a photo, a document or another kind, and returns its
    /// `file_id`.
    pub(crate) fn add_upload(&self, kind: &str, upload: &UploadedFile) -> String {
        let ending = upload
            .file_name
            .rsplit_once('.')
            .map_or("bin", |(_, ending)| ending);
        let is_plain = ending.len() <= 8 && ending.bytes().all(|b| b.is_ascii_alphanumeric());
        let ending = if is_plain { ending } else { "bin" };
        let path = format!("{kind}s/file_{}.{ending}", self.next_number());
        let content = if upload.bytes.len() as u64 == upload.length {
            FileContent::Bytes(upload.bytes.clone())
        } else {
            FileContent::Forgotten(upload.length)
        };
        let id = self.add(path.clone(), content);
        self.bound_uploads(path, upload.bytes.len());
        id
    }

    /// Drops the oldest uploads while they are too large together.
    fn bound_uploads(&self, path: String, length: usize) {
        let mut inner = self.lock();
        inner.uploads.push_back(path);
        inner.uploaded += length;
        while inner.uploaded > MAX_UPLOADS && inner.uploads.len() > 1 {
            let oldest = inner.uploads.pop_front().unwrap_or_default();
            if let Some(content) = inner.contents.get_mut(&oldest) {
                let length = content.length();
                *content = FileContent::Forgotten(length);
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                inner.uploaded = inner.uploaded.saturating_sub(length);
            }
        }
    }

    /// Adds a file on disk and returns its `file_id`.
    pub(crate) fn add_local(&self, path: &Path) -> io::Result<String> {
        let path = std::path::absolute(path)?;
        let length = std::fs::metadata(&path)?.len();
        Ok(self.add(
            path.to_string_lossy().into_owned(),
            FileContent::Local(length),
        ))
    }

    /// Remembers a file ID that the bot has received.
    pub(crate) fn record(&self, file_id: &str) {
        let mut inner = self.lock();
        if inner.recorded.len() >= MAX_RECORDED {
            inner.recorded.clear();
        }
        inner.recorded.insert(file_id.to_owned());
    }

    /// Remembers all file IDs in an update.
    pub(crate) fn record_all(&self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.record_all(item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value.as_str() {
                        Some(id) if name.ends_with("file_id") => self.record(id),
                        _ => self.record_all(value),
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether the bot has received the ID.
    pub(crate) fn is_known(&self, file_id: &str) -> bool {
        let inner = self.lock();
        inner.paths.contains_key(file_id) || inner.recorded.contains(file_id)
    }

    /// Whether the file is on disk, as on a server in local mode.
    pub(crate) fn is_local(&self, file_id: &str) -> bool {
        let inner = self.lock();
        let path = inner.paths.get(file_id);
        let content = path.and_then(|path| inner.contents.get(path));
        matches!(content, Some(FileContent::Local(_)))
    }

    /// The result of `getFile` for a file that was added.
    pub(crate) fn describe(&self, file_id: &str) -> Option<Value> {
        let inner = self.lock();
        let path = inner.paths.get(file_id)?;
        let mut file = json!({"file_id": file_id, "file_unique_id": format!("unique-{file_id}"), "file_path": path});
        // An empty file has no `file_size`, as in the real response.
        if let Some(length @ 1..) = inner.contents.get(path).map(FileContent::length) {
            file["file_size"] = length.into();
        }
        Some(file)
    }

    /// The content at that path. The request is recorded in any case.
    pub(crate) fn download(&self, file_path: &str, test_environment: bool) -> Option<FileContent> {
        let mut inner = self.lock();
        let content = inner.contents.get(file_path).cloned();
        let is_served = |content: &FileContent| {
            !matches!(content, FileContent::Local(_) | FileContent::Forgotten(_))
        };
        let content = content.filter(is_served);
        if inner.downloads.len() == MAX_DOWNLOADS {
            inner.downloads.pop_front();
        }
        inner.downloads.push_back(FileDownload {
            file_path: file_path.to_owned(),
            test_environment,
            is_found: content.is_some(),
        });
        content
    }

    /// The log of downloads, oldest first.
    pub(crate) fn downloads(&self) -> Vec<FileDownload> {
        self.lock().downloads.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, FileTable> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_bytes_are_the_same_from_any_offset() {
        let all = generated_bytes(0, 200_000);
        for (offset, length) in [(0, 0), (0, 3), (1, 8), (7, 100), (8, 8), (65_531, 70_001)] {
            let part = generated_bytes(offset as u64, length);
            assert_eq!(part, all[offset..offset + length], "{offset} {length}");
        }
        assert_eq!(pieces(200_000).collect::<Vec<_>>().concat(), all);
        // The first words of the reference implementation.
        assert_eq!(all[..8], 0xe220_a839_7b1d_cdaf_u64.to_le_bytes());
        assert_eq!(all[8..16], 0x6e78_9e6a_a1b9_65f4_u64.to_le_bytes());
    }

    #[test]
    fn the_hash_is_sha_256() {
        let mut hash = Sha256::default();
        hash.update(&generated_bytes(0, 100_000));
        assert_eq!(generated_sha256(100_000), hash.finish());
        assert_eq!(generated_sha256(0)[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    }

    #[test]
    fn a_path_has_the_content_that_was_added_last() {
        let files = Files::new(u64::MAX);
        let first = files.add("a".to_owned(), FileContent::Generated(5));
        let second = files.add("a".to_owned(), FileContent::Generated(6));
        assert_ne!(first, second);
        for id in [&first, &second] {
            assert_eq!(files.describe(id).unwrap()["file_size"], 6);
        }
        assert_eq!(files.describe("other"), None);
    }
}
