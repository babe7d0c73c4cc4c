//! The size limits of every server of the Bot API. Over them, it responds with 413 and closes the connection before it
//! has read the whole request.

use crate::{
    client::Error,
    json::{Reader, Result as Read, utf8},
    types::Upload,
};

/// The most files that a call may upload.
const MAX_FILES: usize = 50;

/// The most bytes that a call's parameters may have.
const MAX_ARGUMENTS: usize = 1 << 20;

/// Checks the number of files and the length of the parameters.
///
/// # Errors
///
/// When there are too many files, or the parameters are too long.
pub(super) fn check(json: &[u8], uploads: &[Upload]) -> Result<(), Error> {
    if uploads.len() > MAX_FILES {
        let files = uploads.len();
        return Err(Error::invalid(format!(
            "it uploads {files} files, and the limit is {MAX_FILES}"
        )));
    }
    if json.len() <= MAX_ARGUMENTS {
        return Ok(());
    }
    let length = if uploads.is_empty() {
        json.len()
    } else {
        let text = utf8(json).ok();
        text.and_then(|text| values(text).ok())
            .unwrap_or(json.len())
    };
    if length <= MAX_ARGUMENTS {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "its parameters have {length} bytes, and the limit is {MAX_ARGUMENTS}"
    )))
}

/// The length of an object's values as the fields of a form.
fn values(object: &str) -> Read<usize> {
    let mut r = Reader::new(object);
    let mut length = 0;
    let mut more = r.open_object()?;
    while more {
        r.key_text()?;
        length += match r.peek() {
            Some(b'"') => r.text()?.len(),
            _ => r.raw()?.len(),
        };
        more = r.next_member()?;
    }
    Ok(length)
}
