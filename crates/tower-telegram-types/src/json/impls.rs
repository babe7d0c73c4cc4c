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
        let mut items = Self::new();
        let mut more = r.open_array()?;
        while more {
            items.push(T::from_json(r)?);
            more = r.next_element()?;
        }
        Ok(items)
    }
}
