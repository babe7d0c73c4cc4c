//! [`FromJson`] for numbers, booleans, boxes and lists.
//!
//! Texts are in `api::str`. An optional field isn't an `Option` here: the reader leaves its slot empty.

use super::{Aborted, FromJson, Reader, Result};

/// A number with a fraction or an exponent isn't an integer, even if its value is a whole number.
impl FromJson for i64 {
    #[inline]
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        r.integer()
    }
}

/// A number beyond the range of an `f64` doesn't fit.
impl FromJson for f64 {
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        r.float()
    }
}

impl FromJson for bool {
    #[inline]
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        r.boolean()
    }
}

/// Large objects are boxed where they may be absent.
impl<T: FromJson> FromJson for Box<T> {
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        // Allocated before it is read, so that a message of 2 KB is moved once and not twice.
        let block = Self::new_uninit();
        Ok(Box::write(block, T::from_json(r)?))
    }
}

/// A list goes without an element that doesn't fit, if its type allows that. Room for the elements is made once, by
/// the length of the list before it.
impl<T: FromJson> FromJson for Vec<T> {
    const LEFT_OUT_OF_LISTS: bool = T::LEFT_OUT_OF_LISTS;

    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        if !r.open_array()? {
            return Ok(Self::new());
        }
        let mut items = Self::with_capacity(r.list_length_hint());
        loop {
            let start = r.mark();
            match T::from_json(r) {
                Ok(item) => items.push(item),
                Err(Aborted) if T::LEFT_OUT_OF_LISTS => {
                    r.leave_out(start, "an element of a list")?;
                }
                Err(Aborted) => return Err(Aborted),
            }
            if !r.next_element()? {
                break;
            }
        }
        r.set_list_length_hint(items.len());
        Ok(items)
    }
}
