//! The crates' source: modules, the names that they define or import, and the names that they use.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{
    Attribute, Item, Meta, Token, UseTree,
    parse::Parser as _,
    punctuated::Punctuated,
    visit::{self, Visit},
};

/// Rust files by their path from the root of the repository, with `/` between folders.
pub(crate) type Files = BTreeMap<String, String>;

/// Those of `src`, of each crate in `crates`, if there are any, and of `xtask`.
pub(crate) fn read(root: &Path) -> Result<Files, String> {
    let mut files = Files::new();
    read_folder(&root.join("src"), "src", &mut files)?;
    read_folder(&root.join("xtask/src"), "xtask/src", &mut files)?;
    let crates = root.join("crates");
    if !crates.is_dir() {
        return Ok(files);
    }
    let entries = fs::read_dir(&crates).map_err(|e| format!("crates: {e}"))?;
    for entry in entries {
        let entry = entry.map_err(|e| e.to_string())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let folder = entry.path().join("src");
        if folder.is_dir() {
            read_folder(&folder, &format!("crates/{name}/src"), &mut files)?;
        }
    }
    Ok(files)
}

fn read_folder(folder: &Path, name: &str, files: &mut Files) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(|e| format!("{name}: {e}"))? {
        let path = entry.map_err(|e| e.to_string())?.path();
        let last = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{name}/{last}");
        if path.is_dir() {
            read_folder(&path, &name, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).map_err(|e| format!("{name}: {e}"))?;
            files.insert(name, text);
        }
    }
    Ok(())
}

/// A path's segments. The first is empty where the path begins with `::`.
pub(super) type Segments = Vec<String>;

/// The meaning of a name in a module.
#[derive(Debug)]
pub(super) enum Binding {
    Defined,
    Module(usize),
    Imported(Segments),
}

/// A path in a module's source.
#[derive(Debug)]
pub(super) struct Mention {
    pub(super) path: Segments,
    pub(super) by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum By {
    /// `use`
    Use,
    /// `pub use`, also `pub(crate) use`
    ReExport,
    /// A path in the code.
    Path,
}

#[derive(Debug)]
pub(super) struct Module {
    pub(super) file: String,
    pub(super) parent: Option<usize>,
    /// The module of its crate's `lib.rs`.
    pub(super) root: usize,
    pub(super) names: BTreeMap<String, Vec<Binding>>,
    pub(super) globs: Vec<Segments>,
    pub(super) mentions: Vec<Mention>,
}

/// A struct, enum, union, trait or type alias.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TypeName {
    pub(crate) name: String,
    pub(crate) file: String,
}

/// All crates together.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(super) modules: Vec<Module>,
    /// The libraries' root modules, by the name that others import them by.
    pub(super) crates: BTreeMap<String, usize>,
    pub(crate) types: BTreeSet<TypeName>,
    /// The files of modules for tests alone.
    test_files: BTreeSet<String>,
    /// Files that no module leads to: the compiler never sees them.
    pub(super) unreached: Vec<String>,
}

impl Source {
    /// Tests, and files that no crate's root leads to, are left out.
    pub(crate) fn parse(files: &Files) -> Result<Self, String> {
        let mut source = Self::default();
        for root in files.keys() {
            let Some((folder, file)) = root.rsplit_once('/') else {
                continue;
            };
            let library = file == "lib.rs" && (folder == "src" || folder.ends_with("/src"));
            let program = file == "main.rs" && (folder == "src" || folder.ends_with("/src"));
            let program = program || folder.ends_with("src/bin");
            if !library && !program {
                continue;
            }
            let id = source.add(root, None);
            if library {
                source.crates.insert(crate_name(folder), id);
            }
            let mut reader = Reader {
                source: &mut source,
                files,
                module: id,
                folder: folder.to_owned(),
                blocks: 0,
                error: None,
            };
            reader.file(root);
            if let Some(error) = reader.error {
                return Err(error);
            }
        }
        let reached = source.files();
        let is_reached =
            |file: &&String| reached.contains(&***file) || source.test_files.contains(*file);
        source.unreached = files
            .keys()
            .filter(|file| !is_reached(file))
            .cloned()
            .collect();
        Ok(source)
    }

    /// The files that were read.
    pub(super) fn files(&self) -> BTreeSet<&str> {
        self.modules.iter().map(|module| &*module.file).collect()
    }

    fn add(&mut self, file: &str, parent: Option<usize>) -> usize {
        let id = self.modules.len();
        let root = parent.map_or(id, |parent| self.modules[parent].root);
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            root,
            names: BTreeMap::new(),
            globs: Vec::new(),
            mentions: Vec::new(),
        });
        id
    }
}

/// `crates/tower-telegram-types/src` is `tower_telegram_types`, and `src` is `tower_telegram`.
fn crate_name(folder: &str) -> String {
    let name = folder
        .trim_end_matches("src")
        .trim_end_matches('/')
        .rsplit('/')
        .next();
    match name {
        Some("") | None => "tower_telegram".into(),
        Some(name) => name.replace('-', "_"),
    }
}

/// Reads one crate.
struct Reader<'a> {
    source: &'a mut Source,
    files: &'a Files,
    module: usize,
    /// Where the files of the module's children are.
    folder: String,
    /// How many blocks of code the reader is in: what they define is no name of the module.
    blocks: usize,
    error: Option<String>,
}

impl Reader<'_> {
    fn file(&mut self, name: &str) {
        match syn::parse_file(&self.files[name]) {
            Ok(file) => self.visit_file(&file),
            Err(error) => self.error = Some(format!("{name}: {error}")),
        }
    }

    fn here(&mut self) -> &mut Module {
        &mut self.source.modules[self.module]
    }

    fn bind(&mut self, name: String, binding: Binding) {
        if self.blocks == 0 {
            self.here().names.entry(name).or_default().push(binding);
        }
    }

    fn define(&mut self, name: String) {
        self.bind(name, Binding::Defined);
    }

    fn define_type(&mut self, name: String) {
        let file = self.here().file.clone();
        self.source.types.insert(TypeName {
            name: name.clone(),
            file,
        });
        self.define(name);
    }

    fn mention(&mut self, path: Segments, by: By) {
        self.here().mentions.push(Mention { path, by });
    }

    fn child(&mut self, item: &syn::ItemMod) {
        let name = plain(&item.ident);
        let folder = format!("{}/{name}", self.folder);
        let file = match &item.content {
            Some(_) => Some(self.here().file.clone()),
            None => self.module_file(&folder),
        };
        let Some(file) = file else {
            let here = self.here().file.clone();
            self.error = Some(format!("{here}: mod {name} has no file"));
            return;
        };
        let child = self.source.add(&file, Some(self.module));
        self.bind(name, Binding::Module(child));
        let outside = (
            std::mem::replace(&mut self.module, child),
            std::mem::replace(&mut self.folder, folder),
            std::mem::take(&mut self.blocks),
        );
        match &item.content {
            Some((_, items)) => items.iter().for_each(|item| self.visit_item(item)),
            None => self.file(&file),
        }
        (self.module, self.folder, self.blocks) = outside;
    }

    /// The file of a module whose children's files are in this folder.
    fn module_file(&self, folder: &str) -> Option<String> {
        let mut files = [format!("{folder}.rs"), format!("{folder}/mod.rs")].into_iter();
        files.find(|file| self.files.contains_key(file))
    }

    /// Remembers the files of a module for tests alone, of which nothing else is read.
    fn skip_test_module(&mut self, item: &syn::ItemMod, folder: &str) {
        let folder = format!("{folder}/{}", plain(&item.ident));
        let parsed;
        let items = if let Some((_, items)) = &item.content {
            items
        } else {
            let Some(file) = self.module_file(&folder) else {
                return;
            };
            let Ok(found) = syn::parse_file(&self.files[&file]) else {
                return;
            };
            self.source.test_files.insert(file);
            parsed = found.items;
            &parsed
        };
        for item in items {
            if let Item::Mod(item) = item {
                self.skip_test_module(item, &folder);
            }
        }
    }

    fn imports(&mut self, tree: &UseTree, path: &mut Segments, by: By) {
        match tree {
            UseTree::Path(tree) => {
                path.push(plain(&tree.ident));
                self.imports(&tree.tree, path, by);
                path.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.imports(tree, path, by);
                }
            }
            UseTree::Glob(_) => {
                self.here().globs.push(path.clone());
                // It tells on which enum's variants it is, if it is one.
                self.mention(path.clone(), by);
            }
            UseTree::Name(leaf) => self.import(path, plain(&leaf.ident), None, by),
            UseTree::Rename(leaf) => {
                let name = plain(&leaf.rename);
                self.import(path, plain(&leaf.ident), Some(name), by);
            }
        }
    }

    fn import(&mut self, path: &Segments, leaf: String, rename: Option<String>, by: By) {
        let mut path = path.clone();
        if leaf != "self" || path.is_empty() {
            path.push(leaf);
        }
        let name = rename.or_else(|| path.last().cloned()).unwrap_or_default();
        let known = self.blocks > 0 && self.here().names.contains_key(&name);
        if name != "_" && !known {
            // An import of a block is looked up as if its module had it.
            let names = &mut self.here().names;
            let imported = Binding::Imported(path.clone());
            names.entry(name).or_default().push(imported);
        }
        self.mention(path, by);
    }

    /// Reads the arguments of a macro that aren't a list of items: the paths in them, and the items that they seem to
    /// define.
    fn tokens(&mut self, tokens: TokenStream, only_absolute: bool) {
        let mut path = Segments::new();
        let mut last = String::new();
        let mut colons = 0;
        let end = |reader: &mut Self, path: &mut Segments| {
            let absolute = path.first().is_some_and(|first| first == "crate");
            if !path.is_empty() && (absolute || !only_absolute) {
                reader.mention(std::mem::take(path), By::Path);
            }
            path.clear();
        };
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    let name = plain(&ident);
                    if colons != 2 {
                        end(self, &mut path);
                    }
                    match &*last {
                        "struct" | "enum" | "union" | "trait" | "type" if !only_absolute => {
                            self.define_type(name.clone());
                        }
                        "fn" | "const" | "static" if !only_absolute => self.define(name.clone()),
                        "." => {}
                        _ => path.push(name.clone()),
                    }
                    last = name;
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    ":".clone_into(&mut last);
                }
                TokenTree::Group(group) => {
                    end(self, &mut path);
                    self.tokens(group.stream(), only_absolute);
                    last.clear();
                    colons = 0;
                }
                TokenTree::Punct(punct) => {
                    end(self, &mut path);
                    last = punct.as_char().to_string();
                    colons = 0;
                }
                TokenTree::Literal(_) => {
                    end(self, &mut path);
                    last.clear();
                    colons = 0;
                }
            }
        }
        end(self, &mut path);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if only_in_tests(attributes(item)) {
            if let Item::Mod(item) = item {
                let folder = self.folder.clone();
                self.skip_test_module(item, &folder);
            }
            return;
        }
        match item {
            Item::Mod(item) => return self.child(item),
            Item::Use(item) => {
                let by = match item.vis {
                    syn::Visibility::Inherited => By::Use,
                    _ => By::ReExport,
                };
                let mut path = Segments::new();
                if item.leading_colon.is_some() {
                    path.push(String::new());
                }
                return self.imports(&item.tree, &mut path, by);
            }
            Item::Macro(item) if item.mac.path.is_ident("macro_rules") => {
                if let Some(name) = &item.ident {
                    self.define(plain(name));
                }
                // The rest is looked up where the macro is used.
                return self.tokens(item.mac.tokens.clone(), true);
            }
            Item::Macro(item) => {
                for name in names_before_braces(&item.mac.tokens) {
                    self.define_type(name);
                }
            }
            Item::Struct(item) => self.define_type(plain(&item.ident)),
            Item::Enum(item) => self.define_type(plain(&item.ident)),
            Item::Union(item) => self.define_type(plain(&item.ident)),
            Item::Trait(item) => self.define_type(plain(&item.ident)),
            Item::Type(item) => self.define_type(plain(&item.ident)),
            Item::TraitAlias(item) => self.define_type(plain(&item.ident)),
            Item::Fn(item) => self.define(plain(&item.sig.ident)),
            Item::Const(item) => self.define(plain(&item.ident)),
            Item::Static(item) => self.define(plain(&item.ident)),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.blocks += 1;
        visit::visit_block(self, block);
        self.blocks -= 1;
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Const(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !only_in_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast syn::TraitItem) {
        if !matches!(item, syn::TraitItem::Fn(item) if only_in_tests(&item.attrs)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !only_in_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !only_in_tests(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let leading = path.leading_colon.as_ref().map(|_| String::new());
        let names = path.segments.iter().map(|segment| plain(&segment.ident));
        self.mention(leading.into_iter().chain(names).collect(), By::Path);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.visit_path(&mac.path);
        match syn::parse2::<syn::File>(mac.tokens.clone()) {
            Ok(file) if !file.items.iter().any(|i| matches!(i, Item::Verbatim(_))) => {
                for item in &file.items {
                    Visit::visit_item(self, item);
                }
            }
            _ => self.tokens(mac.tokens.clone(), false),
        }
    }
}

/// The items that a macro of the repository defines: `string_enum! { Name { … } }`.
fn names_before_braces(tokens: &TokenStream) -> Vec<String> {
    let tokens: Vec<_> = tokens.clone().into_iter().collect();
    let pairs = tokens.windows(2).enumerate();
    let named = pairs.filter_map(|(at, pair)| match pair {
        [TokenTree::Ident(name), TokenTree::Group(group)]
            if group.delimiter() == Delimiter::Brace =>
        {
            let keyword = at.checked_sub(1).and_then(|before| tokens.get(before));
            let first = !matches!(keyword, Some(TokenTree::Ident(_)));
            first.then(|| plain(name))
        }
        _ => None,
    });
    named.collect()
}

/// Without `r#`.
fn plain(ident: &proc_macro2::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether a `#[cfg(…)]` holds in tests alone.
fn only_in_tests(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .filter_map(|attribute| attribute.parse_args::<Meta>().ok())
        .any(|predicate| outside_tests(&predicate) == Some(false))
}

/// A predicate's value when nothing is tested; `None` where it depends on what else is set.
fn outside_tests(predicate: &Meta) -> Option<bool> {
    let Meta::List(list) = predicate else {
        let path = predicate.path();
        return (path.is_ident("test") || path.is_ident("doctest")).then_some(false);
    };
    let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
    let parts = parser.parse2(list.tokens.clone()).ok()?;
    let mut parts = parts.iter().map(outside_tests);
    if list.path.is_ident("not") {
        parts.next()?.map(|value| !value)
    } else if list.path.is_ident("all") {
        let values: Vec<_> = parts.collect();
        match values {
            values if values.contains(&Some(false)) => Some(false),
            values if values.contains(&None) => None,
            _ => Some(true),
        }
    } else {
        let values: Vec<_> = parts.collect();
        match values {
            values if values.contains(&Some(true)) => Some(true),
            values if values.contains(&None) => None,
            _ => Some(false),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_in_tests_alone_is_known_by_its_cfg() {
        for (cfg, only) in [
            ("test", true),
            ("all(test, feature = \"tokio\")", true),
            ("all(doctest, feature = \"client\")", true),
            ("any(test, doctest)", true),
            ("not(not(test))", true),
            ("any(test, feature = \"tokio\")", false),
            ("not(test)", false),
            ("feature = \"test\"", false),
            ("shuttle", false),
        ] {
            let item: Item = syn::parse_str(&format!("#[cfg({cfg})] mod x;")).unwrap();
            assert_eq!(only_in_tests(attributes(&item)), only, "{cfg}");
        }
    }

    #[test]
    fn a_crate_is_named_after_its_folder() {
        assert_eq!(crate_name("src"), "tower_telegram");
        let types = "crates/tower-telegram-types/src";
        assert_eq!(crate_name(types), "tower_telegram_types");
    }
}
