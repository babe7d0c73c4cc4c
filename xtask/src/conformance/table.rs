//! The rows, as `tests/conformance.md` has them.

use std::{collections::BTreeMap, fmt, str::FromStr};

/// A row's number: `B10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number {
    section: char,
    row: u32,
}

impl FromStr for Number {
    type Err = ();

    /// In upper or lower case.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut chars = text.chars();
        let section = chars.next().filter(char::is_ascii_alphabetic).ok_or(())?;
        let row = chars.as_str();
        if !row.bytes().all(|b| b.is_ascii_digit()) {
            return Err(());
        }
        Ok(Self {
            section: section.to_ascii_uppercase(),
            row: row.parse().map_err(|_| ())?,
        })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}", self.section, self.row))
    }
}

/// Where a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Oneshot,
    Hyper,
    Axum,
    Tonic,
    Salvo,
    Poem,
    Warp,
    Lambda,
    Core,
}

impl Place {
    pub(crate) const ALL: [Self; 9] = [
        Self::Oneshot,
        Self::Hyper,
        Self::Axum,
        Self::Tonic,
        Self::Salvo,
        Self::Poem,
        Self::Warp,
        Self::Lambda,
        Self::Core,
    ];
    const SERVERS: &[Self] = &[Self::Oneshot, Self::Hyper, Self::Axum, Self::Tonic];
    const FRAMEWORKS: &[Self] = &[Self::Salvo, Self::Poem, Self::Warp];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Oneshot => "oneshot",
            Self::Hyper => "hyper",
            Self::Axum => "axum",
            Self::Tonic => "tonic",
            Self::Salvo => "salvo",
            Self::Poem => "poem",
            Self::Warp => "warp",
            Self::Lambda => "lambda",
            Self::Core => "core",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.name() == name)
    }
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) given: String,
    /// Where it has to be tested.
    pub(crate) over: Vec<Place>,
}

pub(crate) type Table = BTreeMap<Number, Row>;

/// Lines of tables that begin with no number, such as their heads, are passed over; a row that can't
/// be read is an error, so that it isn't forgotten.
pub(crate) fn parse(text: &str) -> Result<Table, String> {
    let mut table = Table::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Ok(number) = cells[0].parse::<Number>() else {
            continue;
        };
        let row = row(&cells).map_err(|why| format!("{number} in the table: {why}"))?;
        if table.insert(number, row).is_some() {
            return Err(format!("{number} is in the table twice"));
        }
    }
    if table.is_empty() {
        return Err("the table has no rows".into());
    }
    Ok(table)
}

fn row(cells: &[&str]) -> Result<Row, String> {
    let [_, given, _, over] = cells else {
        return Err(format!("{} cells, not 4", cells.len()));
    };
    let mut places = Vec::new();
    for word in over.split(',').map(str::trim) {
        match Place::named(word) {
            Some(place) => places.push(place),
            None if word == "servers" => places.extend(Place::SERVERS),
            None if word == "frameworks" => places.extend(Place::FRAMEWORKS),
            None => return Err(format!("{word:?} is no place to run over")),
        }
    }
    Ok(Row {
        given: (*given).to_owned(),
        over: places,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HEAD: &str = "# Rows\n\n| row | given | then | over |\n|---|---|---|---|\n";

    fn error(rows: &str) -> String {
        parse(&format!("{HEAD}{rows}")).unwrap_err()
    }

    #[test]
    fn rows_are_read_and_the_rest_is_passed_over() {
        let rows = "| A1 | this | that | servers |\n| A2 | x | y | frameworks, lambda |\n\
            | F10 | x | y | hyper, core |\nC3 is text.\n";
        let table = parse(&format!("{HEAD}{rows}")).unwrap();
        let numbers: Vec<_> = table.keys().map(Number::to_string).collect();
        assert_eq!(numbers, ["A1", "A2", "F10"]);
        let rows: Vec<_> = table.values().collect();
        assert_eq!(rows[0].given, "this");
        assert_eq!(rows[0].over, Place::SERVERS);
        let frameworks = [Place::Salvo, Place::Poem, Place::Warp, Place::Lambda];
        assert_eq!(rows[1].over, frameworks);
        assert_eq!(rows[2].over, [Place::Hyper, Place::Core]);
    }

    #[test]
    fn a_row_that_cannot_be_read_is_an_error() {
        assert!(error("").contains("no rows"));
        assert!(error("| A1 | x | y | |\n").contains("A1 in the table: \"\" is no place"));
        assert!(error("| A1 | x | y | nginx |\n").contains("\"nginx\" is no place"));
        assert!(error("| A1 | x | core |\n").contains("3 cells"));
        assert!(error("| A1 | a|b | y | core |\n").contains("5 cells"));
        let twice = "| A1 | x | y | core |\n| A1 | x | y | core |\n";
        assert!(error(twice).contains("A1 is in the table twice"));
    }

    #[test]
    fn numbers_go_in_their_order() {
        let number = |text: &str| text.parse::<Number>();
        assert!(number("B2").unwrap() < number("b10").unwrap());
        assert!(number("A9").unwrap() < number("B1").unwrap());
        for none in ["", "A", "7", "row", "a1b", "é1", "A-1", "A+1"] {
            assert!(number(none).is_err(), "{none}");
        }
    }

    /// So that no row is dropped from the file by accident. New ones, with whatever number, may come.
    #[test]
    fn the_table_has_all_rows() {
        let text = include_str!("../../../tests/conformance.md");
        let found = parse(text).unwrap();
        for (section, last) in [
            ('A', 8),
            ('B', 12),
            ('C', 3),
            ('D', 13),
            ('E', 6),
            ('F', 10),
            ('G', 5),
        ] {
            for row in 1..=last {
                let number = Number { section, row };
                assert!(found.contains_key(&number), "{number}");
            }
        }
    }

    #[test]
    fn numbers_may_be_left_out_and_a_row_may_be_of_the_core_alone() {
        let rows = "| A9 | x | y | core |\n| B14 | x | y | core |\n| H1 | x | y | core |\n\
            | D15 | x `a` | y; z | core |\n| F19 | `{error}` of any | y | core |\n";
        let table = parse(&format!("{HEAD}{rows}")).unwrap();
        let numbers: Vec<_> = table.keys().map(Number::to_string).collect();
        assert_eq!(numbers, ["A9", "B14", "D15", "F19", "H1"]);
        assert!(table.values().all(|row| row.over == [Place::Core]));
    }
}
