//! The scalars and containers that the schema is made of.

use super::{Aborted, FromJson, Reader, Result};

impl FromJson for i64 {
    #[inline]
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        r.integer()
    }
}

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

impl<T: FromJson> FromJson for Box<T> {
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        // Allocated before it is read, so that a message of 2 KB is moved once and not twice.
        let block = Self::new_uninit();
        Ok(Box::write(block, T::from_json(r)?))
    }
}

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
