//! `cargo xtask imports`: no two files import each other, and no part imports one above it.
//!
//! An import is a name that a file takes from where it is *defined*: re-exports are followed to
//! their end, whether the name stands in a `use` or in a path. A `mod x;` line takes nothing. Code
//! for tests alone is left out, and a generated folder counts as one file. The call of a method doesn't
//! count, but the name of its type does. [`layers`] has the order of the parts.

mod circles;
mod layers;
mod resolve;
pub(crate) mod source;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt::Write as _,
    path::Path,
};

use self::{
    resolve::Target,
    source::{By, Source},
};

/// Whether the file belongs to a folder that the generator writes.
pub(crate) fn generated(file: &str) -> Option<&'static str> {
    if layers::APART.contains(&file) {
        return None;
    }
    let folders = layers::GENERATED.iter().copied();
    folders.into_iter().find(|folder| {
        let rest = file.strip_prefix(folder);
        rest.is_some_and(|rest| rest.starts_with('/'))
    })
}

/// The summary, or the list of faults.
pub(crate) fn run(root: &Path) -> Result<String, String> {
    let found = Imports::of(&Source::parse(&source::read(root)?)?);
    let (lines, wrong) = found.report();
    if wrong { Err(lines) } else { Ok(lines) }
}

/// The numbers of a [report](run).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) files: usize,
    pub(crate) circles: usize,
    /// Imports between files that are both on a layer.
    pub(crate) up: usize,
    /// Files that are on no layer.
    pub(crate) unplaced: usize,
}

impl Counts {
    pub(crate) fn of(source: &Source) -> Self {
        let found = Imports::of(source);
        let placed = |file| layers::part(file).is_some();
        let up = found
            .up()
            .filter(|(from, to, _)| placed(from) && placed(to));
        Self {
            files: found.files.len(),
            circles: found.circles().len(),
            up: up.count(),
            unplaced: found.unplaced().count(),
        }
    }
}

/// The names that each file takes from each other file.
#[derive(Debug, Default)]
struct Imports {
    files: BTreeSet<String>,
    names: BTreeMap<(String, String), Names>,
    /// Imports that weren't found, so that none is silently ignored.
    unknown: Vec<String>,
    /// Files that no module leads to.
    unreached: Vec<String>,
}

/// The names that a file takes from another.
#[derive(Debug, Default)]
struct Names {
    used: BTreeSet<String>,
    /// By `pub use`, without being used in the file itself.
    passed_on: BTreeSet<String>,
}

impl Imports {
    fn of(source: &Source) -> Self {
        let label = |file: &str| generated(file).unwrap_or(file).to_owned();
        let mut imports = Self {
            files: source.files().into_iter().map(label).collect(),
            unreached: source.unreached.clone(),
            ..Self::default()
        };
        for (id, module) in source.modules.iter().enumerate() {
            let from = label(&module.file);
            // A file mentions the same names over and over, and following one takes long.
            let mut followed = HashSet::new();
            let mentions = module.mentions.iter();
            for mention in mentions.filter(|m| followed.insert((&m.path, m.by))) {
                let targets = source.resolve(id, &mention.path);
                if targets.is_empty() && mention.by != By::Path {
                    let path = mention.path.join("::");
                    imports.unknown.push(format!("{from} imports {path}"));
                }
                for target in targets {
                    let Target::Defined { module, name } = target else {
                        continue;
                    };
                    let to = label(&source.modules[module].file);
                    if from == to {
                        continue;
                    }
                    let names = imports.names.entry((from.clone(), to)).or_default();
                    match mention.by {
                        By::ReExport => names.passed_on.insert(name),
                        By::Use | By::Path => names.used.insert(name),
                    };
                }
            }
        }
        for names in imports.names.values_mut() {
            let used = &names.used;
            names.passed_on.retain(|name| !used.contains(name));
        }
        // A generated folder exports the hand-written files beside it, and needs none of them.
        let counts = |from: &str| layers::RE_EXPORTS_COUNT && !layers::GENERATED.contains(&from);
        let is_import = |from: &str, names: &Names| !names.used.is_empty() || counts(from);
        imports
            .names
            .retain(|(from, _), names| is_import(from, names));
        imports
    }

    fn circles(&self) -> Vec<Vec<&str>> {
        circles::circles(self.names.keys().map(|(from, to)| (&**from, &**to)))
    }

    /// The imports that point up: the two files, and the names.
    fn up(&self) -> impl Iterator<Item = (&str, &str, &Names)> {
        let imports = self
            .names
            .iter()
            .map(|((from, to), names)| (&**from, &**to, names));
        imports.filter(|(from, to, _)| layers::points_up(from, to))
    }

    /// The files on no layer.
    fn unplaced(&self) -> impl Iterator<Item = &str> {
        let files = self.files.iter().map(|file| &**file);
        files.filter(|file| layers::part(file).is_none())
    }

    /// The faults and the summary, and whether there are faults.
    fn report(&self) -> (String, bool) {
        let mut lines = String::new();
        let circles = self.circles();
        for circle in &circles {
            let _ = writeln!(lines, "circle of {} files:", circle.len());
            for ((from, to), names) in &self.names {
                if circle.contains(&&**from) && circle.contains(&&**to) {
                    let other_way = (to.clone(), from.clone());
                    let back = if self.names.contains_key(&other_way) {
                        ", and the other way round"
                    } else {
                        ""
                    };
                    let names = names.list();
                    let _ = writeln!(lines, "  {from} takes {names} from {to}{back}");
                }
            }
        }
        let mut up = 0;
        for (from, to, names) in self.up() {
            up += 1;
            let part = |file| layers::part(file).map_or("no layer", |part| part.0);
            let _ = writeln!(
                lines,
                "up: {from} ({}) takes {} from {to} ({})",
                part(from),
                names.list(),
                part(to)
            );
        }
        let unplaced: Vec<_> = self.unplaced().collect();
        for file in &unplaced {
            let _ = writeln!(
                lines,
                "{file} is on no layer of xtask/src/imports/layers.rs"
            );
        }
        for import in &self.unknown {
            let _ = writeln!(lines, "not found: {import}");
        }
        for file in &self.unreached {
            let _ = writeln!(lines, "{file} is in no module, so that nothing compiles it");
        }
        let _ = write!(
            lines,
            "imports: {} files, {} circles, {up} that point up",
            self.files.len(),
            circles.len()
        );
        let wrong = circles.len() + up + unplaced.len() + self.unknown.len() + self.unreached.len();
        (lines, wrong > 0)
    }
}

impl Names {
    fn list(&self) -> String {
        let used = self.used.iter().cloned();
        let passed_on = self
            .passed_on
            .iter()
            .map(|name| format!("{name} (pub use)"));
        used.chain(passed_on).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
