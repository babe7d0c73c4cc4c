//! The rows of the table, which `benches/compare/run.py` reads too.

use std::time::Duration;

/// Prints the head of the table.
pub(crate) fn print_head() {
    println!("| measure | over | figure | unit |\n|---|---|--:|---|");
}

/// Prints a figure, with what it is the figure of.
pub(crate) fn print_figure(measure: &str, over: &str, figure: f64, unit: &str) {
    println!("| {measure} | {over} | {figure:.2} | {unit} |");
}

/// Prints how many of something there were a second.
pub(crate) fn print_rate(measure: &str, over: &str, count: usize, time: Duration) {
    let rate = to_f64(count) / time.as_secs_f64();
    print_figure(measure, over, rate, "a second");
}

/// Prints a time in milliseconds.
pub(crate) fn print_time(measure: &str, over: &str, time: Duration) {
    print_figure(measure, over, time.as_secs_f64() * 1e3, "ms");
}

#[allow(clippy::cast_precision_loss)] // a figure for people
pub(crate) fn to_f64(count: usize) -> f64 {
    count as f64
}
