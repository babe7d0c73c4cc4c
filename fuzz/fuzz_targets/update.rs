//! `Update` from any bytes: no worse than `serde_json` at telling what JSON is, and nothing that it
//! knows is lost or changed when it is written again.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use tower_telegram::{types::{ParseError, Update}, webhook::RawUpdate};
use tower_telegram_fuzz::{json::Json, mutate};

fn parse(bytes: &[u8]) -> Result<Update, ParseError> {
    RawUpdate::from_bytes(Bytes::copy_from_slice(bytes))?.parse()
}

/// Whether all that was written stood in what was read. What is missing there may be filled in.
fn assert_stood(written: &Json, read: &Json) {
    match (written, read) {
        (Json::Object(written), Json::Object(_)) => {
            for (key, value) in written {
                match read.get(key) {
                    Some(stood) if *stood != Json::Null || value == stood => {
                        assert_stood(value, stood);
                    }
                    _ => assert!(
                        *value == Json::Bool(false) || *value == Json::Array(Vec::new()),
                        "{key}: {value:?} out of nothing"
                    ),
                }
            }
        }
        (Json::Array(written), Json::Array(read)) => {
            assert_eq!(written.len(), read.len());
            for (written, read) in written.iter().zip(read) {
                assert_stood(written, read);
            }
        }
        (Json::Number(written), Json::Number(read)) if written != read => {
            assert_eq!(written.parse::<f64>(), read.parse::<f64>());
            let both = (written.parse::<i64>(), read.parse::<i64>());
            assert!(!matches!(both, (Ok(a), Ok(b)) if a != b), "{both:?}");
        }
        _ => assert_eq!(written, read),
    }
}

fuzz_target!(|data: &[u8]| {
    let json = Json::of(data);
    let by_serde = serde_json::from_slice::<Update>(data);
    let update = match parse(data) {
        Ok(update) => update,
        Err(error) => {
            assert!(error.is_syntax(), "{error}");
            // By serde there is no envelope to be checked.
            assert!(by_serde.is_err() || by_serde.is_ok_and(|update| update.update_id < 0));
            return;
        }
    };
    let json = json.expect("what was read is JSON");
    assert_eq!(by_serde.expect("the same by serde"), update);
    let text = serde_json::to_string(&update).unwrap();
    let again = parse(text.as_bytes()).unwrap();
    assert_eq!(again, update);
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
    // A key can come twice in what is kept raw.
    if !json.has_doubles() {
        assert_stood(&Json::of(text.as_bytes()).unwrap(), &json);
    }
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
