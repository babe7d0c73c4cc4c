//! The time of reading and writing, compared with `serde_json` for the same text.
//!
//! Only the ratios matter, because absolute times depend on the machine. Counts, which don't, are in
//! `benches/cost`; other crates are in `benches/compare`.

// A bench without its bodies has no result.
#![allow(clippy::expect_used)]

use std::{fs, path::Path};

use bytes::Bytes;
use divan::{Bencher, black_box};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tower_telegram::{client::ApiRequest, methods::SendMessage, types::Update, webhook::RawUpdate};

const BODIES: [&str; 5] = [
    "text_plain",
    "text_cyrillic",
    "callback",
    "photo",
    "keyboard_30k",
];

fn main() {
    divan::main();
}

fn body(name: &str) -> Bytes {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let body = fs::read(corpus.join(name).with_extension("json"));
    body.expect("a body of the corpus").into()
}

/// The time includes dropping the value, which every bot has to do as well.
fn each<T>(bencher: Bencher<'_, '_>, name: &str, read: impl Fn(&Bytes) -> T + Sync) {
    let body = body(name);
    bencher.bench(|| drop(black_box(read(black_box(&body)))));
}

#[divan::bench_group]
mod read {
    use super::{BODIES, Bencher, IgnoredAny, RawUpdate, Update, Value, each};

    #[divan::bench(args = BODIES)]
    fn ignored_any(bencher: Bencher<'_, '_>, name: &str) {
        each(bencher, name, |body| {
            serde_json::from_slice::<IgnoredAny>(body).expect("JSON")
        });
    }

    #[divan::bench(args = BODIES)]
    fn value(bencher: Bencher<'_, '_>, name: &str) {
        each(bencher, name, |body| {
            serde_json::from_slice::<Value>(body).expect("JSON")
        });
    }

    #[divan::bench(args = BODIES)]
    fn head(bencher: Bencher<'_, '_>, name: &str) {
        each(bencher, name, |body| {
            RawUpdate::from_bytes(body.clone()).expect("an update")
        });
    }

    #[divan::bench(args = BODIES)]
    fn update(bencher: Bencher<'_, '_>, name: &str) {
        each(bencher, name, |body| {
            let raw = RawUpdate::from_bytes(body.clone()).expect("an update");
            raw.parse::<Update>().expect("an update")
        });
    }
}

#[divan::bench_group]
mod write {
    use super::{ApiRequest, Bencher, SendMessage, black_box, json};

    const TEXT: &str = "Bread, \"milk\" & a <b>dozen</b> eggs – until six o'clock\n";

    #[divan::bench]
    fn value(bencher: Bencher<'_, '_>) {
        let call = json!({"chat_id": 1_234_567_890, "text": TEXT});
        bencher.bench(|| serde_json::to_vec(black_box(&call)).expect("JSON"));
    }

    #[divan::bench]
    fn call(bencher: Bencher<'_, '_>) {
        let call = SendMessage::new(1_234_567_890, TEXT);
        bencher.bench(|| ApiRequest::new(black_box(&call)).expect("a call"));
    }
}
