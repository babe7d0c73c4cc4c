//! The table on the standard output: a row for each update, in colour on a terminal.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

/// How an exchange ended, as a colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Good,
    Rejected,
    Bad,
}

/// One update and what the bot did with it.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) kind: String,
    pub(super) sent: String,
    pub(super) answered: String,
    pub(super) outcome: String,
    pub(super) tone: Tone,
    pub(super) took: Duration,
}

/// Prints rows as they come, so the columns have fixed widths.
#[derive(Debug)]
pub(super) struct Table {
    coloured: bool,
}

const WIDTHS: [usize; 4] = [20, 30, 44, 26];

impl Table {
    pub(super) fn new() -> Self {
        let coloured = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
        Self { coloured }
    }

    pub(super) fn head(&self) {
        let titles = ["UPDATE", "SENT", "ANSWERED", "OUTCOME"];
        let line = columns(&titles.map(str::to_owned));
        print_line(&self.paint("1", &format!("{line}  TIME")));
    }

    pub(super) fn row(&self, row: &Row) {
        let [kind, sent, answered, outcome] =
            [&row.kind, &row.sent, &row.answered, &row.outcome].map(|text| one_line(text));
        let colour = match row.tone {
            Tone::Good => "32",
            Tone::Rejected => "33",
            Tone::Bad => "31",
        };
        let cells = [
            self.paint("36", &fit(&kind, WIDTHS[0])),
            fit(&sent, WIDTHS[1]),
            fit(&answered, WIDTHS[2]),
            self.paint(colour, &fit(&outcome, WIDTHS[3])),
        ];
        let took = format!("{:.1} ms", row.took.as_secs_f64() * 1000.0);
        print_line(&format!("{}  {}", cells.join("  "), self.paint("2", &took)));
    }

    pub(super) fn note(&self, text: &str) {
        print_line(&self.paint("2", text));
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.coloured {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// A line that the bot wrote to its standard output or error.
pub(super) fn print_output(line: &str) {
    print_line(&format!("  | {line}"));
}

/// Prints a line. An error is ignored: the output may be a pipe into `head`, which has ended.
fn print_line(line: &str) {
    drop(writeln!(io::stdout(), "{}", line.trim_end()));
}

fn columns(cells: &[String; 4]) -> String {
    let cells = cells.iter().zip(WIDTHS);
    let cells: Vec<String> = cells.map(|(cell, width)| fit(cell, width)).collect();
    cells.join("  ")
}

/// Replaces control characters, which could move the cursor or break the line.
fn one_line(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(visible).collect()
}

/// As wide as the column: cut with an ellipsis, or filled up.
fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return format!("{text:<width$}");
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::{fit, one_line};

    #[test]
    fn cells_are_as_wide_as_their_column() {
        assert_eq!(fit("ab", 4), "ab  ");
        assert_eq!(fit("abcde", 4), "abc…");
        assert_eq!(one_line("a\nb\x1b[31m"), "a b [31m");
    }
}
