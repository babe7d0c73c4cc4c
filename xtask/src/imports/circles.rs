//! Files that import each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet};

type Graph<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// The groups of two or more files each of which leads to every other (Tarjan's strongly connected
/// components), in order.
pub(super) fn circles<'a>(edges: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Vec<&'a str>> {
    let mut graph = Graph::new();
    for (from, to) in edges {
        graph.entry(from).or_default().insert(to);
        graph.entry(to).or_default();
    }
    let mut search = Search {
        graph: &graph,
        seen: BTreeMap::new(),
        path: Vec::new(),
        found: Vec::new(),
    };
    for file in graph.keys() {
        if !search.seen.contains_key(file) {
            search.visit(file);
        }
    }
    let mut found = search.found;
    found.sort();
    found
}

struct Search<'g, 'a> {
    graph: &'g Graph<'a>,
    /// When a file was met; `None` once its group is known.
    seen: BTreeMap<&'a str, Option<usize>>,
    path: Vec<&'a str>,
    found: Vec<Vec<&'a str>>,
}

impl<'a> Search<'_, 'a> {
    /// The earliest file on the path that this one leads to.
    fn visit(&mut self, file: &'a str) -> usize {
        let met = self.seen.len();
        self.seen.insert(file, Some(met));
        let start = self.path.len();
        self.path.push(file);
        let mut earliest = met;
        for &next in &self.graph[file] {
            match self.seen.get(next) {
                None => earliest = earliest.min(self.visit(next)),
                Some(Some(other)) => earliest = earliest.min(*other),
                Some(None) => {}
            }
        }
        if earliest == met {
            let mut group = self.path.split_off(start);
            for member in &group {
                self.seen.insert(member, None);
            }
            if group.len() > 1 {
                group.sort_unstable();
                self.found.push(group);
            }
        }
        earliest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_whatever_leads_back_to_itself() {
        let edges = [
            ("a", "b"),
            ("b", "c"),
            ("c", "a"),
            ("c", "d"),
            ("d", "e"),
            ("e", "d"),
            ("e", "f"),
            ("g", "a"),
        ];
        assert_eq!(
            circles(edges.into_iter()),
            [vec!["a", "b", "c"], vec!["d", "e"]]
        );
    }

    #[test]
    fn a_diamond_is_no_circle() {
        let edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")];
        assert_eq!(circles(edges.into_iter()), [[""; 0]; 0]);
    }
}
