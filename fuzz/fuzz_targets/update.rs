//! `Update` from any bytes: it accepts JSON like `serde_json`, and a known value isn't lost or changed when
//! it is written again.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use tower_telegram::{types::{ParseError, Update}, webhook::RawUpdate};
use tower_telegram_fuzz::{json::Json, mutate};

fn parse(bytes: &[u8]) -> Result<Update, ParseError> {
    RawUpdate::from_bytes(Bytes::copy_from_slice(bytes))?.parse()
}

/// The path of a value that was written but not read. Defaults of missing members are allowed, and values
/// that don't fit may be left out.
fn made_up(written: &Json, read: &Json) -> Option<String> {
    match (written, read) {
        (Json::Object(written), Json::Object(_)) => written.iter().find_map(|(key, value)| {
            let found = match read.get(key) {
                Some(stood) if *stood != Json::Null || value == stood => made_up(value, stood),
                _ if says_nothing(value) => None,
                _ => Some(format!("{value:?} out of nothing")),
            };
            found.map(|found| format!("{key}: {found}"))
        }),
        (Json::Array(written), Json::Array(read)) => {
            let mut read = read.iter();
            let mut odd = written
                .iter()
                .filter(|item| !read.any(|stood| made_up(item, stood).is_none()));
            odd.next().map(|item| format!("an element {item:?}"))
        }
        (Json::Number(written), Json::Number(read)) if written != read => {
            let same = written.parse::<f64>() == read.parse::<f64>();
            let both = (written.parse::<i64>(), read.parse::<i64>());
            let same = same && !matches!(both, (Ok(a), Ok(b)) if a != b);
            (!same).then(|| format!("{written} for {read}"))
        }
        _ => (written != read).then(|| format!("{written:?} for {read:?}")),
    }
}

/// Whether a value is the default of a missing member.
fn says_nothing(value: &Json) -> bool {
    match value {
        Json::Object(members) => members.iter().all(|(_, value)| says_nothing(value)),
        Json::Array(items) => items.is_empty(),
        Json::String(text) => text.is_empty(),
        Json::Number(number) => number == "0",
        Json::Bool(value) => !value,
        Json::Null => false,
    }
}

fuzz_target!(|data: &[u8]| {
    let json = Json::of(data);
    let by_serde = serde_json::from_slice::<Update>(data);
    let update = match parse(data) {
        Ok(update) => update,
        Err(error) => {
            assert!(error.is_syntax(), "{error}");
            // serde doesn't check the envelope.
            assert!(by_serde.is_err() || by_serde.is_ok_and(|update| update.update_id < 0));
            return;
        }
    };
    let json = json.expect("an update is JSON");
    assert_eq!(by_serde.expect("the same by serde"), update);
    let text = serde_json::to_string(&update).unwrap();
    let again = parse(text.as_bytes()).unwrap();
    assert_eq!(again, update);
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
    assert!(!json.has_doubles(), "a key twice in {json:?}");
    let found = made_up(&Json::of(text.as_bytes()).unwrap(), &json);
    assert_eq!(found, None);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 3 != 0
        && let Some(text) = mutate::update(&data[..size], seed)
        && text.len() <= max_size
    {
        data[..text.len()].copy_from_slice(text.as_bytes());
        return text.len();
    }
    fuzzer_mutate(data, size, max_size)
});
