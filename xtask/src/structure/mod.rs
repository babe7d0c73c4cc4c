//! `cargo xtask structure`: figures of how the source is laid out, for one checkout or several side by side.
//!
//! The layers of [`imports`](crate::imports) are those of this revision. Files of an older one that are on none of them
//! are counted apart, and their imports aren't judged.

mod figures;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use self::figures::Figures;

/// A table with a column for each checkout, or for this one.
pub(crate) fn run(root: &Path, checkouts: &[&str]) -> Result<String, String> {
    let mut columns: Vec<(String, PathBuf)> = checkouts
        .iter()
        .map(|checkout| ((*checkout).to_owned(), PathBuf::from(checkout)))
        .collect();
    if columns.is_empty() {
        columns.push(("here".into(), root.into()));
    }
    let mut figures = Vec::new();
    for (name, checkout) in columns {
        let found = Figures::read(&checkout).map_err(|error| format!("{name}: {error}"))?;
        figures.push((name, found));
    }
    Ok(table(&figures))
}

/// In Markdown.
fn table(columns: &[(String, Figures)]) -> String {
    let mut lines = String::new();
    let names: Vec<_> = columns.iter().map(|(name, _)| name.clone()).collect();
    row(&mut lines, "", &names);
    row(&mut lines, "---", &vec!["---".to_owned(); columns.len()]);
    let mut add = |label: &str, cell: &dyn Fn(&Figures) -> String| {
        let cells: Vec<_> = columns.iter().map(|(_, figures)| cell(figures)).collect();
        row(&mut lines, label, &cells);
    };
    add("circles between files", &|f| f.imports.circles.to_string());
    add("imports that point up", &|f| f.imports.up.to_string());
    add("files on no layer", &|f| {
        format!("{} of {}", f.imports.unplaced, f.imports.files)
    });
    add("names of more than one type", &|f| {
        counted(f.names_twice.iter().map(|name| &**name))
    });
    for folder in folders(columns, |f| f.loose.keys().collect()) {
        let cell = |f: &Figures| {
            let files = f.loose.get(&folder);
            files.map_or_else(none, |files| counted(files.iter().map(|file| &**file)))
        };
        add(&format!("files loose in `{folder}/`"), &cell);
    }
    for folder in folders(columns, |f| f.lines.keys().collect()) {
        let cell = |f: &Figures| f.lines.get(&folder).map_or_else(none, usize::to_string);
        add(&format!("lines of `{folder}/`"), &cell);
    }
    add("lines in all", &|f| {
        f.lines.values().sum::<usize>().to_string()
    });
    add("lines that are generated", &|f| f.generated.to_string());
    for place in 0..figures::LONGEST_FILES {
        let cell = |f: &Figures| {
            let file = f.longest.get(place);
            file.map_or_else(none, |(lines, path)| format!("{lines} `{path}`"))
        };
        add(&format!("longest file, {}", place + 1), &cell);
    }
    lines.truncate(lines.trim_end().len());
    lines
}

fn row(lines: &mut String, label: &str, cells: &[String]) {
    // Writing to a string can't fail.
    let _ = writeln!(lines, "| {label} | {} |", cells.join(" | "));
}

/// The folders that any of the columns has.
fn folders(
    columns: &[(String, Figures)],
    of: impl Fn(&Figures) -> Vec<&String>,
) -> BTreeSet<String> {
    let all = columns.iter().flat_map(|(_, figures)| of(figures));
    all.cloned().collect()
}

/// `2: one, two`
fn counted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    match &names[..] {
        [] => "0".into(),
        names => format!("{}: {}", names.len(), names.join(", ")),
    }
}

fn none() -> String {
    "–".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::tree::TextFile;

    fn figures(files: &[(&str, &str)]) -> Figures {
        let files = files.iter().map(|(path, text)| TextFile {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        });
        Figures::of(files.collect()).expect("it is Rust")
    }

    #[test]
    fn each_checkout_has_a_column() {
        let before = figures(&[
            ("src/lib.rs", "mod a; mod b; mod types;\n"),
            ("src/a.rs", "use crate::b::B;\npub struct A(B);\n"),
            ("src/b.rs", "use crate::a::A;\npub struct B(A);\n"),
            ("src/types/mod.rs", "// @generated\npub struct Chat;\n"),
        ]);
        let after = figures(&[
            ("src/lib.rs", "mod client; mod webhook;\n"),
            ("src/client/mod.rs", "use crate::webhook::A;\n"),
            ("src/webhook/mod.rs", "pub struct A;\n\n"),
            ("tests/it.rs", "struct A;\n"),
        ]);
        let table = table(&[("old".into(), before), ("new".into(), after)]);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines[..12],
            [
                "|  | old | new |",
                "| --- | --- | --- |",
                "| circles between files | 1 | 0 |",
                "| imports that point up | 0 | 1 |",
                "| files on no layer | 3 of 4 | 0 of 3 |",
                "| names of more than one type | 0 | 0 |",
                "| files loose in `src/` | 2: a.rs, b.rs | 0 |",
                "| lines of `src/` | 5 | 4 |",
                "| lines of `tests/` | – | 1 |",
                "| lines in all | 5 | 5 |",
                "| lines that are generated | 2 | 0 |",
                "| longest file, 1 | 2 `src/a.rs` | 2 `src/webhook/mod.rs` |",
            ]
        );
        assert_eq!(lines.len(), 11 + figures::LONGEST_FILES);
        assert_eq!(
            lines[13],
            "| longest file, 3 | 1 `src/lib.rs` | 1 `src/lib.rs` |"
        );
        assert_eq!(lines[20], "| longest file, 10 | – | – |");
    }

    #[test]
    fn a_checkout_that_is_none_is_named() {
        let error = run(Path::new("."), &["/no/such/folder"]).unwrap_err();
        assert!(error.starts_with("/no/such/folder: "), "{error}");
    }
}
