//! Types that the files of a package's tests, examples or benches share.

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    Visibility,
    visit::{self, Visit},
};

use crate::words::tree::TextFile;

/// The files that define a type of a name, by the package's folder and the name.
pub(super) type Files = BTreeMap<(String, String), BTreeSet<String>>;

/// The types that other files can use, of all files outside of the crates' `src`.
pub(super) fn files_by_name(files: &[TextFile]) -> Result<Files, String> {
    let manifests = files
        .iter()
        .filter_map(|f| f.path.strip_suffix("Cargo.toml"));
    let packages: Vec<_> = manifests.collect();
    let mut found = Files::new();
    for file @ TextFile { path, text } in files {
        if file.extension() != "rs" || is_source(path) {
            continue;
        }
        let of_file = packages.iter().filter(|folder| path.starts_with(**folder));
        let package = of_file.max_by_key(|folder| folder.len());
        let package = package.map_or("", |folder| folder.trim_end_matches('/'));
        let mut names = Names::default();
        let parsed = syn::parse_file(text).map_err(|error| format!("{path}: {error}"))?;
        names.visit_file(&parsed);
        for name in names.0 {
            let files = found.entry((package.to_owned(), name)).or_default();
            files.insert(path.clone());
        }
    }
    Ok(found)
}

/// Whether it belongs to a crate whose names are unique in the repository.
fn is_source(path: &str) -> bool {
    let in_crate = path
        .strip_prefix("crates/")
        .and_then(|rest| rest.split_once('/'));
    let inside = in_crate.map_or(path, |(_, inside)| inside);
    inside.starts_with("src/") || path.starts_with("xtask/src/")
}

#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn add(&mut self, visibility: &Visibility, name: &syn::Ident) {
        if !matches!(visibility, Visibility::Inherited) {
            self.0.insert(name.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        match item {
            syn::Item::Struct(item) => self.add(&item.vis, &item.ident),
            syn::Item::Enum(item) => self.add(&item.vis, &item.ident),
            syn::Item::Union(item) => self.add(&item.vis, &item.ident),
            syn::Item::Trait(item) => self.add(&item.vis, &item.ident),
            syn::Item::Type(item) => self.add(&item.vis, &item.ident),
            _ => {}
        }
        visit::visit_item(self, item);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_type_belongs_to_the_nearest_package_and_a_private_one_to_its_file() {
        let files = [
            ("Cargo.toml", ""),
            ("tests/engines/Cargo.toml", ""),
            ("src/lib.rs", "pub struct Queue;"),
            ("crates/a/src/lib.rs", "pub struct Queue;"),
            ("crates/a/Cargo.toml", ""),
            ("crates/a/tests/it.rs", "pub(crate) struct Queue;"),
            (
                "tests/one.rs",
                "mod deep { pub(super) enum Queue {} } struct Mine;",
            ),
            (
                "tests/two.rs",
                "pub(crate) type Queue = u8; struct Mine; trait Own {}",
            ),
            ("tests/engines/main.rs", "pub trait Queue {}"),
        ];
        let files = files.map(|(path, text)| TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        });
        let found = files_by_name(&files).unwrap();
        let lines: Vec<_> = found
            .iter()
            .map(|((package, name), files)| {
                let files: Vec<_> = files.iter().map(String::as_str).collect();
                format!("{package:?} {name} {}", files.join(" "))
            })
            .collect();
        assert_eq!(
            lines,
            [
                r#""" Queue tests/one.rs tests/two.rs"#,
                r#""crates/a" Queue crates/a/tests/it.rs"#,
                r#""tests/engines" Queue tests/engines/main.rs"#,
            ]
        );
    }
}
