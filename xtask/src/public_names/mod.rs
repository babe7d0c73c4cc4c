//! `cargo xtask public-names`: the public names of the published crates, one a line and sorted, so that those of two
//! checkouts can be compared by `diff`.
//!
//! They come from rustdoc's JSON, with all features: modules, types, fields, variants, functions, methods, constants and
//! macros, under each path that leads to them. Impls of traits have no names of their own, and items with `#[doc(hidden)]`
//! aren't public. rustdoc's JSON is unstable, and `xtask/rustdoc.sh` allows it for the toolchain of the build. A nightly
//! toolchain would be a second one to install, whose version of the format changes from day to day.

mod document;
mod names;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use self::document::Document;
use crate::cargo::cargo;

/// The names of this checkout, or of another one.
pub(crate) fn run(root: &Path, checkout: Option<&str>) -> Result<String, String> {
    let checkout = checkout.map_or_else(|| root.to_owned(), PathBuf::from);
    let metadata = Metadata::read(&checkout)?;
    let mut documents = Vec::new();
    for package in metadata
        .packages
        .iter()
        .filter(|package| package.is_published())
    {
        for library in package.libraries() {
            let path = metadata.document(&library);
            build(root, &checkout, &package.name)?;
            let json = fs::read_to_string(&path);
            let json = json.map_err(|error| format!("{}: {error}", path.display()))?;
            let document = Document::parse(&json);
            documents.push(document.map_err(|error| format!("{}: {error}", path.display()))?);
        }
    }
    Ok(names::list(&documents).join("\n"))
}

fn build(root: &Path, checkout: &Path, package: &str) -> Result<(), String> {
    let wrapper = root.join("xtask/rustdoc.sh").canonicalize();
    let wrapper = wrapper.map_err(|error| format!("xtask/rustdoc.sh: {error}"))?;
    let status = cargo()
        .args([
            "rustdoc",
            "--quiet",
            "--lib",
            "--all-features",
            "--package",
            package,
        ])
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        // Warnings are the step `docs`' subject.
        .args(["--cap-lints", "allow"])
        .env("RUSTDOC", wrapper)
        .current_dir(checkout)
        .status()
        .map_err(|error| format!("cargo rustdoc: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo rustdoc of {package}: {status}"))
    }
}

/// The result of `cargo metadata`.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    /// The registries that it may go to: none with `publish = false`, and all where it isn't set.
    publish: Option<Vec<String>>,
    targets: Vec<CargoTarget>,
}

#[derive(Debug, Deserialize)]
struct CargoTarget {
    name: String,
    kind: Vec<String>,
}

impl Metadata {
    fn read(checkout: &Path) -> Result<Self, String> {
        let mut command = cargo();
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        let output = command.current_dir(checkout).output();
        let output = output.map_err(|error| format!("{}: {error}", checkout.display()))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr)
                .trim_end()
                .to_owned());
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
    }

    /// The file that rustdoc writes.
    fn document(&self, library: &str) -> PathBuf {
        let file = format!("{}.json", library.replace('-', "_"));
        self.target_directory.join("doc").join(file)
    }
}

impl Package {
    fn is_published(&self) -> bool {
        self.publish
            .as_ref()
            .is_none_or(|registries| !registries.is_empty())
    }

    fn libraries(&self) -> impl Iterator<Item = String> {
        let libraries = self
            .targets
            .iter()
            .filter(|t| t.kind.iter().any(|kind| kind == "lib"));
        libraries.map(|target| target.name.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_that_go_to_a_registry_are_published() {
        let metadata: Metadata = serde_json::from_str(
            r#"{"target_directory": "/t", "version": 1, "packages": [
                {"name": "a-b", "publish": null, "targets": [{"name": "a_b", "kind": ["lib"]}, {"name": "c", "kind": ["bin"]}]},
                {"name": "xtask", "publish": [], "targets": [{"name": "xtask", "kind": ["bin"]}]}
            ]}"#,
        )
        .unwrap();
        let [published, tool] = &metadata.packages[..] else {
            panic!("two packages");
        };
        assert!(published.is_published());
        assert!(!tool.is_published());
        assert_eq!(published.libraries().collect::<Vec<_>>(), ["a_b"]);
        assert_eq!(metadata.document("a-b"), Path::new("/t/doc/a_b.json"));
    }

    #[test]
    fn a_checkout_that_is_none_is_an_error() {
        let error = run(&crate::root(), Some("/no/such/folder")).unwrap_err();
        assert!(error.starts_with("/no/such/folder: "), "{error}");
    }
}
