//! Writing of JSON into memory of exactly its size.

use std::cell::Cell;

use bytes::Bytes;

/// The largest buffer that a thread keeps for its next text, in bytes. A larger one is freed.
const KEPT: usize = 16 << 10;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Returns the bytes that `write` appends to an empty buffer.
///
/// `write` gets a buffer that the thread keeps. The result is one copy of it, so that it costs one allocation and holds
/// no more memory than it needs, however long the text is.
///
/// # Errors
///
/// The error of `write`.
pub fn write_exact<E>(write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Bytes, E> {
    // Taken out, because `write` may call this function itself. A thread that is ending has no buffer any more.
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    scratch.clear();
    let text = write(&mut scratch).map(|()| Bytes::copy_from_slice(&scratch));
    if scratch.capacity() <= KEPT {
        // A thread that is ending has no place for it, so it is dropped.
        let _gone = SCRATCH.try_with(|kept| kept.set(scratch));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::write_exact;

    #[test]
    fn a_text_written_within_another_leaves_both_whole() {
        let outer = write_exact(|outer| {
            outer.extend_from_slice(b"[");
            let inner = write_exact(|inner| {
                inner.extend_from_slice(b"inner");
                Ok::<_, ()>(())
            })?;
            outer.extend_from_slice(&inner);
            outer.extend_from_slice(b"]");
            Ok::<_, ()>(())
        });
        assert_eq!(outer.unwrap(), "[inner]");
        let next = write_exact(|next| {
            assert!(next.is_empty());
            Err::<(), _>("refused")
        });
        assert_eq!(next, Err("refused"));
    }
}
