//! J4: values written into a button and read again.

use std::{collections::BTreeMap, fmt::Debug};

use serde::{Deserialize, Serialize};

use super::{CallbackPayload, InvalidCallbackData, read::read, write::write};
use crate::types::InlineKeyboardButton;

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct All {
    number: i64,
    float: f64,
    yes: bool,
    letter: char,
    text: String,
    some: Option<String>,
    none: Option<u8>,
    list: Vec<u8>,
    pair: (u8, Inner),
    choices: [Choice; 4],
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Inner(u32);

#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Choice {
    Unit,
    One(u8),
    Two(u8, u8),
    Named { at: u8 },
}

fn text<T: Serialize>(value: &T) -> String {
    let mut out = String::new();
    write(value, &mut out).unwrap();
    out
}

fn again<T>(value: &T) -> T
where
    T: Serialize + for<'de> Deserialize<'de>,
{
    let text = text(value);
    read(text.strip_prefix(':')).unwrap()
}

#[test]
fn j4_a_value_that_was_written_is_read_again() {
    let all = All {
        number: -7,
        float: 0.5,
        yes: true,
        letter: ':',
        text: "a:b%c ü✨".into(),
        some: Some(String::new()),
        none: None,
        list: vec![1, 2, 3],
        pair: (1, Inner(2)),
        choices: [
            Choice::Unit,
            Choice::One(1),
            Choice::Two(2, 3),
            Choice::Named { at: 4 },
        ],
    };
    assert_eq!(again(&all), all);
    assert_eq!(
        text(&all),
        ":-7:0.5:1:%3A:a%3Ab%25c ü✨:+:::3:1:2:3:1:2:0:1:1:2:2:3:3:4"
    );
    assert_eq!(text(&()), "");
    again(&());
}

#[test]
fn j4_a_text_of_another_type_is_an_error_and_no_panic() {
    fn fails<T: for<'de> Deserialize<'de> + Debug>(fields: impl Into<Option<&'static str>>) {
        read::<T>(fields.into()).unwrap_err();
    }
    fails::<u8>("256");
    fails::<u8>("");
    fails::<u8>(None);
    fails::<u8>("1:2");
    fails::<bool>("2");
    fails::<(u8, u8)>("1");
    fails::<Vec<u8>>("18446744073709551615:1");
    fails::<Vec<u8>>("2:1");
    fails::<Option<u8>>("-");
    fails::<Choice>("4");
    fails::<Choice>("Unit");
    fails::<char>("ab");
    fails::<String>("%ff");
    fails::<String>("%");
    fails::<String>("%3");
    fails::<String>("%+1");
    fails::<String>("%ü");
    fails::<serde_json::Value>("1");
    fails::<BTreeMap<u8, u8>>("1:2");
    let mut out = String::new();
    write(&BTreeMap::from([(1, 2)]), &mut out).unwrap_err();
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Note(String);

impl CallbackPayload for Note {
    const NAME: &str = "note";
}

#[test]
fn j4_a_button_carries_64_bytes_and_no_more() {
    let note = |letters: usize| Note("x".repeat(letters - "note:".len()));
    let button = InlineKeyboardButton::data("Yes", &note(64)).unwrap();
    assert_eq!(button.callback_data.unwrap().len(), 64);
    let error = InlineKeyboardButton::data("Yes", &note(65)).unwrap_err();
    assert!(matches!(error, InvalidCallbackData::Length { bytes: 65 }));
    assert_eq!(error.to_string(), "callback data has 1 to 64 bytes, not 65");
}

#[test]
fn j4_a_name_that_no_data_can_begin_with_makes_no_button() {
    #[derive(Deserialize, Serialize)]
    struct Colon;

    impl CallbackPayload for Colon {
        const NAME: &str = "a:b";
    }

    #[derive(Deserialize, Serialize)]
    struct Nameless;

    impl CallbackPayload for Nameless {
        const NAME: &str = "";
    }

    let error = InlineKeyboardButton::data("Yes", &Colon).unwrap_err();
    assert!(matches!(error, InvalidCallbackData::NameWithColon));
    let error = InlineKeyboardButton::data("Yes", &Nameless).unwrap_err();
    assert!(matches!(error, InvalidCallbackData::Length { bytes: 0 }));
}

#[test]
fn j4_a_query_gives_the_payload_of_its_button() {
    use crate::types::{Update, UpdateKind};

    let read = |data: &str| {
        let json = format!(
            r#"{{"update_id":1,"callback_query":{{"id":"1","chat_instance":"1",
                "from":{{"id":5,"is_bot":false,"first_name":"Ada"}}{data}}}}}"#
        );
        let update = Update::from_slice(json.as_bytes()).unwrap();
        let UpdateKind::CallbackQuery(query) = update.kind else {
            panic!("a callback query")
        };
        query.payload::<Note>()
    };
    assert_eq!(read(r#","data":"note:a%3Ab""#).unwrap().0, "a:b");
    let error = read(r#","data":"other:1""#).unwrap_err();
    assert!(matches!(error, InvalidCallbackData::Name));
    let error = read(r#","data":"note""#).unwrap_err();
    assert!(matches!(error, InvalidCallbackData::Format(_)));
    assert!(matches!(
        read("").unwrap_err(),
        InvalidCallbackData::Missing
    ));
}

/// The data comes from a client, which can send any number.
#[test]
fn j4_a_list_of_elements_without_a_field_is_refused() {
    #[derive(Debug, Default, Deserialize, Serialize)]
    struct Empty {}

    #[derive(Debug, Deserialize, Serialize)]
    struct Marks(Vec<Empty>, Vec<()>);

    impl CallbackPayload for Marks {
        const NAME: &str = "m";
    }

    for data in ["m:4294967295:0", "m:0:4294967295", "m:18446744073709551615"] {
        let query = pressed(data);
        assert!(query.payload::<Marks>().is_err(), "{data}");
    }
    assert!(pressed("m:0:0").payload::<Marks>().is_ok());
}

fn pressed(data: &str) -> crate::types::CallbackQuery {
    let json = format!(
        r#"{{"id":"1","chat_instance":"1","from":{{"id":5,"is_bot":false,"first_name":"Ada"}},"data":"{data}"}}"#
    );
    serde_json::from_str(&json).unwrap()
}
