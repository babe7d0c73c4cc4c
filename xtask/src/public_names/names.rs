//! Follows the re-exports from each crate's root to the names under them.

use std::collections::{BTreeSet, HashMap};

use super::document::{DocItem, Document, Id, Inner, Use};

/// An item: the number of its crate's document, and its own.
type Place = (usize, Id);

/// `path: kind`, in order. A re-export from one of the documents is listed as what it leads to, and any other as itself.
pub(super) fn list(documents: &[Document]) -> Vec<String> {
    let mut defined = HashMap::new();
    for (number, document) in documents.iter().enumerate() {
        for (&id, definition) in &document.paths {
            if definition.crate_id == 0 {
                defined.insert((&definition.kind, &definition.path), (number, id));
            }
        }
    }
    let mut walk = Walk {
        documents,
        defined,
        open: Vec::new(),
        lines: BTreeSet::new(),
    };
    for (number, document) in documents.iter().enumerate() {
        if let Some(name) = walk
            .item((number, document.root))
            .and_then(|root| root.name.clone())
        {
            walk.named((number, document.root), &name);
        }
    }
    walk.lines.into_iter().collect()
}

struct Walk<'a> {
    documents: &'a [Document],
    /// Items by their kind and where they are defined.
    defined: HashMap<(&'a String, &'a Vec<String>), Place>,
    /// The modules that the walk is in, so that re-exports of a module inside itself end.
    open: Vec<Place>,
    lines: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    fn item(&self, (document, id): Place) -> Option<&'a DocItem> {
        self.documents[document].index.get(&id)
    }

    /// An item by the path that leads to it.
    fn named(&mut self, place: Place, path: &str) {
        let Some(item) = self.item(place) else {
            return;
        };
        self.lines.insert(format!("{path}: {}", item.inner.word()));
        self.members(place, path);
    }

    /// The names that belong to an item.
    fn members(&mut self, place @ (document, _): Place, path: &str) {
        let Some(item) = self.item(place).filter(|_| !self.open.contains(&place)) else {
            return;
        };
        self.open.push(place);
        match &item.inner {
            Inner::Module { items } | Inner::Trait { items } => self.each(document, items, path),
            Inner::Struct { fields, impls } | Inner::Union { fields, impls } => {
                self.each(document, fields, path);
                self.of_impls(document, impls, path);
            }
            Inner::Enum { variants, impls } => {
                self.each(document, variants, path);
                self.of_impls(document, impls, path);
            }
            Inner::Variant { fields } => self.each(document, fields, path),
            _ => {}
        }
        self.open.pop();
    }

    fn each(&mut self, document: usize, ids: &[Id], path: &str) {
        for &id in ids {
            let place = (document, id);
            match self.item(place) {
                Some(DocItem {
                    inner: Inner::Use(import),
                    ..
                }) => self.import(document, import, path),
                Some(DocItem {
                    name: Some(name), ..
                }) => self.named(place, &format!("{path}::{name}")),
                _ => {}
            }
        }
    }

    fn of_impls(&mut self, document: usize, impls: &[Id], path: &str) {
        for &id in impls {
            if let Some(DocItem {
                inner: Inner::Impl(found),
                ..
            }) = self.item((document, id))
            {
                self.each(document, found.own_items(), path);
            }
        }
    }

    fn import(&mut self, document: usize, import: &Use, path: &str) {
        let target = import.id.and_then(|id| self.target(document, id));
        match target {
            Some(place) if import.is_glob => self.members(place, path),
            Some(place) => self.named(place, &format!("{path}::{}", import.name)),
            None => {
                let name = if import.is_glob { "*" } else { &import.name };
                self.lines
                    .insert(format!("{path}::{name}: use of {}", import.source));
            }
        }
    }

    /// The item in its own crate's document, if that is among them.
    fn target(&self, document: usize, id: Id) -> Option<Place> {
        if self.item((document, id)).is_some() {
            return Some((document, id));
        }
        let definition = self.documents[document].paths.get(&id)?;
        let place = self.defined.get(&(&definition.kind, &definition.path));
        place.copied()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, path::Path, process::Command};

    use super::*;

    const BASE: &str = "
        pub mod types {
            pub struct Chat { pub id: i64, secret: u8 }
            impl Chat { pub const ONE: u8 = 1; pub fn new() -> Self { loop {} } fn hidden() {} }
            impl Clone for Chat { fn clone(&self) -> Self { loop {} } }
            pub enum Kind { One, Two(u8), Three { a: u8 } }
        }
        mod inner {
            pub trait Method { type Output; const NAME: u8; fn go(&self); }
            pub struct Pair(pub u8, u8);
            pub fn inner() {}
        }
        pub use inner::*;
        pub use crate as whole;
        #[doc(hidden)] pub fn not_for_users() {}
        #[macro_export] macro_rules! rows { () => {} }
    ";

    const TOP: &str = "
        mod deep { pub union Deep { pub a: u8 } }
        pub use self::deep::Deep;
        pub use base::{Method as Call, types};
        pub use std::sync::Arc;
        pub mod kinds { pub use base::types::Kind::*; }
    ";

    /// Writes the document of a crate into the folder.
    fn document(folder: &Path, name: &str, text: &str) -> Document {
        let file = folder.join(format!("{name}.rs"));
        fs::write(&file, text).unwrap();
        let run = |command: &mut Command| {
            command.args(["--edition=2024", "--crate-type=lib", "--cap-lints=allow"]);
            if name != "base" {
                command.args(["--extern", "base=libbase.rmeta"]);
            }
            command.args(["--crate-name", name]).arg(&file);
            assert!(command.current_dir(folder).status().unwrap().success());
        };
        run(Command::new("rustc").args(["--emit", "metadata"]));
        let rustdoc = crate::root().join("xtask/rustdoc.sh");
        let json = ["-Zunstable-options", "--output-format=json", "-o", "."];
        run(Command::new(rustdoc.canonicalize().unwrap()).args(json));
        Document::parse(&fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()).unwrap()
    }

    /// With the rustdoc of this toolchain, so that a change of its format is seen.
    #[test]
    fn names_are_listed_under_each_path_that_leads_to_them() {
        let folder = std::env::temp_dir().join(format!("public-names-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let documents = [
            document(&folder, "base", BASE),
            document(&folder, "top", TOP),
        ];
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            list(&documents),
            [
                "base: module",
                "base::Method: trait",
                "base::Method::NAME: constant",
                "base::Method::Output: associated type",
                "base::Method::go: function",
                "base::Pair: struct",
                "base::Pair::0: field",
                "base::inner: function",
                "base::rows: macro",
                "base::types: module",
                "base::types::Chat: struct",
                "base::types::Chat::ONE: constant",
                "base::types::Chat::id: field",
                "base::types::Chat::new: function",
                "base::types::Kind: enum",
                "base::types::Kind::One: variant",
                "base::types::Kind::Three: variant",
                "base::types::Kind::Three::a: field",
                "base::types::Kind::Two: variant",
                "base::types::Kind::Two::0: field",
                "base::whole: module",
                "top: module",
                "top::Arc: use of std::sync::Arc",
                "top::Call: trait",
                "top::Call::NAME: constant",
                "top::Call::Output: associated type",
                "top::Call::go: function",
                "top::Deep: union",
                "top::Deep::a: field",
                "top::kinds: module",
                "top::kinds::One: variant",
                "top::kinds::Three: variant",
                "top::kinds::Three::a: field",
                "top::kinds::Two: variant",
                "top::kinds::Two::0: field",
                "top::types: module",
                "top::types::Chat: struct",
                "top::types::Chat::ONE: constant",
                "top::types::Chat::id: field",
                "top::types::Chat::new: function",
                "top::types::Kind: enum",
                "top::types::Kind::One: variant",
                "top::types::Kind::Three: variant",
                "top::types::Kind::Three::a: field",
                "top::types::Kind::Two: variant",
                "top::types::Kind::Two::0: field",
            ]
        );
    }
}
