//! The cost of reading an update, beside that of `serde_json` for the same text.
//!
//! A round reads one body: of the corpus each in turn, so that its figures are those of a body as they come.

use std::{fs, hint::black_box, path::PathBuf};

use serde::de::IgnoredAny;
use tower_telegram::types::Update;
use tower_telegram_benches::count::BoxError;

use crate::paths::{Path, path};

pub(crate) const ALL: &[Path] = &[
    path("read/corpus, IgnoredAny", None, |rounds| {
        read(rounds, &corpus()?, ignored)
    }),
    path("read/corpus, serde_json", None, |rounds| {
        read(rounds, &corpus()?, by_serde_json)
    }),
    path("read/corpus, Update::from_slice", None, |rounds| {
        read(rounds, &corpus()?, by_itself)
    }),
    path("read/text, IgnoredAny", None, |rounds| {
        read(rounds, &one("text_plain")?, ignored)
    }),
    path("read/text, serde_json", None, |rounds| {
        read(rounds, &one("text_plain")?, by_serde_json)
    }),
    path("read/text, Update::from_slice", None, |rounds| {
        read(rounds, &one("text_plain")?, by_itself)
    }),
    path("read/30 KB keyboard, IgnoredAny", None, |rounds| {
        read(rounds, &one("keyboard_30k")?, ignored)
    }),
    path("read/30 KB keyboard, serde_json", None, |rounds| {
        read(rounds, &one("keyboard_30k")?, by_serde_json)
    }),
    path("read/30 KB keyboard, Update::from_slice", None, |rounds| {
        read(rounds, &one("keyboard_30k")?, by_itself)
    }),
];

fn ignored(body: &[u8]) -> Result<(), BoxError> {
    black_box(serde_json::from_slice::<IgnoredAny>(body)?);
    Ok(())
}

fn by_serde_json(body: &[u8]) -> Result<(), BoxError> {
    black_box(serde_json::from_slice::<Update>(body)?);
    Ok(())
}

fn by_itself(body: &[u8]) -> Result<(), BoxError> {
    black_box(Update::from_slice(body)?);
    Ok(())
}

fn read(
    rounds: u32,
    bodies: &[Vec<u8>],
    read: fn(&[u8]) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    let bodies = bodies.iter().cycle().take(rounds as usize);
    bodies.map(black_box).try_for_each(|body| read(body))
}

fn one(name: &str) -> Result<Vec<Vec<u8>>, BoxError> {
    let file = folder().join(name).with_extension("json");
    Ok(vec![fs::read(file)?])
}

fn corpus() -> Result<Vec<Vec<u8>>, BoxError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder())? {
        let file = entry?.path();
        if file.extension().is_some_and(|it| it == "json") {
            files.push(file);
        }
    }
    files.sort();
    files.iter().map(|file| Ok(fs::read(file)?)).collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}
