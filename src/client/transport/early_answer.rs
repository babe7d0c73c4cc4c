//! Responses after which the server of the Bot API closes the connection without saying so.
//!
//! Its HTTP reader rejects a request that it can't read with 413, 431, 501 or 505, `Content-Length: 0` and no
//! `Connection: close`, and then closes the connection. A call that is made on it meanwhile is lost.

/// The statuses of these responses.
#[cfg(feature = "reqwest")]
const STATUSES: [u16; 4] = [413, 431, 501, 505];

/// Whether the server closes the connection after this response.
#[cfg(feature = "reqwest")]
pub(super) fn is_last<B>(response: &http::Response<B>) -> bool {
    let length = response.headers().get(http::header::CONTENT_LENGTH);
    response.version() == http::Version::HTTP_11
        && STATUSES.contains(&response.status().as_u16())
        && length.is_some_and(|length| length == "0")
}

#[cfg(feature = "client")]
pub(super) use self::watch::{AnswerWatch, MAX_HEAD};

#[cfg(feature = "client")]
mod watch {
    /// How the heads of these responses begin.
    const STATUS_LINES: [&str; 4] = [
        "HTTP/1.1 413",
        "HTTP/1.1 431",
        "HTTP/1.1 501",
        "HTTP/1.1 505",
    ];

    /// The longest head that is looked at. Those of the server have less than 200 bytes.
    pub(in super::super) const MAX_HEAD: usize = 4096;

    /// Watches the bytes of a connection for the head of such a response.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub(in super::super) enum AnswerWatch {
        /// A request was written, and the next bytes belong to the head of its response. The value is the part of the
        /// head that was received.
        Head(Vec<u8>),
        /// The next bytes belong to another part of the response, such as its body.
        #[default]
        Rest,
        /// The response was the connection's last.
        Over,
    }

    impl AnswerWatch {
        /// Records that a part of a request was written. The server may respond before it has the rest, so that the
        /// head may have begun already.
        pub(in super::super) fn wrote(&mut self) {
            if *self == Self::Rest {
                *self = Self::Head(Vec::new());
            }
        }

        /// Records received bytes.
        pub(in super::super) fn read(&mut self, bytes: &[u8]) {
            let Self::Head(head) = self else {
                return;
            };
            // The first bytes of nearly every response show that it is another one, so they needn't be copied.
            let is_last = if head.is_empty() {
                is_last_head(bytes)
            } else {
                head.extend_from_slice(bytes);
                is_last_head(head)
            };
            match is_last {
                Some(true) => *self = Self::Over,
                Some(false) => *self = Self::Rest,
                None if head.is_empty() => head.extend_from_slice(bytes),
                None => {}
            }
        }
    }

    /// Whether these bytes are the whole head of such a response, and nothing follows. `None` if that isn't known
    /// before more bytes have come.
    fn is_last_head(bytes: &[u8]) -> Option<bool> {
        let may_begin = |line: &&[u8]| line.starts_with(bytes) || bytes.starts_with(line);
        if bytes.len() > MAX_HEAD || !STATUS_LINES.iter().any(|line| may_begin(&line.as_bytes())) {
            return Some(false);
        }
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let is_whole = end + 4 == bytes.len();
        Some(is_whole && bytes.split(|byte| *byte == b'\n').any(says_empty))
    }

    /// Whether this line of a head says that there is no body.
    fn says_empty(line: &[u8]) -> bool {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (halves.next(), halves.next());
        name.is_some_and(|name| name.eq_ignore_ascii_case(b"content-length"))
            && value.is_some_and(|value| value.trim_ascii() == b"0")
    }

    #[cfg(test)]
    mod tests {
        use super::AnswerWatch;

        /// Whether the connection is over once these pieces have come, between which the request is written on.
        fn is_over_after(pieces: &[&str]) -> bool {
            let mut watch = AnswerWatch::default();
            for piece in pieces {
                watch.wrote();
                watch.read(piece.as_bytes());
            }
            watch == AnswerWatch::Over
        }

        #[test]
        fn f17_an_answer_that_ends_the_connection_is_known_by_its_head() {
            for (answer, is_last) in [
                ("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", true),
                ("HTTP/1.1 431 X\r\nContent-Length: 0\r\n\r\n", true),
                (
                    "HTTP/1.1 505 X\r\nA: b\r\ncontent-length:0 \r\nC: d\r\n\r\n",
                    true,
                ),
                ("HTTP/1.1 413 X\r\nContent-Length: 2\r\n\r\n", false),
                (
                    "HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200",
                    false,
                ),
                ("HTTP/1.1 413 X\r\nX-Content-Length: 0\r\n\r\n", false),
                ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false),
                ("HTTP/1.1 4", false),
                ("", false),
            ] {
                assert_eq!(is_over_after(&[answer]), is_last, "{answer}");
            }
        }

        /// Only a head that came in one piece was known.
        #[test]
        fn f17_a_head_in_pieces_ends_the_connection_too() {
            for (answer, is_last) in [
                ("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", true),
                ("HTTP/1.1 413 X\r\nContent-Length: 1\r\n\r\n", false),
                ("HTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n", false),
            ] {
                for at in 1..answer.len() {
                    let (first, second) = answer.split_at(at);
                    assert_eq!(is_over_after(&[first, second]), is_last, "{first}|{second}");
                }
                let bytes: Vec<_> = (0..answer.len()).map(|at| &answer[at..=at]).collect();
                assert_eq!(is_over_after(&bytes), is_last, "{answer} byte by byte");
            }
        }

        #[test]
        fn f17_a_head_without_an_end_is_not_kept() {
            let mut watch = AnswerWatch::default();
            watch.wrote();
            watch.read(b"HTTP/1.1 413 X\r\n");
            for _ in 0..100 {
                watch.read(&[b'a'; 100]);
            }
            assert_eq!(watch, AnswerWatch::Rest);
        }
    }
}
