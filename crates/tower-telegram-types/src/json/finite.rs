//! Numbers that JSON can hold.

use serde_core::{Serialize, Serializer, ser::Error};

/// The number of a field, by the field's name. `serde_json` would write `null` for NaN and the infinities, and Telegram
/// would refuse the call for a reason that says nothing about the number, or take it for a field that is absent.
pub(crate) struct Finite(pub(crate) &'static str, pub(crate) f64);

impl Serialize for Finite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(name, value) = *self;
        if value.is_finite() {
            serializer.serialize_f64(value)
        } else {
            Err(S::Error::custom(format_args!(
                "{name} must be a finite number"
            )))
        }
    }
}
