//! Updates in the form in which Telegram writes them.

use bytes::{Bytes, BytesMut};

/// All IDs have the same number of digits, so that all updates have the same length.
const FIRST_ID: i64 = 100_000_000;

/// A plain text message of about 400 bytes, the n-th of a run, with an ID of its own.
pub fn text_message(n: u32) -> Bytes {
    let id = FIRST_ID + i64::from(n);
    let json = format!(
        "{{\"update_id\":{id},\n\"message\":{{\"message_id\":{id},\
        \"from\":{{\"id\":7,\"is_bot\":false,\"first_name\":\"Ada\",\"last_name\":\"Lovelace\",\
        \"username\":\"ada\",\"language_code\":\"en\"}},\
        \"chat\":{{\"id\":7,\"first_name\":\"Ada\",\"last_name\":\"Lovelace\",\"username\":\"ada\",\
        \"type\":\"private\"}},\"date\":1700000000,\
        \"text\":\"Could you tell me when the next train leaves, please?\"}}}}"
    );
    received(&json)
}

/// The same with a text of `length` bytes.
pub fn long_message(n: u32, length: usize) -> Bytes {
    let id = FIRST_ID + i64::from(n);
    let text = "x".repeat(length);
    received(&format!(
        "{{\"update_id\":{id},\n\"message\":{{\"message_id\":1,\
        \"chat\":{{\"id\":7,\"type\":\"private\"}},\"date\":1700000000,\"text\":\"{text}\"}}}}"
    ))
}

/// Cut from the buffer of a connection, as a server gives it: cloned, it isn't allocated anew.
fn received(json: &str) -> Bytes {
    let mut buffer = BytesMut::with_capacity(json.len() + 1);
    buffer.extend_from_slice(json.as_bytes());
    buffer.split().freeze()
}
