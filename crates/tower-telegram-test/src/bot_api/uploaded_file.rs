//! The [`UploadedFile`]: a file in a multipart request of the bot.

use bytes::Bytes;
use serde_json::{Map, Value};

/// A file in a multipart request.
///
/// ```no_run
/// # use tower_telegram_test::Telegram;
/// # async fn example(telegram: Telegram) -> Result<(), tower_telegram_test::Error> {
/// let call = telegram.wait_for_call("sendDocument").await?;
/// let file = &call.files[0];
/// assert_eq!((file.content_type.as_str(), file.length), ("text/plain", 5));
/// assert_eq!(file.bytes, "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadedFile {
    /// The name of the part.
    pub field: String,
    /// The file name, percent-decoded like Telegram does.
    pub file_name: String,
    /// The part's content type; `application/octet-stream` if it has none.
    pub content_type: String,
    /// The content. Empty if it is larger than
    /// [`keep_uploads_up_to`](crate::TelegramBuilder::keep_uploads_up_to).
    pub bytes: Bytes,
    /// The size in bytes.
    pub length: u64,
    /// The SHA-256 of the content.
    pub sha256: [u8; 32],
}

/// The file of that part, or of the part that an argument of that name refers to with `attach://`.
pub(crate) fn find_file<'a>(
    files: &'a [UploadedFile],
    params: &Map<String, Value>,
    name: &str,
) -> Option<&'a UploadedFile> {
    let with_field = |field: &str| files.iter().find(|file| file.field == field);
    with_field(name).or_else(|| with_field(params.get(name)?.as_str()?.strip_prefix("attach://")?))
}
