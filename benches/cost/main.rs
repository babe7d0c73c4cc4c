//! What an update's way through the layers costs: `cargo bench -p tower-telegram-benches --bench cost`,
//! with a part of a path's name behind `--` for some of them only. Needs valgrind.
//!
//! Each line is a stack, and what a layer costs is what a stack with it costs more than one without.

// The table is what it is for.
#![allow(clippy::print_stdout)]

mod paths;

use tower_telegram_benches::count::{self, BoxError, Cost};

fn main() -> Result<(), BoxError> {
    if let Some((name, rounds)) = count::asked_for() {
        let path = paths::ALL.iter().find(|path| path.name == name);
        return (path.ok_or("there is no such path")?.run)(rounds);
    }
    let wanted: Vec<_> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part));
    println!(
        "| path | instructions | allocations | bytes | more than | instructions | allocations |"
    );
    println!("|---|--:|--:|--:|---|--:|--:|");
    let mut counted: Vec<(&str, Cost)> = Vec::new();
    for path in paths::ALL.iter().filter(|path| is_wanted(path.name)) {
        let cost = count::cost(path.name)?;
        let base = path
            .over
            .and_then(|over| counted.iter().find(|(name, _)| *name == over));
        println!("{}", line(path.name, cost, base));
        counted.push((path.name, cost));
    }
    Ok(())
}

fn line(name: &str, cost: Cost, base: Option<&(&str, Cost)>) -> String {
    let Cost {
        instructions,
        allocations,
        bytes,
    } = cost;
    let more = base.map_or("| | |".to_owned(), |(over, base)| {
        let instructions = instructions - base.instructions;
        let allocations = allocations - base.allocations;
        format!("{over} | {instructions:+.0} | {allocations:+.1} |")
    });
    format!("| {name} | {instructions:.0} | {allocations:.1} | {bytes:.0} | {more}")
}
