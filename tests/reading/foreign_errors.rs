//! B9: the error of an update that doesn't fit a foreign type.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use tower_telegram::{
    types::{ParseError, Update, User},
    webhook::RawUpdate,
};

#[derive(Debug, Deserialize)]
struct Whole {
    #[serde(rename = "update_id")]
    _update_id: u32,
    #[serde(rename = "message")]
    _message: Option<Inner>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    #[serde(rename = "text")]
    _text: String,
    #[serde(rename = "kind")]
    _kind: Option<Kind>,
    #[serde(rename = "sizes", default)]
    _sizes: Vec<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Photo,
    Video,
}

#[derive(Debug, Deserialize)]
struct Flattened {
    #[serde(flatten)]
    _content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Content {
    Message(#[allow(dead_code)] Inner),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Message {
        #[serde(rename = "message")]
        _message: Inner,
    },
}

/// A reader that says it in its own words, and quotes what came.
#[derive(Debug)]
struct Quoting;

impl<'de> Deserialize<'de> for Quoting {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
        Err(serde::de::Error::custom(format!("no: {text:?}")))
    }
}

#[derive(Debug, Deserialize)]
struct WithOurs {
    #[serde(rename = "message")]
    _message: User,
}

fn error<U: DeserializeOwned + std::fmt::Debug + 'static>(text: &str) -> ParseError {
    let raw = RawUpdate::from_bytes(Bytes::copy_from_slice(text.as_bytes())).expect("an update");
    raw.parse::<U>().expect_err("it doesn't fit")
}

fn message(payload: &str) -> String {
    format!("{{\"update_id\":1,\n\"message\":{payload}}}")
}

#[track_caller]
fn assert_says(error: &ParseError, sentence: &str, field: Option<&str>) {
    let text = error.to_string();
    let place = format!(", at byte {}", error.offset());
    let said = text.strip_suffix(&place).unwrap_or(&text);
    assert_eq!(said, sentence);
    assert_eq!(error.field(), field, "{text}");
    assert!(error.is_mismatch());
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn b9_the_error_of_a_foreign_type_names_the_field_and_what_was_expected() {
    for (payload, sentence, field) in [
        (
            r#"{"text":["secret, expected words"]}"#,
            "unfitting: expected a string, in field `text`",
            "text",
        ),
        (
            r#"{"text":"secret","kind":"secret"}"#,
            "unfitting: expected `photo` or `video`, in field `kind`",
            "kind",
        ),
        (
            r#"{"text":"secret","sizes":[1,2,"secret"]}"#,
            "unfitting: expected u8, in field `sizes`",
            "sizes",
        ),
        (
            r#"{"text":"secret","sizes":[1,2,300]}"#,
            "unfitting: expected u8, in field `sizes`",
            "sizes",
        ),
        (
            r#"{"sizes":[],"kind":null}"#,
            "unfitting: field `text` is missing",
            "text",
        ),
        (
            r#"{"text":"a","text":"secret"}"#,
            "unfitting: field `text` comes twice",
            "text",
        ),
        (
            r#"{"text":"secret","secret words":1}"#,
            "unfitting: expected one of `text`, `kind`, `sizes`, in field `message`",
            "message",
        ),
        (
            r#""secret, expected nothing""#,
            "unfitting: expected struct Inner, in field `message`",
            "message",
        ),
        (
            r#"["secret"]"#,
            "unfitting: expected struct Inner with 3 elements, in field `message`",
            "message",
        ),
    ] {
        let error = error::<Whole>(&message(payload));
        assert_says(&error, sentence, Some(field));
    }
    let whole = error::<Whole>(r#"{"update_id":5000000000,"message":null}"#);
    assert_says(
        &whole,
        "unfitting: expected u32, in field `update_id`",
        Some("update_id"),
    );
    assert_eq!(whole.offset(), 23);
    let nothing = error::<u32>(&message("{}"));
    assert_says(&nothing, "unfitting: expected u32", None);
}

#[test]
fn b9_where_a_foreign_type_gives_no_field_it_is_what_the_update_is_about() {
    let text = r#"{"update_id":1,"planet_discovered":{"name":"secret"}}"#;
    assert_says(
        &error::<Flattened>(text),
        "unfitting: expected a variant of `Content`, in field `planet_discovered`",
        Some("planet_discovered"),
    );
    assert_says(
        &error::<Untagged>(text),
        "unfitting: expected a variant of `Untagged`, in field `planet_discovered`",
        Some("planet_discovered"),
    );
    let name = std::any::type_name::<Quoting>();
    assert_says(
        &error::<Quoting>(text),
        &format!("unfitting: expected a value for `{name}`, in field `planet_discovered`"),
        Some("planet_discovered"),
    );
    // A name that no field has isn't repeated.
    assert_says(
        &error::<Flattened>(r#"{"update_id":1,"secret words!":{}}"#),
        "unfitting: expected a variant of `Content`",
        None,
    );
}

/// Ours have said it already, and serde says where by itself.
#[test]
fn b9_the_error_of_one_of_our_types_is_said_once() {
    let error = error::<WithOurs>(&message(r#"{"id":"secret","first_name":"A"}"#));
    assert_says(
        &error,
        "unfitting: expected an integer, in field `id`",
        Some("id"),
    );
    let error = serde_json::from_str::<User>(r#"{"first_name":"A"}"#).unwrap_err();
    assert_eq!(error.to_string(), "unfitting: field `id` is missing");
    let error = serde_json::from_str::<Vec<User>>(r#"[{"first_name":"A"}]"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unfitting: field `id` is missing at line 1 column 20"
    );
    let error = serde_json::from_str::<Update>(r#"{"update_id":1,"message":{},"poll":{}}"#);
    assert_eq!(
        error.unwrap_err().to_string(),
        "malformed: an update of two types"
    );
    let error = Update::from_slice(br#"{"update_id":1}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unfitting: expected a member that says what the update is about, at byte 15"
    );
    let error = Update::from_slice(br#"{"message":{}}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unfitting: field `update_id` is missing, at byte 14"
    );
    let error = Update::from_slice(br#"{"update_id":1,"update_id":1}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "malformed: a key comes twice, in field `update_id`, at byte 27"
    );
}
