//! B6: a key that comes twice, in any object of any update, result and parameter.

use std::mem::discriminant;

use fastrand::Rng;
use serde_json::{Map, Value, json};
use tower_telegram::types::Update;

use crate::support::{
    generate::{Fill, Generator, Schema},
    text::telegram,
};

/// The paths of the objects in a value.
fn objects(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.push(path.to_owned());
            for (key, member) in members {
                objects(member, &format!("{path}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                objects(item, &format!("{path}/{at}"), found);
            }
        }
        _ => {}
    }
}

/// Names for a second member, of which one is written before all others and one behind them.
const MARKS: [&str; 2] = ["!twice", "~twice"];

/// The value with another member of the same key in one of its objects, as text.
fn doubled(value: &Value, path: &str, key: &str, rng: &mut Rng) -> String {
    let mark = MARKS[rng.usize(..2)];
    let mut value = value.clone();
    let object = value.pointer_mut(path).and_then(Value::as_object_mut);
    let object = object.expect("an object");
    let second = match &object[key] {
        _ if rng.bool() => Value::Null,
        Value::String(_) => "another text".into(),
        other => other.clone(),
    };
    let mut members: Map<_, _> = std::mem::take(object);
    if mark == MARKS[0] {
        object.insert(mark.into(), second.clone());
    }
    object.append(&mut members);
    object.insert(mark.into(), second);
    value.to_string().replacen(mark, key, 1)
}

/// Calls `check` for each object of a value that has a tag, with the tag twice, and for other keys of some objects.
fn for_each_double(value: &Value, rng: &mut Rng, mut check: impl FnMut(&str)) {
    let mut paths = Vec::new();
    objects(value, "", &mut paths);
    for path in paths {
        let object = value.pointer(&path).and_then(Value::as_object);
        let object = object.expect("an object");
        let keys: Vec<_> = object.keys().collect();
        let tags = ["type", "status", "source"].iter();
        let tags = tags.copied().filter(|tag| object.contains_key(*tag));
        let other = rng.choice(keys).filter(|_| rng.u8(..4) == 0);
        for key in tags.chain(other.map(|key| &**key)) {
            check(&doubled(value, &path, key, rng));
        }
    }
}

/// The paths of the values inside a value.
fn values(value: &Value, path: &str, found: &mut Vec<String>) {
    let members: Vec<_> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, value)| (at.to_string(), value))
            .collect(),
        _ => return,
    };
    for (name, value) in members {
        let path = format!("{path}/{name}");
        values(value, &path, found);
        found.push(path);
    }
}

/// The value with one of another type somewhere in it.
fn misfit(value: &Value, rng: &mut Rng) -> Value {
    let mut paths = Vec::new();
    values(value, "", &mut paths);
    let mut value = value.clone();
    let path = rng.choice(&paths).map_or("", |path| path);
    if let Some(place) = value.pointer_mut(path) {
        let others = [
            json!(true),
            json!(1.5),
            json!("text"),
            json!([{"a": 1}]),
            json!({"a": {"b": 1}}),
        ];
        let others = others.iter();
        let others = others.filter(|other| discriminant(*other) != discriminant(place));
        let others: Vec<_> = others.cloned().collect();
        *place = rng.choice(others).expect("five types");
    }
    value
}

/// The rest of an object isn't read by its type then.
#[test]
fn b6_a_key_that_comes_twice_beside_a_value_of_another_type_is_an_error() {
    let schema = Schema::new();
    let mut generator = Generator::new(&schema, 67);
    let mut rng = Rng::with_seed(67);
    for _ in 0..20 {
        for kind in schema.kinds() {
            let mut update = generator.update(kind);
            update[kind] = misfit(&update[kind], &mut rng);
            assert!(
                Update::from_slice(telegram(&update).as_bytes()).is_ok(),
                "{update}"
            );
            for_each_double(&update, &mut rng, |text| {
                let error = Update::from_slice(text.as_bytes()).expect_err(text);
                assert!(error.is_syntax(), "{error} in {text}");
            });
        }
    }
}

/// Adds a member that no type has to each object, everywhere of the same name.
fn add_unknown_members(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(add_unknown_members);
            members.insert("not_a_field".into(), json!({"a": 1, "b": [{"a": 2}]}));
        }
        Value::Array(elements) => elements.iter_mut().for_each(add_unknown_members),
        _ => {}
    }
}

/// Members of newer versions, and older names such as `thumb` beside `thumbnail`.
#[test]
fn b6_a_key_that_comes_twice_beside_or_in_an_unknown_member_is_an_error() {
    let schema = Schema::new();
    let mut generator = Generator::new(&schema, 68);
    let mut rng = Rng::with_seed(68);
    for _ in 0..20 {
        for kind in schema.kinds() {
            let mut update = generator.update(kind);
            let known = telegram(&update);
            add_unknown_members(&mut update[kind]);
            let text = telegram(&update);
            assert_eq!(
                Update::from_slice(text.as_bytes()).expect(&text),
                Update::from_slice(known.as_bytes()).unwrap()
            );
            for_each_double(&update, &mut rng, |text| {
                let error = Update::from_slice(text.as_bytes()).expect_err(text);
                assert!(error.is_syntax(), "{error} in {text}");
            });
        }
    }
}

/// The same name with an escape, and in messages that are one inside another.
#[test]
fn b6_an_unknown_key_is_found_again_in_each_spelling_and_place() {
    const CHAT: &str = r#""chat":{"id":7,"type":"private"}"#;
    let update = |members: &str| {
        format!(r#"{{"update_id":1,"message":{{"message_id":1,"date":1,{CHAT},{members}}}}}"#)
    };
    let gone = |members: &str| {
        update(&format!(
            r#""pinned_message":{{"message_id":1,"date":0,{CHAT},{members}}}"#
        ))
    };
    for members in [
        r#""x":1,"\u0078":2"#,
        r#""\u0078":1,"x":2"#,
        r#""x":1,"text":"t","x":2"#,
        r#""x":{"a":1,"\u0061":2}"#,
        r#""x":[{"y":{"z":1,"z":2}}]"#,
        r#""x":1,"from":{"id":1,"is_bot":false,"first_name":"A","x":1},"x":2"#,
    ] {
        for text in [update(members), gone(members)] {
            let error = Update::from_slice(text.as_bytes()).expect_err(&text);
            assert!(error.is_syntax(), "{error} in {text}");
        }
    }
    for members in [
        r#""x":1,"from":{"id":1,"is_bot":false,"first_name":"A","x":1},"y":{"x":1}"#,
        r#""photo":[{"x":1},{"x":1}],"x":[{"x":1},{"x":1}]"#,
    ] {
        for text in [update(members), gone(members)] {
            assert!(Update::from_slice(text.as_bytes()).is_ok(), "{text}");
        }
    }
}

#[test]
fn b6_a_key_that_comes_twice_in_any_object_of_an_update_is_an_error() {
    let schema = Schema::new();
    let mut generator = Generator::new(&schema, 6);
    let mut rng = Rng::with_seed(6);
    let everything = schema.everything();
    for round in 0..400 {
        if round > 3 && everything.is_subset(&generator.seen) {
            break;
        }
        generator.fill = if round == 0 { Fill::Full } else { Fill::Random };
        for kind in schema.kinds() {
            let update = generator.update(kind);
            assert!(Update::from_slice(telegram(&update).as_bytes()).is_ok());
            for_each_double(&update, &mut rng, |text| {
                let error = Update::from_slice(text.as_bytes()).expect_err(text);
                assert!(error.is_syntax(), "{error} in {text}");
            });
        }
    }
    let missing: Vec<_> = everything.difference(&generator.seen).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[cfg(all(feature = "serde-all", feature = "client"))]
#[test]
fn b6_a_key_that_comes_twice_in_any_object_of_a_call_is_an_error() {
    let schema = Schema::new();
    let mut generator = Generator::new(&schema, 66);
    let mut rng = Rng::with_seed(66);
    for round in 0..4 {
        generator.fill = if round == 0 { Fill::Full } else { Fill::Random };
        for typed in crate::client::every_method::METHODS {
            let result = generator.result(typed.name);
            for_each_double(&result, &mut rng, |text| {
                let error = (typed.decode)(text).expect_err(text);
                assert!(error.is_syntax(), "{}: {error} in {text}", typed.name);
            });
            for_each_double(&misfit(&result, &mut rng), &mut rng, |text| {
                let error = (typed.decode)(text).expect_err(text);
                assert!(error.is_syntax(), "{}: {error} in {text}", typed.name);
            });
            let parameters = generator.parameters(typed.name);
            for_each_double(&parameters, &mut rng, |text| {
                assert!(!(typed.can_be_read)(text), "{}: {text}", typed.name);
            });
        }
    }
}
