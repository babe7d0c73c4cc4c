//! Row B14: the types are read from formats other than JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_telegram::types::{RawJson, Update, UpdateKind, User};

use crate::support::generate::{Fill, Generator, Schema};

/// An update of each type.
fn updates() -> Vec<Update> {
    let schema = Schema::new();
    let mut generator = Generator::new(&schema, 14);
    generator.fill = Fill::Full;
    let kinds = schema.kinds();
    let values = kinds.into_iter().map(|kind| generator.update(kind));
    let updates = values.map(|value| serde_json::from_value(value).expect("an update"));
    updates.collect()
}

#[test]
fn b14_every_type_of_update_is_read_from_messagepack() {
    for update in updates() {
        let named = rmp_serde::to_vec_named(&update).unwrap();
        assert_eq!(rmp_serde::from_slice::<Update>(&named).unwrap(), update);
        assert_eq!(rmp_serde::from_read::<_, Update>(&*named).unwrap(), update);
        let short = rmp_serde::to_vec(&update).unwrap();
        assert_eq!(rmp_serde::from_slice::<Update>(&short).unwrap(), update);
    }
}

#[test]
fn b14_every_type_of_update_is_read_from_cbor() {
    for update in updates() {
        let mut bytes = Vec::new();
        ciborium::into_writer(&update, &mut bytes).unwrap();
        assert_eq!(ciborium::from_reader::<Update, _>(&*bytes).unwrap(), update);
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Job {
    attempt: u8,
    #[serde(flatten)]
    update: Update,
}

#[test]
fn b14_a_flattened_update_is_read_from_messagepack_and_cbor() {
    for update in updates() {
        let job = Job { attempt: 2, update };
        let bytes = rmp_serde::to_vec_named(&job).unwrap();
        assert_eq!(rmp_serde::from_slice::<Job>(&bytes).unwrap(), job);
        let mut bytes = Vec::new();
        ciborium::into_writer(&job, &mut bytes).unwrap();
        assert_eq!(ciborium::from_reader::<Job, _>(&*bytes).unwrap(), job);
    }
}

/// A value that is kept raw is written as the value itself, and not as a text in a wrapper of `serde_json`.
#[test]
fn b14_raw_values_go_through_other_formats() {
    let value =
        json!({"update_id": 1, "planet_discovered": {"moons": [1, 2.5, null, "x"], "far": true}});
    let update: Update = serde_json::from_value(value.clone()).unwrap();
    let bytes = rmp_serde::to_vec_named(&update).unwrap();
    assert_eq!(rmp_serde::from_slice::<Value>(&bytes).unwrap(), value);
    let read: Update = rmp_serde::from_slice(&bytes).unwrap();
    let UpdateKind::Unknown { raw, .. } = &read.kind else {
        panic!("not raw: {read:?}")
    };
    assert_eq!(raw.parse::<Value>().unwrap(), value["planet_discovered"]);
    let mut bytes = Vec::new();
    ciborium::into_writer(&update, &mut bytes).unwrap();
    assert_eq!(ciborium::from_reader::<Value, _>(&*bytes).unwrap(), value);
}

#[test]
fn b14_values_that_json_has_no_word_for_are_read_as_what_comes_closest() {
    let raw = |value: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        value(&mut bytes);
        ciborium::from_reader::<RawJson, _>(&*bytes).map(|raw| raw.get().to_owned())
    };
    let of = |value: ciborium::Value| raw(&|bytes| ciborium::into_writer(&value, bytes).unwrap());
    assert_eq!(of(ciborium::Value::Null).unwrap(), "null");
    assert_eq!(of(i64::MIN.into()).unwrap(), i64::MIN.to_string());
    assert_eq!(of(u64::MAX.into()).unwrap(), u64::MAX.to_string());
    let large = i128::from(u64::MAX) + 1;
    assert_eq!(
        raw(&|bytes| ciborium::into_writer(&large, bytes).unwrap()).unwrap(),
        large.to_string()
    );
    assert_eq!(of(0.1_f64.into()).unwrap(), "0.1");
    assert_eq!(of(1e300_f64.into()).unwrap(), "1e+300");
    // A text is read as a text, like serde's own strings.
    assert_eq!(
        of(ciborium::Value::Bytes(b"\"\n".to_vec())).unwrap(),
        r#""\"\n""#
    );
    let numbered = ciborium::Value::Map(vec![(5.into(), true.into())]);
    assert_eq!(of(numbered).unwrap(), r#"{"5":true}"#);
    for hopeless in [
        f64::NAN.into(),
        f64::INFINITY.into(),
        ciborium::Value::Bytes(vec![0xff]),
    ] {
        assert!(of(hopeless).is_err());
    }
    let short = rmp_serde::to_vec(&0.1_f32).unwrap();
    assert_eq!(
        rmp_serde::from_slice::<RawJson>(&short).unwrap().get(),
        "0.1"
    );
}

#[test]
fn b14_an_error_names_the_field_in_other_formats() {
    let bytes =
        rmp_serde::to_vec_named(&json!({"id": "secret words", "first_name": "Ada"})).unwrap();
    let error = rmp_serde::from_slice::<User>(&bytes)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("expected an integer, in field `id`"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn b14_a_key_that_comes_twice_is_an_error_in_other_formats() {
    let twice = ciborium::Value::Map(vec![
        ("id".into(), 1.into()),
        ("first_name".into(), "Ada".into()),
        ("id".into(), 2.into()),
    ]);
    let mut bytes = Vec::new();
    ciborium::into_writer(&twice, &mut bytes).unwrap();
    let error = ciborium::from_reader::<User, _>(&*bytes).unwrap_err();
    assert!(error.to_string().contains("comes twice"), "{error}");
}

/// Postcard's message for a value whose type it can't detect: no value is read in its place.
#[test]
fn b14_a_format_that_does_not_describe_itself_is_an_error() {
    let error = postcard::from_bytes::<User>(&[1, 0, 3, b'A', b'd', b'a']).unwrap_err();
    assert_eq!(error, postcard::Error::WontImplement);
}
