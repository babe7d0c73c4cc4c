//! The report on the rows: a line for each, and a list of faults.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use super::{
    outcome::{Outcome, Verdict},
    table::{Number, Place, Row, Table},
};

#[derive(Debug)]
pub(crate) struct Report {
    /// The lines that are always printed.
    pub(crate) lines: String,
    /// The faults, a line each.
    pub(crate) wrong: Vec<String>,
}

/// A row's tests in a place.
#[derive(Clone, Copy, Debug)]
enum Cell {
    NotApplicable,
    Missing,
    Passed(usize),
    Failed { failed: usize, of: usize },
}

impl Cell {
    fn of(applies: bool, tests: &[&Outcome]) -> Self {
        let passed = |test: &&&Outcome| test.verdict == Verdict::Passed;
        let passed = tests.iter().filter(passed).count();
        match (tests.len(), applies) {
            (0, true) => Self::Missing,
            (0, false) => Self::NotApplicable,
            (of, _) if of == passed => Self::Passed(of),
            (of, _) => Self::Failed {
                failed: of - passed,
                of,
            },
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::NotApplicable => "n.a.".into(),
            Self::Missing => "NO TEST".into(),
            Self::Passed(count) => format!("pass ({count})"),
            Self::Failed { failed, of } => format!("FAIL ({failed} of {of})"),
        };
        f.pad(&text)
    }
}

pub(crate) fn report(table: &Table, outcomes: &[Outcome]) -> Report {
    let mut report = Report {
        lines: String::new(),
        wrong: strangers(table, outcomes),
    };
    let mut by_row: BTreeMap<Number, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        for number in &outcome.rows {
            by_row.entry(*number).or_default().push(outcome);
        }
    }
    let mut held = 0;
    for (number, row) in table {
        let tests = by_row.get(number).map_or(&[][..], Vec::as_slice);
        let before = report.wrong.len();
        report.add(*number, row, tests);
        held += usize::from(report.wrong.len() == before);
    }
    let tests = outcomes.len();
    // Writing to a string can't fail.
    let _ = write!(
        report.lines,
        "{held} of {} rows hold, by {tests} tests",
        table.len()
    );
    report
}

/// Tests whose number is no row's.
fn strangers(table: &Table, outcomes: &[Outcome]) -> Vec<String> {
    let mut strangers = Vec::new();
    for outcome in outcomes {
        for number in &outcome.rows {
            if !table.contains_key(number) {
                strangers.push(format!("{number} is no row, but has {}", outcome.name));
            }
        }
    }
    strangers
}

impl Report {
    fn add(&mut self, number: Number, row: &Row, tests: &[&Outcome]) {
        let _ = write!(self.lines, "{number:<4}");
        for place in Place::ALL {
            let here = tests.iter().filter(|test| test.place == place);
            let here: Vec<_> = here.copied().collect();
            let cell = Cell::of(row.over.contains(&place), &here);
            let _ = write!(self.lines, "{} {cell:<10} ", place.name());
            if matches!(cell, Cell::Missing) {
                let place = place.name();
                self.wrong
                    .push(format!("{number} has no test over {place}"));
            }
        }
        let _ = writeln!(self.lines, "{}", short(&row.given));
        for test in tests {
            let became = match test.verdict {
                Verdict::Passed => continue,
                Verdict::Ignored => "is ignored",
                Verdict::Failed => "failed",
            };
            self.wrong.push(format!("{number}: {} {became}", test.name));
        }
    }
}

/// As much of it as tells what it is about.
fn short(given: &str) -> String {
    const MAX_CHARS: usize = 60;
    if given.chars().count() <= MAX_CHARS {
        return given.to_owned();
    }
    let start: String = given.chars().take(MAX_CHARS).collect();
    let words = start.rsplit_once(' ').map_or(&*start, |(words, _)| words);
    format!("{words} …")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{
        super::{outcome, table},
        *,
    };

    const TABLE: &str = "| A1 | the right secret | it runs | hyper, tonic |\n\
        | B2 | no type | 415 | core |\n";

    const ALL: &str = "test a::a1_x::hyper ... ok\n\
        test a::a1_y::hyper ... ok\n\
        test a::a1_x::tonic ... ok\n\
        test b::b2_x ... ok\n";

    fn of(output: &str) -> Report {
        report(&table::parse(TABLE).unwrap(), &outcome::parse(output))
    }

    #[test]
    fn each_row_has_its_line_and_each_place_its_word() {
        let report = of(ALL);
        assert_eq!(report.wrong, [""; 0]);
        let lines: Vec<_> = report.lines.lines().collect();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            words(lines[0]),
            "A1 oneshot n.a. hyper pass (2) axum n.a. tonic pass (1) salvo n.a. poem n.a. warp n.a. lambda n.a. \
             core n.a. the right secret"
        );
        assert_eq!(
            words(lines[1]),
            "B2 oneshot n.a. hyper n.a. axum n.a. tonic n.a. salvo n.a. poem n.a. warp n.a. lambda n.a. \
             core pass (1) no type"
        );
        assert_eq!(lines[2..], ["2 of 2 rows hold, by 4 tests"]);
    }

    #[test]
    fn a_failure_fails_its_row_where_it_happened() {
        let report = of(&ALL.replace("a1_y::hyper ... ok", "a1_y::hyper ... FAILED"));
        assert_eq!(report.wrong, ["A1: a::a1_y::hyper failed"]);
        assert!(
            report.lines.contains("hyper FAIL (1 of 2)"),
            "{}",
            report.lines
        );
        assert!(report.lines.contains("tonic pass (1)"), "{}", report.lines);
        assert!(report.lines.ends_with("1 of 2 rows hold, by 4 tests"));
    }

    #[test]
    fn an_ignored_test_is_no_pass() {
        let report = of(&ALL.replace("b2_x ... ok", "b2_x ... ignored, too slow"));
        assert_eq!(report.wrong, ["B2: b::b2_x is ignored"]);
        assert!(
            report.lines.contains("core FAIL (1 of 1)"),
            "{}",
            report.lines
        );
    }

    #[test]
    fn a_place_without_a_test_is_named() {
        let report = of(&ALL.replace("test a::a1_x::tonic ... ok\n", ""));
        assert_eq!(report.wrong, ["A1 has no test over tonic"]);
        assert!(report.lines.contains("tonic NO TEST"), "{}", report.lines);
        let nothing = of("");
        assert_eq!(nothing.wrong.len(), 3, "{:?}", nothing.wrong);
        assert!(nothing.lines.ends_with("0 of 2 rows hold, by 0 tests"));
    }

    #[test]
    fn a_number_that_is_no_row_is_named() {
        let report = of(&format!("{ALL}test b::b2_b3_y ... ok\n"));
        assert_eq!(report.wrong, ["B3 is no row, but has b::b2_b3_y"]);
    }

    /// The table says where a row has to be tested, not where it may be.
    #[test]
    fn a_test_where_none_is_asked_for_counts_as_well() {
        let passed = of(&format!("{ALL}test a1_z ... ok\n"));
        assert!(passed.wrong.is_empty(), "{:?}", passed.wrong);
        assert!(passed.lines.contains("core pass (1)"), "{}", passed.lines);
        let failed = of(&format!("{ALL}test a1_z ... FAILED\n"));
        assert_eq!(failed.wrong, ["A1: a1_z failed"]);
    }

    #[test]
    fn what_is_long_is_cut_between_words() {
        assert_eq!(short(&"é".repeat(60)), "é".repeat(60));
        let long = "word ".repeat(20);
        assert_eq!(short(&long), format!("{} …", "word ".repeat(12).trim()));
    }
}
