//! The response to a probe.

use http::{HeaderValue, Response, StatusCode, header};

use crate::body::bytes::BytesBody;

/// A response with this text.
pub(super) fn response(status: StatusCode, text: impl Into<String>) -> Response<BytesBody> {
    let mut response = Response::new(BytesBody::new(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, plain);
    // An older response says nothing about the state now.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
