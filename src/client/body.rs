//! The body of a call.

use http::HeaderValue;

use super::{ApiRequest, Error};
use crate::{
    body::{Chunks, body_of_chunks},
    multipart::Multipart,
};

/// The body of a call: JSON, or `multipart/form-data` where files go with it. Its length is known.
#[derive(Clone, Debug, Default)]
pub struct ApiBody(Chunks);

body_of_chunks!(ApiBody);

impl ApiBody {
    /// The body of a call and its content type: JSON unless a file is really uploaded.
    pub(super) fn of(call: &ApiRequest) -> Result<(HeaderValue, Self), Error> {
        if call.uploads().is_empty() {
            let json = HeaderValue::from_static("application/json");
            return Ok((
                json,
                Self(bytes::Bytes::copy_from_slice(call.json()).into()),
            ));
        }
        let parts = Multipart::new(call.json(), call.uploads()).map_err(Error::encode)?;
        Ok((parts.content_type(), Self(parts.chunks.into())))
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len()
    }
}
