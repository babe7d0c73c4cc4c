//! B14: the types inside the containers of serde and of the standard library.
// The containers are as users write them, boxes or not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::large_enum_variant,
    clippy::option_option
)]

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use serde::{
    Deserialize,
    de::{IntoDeserializer as _, value},
};
use serde_json::{Value, value::RawValue};
use tower_telegram_types::types::{Chat, ChatId, ChatType, Message, Str, Update, User};

const MESSAGE: &str =
    r#"{"message_id":1,"date":2,"chat":{"id":3,"type":"private"},"text":"tr\u00e9s"}"#;
const USER: &str = r#"{"id":1,"is_bot":false,"first_name":"Ada"}"#;

fn update() -> String {
    format!(r#"{{"update_id":7,"message":{MESSAGE}}}"#)
}

/// The object with another member before its own.
fn with(member: &str, object: &str) -> String {
    object.replacen('{', &format!("{{{member},"), 1)
}

/// The text's value, which is the same by way of a [`Value`].
fn read<T: for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug>(text: &str) -> T {
    let read: T = serde_json::from_str(text).expect(text);
    let value: Value = serde_json::from_str(text).expect(text);
    assert_eq!(T::deserialize(&value).expect(text), read, "{text}");
    assert_eq!(serde_json::from_value::<T>(value).expect(text), read);
    assert_eq!(
        serde_json::from_reader::<_, T>(text.as_bytes()).expect(text),
        read
    );
    read
}

fn message() -> Message {
    serde_json::from_str(MESSAGE).unwrap()
}

fn user() -> User {
    serde_json::from_str(USER).unwrap()
}

#[test]
fn b14_maps_with_the_types_as_keys_or_values_are_read() {
    let chats: HashMap<ChatId, i32> = read(r#"{"@channel":1,"-1001234567890":2,"42":3}"#);
    assert_eq!(chats[&"@channel".into()], 1);
    assert_eq!(chats[&ChatId::Id(-1_001_234_567_890)], 2);
    assert_eq!(chats[&42.into()], 3);
    let written = serde_json::to_string(&chats).unwrap();
    assert_eq!(read::<HashMap<ChatId, i32>>(&written), chats);
    let types: BTreeMap<String, ChatType> = read(r#"{"a":"group","b":"new"}"#);
    assert_eq!(types["a"], ChatType::Group);
    let counts: HashMap<ChatType, i32> = read(r#"{"group":1,"new":2}"#);
    assert_eq!(counts[&"new".into()], 2);
    let named: BTreeMap<Str, User> = read(&format!(r#"{{"\u0041da":{USER}}}"#));
    assert_eq!(named["Ada"], user());
}

#[derive(Debug, PartialEq, Deserialize)]
struct Optional {
    #[serde(flatten)]
    update: Option<Update>,
    at: i32,
}

#[derive(Debug, PartialEq, Deserialize)]
struct WithTheRest {
    #[serde(flatten)]
    message: Box<Message>,
    #[serde(flatten)]
    rest: HashMap<String, Value>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct TwoOfOurs {
    #[serde(flatten)]
    user: User,
    #[serde(flatten)]
    chat: Chat,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Nested {
    #[serde(flatten)]
    inner: WithTheRest,
}

#[test]
fn b14_optional_boxed_and_repeatedly_flattened_types_are_read() {
    let found: Optional = read(&with(r#""at":5"#, &update()));
    assert_eq!(found.update, Some(update().parse().unwrap()));
    assert_eq!(read::<Optional>(r#"{"at":5}"#).update, None);
    let found: Nested = read(&with(r#""at":1.5"#, MESSAGE));
    assert_eq!(*found.inner.message, message());
    assert_eq!(found.inner.rest["at"], 1.5);
    let found: TwoOfOurs = read(&with(r#""type":"private""#, USER));
    assert_eq!((found.user, found.chat.id), (user(), 1));
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", content = "with")]
enum Adjacent {
    Sent(Message),
    Asked { by: User, of: ChatId },
    Both(Update, User),
}

#[derive(Debug, PartialEq, Deserialize)]
enum External {
    Sent(Message),
    Asked { by: User },
    Both(Update, User),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind")]
enum Internal {
    Sent(Box<Message>),
    Kept(WithTheRest),
    Asked {
        about: Option<Message>,
        #[serde(default)]
        by: Vec<User>,
    },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Several(Vec<Message>),
    Update(Box<Update>),
    Message(Box<Message>),
    Chat(ChatId),
}

#[test]
fn b14_variants_of_every_shape_are_read() {
    let both = format!("[{},{USER}]", update());
    for (text, expected) in [
        (
            format!(r#"{{"with":{MESSAGE},"kind":"Sent"}}"#),
            Adjacent::Sent(message()),
        ),
        (
            format!(r#"{{"kind":"Asked","with":{{"of":"@a","by":{USER}}}}}"#),
            Adjacent::Asked {
                by: user(),
                of: "@a".into(),
            },
        ),
        (
            format!(r#"{{"with":{both},"kind":"Both"}}"#),
            Adjacent::Both(update().parse().unwrap(), user()),
        ),
    ] {
        assert_eq!(read::<Adjacent>(&text), expected);
    }
    for (text, expected) in [
        (
            format!(r#"{{"Sent":{MESSAGE}}}"#),
            External::Sent(message()),
        ),
        (
            format!(r#"{{"Asked":{{"by":{USER}}}}}"#),
            External::Asked { by: user() },
        ),
        (
            format!(r#"{{"Both":{both}}}"#),
            External::Both(update().parse().unwrap(), user()),
        ),
    ] {
        assert_eq!(read::<External>(&text), expected);
    }
    let sent: Internal = read(&with(r#""kind":"Sent""#, MESSAGE));
    assert_eq!(sent, Internal::Sent(message().into()));
    let kept: Internal = read(&with(r#""kind":"Kept""#, MESSAGE));
    assert!(matches!(kept, Internal::Kept(kept) if *kept.message == message()));
    let asked: Internal = read(&format!(r#"{{"about":null,"by":[{USER}],"kind":"Asked"}}"#));
    assert_eq!(
        asked,
        Internal::Asked {
            about: None,
            by: vec![user()]
        }
    );
    let several: Untagged = read(&format!("[{MESSAGE},{MESSAGE}]"));
    assert_eq!(several, Untagged::Several(vec![message(), message()]));
    assert!(matches!(read(&update()), Untagged::Update(_)));
    assert_eq!(
        read::<Untagged>(MESSAGE),
        Untagged::Message(message().into())
    );
    assert_eq!(read::<Untagged>("-5"), Untagged::Chat((-5).into()));
}

#[derive(Debug, PartialEq, Deserialize)]
struct Borrowing<'a> {
    #[serde(borrow)]
    plain: Cow<'a, str>,
    by: Cow<'a, User>,
    maybe: Option<Option<Message>>,
    all: (User, ChatId, Str),
    chats: [ChatId; 2],
    done: Result<User, ChatId>,
    #[serde(deserialize_with = "id_of_message")]
    id: i64,
}

fn id_of_message<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Message::deserialize(deserializer).map(|message| message.message_id)
}

#[test]
fn b14_containers_of_the_standard_library_are_read() {
    let text = format!(
        r#"{{"plain":"a","by":{USER},"maybe":{MESSAGE},"all":[{USER},"@a","s"],"chats":[1,"@b"],"done":{{"Err":5}},"id":{MESSAGE}}}"#
    );
    let found: Borrowing<'_> = serde_json::from_str(&text).unwrap();
    assert_eq!(*found.by, user());
    assert_eq!(found.maybe, Some(Some(message())));
    assert_eq!(found.all, (user(), "@a".into(), "s".into()));
    assert_eq!(found.chats, [1.into(), "@b".into()]);
    assert_eq!((found.done, found.id), (Err(5.into()), 1));
}

#[test]
fn b14_updates_are_read_from_a_stream_a_raw_value_and_from_single_values() {
    let text = format!("{0} {0}\n{0}", update());
    let ids = |updates: &mut dyn Iterator<Item = serde_json::Result<Update>>| -> Vec<i64> {
        updates.map(|update| update.unwrap().update_id).collect()
    };
    let mut stream = serde_json::Deserializer::from_str(&text).into_iter();
    assert_eq!(ids(&mut stream), [7, 7, 7]);
    let mut stream = serde_json::Deserializer::from_reader(text.as_bytes()).into_iter();
    assert_eq!(ids(&mut stream), [7, 7, 7]);
    let raw: Box<RawValue> = serde_json::from_str(MESSAGE).unwrap();
    assert_eq!(Message::deserialize(&*raw).unwrap(), message());

    let chat = ChatId::deserialize(5_u8.into_deserializer());
    assert_eq!(chat, Ok::<_, value::Error>(5.into()));
    let kind = ChatType::deserialize("group".into_deserializer());
    assert_eq!(kind, Ok::<_, value::Error>(ChatType::Group));
    let text = Str::deserialize('c'.into_deserializer());
    assert_eq!(text, Ok::<_, value::Error>("c".into()));
    let error: value::Error = User::deserialize(().into_deserializer()).unwrap_err();
    assert_eq!(error.to_string(), "unfitting: expected an object");
}
