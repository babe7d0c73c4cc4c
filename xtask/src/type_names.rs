//! `cargo xtask names`: types of the repository that share a name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use crate::imports::{
    generated,
    source::{self, Source},
};

/// Names that any layer may use for a type of its own; and `Telegram`, which is the server in the test kit, and the
/// extractor for axum in the crate.
const SHARED: &[&str] = &["Error", "ResponseFuture", "State", "Telegram"];

/// The number of names. An error lists those that more than one type has.
pub(crate) fn run(root: &Path) -> Result<String, String> {
    let mut files = source::read(root)?;
    // Of the published crates.
    files.retain(|file, _| !file.starts_with("xtask/"));
    let (lines, twice) = report(&Source::parse(&files)?);
    if twice > 0 { Err(lines) } else { Ok(lines) }
}

/// The report, and the number of names that more than one type has. A file that has the same name twice, in two of its
/// modules or functions, counts once.
fn report(source: &Source) -> (String, usize) {
    let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for found in &source.types {
        if generated(&found.file).is_none() && !SHARED.contains(&&*found.name) {
            files.entry(&found.name).or_default().insert(&found.file);
        }
    }
    let names = files.len();
    files.retain(|_, files| files.len() > 1);
    let mut lines = String::new();
    for (name, files) in &files {
        let list: Vec<_> = files.iter().copied().collect();
        let _ = writeln!(lines, "{name}: {}", list.join(", "));
    }
    let twice = files.len();
    let _ = write!(
        lines,
        "names: {names} names of types, {twice} of them more than once"
    );
    (lines, twice)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_two_files_is_reported_unless_it_may_be_shared() {
        let files = [
            ("src/lib.rs", "mod a; mod b; #[cfg(test)] mod tests;"),
            (
                "src/a.rs",
                "pub struct Place; enum State {} type Error = u8; trait Once {}",
            ),
            (
                "src/b.rs",
                "fn f() { trait Place {} } struct State; struct Error; \
                 #[cfg(test)] struct Once; pin_project! { struct Once2 { #[pin] a: u8 } }",
            ),
            ("src/tests.rs", "struct Once; struct Place;"),
            (
                "crates/tower-telegram-types/src/lib.rs",
                "mod types; struct Once2;",
            ),
            (
                "crates/tower-telegram-types/src/types/mod.rs",
                "pub struct Place; pub struct Once;",
            ),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let (lines, twice) = report(&Source::parse(&files.into_iter().collect()).unwrap());
        assert_eq!(twice, 2);
        assert_eq!(
            lines,
            "Once2: crates/tower-telegram-types/src/lib.rs, src/b.rs\n\
             Place: src/a.rs, src/b.rs\n\
             names: 3 names of types, 2 of them more than once"
        );
    }
}
