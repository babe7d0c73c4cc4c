//! The scalars and containers that the schema is made of.

use super::{FromJson, Reader, Result};

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
        T::from_json(r).map(Self::new)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        if !r.open_array()? {
            return Ok(Self::new());
        }
        let mut items = Self::with_capacity(r.list_length_hint());
        loop {
            items.push(T::from_json(r)?);
            if !r.next_element()? {
                break;
            }
        }
        r.set_list_length_hint(items.len());
        Ok(items)
    }
}
