//! Finds the definition of a name: paths are followed through imports, re-exports and globs.

use std::collections::HashSet;

use super::source::{Binding, Source};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Module(usize),
    /// A definition in the module of this number. A variant or function of a type counts as the type.
    Defined {
        module: usize,
        name: String,
    },
    /// In another crate.
    Outside,
}

/// The paths and names that are being looked up, so that two globs of each other's module end.
type Seen<'a> = HashSet<(usize, &'a [String], &'a str)>;

impl Source {
    /// All that a path can mean in a module, as a name may be a module's and a function's at once.
    pub(super) fn resolve(&self, module: usize, path: &[String]) -> Vec<Target> {
        self.follow(module, path, &mut HashSet::new())
    }

    fn follow<'a>(&'a self, from: usize, path: &'a [String], seen: &mut Seen<'a>) -> Vec<Target> {
        let Some((first, mut rest)) = path.split_first() else {
            return Vec::new();
        };
        let mut found = match &**first {
            "crate" => vec![Target::Module(self.modules[from].root)],
            "self" => vec![Target::Module(from)],
            "super" => self.parent(from),
            "" => match rest.split_first() {
                Some((name, others)) => {
                    rest = others;
                    self.library(name)
                }
                None => Vec::new(),
            },
            name => match self.look_up(from, name, seen) {
                nothing if nothing.is_empty() => self.library(name),
                found => found,
            },
        };
        for name in rest {
            let modules: Vec<_> = found.iter().filter_map(Target::module).collect();
            if modules.is_empty() {
                break;
            }
            let inside = modules.into_iter().flat_map(|module| match &**name {
                "super" => self.parent(module),
                name => self.look_up(module, name, seen),
            });
            let inside: Vec<_> = inside.collect();
            // `reply::Reply` may be of the function `reply` where the module has none.
            found.retain(|target| inside.is_empty() && target.module().is_none());
            found.extend(inside);
        }
        found
    }

    fn parent(&self, module: usize) -> Vec<Target> {
        let parent = self.modules[module].parent.map(Target::Module);
        parent.into_iter().collect()
    }

    fn library(&self, name: &str) -> Vec<Target> {
        let root = self.crates.get(name).copied();
        vec![root.map_or(Target::Outside, Target::Module)]
    }

    fn look_up<'a>(&'a self, module: usize, name: &'a str, seen: &mut Seen<'a>) -> Vec<Target> {
        let here = &self.modules[module];
        let mut found = Vec::new();
        for binding in here.names.get(name).into_iter().flatten() {
            match binding {
                Binding::Defined => found.push(Target::Defined {
                    module,
                    name: name.to_owned(),
                }),
                Binding::Module(child) => found.push(Target::Module(*child)),
                Binding::Imported(path) => {
                    let key = (module, &**path, "");
                    if seen.insert(key) {
                        found.extend(self.follow(module, path, seen));
                        seen.remove(&key);
                    }
                }
            }
        }
        if found.is_empty() {
            for path in &here.globs {
                let key = (module, &**path, name);
                if !seen.insert(key) {
                    continue;
                }
                for target in self.follow(module, path, seen) {
                    if let Target::Module(other) = target {
                        found.extend(self.look_up(other, name, seen));
                    }
                }
                seen.remove(&key);
            }
        }
        found
    }
}

impl Target {
    fn module(&self) -> Option<usize> {
        match self {
            Self::Module(module) => Some(*module),
            Self::Defined { .. } | Self::Outside => None,
        }
    }
}
