//! The files of replies that are kept in Redis.

use std::{collections::VecDeque, path::Path};

use bytes::Bytes;
use tokio::{
    io::AsyncReadExt as _,
    time::{Duration, Instant},
};

use crate::{
    body::chunks::open_file,
    types::{Upload, UploadSource},
};

/// How many replies with files a store keeps at most, and how many times the bytes of the largest.
const MAX_REPLIES: usize = 1000;
const MAX_LARGEST: usize = 16;

/// Reads the contents of uploads. `None` if one of them is a reader, which can be read only once, or can't be read, or if
/// they have more than `max` bytes together.
pub(super) async fn contents(uploads: &[Upload], max: usize) -> Option<Vec<Bytes>> {
    let mut left = max;
    let mut contents = Vec::with_capacity(uploads.len());
    for upload in uploads {
        let content = match upload.source() {
            UploadSource::Bytes(bytes) => bytes.clone(),
            UploadSource::Path(path) => read(path, left).await?,
            _ => return None,
        };
        left = left.checked_sub(content.len())?;
        contents.push(content);
    }
    Some(contents)
}

/// Reads a file, unless it has more than `max` bytes.
async fn read(path: &Path, max: usize) -> Option<Bytes> {
    let (file, length) = open_file(path).await.ok()??;
    let length = usize::try_from(length).ok().filter(|it| *it <= max)?;
    let mut content = Vec::with_capacity(length);
    // A file that grows meanwhile is cut where the response's own copy is cut.
    file.take(length as u64)
        .read_to_end(&mut content)
        .await
        .ok()?;
    (content.len() == length).then(|| content.into())
}

/// The replies with files that a store keeps in Redis, the oldest first. Redis itself can't count them over its keys.
#[derive(Debug, Default)]
pub(super) struct KeptFiles {
    entries: VecDeque<KeptFile>,
    bytes: usize,
}

#[derive(Debug)]
struct KeptFile {
    /// Where it is in Redis.
    key: Box<str>,
    bytes: usize,
    /// When Redis drops it.
    ends: Instant,
}

impl KeptFiles {
    /// Adds a reply with so many bytes of files, `largest` at most. Returns the replies that have to be dropped, the oldest
    /// ones: there may be a thousand, and 16 times as many bytes as in the largest.
    pub(super) fn add(
        &mut self,
        key: Box<str>,
        bytes: usize,
        largest: usize,
        age: Duration,
    ) -> Vec<Box<str>> {
        let now = Instant::now();
        let max = largest.saturating_mul(MAX_LARGEST);
        self.remove(|kept| kept.key == key || kept.ends <= now);
        self.bytes = self.bytes.saturating_add(bytes);
        let ends = now + age;
        self.entries.push_back(KeptFile { key, bytes, ends });
        let mut dropped = Vec::new();
        while (self.bytes > max || self.entries.len() > MAX_REPLIES)
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= oldest.bytes;
            dropped.push(oldest.key);
        }
        dropped
    }

    fn remove(&mut self, is_over: impl Fn(&KeptFile) -> bool) {
        self.entries.retain(|kept| !is_over(kept));
        self.bytes = self.entries.iter().map(|kept| kept.bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IntoReply as _, methods::SendDocument, types::InputFile};

    const NONE: [Box<str>; 0] = [];
    const HOUR: Duration = Duration::from_secs(3600);

    fn key(update_id: i64) -> Box<str> {
        update_id.to_string().into()
    }

    async fn contents_of(file: InputFile, max: usize) -> Option<Vec<Bytes>> {
        let reply = SendDocument::new(1, file).into_reply().unwrap();
        contents(reply.uploads(), max).await
    }

    #[tokio::test]
    async fn d16_files_are_read_up_to_the_limit() {
        let path = std::env::temp_dir().join(format!("reply-files-{}", std::process::id()));
        std::fs::write(&path, "0123456789").unwrap();
        let expected = Some(vec![Bytes::from("0123456789")]);
        for file in [
            InputFile::bytes("a.txt", "0123456789"),
            InputFile::path(&path),
        ] {
            assert_eq!(contents_of(file.clone(), 10).await, expected, "{file:?}");
            assert_eq!(contents_of(file.clone(), 9).await, None, "{file:?}");
        }
        let reader = InputFile::reader("a.txt", &b"0123456789"[..], Some(10));
        assert_eq!(contents_of(reader, 10).await, None);
        let missing = InputFile::path(path.join("missing"));
        assert_eq!(contents_of(missing, 10).await, None);
        let folder = InputFile::path(std::env::temp_dir());
        assert_eq!(contents_of(folder, 10).await, None);
        std::fs::remove_file(&path).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn d16_the_newest_files_are_kept_and_the_oldest_dropped() {
        let mut kept = KeptFiles::default();
        for update_id in 1..=16 {
            assert_eq!(kept.add(key(update_id), 10, 10, HOUR), NONE);
        }
        assert_eq!(kept.add(key(17), 10, 10, HOUR), [key(1)]);
        assert_eq!(kept.add(key(18), 5, 10, HOUR), [key(2)]);
        assert_eq!(kept.add(key(19), 5, 10, HOUR), NONE);
        assert_eq!((kept.entries.len(), kept.bytes), (17, 160));
        // One that is recorded again counts once.
        assert_eq!(kept.add(key(19), 5, 10, HOUR), NONE);
        assert_eq!((kept.entries.len(), kept.bytes), (17, 160));
        // Redis has dropped them by itself.
        tokio::time::advance(HOUR).await;
        assert_eq!(kept.add(key(20), 10, 10, HOUR), NONE);
        assert_eq!((kept.entries.len(), kept.bytes), (1, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn d16_the_number_of_replies_with_files_has_a_bound() {
        let mut kept = KeptFiles::default();
        for update_id in 1..=1000 {
            assert_eq!(kept.add(key(update_id), 1, 1 << 20, HOUR), NONE);
        }
        assert_eq!(kept.add(key(1001), 0, 1 << 20, HOUR), [key(1)]);
        assert_eq!(kept.entries.len(), 1000);
    }
}
