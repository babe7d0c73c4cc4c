//! Types of update by their names.

use std::{error, fmt, str::FromStr};

use crate::types::UpdateType;

/// By Telegram's name, such as `edited_message`.
///
/// ```
/// use tower_telegram::types::UpdateType;
///
/// assert_eq!("poll".parse(), Ok(UpdateType::Poll));
/// assert!("pole".parse::<UpdateType>().is_err());
/// ```
impl FromStr for UpdateType {
    type Err = UnknownUpdateType;

    fn from_str(name: &str) -> Result<Self, UnknownUpdateType> {
        match Self::from_name(name.as_bytes()) {
            Self::Unknown => Err(UnknownUpdateType),
            known => Ok(known),
        }
    }
}

/// A name that isn't one of a type of update that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownUpdateType;

impl fmt::Display for UnknownUpdateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no type of update has that name")
    }
}

impl error::Error for UnknownUpdateType {}

impl fmt::Display for UpdateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{UnknownUpdateType, UpdateType};

    #[test]
    fn each_type_is_found_by_its_name_and_nothing_else_is() {
        for kind in UpdateType::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        for name in ["", "unknown", "Message", "message ", "messages"] {
            assert_eq!(name.parse::<UpdateType>(), Err(UnknownUpdateType), "{name}");
        }
    }
}
