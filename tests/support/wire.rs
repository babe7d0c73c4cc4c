//! A request as Telegram writes it, and a response as Telegram reads it.

use std::fmt;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Duration, timeout},
};

use crate::support::{adapter::AnyBody, bodies::Frames};

/// The secret of the bots in these tests.
pub(crate) const SECRET: &str = "swordfish-A_1";

pub(crate) const SECRET_HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";

/// An update as Telegram writes it: the number, a comma, a line feed, and the payload.
pub(crate) const MESSAGE: &str = "{\"update_id\":7,\n\"message\":{\"message_id\":1,\"from\":{\"id\":3,\
    \"is_bot\":false,\"first_name\":\"Ada \\u2728\"},\"chat\":{\"id\":3,\"type\":\"private\"},\
    \"date\":1700000000,\"text\":\"hi\"}}";

/// A step that takes this long hangs.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// A request with its headers in order.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) version: &'static str,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// The size of the body's chunks, if it has some.
    chunk: Option<usize>,
}

impl Call {
    /// Telegram's request with this body: its headers, in its order.
    pub(crate) fn new(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let call = Self {
            method: "POST",
            version: "HTTP/1.1",
            headers: Vec::new(),
            body: Vec::new(),
            chunk: None,
        };
        let call = call
            .header("Host", "bot.example")
            .header(SECRET_HEADER, SECRET)
            .header("Content-Type", "application/json")
            .header("Content-Length", body.len().to_string())
            .header("Connection", "keep-alive")
            .header("Accept-Encoding", "gzip, deflate");
        Self { body, ..call }
    }

    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| *n != name);
        self
    }

    pub(crate) fn with(self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.without(name).header(name, value)
    }

    /// Sends the body in chunks of a size, without a length.
    pub(crate) fn chunked(self, size: usize) -> Self {
        let call = self.without("Content-Length");
        let mut call = call.header("Transfer-Encoding", "chunked");
        call.chunk = Some(size);
        call
    }

    /// The bytes of the head.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("{} /bot {}\r\n", self.method, self.version).into_bytes();
        for (name, value) in &self.headers {
            head.extend(name.as_bytes());
            head.extend(b": ");
            head.extend(value);
            head.extend(b"\r\n");
        }
        head.extend(b"\r\n");
        head
    }

    /// The bytes of the body.
    pub(crate) fn content(&self) -> Vec<u8> {
        let Some(size) = self.chunk else {
            return self.body.clone();
        };
        let mut content = Vec::new();
        for chunk in self.body.chunks(size) {
            content.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            content.extend(chunk);
            content.extend(b"\r\n");
        }
        content.extend(b"0\r\n\r\n");
        content
    }

    /// The same request for a service that is called without a connection.
    pub(crate) fn request(&self) -> Request<AnyBody> {
        let mut request = Request::builder().method(self.method).uri("/bot");
        for (name, value) in &self.headers {
            request = request.header(*name, &**value);
        }
        let body = match self.chunk {
            None => Full::from(self.body.clone())
                .map_err(Into::into)
                .boxed_unsync(),
            Some(size) => {
                let chunks = self.body.chunks(size).map(Bytes::copy_from_slice);
                let chunks: Vec<_> = chunks.map(Ok).collect();
                Frames::new(chunks.into_iter()).0.boxed_unsync()
            }
        };
        request.body(body).expect("a request")
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = &self.body[..self.body.len().min(200)];
        let head = self.head();
        let (head, start) = (
            String::from_utf8_lossy(&head),
            String::from_utf8_lossy(start),
        );
        write!(f, "{head}{start}")
    }
}

/// A response, with the interim responses before it and the bytes after it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// Status codes of interim answers.
    pub(crate) interim: Vec<u16>,
    pub(crate) trailers: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(n, _)| n == name);
        let (Some((_, value)), None) = (all.next(), all.next()) else {
            return None;
        };
        std::str::from_utf8(value).ok()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(n, _)| n == name)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the answer is JSON")
    }

    /// Row E6, for each response in any test: Telegram handles none of the responses that are refused here
    /// as they are meant. It drops the webhook, sends the update again, or loses the reply.
    pub(crate) fn check(&self, call: &Call) {
        let known = [200, 400, 401, 403, 405, 408, 413, 415, 500, 503];
        assert!(known.contains(&self.status), "{self:?}");
        // A server sends an interim response only on request.
        let asked = call.headers.iter().any(|(name, _)| *name == "Expect");
        let interim: &[u16] = if asked { &[100] } else { &[] };
        assert!(interim.starts_with(&self.interim), "{self:?}");
        assert!(!self.trailers, "{self:?}");
        for unwanted in [
            "transfer-encoding",
            "content-encoding",
            "trailer",
            "location",
        ] {
            assert!(!self.has(unwanted), "{self:?}");
        }
        let length = self.header("content-length").map(str::parse);
        if call.method != "HEAD" {
            assert_eq!(length, Some(Ok(self.body.len())), "{self:?}");
        }
        assert_eq!(
            self.header("content-type").is_some(),
            !self.body.is_empty(),
            "{self:?}"
        );
    }
}

/// A connection that is kept alive, like Telegram's.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// The bytes after the last response.
    rest: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket option");
        Self {
            stream,
            rest: Vec::new(),
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let written = timeout(STEP_TIMEOUT, self.stream.write_all(bytes)).await;
        written.expect("the server reads").expect("it is connected");
    }

    /// Sends one request, and reads its response.
    pub(crate) async fn send(&mut self, call: &Call) -> Answer {
        self.write(&call.head()).await;
        self.write(&call.content()).await;
        self.answer(call).await
    }

    /// Reads the response to a request that was written. The test of a row checks the row's own status.
    pub(crate) async fn answer(&mut self, call: &Call) -> Answer {
        let mut interim = Vec::new();
        let (status, headers) = loop {
            let (status, headers) = self.read_head().await;
            if status >= 200 {
                break (status, headers);
            }
            interim.push(status);
        };
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
            interim,
            trailers: false,
        };
        if call.method != "HEAD" {
            let length = answer.header("content-length").expect("one length");
            let length = length.parse().expect("a length");
            while self.rest.len() < length {
                self.read_more().await;
            }
            answer.body = self.rest.drain(..length).collect();
        }
        answer.check(call);
        answer
    }

    /// The status and headers of the next head.
    pub(crate) async fn read_head(&mut self) -> (u16, Vec<(String, Vec<u8>)>) {
        let end = loop {
            if let Some(at) = self.rest.windows(4).position(|w| w == b"\r\n\r\n") {
                break at;
            }
            assert!(self.rest.len() < 1 << 16, "a head without an end");
            self.read_more().await;
        };
        let head: Vec<u8> = self.rest.drain(..end + 4).take(end).collect();
        let mut lines = head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
        let status = lines.next().expect("a status line");
        let status = std::str::from_utf8(status).expect("an ASCII status line");
        let status = status.split(' ').nth(1).expect("a status");
        let headers = lines.map(|line| {
            let colon = line.iter().position(|b| *b == b':').expect("a header");
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            (name, line[colon + 1..].trim_ascii().to_vec())
        });
        (status.parse().expect("a number"), headers.collect())
    }

    async fn read_more(&mut self) {
        let read = timeout(STEP_TIMEOUT, self.stream.read_buf(&mut self.rest)).await;
        let read = read.expect("the server answers").expect("it is connected");
        assert_ne!(
            read,
            0,
            "closed after {:?}",
            String::from_utf8_lossy(&self.rest)
        );
    }
}
