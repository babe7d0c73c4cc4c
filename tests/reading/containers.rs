//! B14: the types are read inside any container that serde has, and from any reader of JSON.

use serde::Deserialize;
use serde_json::{Value, json};
use tower_telegram::types::{
    ChatId, ChatMember, Message, ParseError, RawJson, Str, Update, UpdateKind, User,
};

const UPDATE: &str = r#"{"update_id":7,"message":{"message_id":1,"date":2,"new":[1.50,null,"\u2728"],
    "chat":{"id":-1001234567890,"type":"private"},"text":"tr\u00e9s"}}"#;

/// The value that the type's own text is read as.
fn update() -> Update {
    serde_json::from_str(UPDATE).expect("an update")
}

/// The fields of an update beside more of the caller's.
#[derive(Debug, PartialEq, Deserialize)]
struct Delivered {
    received_at: i64,
    #[serde(flatten)]
    update: Update,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(i64),
    Update(Update),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "job")]
enum Internal {
    Telegram { update: Update },
    Greet(User),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "job", content = "with")]
enum Adjacent {
    Telegram(Update),
}

fn with_member(member: &str) -> String {
    UPDATE.replacen('{', &format!("{{{member},"), 1)
}

#[test]
fn b14_a_flattened_update_is_read() {
    let delivered: Delivered = serde_json::from_str(&with_member(r#""received_at":5"#)).unwrap();
    assert_eq!(delivered.received_at, 5);
    assert_eq!(delivered.update, update());
}

#[test]
fn b14_a_variant_without_a_tag_is_read() {
    assert_eq!(
        serde_json::from_str::<Either>("5").unwrap(),
        Either::Number(5)
    );
    assert_eq!(
        serde_json::from_str::<Either>(UPDATE).unwrap(),
        Either::Update(update())
    );
}

#[test]
fn b14_a_variant_with_its_tag_inside_is_read() {
    let telegram = format!(r#"{{"job":"Telegram","update":{UPDATE}}}"#);
    assert_eq!(
        serde_json::from_str::<Internal>(&telegram).unwrap(),
        Internal::Telegram { update: update() }
    );
    let greet = r#"{"id":1,"job":"Greet","is_bot":false,"first_name":"Ada"}"#;
    let Internal::Greet(user) = serde_json::from_str(greet).unwrap() else {
        panic!("not a user")
    };
    assert_eq!((user.id, &*user.first_name), (1, "Ada"));
}

#[test]
fn b14_a_variant_with_its_tag_beside_it_is_read_in_either_order() {
    for text in [
        format!(r#"{{"job":"Telegram","with":{UPDATE}}}"#),
        format!(r#"{{"with":{UPDATE},"job":"Telegram"}}"#),
    ] {
        assert_eq!(
            serde_json::from_str::<Adjacent>(&text).unwrap(),
            Adjacent::Telegram(update())
        );
    }
}

#[test]
fn b14_every_way_into_serde_json_reads_the_same() {
    let expected = update();
    let value: Value = serde_json::from_str(UPDATE).unwrap();
    assert_eq!(
        serde_json::from_slice::<Update>(UPDATE.as_bytes()).unwrap(),
        expected
    );
    assert_eq!(
        serde_json::from_reader::<_, Update>(UPDATE.as_bytes()).unwrap(),
        expected
    );
    assert_eq!(
        serde_json::from_value::<Update>(value.clone()).unwrap(),
        expected
    );
    assert_eq!(Update::deserialize(&value).unwrap(), expected);
    assert_eq!(Update::from_slice(UPDATE.as_bytes()).unwrap(), expected);
    assert_eq!(UPDATE.parse::<Update>().unwrap(), expected);
}

#[test]
fn b14_collections_and_options_of_the_types_are_read() {
    let text = format!("[{UPDATE},null]");
    let read: Vec<Option<Update>> = serde_json::from_str(&text).unwrap();
    assert_eq!(read, [Some(update()), None]);
}

/// Texts, ids and raw values are buffered as scalars, where an object is buffered as a map.
#[test]
fn b14_scalars_are_read_where_serde_buffers_them() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        text: Str,
        by_number: ChatId,
        by_name: ChatId,
        kind: tower_telegram::types::ChatType,
        other: tower_telegram::types::ChatType,
        raw: RawJson,
        nothing: RawJson,
    }
    #[derive(Debug, Deserialize)]
    struct Outer {
        #[serde(flatten)]
        inner: Inner,
    }
    let text = r#"{"text":"a\"b","by_number":-9007199254740993,"by_name":"@channel","kind":"group",
        "other":"planet","raw":[1,-2,18446744073709551615,0.1,true,null,{"a":"\n\u0001"}],"nothing":null}"#;
    let inner = serde_json::from_str::<Outer>(text).unwrap().inner;
    assert_eq!(inner.text, "a\"b");
    assert_eq!(inner.by_number, ChatId::Id(-9_007_199_254_740_993));
    assert_eq!(inner.by_name, ChatId::from("@channel"));
    assert_eq!(inner.kind.as_str(), "group");
    assert_eq!(inner.other.as_str(), "planet");
    assert_eq!(
        inner.raw.get(),
        r#"[1,-2,18446744073709551615,0.1,true,null,{"a":"\n\u0001"}]"#
    );
    assert_eq!(inner.nothing.get(), "null");
}

/// Nothing is buffered on this way, so not a space is lost.
#[test]
fn b14_raw_json_out_of_json_keeps_its_text() {
    #[derive(Deserialize)]
    struct Kept {
        raw: RawJson,
    }
    let kept: Kept = serde_json::from_str(r#"{"raw": {"a" : 1.50e+1} }"#).unwrap();
    assert_eq!(kept.raw.get(), r#"{"a" : 1.50e+1}"#);
}

#[test]
fn b14_a_kind_that_is_new_is_kept_raw_where_serde_buffers_it() {
    let text =
        r#"{"received_at":1,"update_id":2,"planet_discovered":{"name":"X","moons":[1,2.5]}}"#;
    let read: Delivered = serde_json::from_str(text).unwrap();
    let UpdateKind::Unknown { name, raw } = &read.update.kind else {
        panic!("not raw: {read:?}")
    };
    assert_eq!(&**name, "planet_discovered");
    assert_eq!(raw.get(), r#"{"name":"X","moons":[1,2.5]}"#);

    let member: ChatMember = serde_json::from_value(json!({"status": "astronaut"})).unwrap();
    assert!(matches!(member, ChatMember::Unknown(_)));
}

#[test]
fn b14_an_error_names_the_field_wherever_the_type_is_read() {
    #[derive(Debug, Deserialize)]
    struct Outer {
        #[serde(flatten)]
        _user: User,
    }
    let text = r#"{"id":"secret words","first_name":"Ada"}"#;
    let errors = [
        serde_json::from_str::<User>(text).unwrap_err(),
        serde_json::from_reader::<_, User>(text.as_bytes()).unwrap_err(),
        serde_json::from_value::<User>(serde_json::from_str(text).unwrap()).unwrap_err(),
        serde_json::from_str::<Outer>(text).unwrap_err(),
    ];
    for error in errors {
        let error = error.to_string();
        assert!(
            error.contains("expected an integer, in field `id`"),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn b14_a_key_that_comes_twice_is_an_error_where_serde_buffers_it() {
    let twice = with_member(r#""received_at":1,"message":{}"#);
    let error = serde_json::from_str::<Delivered>(&twice).unwrap_err();
    assert!(error.to_string().contains("comes twice"), "{error}");
    let twice = with_member(r#""message":{}"#);
    let error = serde_json::from_str::<Update>(&twice).unwrap_err();
    assert!(error.to_string().contains("comes twice"), "{error}");
}

#[test]
fn b14_the_quick_way_says_what_is_wrong() {
    let error: ParseError = Update::from_slice(b"{\"update_id\":\"\xff\"}").unwrap_err();
    assert!(error.is_syntax(), "{error}");
    let error = "{}".parse::<Update>().unwrap_err();
    assert!(error.is_mismatch(), "{error}");
    assert_eq!(error.field(), Some("update_id"));
}

#[test]
fn b14_nested_too_deep_is_an_error_where_serde_buffers_it() {
    let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let text = with_member(&format!(r#""received_at":1,"brand_new":{}"#, deep(100)));
    assert!(serde_json::from_str::<Delivered>(&text).is_ok());
    let mut value = Value::Null;
    for _ in 0..500 {
        value = Value::Array(vec![value]);
    }
    assert!(serde_json::from_value::<RawJson>(value.clone()).is_err());
    let wrapped = serde::de::value::MapDeserializer::new([("message_id", value)].into_iter());
    assert!(Message::deserialize(wrapped).is_err());
}
