use std::io::Write;

use bytes::{Bytes, BytesMut};

use super::{
    message::{MAX_HEAD, parse_head},
    *,
};

const MAX: usize = 4 << 20;

/// The message's code and body, or the refusal's code, and the unread bytes.
fn read_all(input: &[u8]) -> (Result<(u16, Bytes), Option<u16>>, Bytes) {
    let mut buffer = BytesMut::new();
    let mut input = input;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let result = match runtime.block_on(read(&mut input, &mut buffer, MAX)) {
        Ok(HttpMessage {
            start: StartLine::Response { code, .. },
            body,
            ..
        }) => Ok((code, body)),
        Ok(message) => panic!("not a response: {message:?}"),
        Err(HttpReadError::Refused(refusal)) => Err(Some(refusal.code)),
        Err(_) => Err(None),
    };
    (result, buffer.freeze())
}

#[expect(clippy::unnecessary_wraps)]
fn ok(code: u16, body: &'static [u8]) -> Result<(u16, Bytes), Option<u16>> {
    Ok((code, Bytes::from_static(body)))
}

#[test]
fn a_body_is_as_long_as_content_length_says() {
    let (result, rest) = read_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello");
    assert_eq!((result, rest.as_ref()), (ok(200, b"he"), &b"llo"[..]));
}

#[test]
fn without_a_length_there_is_no_body_and_its_bytes_are_left_over() {
    let (result, rest) = read_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"method\":1}");
    assert_eq!(
        (result, rest.as_ref()),
        (ok(200, b""), &b"{\"method\":1}"[..])
    );
}

#[test]
fn chunks_win_over_content_length_and_may_have_extensions() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: Chunked\r\n\r\n";
    let (result, rest) = read_all(format!("{head}3;a=b\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").as_bytes());
    assert_eq!((result, rest.as_ref()), (ok(200, b"abcde"), &b""[..]));
}

#[test]
fn trailers_are_left_over() {
    let (result, rest) = read_all(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\n\r\n",
    );
    assert_eq!(result, ok(200, b"a"));
    assert_eq!(
        rest.as_ref(),
        b"T: 1\r\n\r\n",
        "two bytes are skipped unseen"
    );
    assert_eq!(read_all(&rest).0, Err(Some(501)));
}

#[test]
fn gzip_and_zlib_are_read_whatever_the_header_calls_them() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"hello").unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(b"hello").unwrap();
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    raw.write_all(b"hello").unwrap();
    let with = |encoding: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        read_all(&[head.as_bytes(), body].concat()).0
    };
    let (gzip, zlib, raw) = (
        gzip.finish().unwrap(),
        zlib.finish().unwrap(),
        raw.finish().unwrap(),
    );
    assert_eq!(with("gzip", &gzip), ok(200, b"hello"));
    assert_eq!(with("deflate", &zlib), ok(200, b"hello"));
    assert_eq!(with("gzip", &zlib), ok(200, b"hello"));
    assert_eq!(with("deflate", &raw), Err(Some(400)));
    assert_eq!(with("identity", b"hello"), Err(Some(415)));
    assert_eq!(with("br", b"hello"), Err(Some(415)));
    assert_eq!(
        with("identity", b""),
        ok(200, b""),
        "nothing to decode, nothing to refuse"
    );
}

#[test]
fn what_the_server_refuses_is_refused() {
    let refused = |text: &str| read_all(text.as_bytes()).0.unwrap_err();
    assert_eq!(refused("HTTP/2 200\r\n\r\n"), Some(505));
    assert_eq!(refused("<html>\r\n\r\n"), Some(501));
    assert_eq!(
        refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
        Some(501)
    );
    assert_eq!(refused("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), Some(400));
    assert_eq!(
        refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;extension=1\r\nabc\r\n"),
        Some(400)
    );
    assert_eq!(
        refused(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1048577\r\n\r\n"
        ),
        Some(413)
    );
    assert_eq!(refused(&"x".repeat(MAX_HEAD + 1)), Some(431));
}

#[test]
fn lines_that_end_in_lf_only_are_never_a_head() {
    let (result, rest) = read_all(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n");
    assert_eq!((result, rest.is_empty()), (Err(None), false));
}

#[test]
fn an_interim_response_is_a_response_of_its_own() {
    let (result, rest) =
        read_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(result, ok(100, b""));
    assert_eq!(read_all(&rest).0, ok(200, b""));
}

#[test]
fn a_header_may_go_on_in_the_next_line() {
    let head = parse_head(&Bytes::from_static(
        b"HTTP/1.0 204 No Content\r\nA:  b\r\n c\r\nConnection: Keep-Alive\r\n",
    ))
    .ok();
    let head = head.unwrap();
    assert_eq!(head.headers[0].1.as_ref(), b"b\r\n c");
    assert!(head.keep_alive);
    assert_eq!(
        head.start,
        StartLine::Response {
            code: 204,
            reason: "No Content".into()
        }
    );
}
