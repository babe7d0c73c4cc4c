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
        let mut more = r.open_array()?;
        let mut items = Self::new();
        while more {
            let item = T::from_json(r)?;
            if items.is_empty() {
                items.reserve_exact(r.list_length_hint());
            }
            items.push(item);
            more = r.next_element()?;
        }
        r.set_list_length_hint(items.len());
        Ok(items)
    }
}
