//! The figures of one checkout.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{
    imports::{
        Counts,
        source::{Files, Source},
    },
    type_names,
    words::tree::{self, TextFile},
};

/// How many of the longest files are listed.
pub(super) const LONGEST_FILES: usize = 10;

/// `lines` and `longest` are of the Rust that people wrote, `generated` is the rest of it.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) imports: Counts,
    /// Names of types that more than one file of the published crates defines.
    pub(super) names_twice: BTreeSet<String>,
    /// The files beside `lib.rs` in the `src` of each published crate.
    pub(super) loose: BTreeMap<String, BTreeSet<String>>,
    /// Lines by crate for those in `crates`, otherwise by folder of the root.
    pub(super) lines: BTreeMap<String, usize>,
    pub(super) generated: usize,
    /// The first has the most lines.
    pub(super) longest: Vec<(usize, String)>,
}

impl Figures {
    pub(super) fn read(checkout: &Path) -> Result<Self, String> {
        if !checkout.is_dir() {
            return Err("no such folder".into());
        }
        let mut files = tree::read(checkout, None)?;
        files.retain(|file| file.extension() == "rs");
        Self::of(files)
    }

    pub(super) fn of(files: Vec<TextFile>) -> Result<Self, String> {
        let mut loose = BTreeMap::<_, BTreeSet<_>>::new();
        let mut lines = BTreeMap::new();
        let mut longest = Vec::new();
        let mut generated = 0;
        let mut sources = Files::new();
        for TextFile { path, text } in files {
            let count = text.lines().count();
            if tree::is_generated(&text) {
                generated += count;
            } else {
                *lines.entry(folder(&path)).or_default() += count;
                longest.push((count, path.clone()));
            }
            if let Some((source, file)) = in_source_folder(&path) {
                let files = loose.entry(source.to_owned()).or_default();
                if !file.contains('/') && file != "lib.rs" {
                    files.insert(file.to_owned());
                }
            }
            let read_by_imports =
                in_source_folder(&path).is_some() || path.starts_with("xtask/src/");
            if read_by_imports {
                sources.insert(path, text);
            }
        }
        longest.sort_by(|(one, path), (other, later)| other.cmp(one).then(path.cmp(later)));
        longest.truncate(LONGEST_FILES);
        let mut source = Source::parse(&sources)?;
        let imports = Counts::of(&source);
        source
            .types
            .retain(|found| !found.file.starts_with("xtask/"));
        let mut names = type_names::files_by_name(&source);
        names.retain(|_, files| files.len() > 1);
        Ok(Self {
            imports,
            names_twice: names.into_keys().map(str::to_owned).collect(),
            loose,
            lines,
            generated,
            longest,
        })
    }
}

/// `crates/x` of the files in it, otherwise the root's folder.
fn folder(path: &str) -> String {
    let depth = if path.starts_with("crates/") { 2 } else { 1 };
    let folders: Vec<_> = path.split('/').take(depth).collect();
    folders.join("/")
}

/// The `src` of a published crate, and the path of the file in it.
fn in_source_folder(path: &str) -> Option<(&str, &str)> {
    let inside = match path.strip_prefix("crates/") {
        Some(inside) => inside.split_once('/')?.1,
        None => path,
    };
    let file = inside.strip_prefix("src/")?;
    let source = path.strip_suffix(file)?.strip_suffix('/')?;
    Some((source, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_their_crate_or_folder() {
        for (path, in_source, in_folder) in [
            ("src/lib.rs", Some(("src", "lib.rs")), "src"),
            ("src/a/b.rs", Some(("src", "a/b.rs")), "src"),
            (
                "crates/a/src/b.rs",
                Some(("crates/a/src", "b.rs")),
                "crates/a",
            ),
            ("crates/a/tests/b.rs", None, "crates/a"),
            ("crates/a/b", None, "crates/a"),
            ("xtask/src/main.rs", None, "xtask"),
            ("a.rs", None, "a.rs"),
        ] {
            assert_eq!(in_source_folder(path), in_source, "{path}");
            assert_eq!(folder(path), in_folder, "{path}");
        }
    }
}
