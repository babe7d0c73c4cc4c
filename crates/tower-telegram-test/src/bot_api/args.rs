//! The arguments and files of a call, parsed from a query string or a body.
//!
//! JSON, forms and multipart bodies are read with the server's limits and with its errors.

use bytes::Bytes;
use serde_core::de::{DeserializeSeed, Deserializer as _, MapAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};
use tokio::io::AsyncRead;

use super::{
    sha256::Sha256,
    uploaded_file::{UploadedFile, find_file},
};
use crate::http1::{BodyKind, HttpRefusal, MAX_ARGUMENTS};

/// How many files one request may have.
const MAX_FILES: usize = 50;
/// The longest boundary of a multipart body, in bytes.
const MAX_BOUNDARY: usize = 70;

/// A call's arguments and files. If an argument is given twice, the first counts.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) params: Map<String, Value>,
    pub(crate) files: Vec<UploadedFile>,
    /// The size of all arguments so far.
    bytes: usize,
    /// The largest file whose bytes are kept.
    keep: usize,
}

impl Default for Args {
    fn default() -> Self {
        Self::keeping(usize::MAX)
    }
}

impl Args {
    /// No arguments yet. For files of more than `keep` bytes only the length and the hash will be kept.
    pub(crate) fn keeping(keep: usize) -> Self {
        Self {
            params: Map::new(),
            files: Vec::new(),
            bytes: 0,
            keep,
        }
    }

    /// Adds an uploaded certificate.
    pub(crate) fn add_certificate(&mut self, pem: Bytes) {
        let mut hash = Sha256::default();
        hash.update(&pem);
        self.files.push(UploadedFile {
            field: "certificate".to_owned(),
            file_name: "certificate.pem".to_owned(),
            content_type: "application/x-pem-file".to_owned(),
            length: pem.len() as u64,
            sha256: hash.finish(),
            bytes: pem,
        });
    }

    /// An argument in the server's form, a text. Empty if there is none.
    pub(crate) fn text(&self, name: &str) -> String {
        self.params.get(name).map(text).unwrap_or_default()
    }

    /// The file of that field, or the file that the argument refers to with `attach://`.
    pub(crate) fn file(&self, name: &str) -> Option<&UploadedFile> {
        find_file(&self.files, &self.params, name)
    }

    /// Adds the arguments of a query string or a form.
    pub(crate) fn read_form(&mut self, form: &[u8]) -> Result<(), HttpRefusal> {
        self.count(form.len())?;
        for (name, value) in form_urlencoded::parse(form) {
            self.add(&name, Value::String(value.into_owned()));
        }
        Ok(())
    }

    /// Adds the arguments of a body, by its content type. Malformed JSON counts up to the error.
    pub(crate) async fn read_body(
        &mut self,
        content_type: Option<&[u8]>,
        body: &Bytes,
    ) -> Result<(), HttpRefusal> {
        let content_type = String::from_utf8_lossy(content_type.unwrap_or_default());
        let mut reader = body.as_ref();
        match BodyKind::of(&content_type.to_ascii_lowercase()) {
            BodyKind::Json => self.read_json(body),
            BodyKind::Form => self.read_form(body),
            BodyKind::Multipart if body.is_empty() => Ok(()),
            BodyKind::Multipart => self.read_multipart(&content_type, &mut reader).await,
            BodyKind::Other => Ok(()),
        }
    }

    /// Adds the members of a JSON object.
    fn read_json(&mut self, json: &[u8]) -> Result<(), HttpRefusal> {
        self.count(json.len())?;
        // A syntax error ends the parsing, but earlier members count.
        serde_json::Deserializer::from_slice(json)
            .deserialize_map(ArgumentsVisitor(self))
            .ok();
        Ok(())
    }

    /// Adds the arguments of a multipart body while it arrives. Bytes after its end are read and ignored.
    pub(crate) async fn read_multipart<R>(
        &mut self,
        content_type: &str,
        body: &mut R,
    ) -> Result<(), HttpRefusal>
    where
        R: AsyncRead + Unpin + Send,
    {
        self.read_parts(boundary(content_type)?, body).await?;
        // This fails together with the connection, which reports the error.
        tokio::io::copy(body, &mut tokio::io::sink()).await.ok();
        Ok(())
    }

    /// Adds the parts of a multipart body.
    async fn read_parts<R>(&mut self, boundary: String, body: &mut R) -> Result<(), HttpRefusal>
    where
        R: AsyncRead + Unpin + Send,
    {
        let mut parts = multer::Multipart::with_reader(body, boundary);
        while let Some(mut part) = parts.next_field().await.map_err(bad_form)? {
            let name = part.name().map(decode).filter(|name| !name.is_empty());
            let name = name.ok_or_else(|| {
                HttpRefusal::new(
                    400,
                    "Bad Request: field name in multipart/form-data not found",
                )
            })?;
            let file_name = part.file_name().map(decode);
            let content_type = part.content_type().map(ToString::to_string);
            if let Some(file_name) = file_name {
                if self.files.len() == MAX_FILES {
                    return Err(HttpRefusal::new(
                        413,
                        "Request Entity Too Large: too many files attached",
                    ));
                }
                let content_type =
                    content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                let (bytes, length, sha256) = read_file(&mut part, self.keep).await?;
                self.files.push(UploadedFile {
                    field: name,
                    file_name,
                    content_type,
                    bytes,
                    length,
                    sha256,
                });
            } else {
                let mut bytes = Vec::new();
                while let Some(chunk) = part.chunk().await.map_err(bad_form)? {
                    self.count(chunk.len())?;
                    bytes.extend_from_slice(&chunk);
                }
                self.add(
                    &name,
                    Value::String(String::from_utf8_lossy(&bytes).into_owned()),
                );
            }
        }
        Ok(())
    }

    /// Adds an argument if there is none of that name.
    fn add(&mut self, name: &str, value: Value) {
        if !self.params.contains_key(name) {
            self.params.insert(name.to_owned(), value);
        }
    }

    /// Adds to the size of all arguments, or refuses them as too large.
    fn count(&mut self, bytes: usize) -> Result<(), HttpRefusal> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_ARGUMENTS {
            return Err(HttpRefusal::new(
                413,
                "Request Entity Too Large: too many parameters",
            ));
        }
        Ok(())
    }
}

/// A file's content (empty if it has more than `keep` bytes), its length and its hash.
async fn read_file(
    part: &mut multer::Field<'_>,
    keep: usize,
) -> Result<(Bytes, u64, [u8; 32]), HttpRefusal> {
    let mut kept = Vec::new();
    let mut length = 0;
    let mut hash = Sha256::default();
    while let Some(chunk) = part.chunk().await.map_err(bad_form)? {
        length += chunk.len();
        hash.update(&chunk);
        if length > keep {
            kept = Vec::new();
        } else {
            kept.extend_from_slice(&chunk);
        }
    }
    Ok((kept.into(), length as u64, hash.finish()))
}

/// The server's refusal of a malformed form.
fn bad_form(_: multer::Error) -> HttpRefusal {
    HttpRefusal::new(400, "Bad Request: can't parse form data")
}

/// An argument in the server's form: a string as it is, any other value as JSON.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// The integer at the start of a text, 0 if there is none.
pub(crate) fn to_integer(text: &str) -> i64 {
    let end = text
        .bytes()
        .enumerate()
        .position(|(at, b)| !(b.is_ascii_digit() || (at == 0 && b == b'-')));
    text[..end.unwrap_or(text.len())].parse().unwrap_or(0)
}

/// The server's reading of a boolean.
pub(crate) fn is_true(text: &str) -> bool {
    ["true", "yes", "1"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

/// Adds each member of an object to the arguments as soon as it is parsed.
struct ArgumentsVisitor<'a>(&'a mut Args);

impl<'de> Visitor<'de> for ArgumentsVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(ArgumentSeed)?;
            self.0.add(&name, value);
        }
        Ok(())
    }
}

/// Reads a member through its raw text, so that a malformed value is found before it counts.
struct ArgumentSeed;

impl<'de> DeserializeSeed<'de> for ArgumentSeed {
    type Value = Value;

    fn deserialize<D: serde_core::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Value, D::Error> {
        let raw: Box<RawValue> = serde_core::Deserialize::deserialize(deserializer)?;
        serde_json::from_str(raw.get()).map_err(serde_core::de::Error::custom)
    }
}

/// The boundary in a content type.
fn boundary(content_type: &str) -> Result<String, HttpRefusal> {
    let bad = |reason| HttpRefusal::new(400, format!("Bad Request: {reason}"));
    let at = content_type
        .to_ascii_lowercase()
        .find("boundary")
        .ok_or_else(|| bad("boundary not found"))?;
    let (_, value) = content_type[at..]
        .split_once('=')
        .ok_or_else(|| bad("boundary value not found"))?;
    let value = value.split(';').next().unwrap_or_default();
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    if value.is_empty() || value.len() > MAX_BOUNDARY {
        return Err(bad("boundary too big or empty"));
    }
    Ok(value.to_owned())
}

/// Decodes a percent-encoded file name.
fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn read(content_type: &str, body: &str) -> Result<Args, HttpRefusal> {
        let mut args = Args::default();
        args.read_body(
            Some(content_type.as_bytes()),
            &Bytes::copy_from_slice(body.as_bytes()),
        )
        .await?;
        Ok(args)
    }

    async fn params(content_type: &str, body: &str) -> Value {
        Value::Object(read(content_type, body).await.unwrap().params)
    }

    #[tokio::test]
    async fn json_keeps_its_types_and_the_first_of_a_name() {
        let body = r#"{"a": 1, "b": null, "c": {"d": [true]}, "a": 2, "e": "x"}"#;
        assert_eq!(
            params("application/json; charset=utf-8", body).await,
            json!({"a": 1, "b": null, "c": {"d": [true]}, "e": "x"})
        );
        let args = read("application/json", body).await.unwrap();
        let text = |name| args.text(name);
        assert_eq!(
            [text("a"), text("b"), text("c"), text("e"), text("z")],
            ["1", "null", r#"{"d":[true]}"#, "x", ""]
        );
    }

    #[tokio::test]
    async fn broken_json_counts_up_to_where_it_breaks() {
        assert_eq!(
            params("application/json", r#"{"a": 1, "b": {"c": ], "d": 2}"#).await,
            json!({"a": 1})
        );
        for other in ["[1]", "\"a\"", "null", "", "{"] {
            assert_eq!(
                params("application/json", other).await,
                json!({}),
                "{other}"
            );
        }
    }

    #[tokio::test]
    async fn forms_are_decoded_and_other_types_ignored() {
        assert_eq!(
            params("Application/X-WWW-Form-Urlencoded", "a=1%202+3&b&a=4").await,
            json!({"a": "1 2 3", "b": ""})
        );
        assert_eq!(params("text/plain", "a=1").await, json!({}));
    }

    #[tokio::test]
    async fn multipart_has_fields_and_files() {
        let body = "--x y\r\nContent-Disposition: form-data; name=\"photo\"\r\n\r\nattach://f\r\n\
                    --x y\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a%20b.png\"\r\nContent-Type: image/png\r\n\r\n\0PNG\r\n\
                    --x y--\r\n";
        let args = read("multipart/form-data; boundary=\"x y\"", body)
            .await
            .unwrap();
        assert_eq!(args.text("photo"), "attach://f");
        let file = args.file("photo").unwrap();
        assert_eq!(
            (
                file.field.as_str(),
                file.file_name.as_str(),
                file.content_type.as_str()
            ),
            ("f", "a b.png", "image/png")
        );
        assert_eq!((file.bytes.as_ref(), file.length), (&b"\0PNG"[..], 4));
    }

    #[tokio::test]
    async fn of_a_large_file_only_length_and_hash_are_kept() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nabcd\r\n--x--";
        for (keep, kept) in [(4, &b"abcd"[..]), (3, b""), (0, b"")] {
            let mut args = Args::keeping(keep);
            let content_type = "multipart/form-data; boundary=x";
            args.read_multipart(content_type, &mut &body[..])
                .await
                .unwrap();
            let mut hash = Sha256::default();
            hash.update(b"abcd");
            let file = args.file("f").unwrap();
            assert_eq!((file.bytes.as_ref(), file.length), (kept, 4), "{keep}");
            assert_eq!(file.sha256, hash.finish());
        }
    }

    #[tokio::test]
    async fn limits_and_broken_bodies_are_refused() {
        let code = async |content_type: &str, body: &str| {
            read(content_type, body)
                .await
                .err()
                .map(|refusal| refusal.code)
        };
        let boundary = "x".repeat(71);
        assert_eq!(
            code("application/json", &" ".repeat(MAX_ARGUMENTS + 1)).await,
            Some(413)
        );
        assert_eq!(code("multipart/form-data", "x").await, Some(400));
        assert_eq!(
            code(&format!("multipart/form-data; boundary={boundary}"), "x").await,
            Some(400)
        );
        assert_eq!(
            code(
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1"
            )
            .await,
            Some(400)
        );
    }
}
