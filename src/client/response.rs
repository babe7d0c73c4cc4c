//! What comes back for a call.

use std::fmt;

use bytes::Bytes;

use super::Error;
use crate::Method;

/// What Telegram returned for a call.
pub struct ApiResponse {
    result: Bytes,
}

impl ApiResponse {
    /// A result as it would come from Telegram: its JSON.
    pub fn new(result: impl Into<Bytes>) -> Self {
        Self {
            result: result.into(),
        }
    }

    /// The JSON of the result.
    pub fn result(&self) -> &Bytes {
        &self.result
    }

    /// Reads the result as what the method returns.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub fn decode<M: Method>(&self) -> Result<M::Output, Error> {
        let result = crate::json::utf8(&self.result).and_then(M::decode);
        result.map_err(|reason| Error::decode(reason).with_method(M::NAME.into()))
    }
}

impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiResponse")
            .field("length", &self.result.len())
            .finish_non_exhaustive()
    }
}
