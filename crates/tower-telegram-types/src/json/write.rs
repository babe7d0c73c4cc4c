//! Writes JSON into a block of just its size.

use std::cell::Cell;

use bytes::Bytes;

/// What a thread keeps for the next text. A longer one gives its block back.
const KEPT: usize = 16 << 10;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What `write` appends to an empty buffer. It is copied once, so that it takes one allocation of its own
/// length, whatever that is.
pub fn write_exact<E>(write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Bytes, E> {
    // Taken, as what is written may itself write; and there is none left while a thread ends.
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    scratch.clear();
    let text = write(&mut scratch).map(|()| Bytes::copy_from_slice(&scratch));
    if scratch.capacity() <= KEPT {
        // Without a place to keep it, it is dropped.
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
