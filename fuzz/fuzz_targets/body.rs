//! A method written as a reply and as a call: JSON that parses to the same value, and with files a form
//! from which `multer` reads the same fields and files.

#![no_main]

use std::{convert::Infallible, fmt::Debug};

use arbitrary::Arbitrary;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use libfuzzer_sys::fuzz_target;
use multer::Multipart;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_telegram::{BotToken, InlineMethod, Method, client::{ApiBody, ApiRequest, BotApi}, types::{InputFile, Upload}, webhook::ReplyLayer};
use tower_telegram_fuzz::{json::Json, now};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    fields: Vec<(&'a str, Field<'a>)>,
    files: Vec<(&'a str, &'a [u8])>,
}

#[derive(Arbitrary, Debug)]
enum Field<'a> {
    Text(&'a str),
    Integer(i64),
    Flag(bool),
    Nothing,
    Object(&'a str, &'a str),
    List(Vec<&'a str>),
    /// A reference to a file, if there is one.
    File(u8),
}

/// Without characters that `multer` takes for a parameter even within quotes.
fn plain(name: &str) -> String {
    name.replace('=', "-")
}

/// A method with these parameters.
#[derive(Clone)]
struct Call {
    fields: Vec<(String, Value)>,
    uploads: Vec<Upload>,
}

impl Call {
    fn of(input: &Input<'_>) -> Self {
        let files = input.files.iter();
        let files: Vec<_> = files
            .map(|(name, content)| InputFile::bytes(plain(name), content.to_vec()))
            .collect();
        let uploads = files.iter().filter_map(InputFile::as_upload).cloned();
        let value = |field: &Field<'_>| match field {
            Field::Text(text) => json!(text),
            Field::Integer(number) => json!(number),
            Field::Flag(flag) => json!(flag),
            Field::Nothing => Value::Null,
            Field::Object(key, text) => json!({*key: text}),
            Field::List(texts) => json!(texts),
            Field::File(at) => json!(files.get(usize::from(*at))),
        };
        let fields = input.fields.iter();
        Self {
            fields: fields
                .map(|(name, field)| (plain(name), value(field)))
                .collect(),
            uploads: uploads.collect(),
        }
    }
}

impl Serialize for Call {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Method for Call {
    type Output = bool;
    const NAME: &'static str = "sendFuzz";
    const IDEMPOTENT: bool = false;

    fn uploads(&self) -> Vec<Upload> {
        self.uploads.clone()
    }
}

impl InlineMethod for Call {}

fn reply(call: &Call) -> (HeaderMap, Bytes) {
    let handler = service_fn(async |_: Request<()>| Ok::<_, Infallible>(call.clone()));
    let answer = now(ReplyLayer::new().layer(handler).oneshot(Request::new(())));
    let (head, body) = answer.unwrap().into_parts();
    assert_eq!(head.status, 200);
    (head.headers, collected(body))
}

fn request(call: &Call) -> (HeaderMap, Bytes) {
    let mut sent = None;
    let calls = std::sync::Mutex::new(&mut sent);
    let http = service_fn(|request: Request<ApiBody>| {
        let (head, body) = request.into_parts();
        // Read before the response, because the client stops sending after it.
        **calls.lock().unwrap() = Some((head.headers, collected(body)));
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    });
    let api = BotApi::telegram(http, &BotToken::new("1:a").unwrap());
    let answer = now(api.oneshot(ApiRequest::new(call).unwrap()));
    assert!(answer.is_err());
    sent.unwrap()
}

/// A whole body, which must declare its length first, because that becomes its `Content-Length`.
fn collected<B: Body<Data = Bytes, Error: Debug>>(body: B) -> Bytes {
    let length = body.size_hint().exact().unwrap();
    let bytes = now(body.collect()).unwrap().to_bytes();
    assert_eq!(length, bytes.len() as u64);
    bytes
}

/// The fields and files of a form: the name, for a file also the file name, and the content.
type Parts = Vec<(String, Option<String>, Bytes)>;

fn parts(boundary: &str, body: Bytes) -> Parts {
    let body = stream::iter([Ok::<_, Infallible>(body)]);
    let mut form = Multipart::new(body, boundary);
    let mut parts = Vec::new();
    while let Some(field) = now(form.next_field()).unwrap() {
        let name = decoded(field.name().unwrap());
        let file_name = field.file_name().map(decoded);
        parts.push((name, file_name, now(field.bytes()).unwrap()));
    }
    parts
}

fn decoded(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first == b'%' {
            let digits = std::str::from_utf8(&rest[..2]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn check(call: &Call, method: Option<&str>, (headers, body): (HeaderMap, Bytes)) {
    let content_type = headers[header::CONTENT_TYPE].to_str().unwrap();
    let method = method.map(|name| ("method".to_owned(), json!(name)));
    let fields: Vec<_> = method.into_iter().chain(call.fields.clone()).collect();
    if call.uploads.is_empty() {
        assert_eq!(content_type, "application/json");
        let read = Json::of(&body).unwrap();
        let written = |(name, value): (String, Value)| {
            (name, Json::of(value.to_string().as_bytes()).unwrap())
        };
        let written: Vec<_> = fields.into_iter().map(written).collect();
        assert_eq!(read.members(), Some(&*written));
        return;
    }
    let boundary = multer::parse_boundary(content_type).unwrap();
    assert!(boundary.len() <= 70);
    let fields = fields.into_iter().map(|(name, value)| match value {
        Value::String(text) => (name, None, text.into()),
        other => (name, None, other.to_string().into()),
    });
    let files = call.uploads.iter().map(|upload| {
        let name = upload.file_name().to_owned();
        let content = upload.bytes().unwrap().clone();
        (upload.part_name(), Some(name), content)
    });
    assert_eq!(
        parts(&boundary, body),
        fields.chain(files).collect::<Parts>()
    );
}

fuzz_target!(|input: Input<'_>| {
    let call = Call::of(&input);
    // Telegram accepts no more files, so the call isn't sent.
    if call.uploads.len() > 50 {
        return;
    }
    check(&call, Some(Call::NAME), reply(&call));
    check(&call, None, request(&call));
});
