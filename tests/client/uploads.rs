//! F1, E3: files reach the server from every place that the schema has for one and from every source. Another crate reads
//! the forms.

use std::{collections::BTreeSet, convert::Infallible};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};
use tower::{ServiceExt as _, service_fn};
use tower_telegram::{
    Client, Reply,
    client::ApiRequest,
    methods::SendMediaGroup,
    types::{InputFile, InputMediaPhoto, Update},
    webhook::{Webhook, WebhookService},
};

use crate::{
    client::{
        every_method::METHODS,
        typed::{Files, Given, Source, Typed},
    },
    support::{
        adapter::{Endpoint, secret},
        generate::{Fill, Generator, Part, Schema},
        scripted::Scripted,
        servers::serve_hyper,
        wire::{Call, MESSAGE, SECRET},
    },
};

/// A certificate that setWebhook accepts.
const PEM: &[u8] = include_bytes!("../registration/bot.pem");

/// A received form.
#[derive(Debug, Default)]
struct Form {
    fields: Map<String, Value>,
    /// The names of the part and of the file, and the content.
    files: Vec<(String, String, Bytes)>,
}

async fn read_form(content_type: &str, body: Vec<u8>) -> Form {
    let boundary = multer::parse_boundary(content_type).expect("a boundary");
    assert!((1..=70).contains(&boundary.len()), "{boundary}");
    let body = http_body_util::Full::new(Bytes::from(body));
    let mut multipart = multer::Multipart::new(body.into_data_stream(), boundary);
    let mut form = Form::default();
    while let Some(field) = multipart.next_field().await.expect("a form") {
        let name = field.name().expect("a name").to_owned();
        if let Some(file_name) = field.file_name().map(undo_percent) {
            let content = field.bytes().await.expect("the content");
            form.files.push((name, file_name, content));
        } else {
            let text = field.text().await.expect("the text");
            let before = form.fields.insert(name, text.into());
            assert_eq!(before, None);
        }
    }
    form
}

/// Decodes percent signs as Telegram's server does in file names.
fn undo_percent(name: &str) -> String {
    let mut bytes = name.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next(), bytes.next()].map(|digit| digit.expect("two digits"));
            let digits = str::from_utf8(&digits).expect("digits");
            out.push(u8::from_str_radix(digits, 16).expect("two digits"));
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).expect("text")
}

/// The parameters as the fields of a form: strings without quotes, other values as JSON.
fn as_fields(parameters: &Value) -> Map<String, Value> {
    let members = parameters.as_object().expect("an object").iter();
    let fields = members.map(|(name, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        (name.clone(), text.into())
    });
    fields.collect()
}

/// Asserts that the form has exactly these parameters and files.
fn check_form(form: &Form, parameters: &Value, given: &[Given]) {
    let named = attached(parameters);
    let parts: BTreeSet<_> = given.iter().map(|given| given.part.clone()).collect();
    assert_eq!(named, parts);
    let mut expected = as_fields(parameters);
    // Key by key, because those of a nested object may be in another order.
    assert!(form.fields.keys().eq(expected.keys()), "{form:?}");
    for (name, text) in &mut expected {
        let sent = form.fields[name].as_str().expect("a text");
        let text = text.as_str().expect("a text");
        let same = match parameters[name] {
            Value::String(_) => sent == text,
            _ => read(sent) == read(text),
        };
        assert!(same, "{name}: {sent} and {text}");
    }
    assert_eq!(form.files.len(), given.len());
    for given in given {
        let found = form.files.iter().find(|(part, ..)| *part == given.part);
        let (_, name, content) = found.unwrap_or_else(|| panic!("{given:?} in {form:?}"));
        assert_eq!(*name, given.name);
        assert!(*content == given.content, "the content of {name:?}");
    }
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// The names of the parts that a value refers to.
fn attached(value: &Value) -> BTreeSet<String> {
    match value {
        Value::String(text) => {
            let part = text.strip_prefix("attach://").map(ToOwned::to_owned);
            part.into_iter().collect()
        }
        Value::Array(items) => items.iter().flat_map(attached).collect(),
        Value::Object(members) => members.values().flat_map(attached).collect(),
        _ => BTreeSet::new(),
    }
}

/// The places for files that a method has.
fn places<'a>(schema: &'a Schema, method: &'a str) -> BTreeSet<Part<'a>> {
    let parts = schema.parts_of([method]);
    let files = parts
        .into_iter()
        .filter(|(owner, key, value)| value.is_empty() && schema.is_place(owner, key));
    files.collect()
}

/// Calls each method that has a place for a file until each of them had one.
async fn everywhere<F>(sources: &[Source], seed: u64, mut check: F)
where
    F: AsyncFnMut(&Typed, &Value, &mut Files) -> bool,
{
    let schema = Schema::new();
    let mut files = Files::new(sources);
    for typed in &METHODS {
        let places = places(&schema, typed.name);
        assert_eq!(
            places.is_empty(),
            typed.uploading.is_none(),
            "{}: {places:?}",
            typed.name
        );
        let mut generator = Generator::new(&schema, seed);
        generator.certificates = true;
        generator.fill = Fill::Random;
        let mut left = places;
        for _ in 0..4000 {
            if left.is_empty() {
                break;
            }
            files.begin();
            files.content = (typed.name == "setWebhook").then_some(PEM);
            generator.files.clear();
            let parameters = generator.parameters(typed.name);
            if !generator.files.iter().any(|place| left.contains(place)) {
                continue;
            }
            if !check(typed, &parameters, &mut files).await {
                left.clear();
                continue;
            }
            // The generator counts the places too.
            assert_eq!(files.given.len(), generator.files.len(), "{}", typed.name);
            left.retain(|place| !generator.files.contains(place));
        }
        assert!(left.is_empty(), "{}: {left:?}", typed.name);
    }
}

async fn upload_everywhere(sources: &[Source], seed: u64) {
    let server = Scripted::start([], "true").await;
    let token = "7:secret".parse().expect("a token");
    let client = Client::with_base_url(&token, &server.url()).expect("a client");
    everywhere(sources, seed, async |typed, parameters, files| {
        let upload = typed.uploading.expect("it has places for files");
        let call: ApiRequest = upload(parameters, files);
        let json = serde_json::from_slice(call.json()).expect("JSON");
        let done = client.clone().oneshot(call).await;
        done.unwrap_or_else(|error| panic!("{error:?}"));
        let received = server.received();
        let [received] = &received[..] else {
            panic!("one request: {received:?}");
        };
        assert_eq!(received.path(), format!("/bot7:secret/{}", typed.name));
        let without_length = sources.contains(&Source::ReaderWithoutLength);
        let length = received.header("content-length");
        assert_eq!(length.is_none(), without_length, "{}", received.head);
        let content_type = received.header("content-type").expect("a type");
        let form = read_form(content_type, received.body.clone()).await;
        check_form(&form, &json, &files.given);
        true
    })
    .await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn f1_files_from_memory_reach_the_server_from_every_place() {
    upload_everywhere(&[Source::Bytes], 101).await;
}

#[tokio::test]
async fn f1_files_from_the_disk_reach_the_server_from_every_place() {
    upload_everywhere(&[Source::Path, Source::RenamedPath], 102).await;
}

#[tokio::test]
async fn f1_files_from_readers_reach_the_server_from_every_place() {
    upload_everywhere(&[Source::Reader], 103).await;
}

#[tokio::test]
async fn f1_files_without_a_length_reach_the_server_in_chunks_from_every_place() {
    upload_everywhere(&[Source::ReaderWithoutLength], 104).await;
}

#[tokio::test]
async fn f1_files_from_several_sources_are_uploaded_together() {
    let all = [Source::Path, Source::Bytes, Source::Reader];
    upload_everywhere(&all, 105).await;
}

#[tokio::test]
async fn f1_a_file_that_is_used_twice_is_uploaded_once() {
    let server = Scripted::start([], "[]").await;
    let token = "7:secret".parse().expect("a token");
    let client = Client::with_base_url(&token, &server.url()).expect("a client");
    let file = InputFile::bytes("a.png", &b"content"[..]);
    // The same file under the same name, and another one.
    let other = InputFile::bytes("a.png", &b"content"[..]);
    let group = [&file, &file, &other, &file].map(|file| InputMediaPhoto::new(file.clone()));
    let sent = client.send(SendMediaGroup::new(42, group)).await;
    assert!(sent.expect("a result").is_empty());
    let received = server.received().remove(0);
    let content_type = received.header("content-type").expect("a type");
    let form = read_form(content_type, received.body.clone()).await;
    let media = read(form.fields["media"].as_str().expect("a text"));
    let names: Vec<_> = media
        .as_array()
        .expect("a list")
        .iter()
        .map(|m| &m["media"])
        .collect();
    assert!(names[0] == names[1] && names[1] == names[3] && names[0] != names[2]);
    assert_eq!(form.files.len(), 2);
    assert_eq!(
        form.files
            .iter()
            .filter(|(_, name, _)| name == "a.png")
            .count(),
        2
    );
}

type Answering = std::sync::Arc<std::sync::Mutex<Reply>>;

/// A webhook over a real server whose replies the test sets.
async fn webhook() -> (Endpoint, Answering) {
    let reply = Answering::default();
    let answering = reply.clone();
    let handler = service_fn(move |_: http::Request<Update>| {
        let reply = answering.lock().expect("the lock isn't poisoned").clone();
        std::future::ready(Ok::<_, Infallible>(reply))
    });
    let service: WebhookService<_, Update> = Webhook::new(secret(SECRET))
        .without_delivery()
        .service(handler);
    (serve_hyper(service).await, reply)
}

#[tokio::test]
async fn e3_files_go_with_replies_from_every_place() {
    let (endpoint, answering) = webhook().await;
    let mut connection = endpoint.connect().await.expect("a socket");
    let sources = [
        Source::Bytes,
        Source::Path,
        Source::Reader,
        Source::RenamedPath,
    ];
    everywhere(&sources, 3, async |typed, parameters, files| {
        let Some(reply) = typed.reply else {
            return false;
        };
        let reply = reply(parameters, files);
        let json: Value = serde_json::from_slice(reply.json().expect("a method")).expect("JSON");
        assert_eq!(json["method"], typed.name);
        *answering.lock().expect("the lock isn't poisoned") = reply;
        let answer = connection.send(&Call::new(MESSAGE)).await;
        assert_eq!(answer.status, 200);
        let content_type = answer.header("content-type").expect("a type");
        let form = read_form(content_type, answer.body.clone()).await;
        check_form(&form, &json, &files.given);
        true
    })
    .await;
}
