//! The cost of an update in each layer: `cargo bench -p tower-telegram-benches --bench cost`,
//! with a part of a path's name behind `--` for some of them only. Needs valgrind.
//!
//! Each line is a stack, and what a layer costs is what a stack with it costs more than one without.
//! With `--check` behind `--`, only the paths that have limits are counted, and one that is over fails. With `scale`, the
//! paths that may not cost more while more is held are counted; `--check` counts these too. With `--features metrics`,
//! `--check` counts the paths with metrics alone.

// The table is what it is for.
#![allow(clippy::print_stdout)]

mod key_paths;
mod limits;
#[cfg(feature = "metrics")]
mod metrics_in_memory;
mod paths;
mod reading;
mod routes;
mod scale;
mod spans;

use tower_telegram_benches::count::{self, BoxError, Cost};

use self::paths::Path;

fn main() -> Result<(), BoxError> {
    if let Some((name, rounds)) = count::asked_for() {
        if let Some(result) = scale::run(&name, rounds) {
            return result;
        }
        let path = all().find(|path| path.name == name);
        return (path.ok_or("there is no such path")?.run)(rounds);
    }
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--check") {
        check()?;
        // Metrics cost the same however much is held.
        return if cfg!(feature = "metrics") {
            Ok(())
        } else {
            scale::check()
        };
    }
    if arguments.iter().any(|argument| argument == "scale") {
        return scale::check();
    }
    let wanted: Vec<_> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted =
        |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(*part));
    let paths: Vec<_> = all().filter(|path| is_wanted(path.name)).collect();
    count(&paths).map(drop)
}

fn all() -> impl Iterator<Item = &'static Path> {
    let requests = paths::ALL.iter().chain(routes::ALL);
    let reading = key_paths::ALL.iter().chain(reading::ALL);
    requests.chain(reading).chain(spans::ALL)
}

/// Counts the paths that have a limit, with those that they're compared with.
fn check() -> Result<(), BoxError> {
    let limit_of = |name: &str| limits::ALL.iter().find(|limit| limit.path == name);
    let bases: Vec<_> = all()
        .filter(|path| limit_of(path.name).is_some())
        .filter_map(|path| path.over)
        .collect();
    let paths: Vec<_> = all()
        .filter(|path| limit_of(path.name).is_some() || bases.contains(&path.name))
        .collect();
    let counted = count(&paths)?;
    let mut over = Vec::new();
    for limit in limits::ALL {
        let cost = counted.iter().find(|(name, _)| *name == limit.path);
        let (_, cost) = cost.ok_or_else(|| format!("there is no path {}", limit.path))?;
        over.extend(limit.check(*cost).err());
    }
    if over.is_empty() {
        return Ok(());
    }
    Err(over.join("; ").into())
}

/// Prints a line a path, and gives what each costs by itself.
fn count(paths: &[&Path]) -> Result<Vec<(&'static str, Cost)>, BoxError> {
    println!(
        "| path | instructions | allocations | bytes | more than | instructions | allocations |"
    );
    println!("|---|--:|--:|--:|---|--:|--:|");
    let mut counted: Vec<(&str, Cost)> = Vec::new();
    let mut own = Vec::new();
    for path in paths {
        let cost = count::cost(path.name)?;
        let base = path
            .over
            .and_then(|over| counted.iter().find(|(name, _)| *name == over));
        println!("{}", line(path.name, cost, base));
        own.push((path.name, base.map_or(cost, |(_, base)| cost - *base)));
        counted.push((path.name, cost));
    }
    Ok(own)
}

fn line(name: &str, cost: Cost, base: Option<&(&str, Cost)>) -> String {
    let Cost {
        instructions,
        allocations,
        bytes,
    } = cost;
    let more = base.map_or("| | |".to_owned(), |(over, base)| {
        let Cost {
            instructions,
            allocations,
            ..
        } = cost - *base;
        format!("{over} | {instructions:+.0} | {allocations:+.1} |")
    });
    format!("| {name} | {instructions:.0} | {allocations:.1} | {bytes:.0} | {more}")
}
