//! The examples in the folder `examples`: the file that people copy, and the dependencies that it needs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

/// The crates that an example may use by path, and their folders.
pub(crate) type PublishedCrates = BTreeMap<String, PathBuf>;

#[derive(Clone, Debug)]
pub(crate) struct Example {
    pub(crate) name: String,
    /// The file, and the only one that is copied.
    pub(crate) file: PathBuf,
    /// The table `[dependencies]` for a `Cargo.toml`.
    pub(crate) dependencies: Table,
}

/// Every `examples/*.rs` and every `examples/*/Cargo.toml`.
pub(crate) fn find(root: &Path) -> Result<Vec<Example>, String> {
    let folder = root.join("examples");
    let shared = manifest(&folder.join("Cargo.toml"))?;
    // Not an example: the target that Cargo wants their shared package to have.
    let library = target_path(&shared, "lib").map(|path| folder.join(path));

    let mut examples = Vec::new();
    for path in entries(&folder)? {
        if path.extension().is_some_and(|end| end == "rs") {
            if Some(&path) != library.as_ref() {
                examples.push(of_file(&path)?);
            }
        } else if path.join("Cargo.toml").exists() {
            examples.push(of_package(&path)?);
        }
    }
    Ok(examples)
}

/// The root and the packages under `crates` that aren't private.
pub(crate) fn published_crates(root: &Path) -> Result<PublishedCrates, String> {
    let mut published = PublishedCrates::new();
    for folder in entries(&root.join("crates"))?
        .into_iter()
        .chain([root.to_owned()])
    {
        let manifest = manifest(&folder.join("Cargo.toml"))?;
        let package = &manifest["package"];
        let is_private = package.get("publish") == Some(&Value::Boolean(false));
        if let (Some(name), false) = (package["name"].as_str(), is_private) {
            published.insert(name.to_owned(), folder);
        }
    }
    Ok(published)
}

/// An example of one file, which names its dependencies in a `toml` block of its head comment.
fn of_file(path: &Path) -> Result<Example, String> {
    let text = read(path)?;
    let named = named_dependencies(&text).map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(Example {
        name: stem(path),
        file: path.to_owned(),
        dependencies: named,
    })
}

/// The dependencies in the `toml` block of a file's head comment.
pub(crate) fn named_dependencies(text: &str) -> Result<Table, String> {
    let mut block = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .skip_while(|line| *line != "```toml")
        .skip(1);
    let lines: Vec<_> = block.by_ref().take_while(|line| *line != "```").collect();
    if lines.is_empty() {
        return Err("its head comment names no dependencies in a block ```toml".to_owned());
    }
    lines.join("\n").parse().map_err(|e| format!("{e}"))
}

/// An example with a package of its own.
fn of_package(folder: &Path) -> Result<Example, String> {
    let mut manifest = manifest(&folder.join("Cargo.toml"))?;
    let program = target_path(&manifest, "bin").unwrap_or_else(|| "src/main.rs".to_owned());
    let Some(Value::Table(dependencies)) = manifest.remove("dependencies") else {
        return Err(format!("{}: no [dependencies]", folder.display()));
    };
    Ok(Example {
        name: stem(folder),
        file: folder.join(program),
        dependencies,
    })
}

/// The path of the library or the first program.
fn target_path(manifest: &Table, kind: &str) -> Option<String> {
    let target = match manifest.get(kind)? {
        Value::Array(targets) => targets.first()?,
        target => target,
    };
    target.get("path")?.as_str().map(str::to_owned)
}

impl Example {
    /// A `Cargo.toml` for a folder that has the file as `main.rs`. The published crates are used by path.
    pub(crate) fn manifest(&self, published: &PublishedCrates) -> Result<String, String> {
        let mut dependencies = Table::new();
        for (name, wanted) in &self.dependencies {
            let wanted = dependency(name, wanted, published)?;
            dependencies.insert(name.clone(), wanted);
        }
        let name = self.package();
        let text = format!(
            "package = {{ name = \"{name}\", version = \"0.0.0\", edition = \"2024\" }}\n\
             bin = [{{ name = \"{name}\", path = \"main.rs\" }}]\n"
        );
        let mut manifest: Table = text.parse().map_err(|e| format!("{name}: {e}"))?;
        manifest.insert("dependencies".to_owned(), Value::Table(dependencies));
        Ok(manifest.to_string())
    }

    /// The name of the copy's package, which isn't that of a dependency.
    pub(crate) fn package(&self) -> String {
        format!("copied-{}", self.name)
    }

    /// The features of the published crates that it names.
    pub(crate) fn features_of(&self, published: &PublishedCrates) -> String {
        let named = self.dependencies.iter();
        let named = named.filter(|(name, _)| published.contains_key(*name));
        // Without versions and paths, which the two kinds of example write in different ways.
        let features = named.map(|(name, wanted)| {
            let get = |key: &str| wanted.get(key).map(ToString::to_string);
            (name, get("features"), get("default-features"))
        });
        format!("{:?}", features.collect::<Vec<_>>())
    }

    pub(crate) fn needs_redis(&self) -> bool {
        self.dependencies.contains_key("redis")
    }
}

fn dependency(name: &str, wanted: &Value, published: &PublishedCrates) -> Result<Value, String> {
    let Some(folder) = published.get(name) else {
        // Another package of this repository, which the copy doesn't have.
        return match ["path", "workspace"]
            .iter()
            .find(|key| wanted.get(key).is_some())
        {
            Some(key) => Err(format!("{name} isn't a published crate, but has a {key:?}")),
            None => Ok(wanted.clone()),
        };
    };
    let mut table = match wanted {
        Value::String(version) => {
            Table::from_iter([("version".to_owned(), Value::String(version.clone()))])
        }
        Value::Table(table) => table.clone(),
        other => return Err(format!("{name}: {other} is no dependency")),
    };
    // Cargo checks that the crate in the folder has the version, where one is named.
    let path = folder.display().to_string();
    table.insert("path".to_owned(), Value::String(path));
    Ok(Value::Table(table))
}

fn manifest(path: &Path) -> Result<Table, String> {
    let parsed = read(path)?.parse();
    parsed.map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The paths in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(failed)?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|e| e.path())).collect();
    let mut paths = paths.map_err(failed)?;
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

#[test]
fn dependencies_are_read_from_the_head_comment() {
    let head = "//! A bot.\n//!\n//! ```sh\n//! run\n//! ```\n//!\n//! ```toml\n//! a = \"1\"\n\
                //! b = { version = \"2\", features = [\"c\"] }\n//! ```\n\nfn main() {}\n";
    let named = named_dependencies(head).unwrap();
    assert_eq!(named.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(named["b"]["features"][0].as_str(), Some("c"));

    for (text, words) in [
        ("//! A bot.\n", "names no dependencies"),
        (
            "//! A bot.\n\nuse a;\n//! ```toml\n//! a = \"1\"\n",
            "names no dependencies",
        ),
        ("//! ```toml\n//! a b\n//! ```\n", "expected"),
    ] {
        let why = named_dependencies(text).unwrap_err();
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn a_helper_crate_is_rejected_and_a_published_one_is_used_by_path() {
    let published = PublishedCrates::from([("ours".to_owned(), PathBuf::from("/there"))]);
    let example = |dependencies: &str| Example {
        name: "bot".to_owned(),
        file: PathBuf::new(),
        dependencies: dependencies.parse().unwrap(),
    };
    let written = example("ours = \"0.1\"\ntheirs = \"2\"").manifest(&published);
    let written: Table = written.unwrap().parse().unwrap();
    let dependencies = &written["dependencies"];
    assert_eq!(dependencies["ours"]["path"].as_str(), Some("/there"));
    assert_eq!(dependencies["ours"]["version"].as_str(), Some("0.1"));
    assert_eq!(dependencies["theirs"].as_str(), Some("2"));

    for helper in [
        "helper = { path = \"../helper\" }",
        "helper.workspace = true",
    ] {
        let why = example(helper).manifest(&published).unwrap_err();
        assert!(why.contains("helper isn't a published crate"), "{why}");
    }
}
