//! `cargo xtask names`: types of the repository that share a name.
//!
//! 1. In the published crates a name is one type's in all of the repository. Their unit tests are left out.
//! 2. In tests, examples, benches and fuzz targets, a type that other files of the package can use (`pub` in any form) has
//!    a name that no other such type of the package has. A private one is read with the file that it stands in, and people
//!    copy an example as it is, so that each may have its own `App`.

mod helpers;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use crate::{
    imports::{
        generated,
        source::{self, Source},
    },
    words::tree,
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
    let (shared, shared_twice) = report_helpers(&tree::read(root, None)?)?;
    let lines = format!("{lines}\n{shared}");
    if twice + shared_twice > 0 {
        Err(lines)
    } else {
        Ok(lines)
    }
}

/// The same for the types that the files of a package's tests share.
fn report_helpers(files: &[tree::TextFile]) -> Result<(String, usize), String> {
    let mut found = helpers::files_by_name(files)?;
    found.retain(|(_, name), _| !SHARED.contains(&&**name));
    let names = found.len();
    found.retain(|_, files| files.len() > 1);
    let mut lines = String::new();
    for ((_, name), files) in &found {
        let list: Vec<_> = files.iter().map(String::as_str).collect();
        let _ = writeln!(lines, "{name}: {}", list.join(", "));
    }
    let twice = found.len();
    let _ = write!(
        lines,
        "names: {names} names of types that tests, examples or benches share, {twice} of them more than once in a package"
    );
    Ok((lines, twice))
}

/// The names of types, and the files that define a type of that name. A file that has the same name twice, in two of
/// its modules or functions, counts once.
pub(crate) fn files_by_name(source: &Source) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for found in &source.types {
        if generated(&found.file).is_none() && !SHARED.contains(&&*found.name) {
            files.entry(&found.name).or_default().insert(&found.file);
        }
    }
    files
}

/// The report, and the number of names that more than one type has.
fn report(source: &Source) -> (String, usize) {
    let mut files = files_by_name(source);
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
