//! The base URL of a server.

use std::{error, fmt, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderValue, Uri,
    uri::{Authority, Parts, PathAndQuery, Scheme},
};
use percent_encoding::percent_decode_str;

use crate::client::Error;

/// A server and a path on it. A name and password before the host are sent in the header `Authorization`. They aren't a
/// part of the URLs of calls, because HTTP clients log those.
#[derive(Clone)]
pub(super) struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at the end.
    path: Arc<str>,
    authorization: Option<HeaderValue>,
}

impl BaseUrl {
    pub(super) fn parse(url: &str) -> Result<Self, InvalidBaseUrl> {
        let base = url.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| InvalidBaseUrl)?;
        let uri = uri.into_parts();
        let (Some(scheme), Some(authority), Some(path)) =
            (uri.scheme, uri.authority, uri.path_and_query)
        else {
            return Err(InvalidBaseUrl);
        };
        let known = scheme == Scheme::HTTP || scheme == Scheme::HTTPS;
        // Parsing drops a fragment, and the path of each call would be a part of it.
        let more = path.query().is_some() || base.contains('#');
        if !known || authority.host().is_empty() || more {
            return Err(InvalidBaseUrl);
        }
        let (authority, authorization) = without_user(authority)?;
        Ok(Self {
            scheme,
            authority,
            path: path.path().trim_end_matches('/').into(),
            authorization,
        })
    }

    /// The root of a host whose name is known to be valid.
    pub(super) fn https(host: &'static str) -> Self {
        Self {
            scheme: Scheme::HTTPS,
            authority: Authority::from_static(host),
            path: "".into(),
            authorization: None,
        }
    }

    pub(super) fn host(&self) -> &str {
        self.authority.host()
    }

    /// The folder, without a slash at its end.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The URL of a path below this one. The parts are joined without escaping.
    pub(super) fn join(&self, parts: &[&str]) -> Result<Uri, Error> {
        let text = [&*self.path]
            .iter()
            .chain(parts)
            .copied()
            .collect::<String>();
        // The source would contain the URL, and with it the token.
        let refused =
            || Error::encode("the method's name or the file's path can't be part of a url");
        let path = PathAndQuery::from_maybe_shared(Bytes::from(text)).map_err(|_| refused())?;
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).map_err(|_| refused())
    }
}

/// Without the name and password.
impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scheme,
            authority,
            path,
            ..
        } = self;
        write!(f, "\"{scheme}://{authority}{path}\"")
    }
}

type Access = (Authority, Option<HeaderValue>);

fn without_user(authority: Authority) -> Result<Access, InvalidBaseUrl> {
    let Some((user, host)) = authority.as_str().rsplit_once('@') else {
        return Ok((authority, None));
    };
    let user: Vec<u8> = percent_decode_str(user).collect();
    // Without a colon, the password is empty.
    let colon: &[u8] = if user.contains(&b':') { b"" } else { b":" };
    let text = format!("Basic {}", base64(&[&user, colon].concat()));
    let mut header = HeaderValue::try_from(text).map_err(|_| InvalidBaseUrl)?;
    header.set_sensitive(true);
    let host = host.parse().map_err(|_| InvalidBaseUrl)?;
    Ok((host, Some(header)))
}

/// Encodes as [RFC 4648](https://www.rfc-editor.org/rfc/rfc4648#section-4) says, with padding. It isn't worth a
/// dependency, because it is used for this one header.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= three.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}

/// A base URL that can't be used: it isn't an absolute `http` or `https` URL, or it has a query or a fragment. It doesn't
/// contain the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidBaseUrl;

impl fmt::Display for InvalidBaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the base url of a bot api server must be an absolute http or https url without a query or fragment",
        )
    }
}

impl error::Error for InvalidBaseUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_absolute_and_has_no_query_or_fragment() {
        for bad in [
            "",
            "api.telegram.org",
            "/x",
            "ftp://a",
            "http://",
            "http://a?b=c",
            "http://a#b",
            "http://a/#",
            "http://user@",
        ] {
            assert!(BaseUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a6_a_password_is_only_in_the_header() {
        for (url, credentials) in [
            ("http://name:pass%20word@a:81/b/", "bmFtZTpwYXNzIHdvcmQ="),
            ("http://name@a:81/b", "bmFtZTo="),
            ("http://n:p:q@a:81/b", "bjpwOnE="),
        ] {
            let base = BaseUrl::parse(url).unwrap();
            assert_eq!(format!("{base:?}"), "\"http://a:81/b\"");
            assert_eq!(base.join(&["/", "c"]).unwrap(), "http://a:81/b/c");
            let header = base.authorization().unwrap();
            assert_eq!(header, &format!("Basic {credentials}"));
            assert!(header.is_sensitive());
        }
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
