//! `cargo xtask check` and `cargo xtask ci`: two lists of named checks.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    cargo::{cargo, without_own_package},
    codegen, conformance, imports, type_names, words,
};

/// The checks that take minutes, and find most mistakes.
const CHECK: &[Step] = &[
    step("format", Run::Cargo("fmt --all --check")),
    step("codegen", Run::Here(|root| codegen::run(root, true))),
    step("imports", Run::Here(imports)),
    step("names", Run::Here(names)),
    step("words", Run::Here(|root| words::run(root, &[], print))),
    step(
        "lints",
        Run::Cargo("clippy --workspace --all-targets --all-features -- -D warnings"),
    ),
    step(
        "lints-core",
        Run::Cargo("clippy -p tower-telegram --no-default-features -- -D warnings"),
    ),
    // Of the published crates and the examples, with the features that they have by default.
    step("tests", Run::Readme("cargo test")),
];

/// The other checks. Those that need the same build are next to each other.
const REST: &[Step] = &[
    step(
        "tests-core",
        Run::Cargo("test -p tower-telegram --no-default-features"),
    ),
    // Every test of the workspace, and the table of conformance from it.
    step(
        "conformance",
        Run::Here(|root| conformance::run(root, true)),
    ),
    // With all features, as the tests have built them already.
    step(
        "programs",
        Run::Cargo("build --workspace --examples --bins --all-features"),
    ),
    // For seconds only; by hand it runs for minutes or hours.
    step("stress", Run::Built("stress --minutes 0.2")),
    step("testbots", Run::Script("testbots/run.sh")),
    step(
        "docs",
        Run::Cargo(
            "doc --workspace --no-deps --all-features --config build.rustdocflags=\"-Dwarnings\"",
        ),
    ),
    step(
        "features",
        Run::Cargo(
            "hack check -p tower-telegram -p tower-telegram-types -p tower-telegram-test \
             -p tower-telegram-teloxide -p tower-telegram-frankenstein --each-feature --no-dev-deps",
        ),
    ),
    step(
        "compare",
        Run::Cargo(
            "check --locked --workspace --all-features --manifest-path benches/compare/Cargo.toml",
        ),
    ),
    step(
        "cost",
        Run::Cargo("bench -p tower-telegram-benches --bench cost -- --check"),
    ),
    // A build of its own, because with metrics all paths cost more.
    step(
        "cost-metrics",
        Run::Cargo("bench -p tower-telegram-benches --features metrics --bench cost -- --check"),
    ),
    step("fuzz", Run::Script("fuzz/run.sh 20000x")),
    step(
        "licences",
        Run::Cargo("deny --all-features check bans licenses sources"),
    ),
    step(
        "schema",
        Run::Script("python3 xtask/refresh_schema.py --check"),
    ),
];

#[derive(Clone, Copy, Debug)]
struct Step {
    name: &'static str,
    run: Run,
}

const fn step(name: &'static str, run: Run) -> Step {
    Step { name, run }
}

#[derive(Clone, Copy, Debug)]
enum Run {
    /// Cargo's arguments.
    Cargo(&'static str),
    /// A program and its arguments.
    Script(&'static str),
    /// A program that the step `programs` has built, in the folder of this one, and its arguments.
    Built(&'static str),
    /// The line of README.md that begins like this, so that the two can't differ.
    Readme(&'static str),
    /// A function of this program.
    Here(fn(&Path) -> Result<(), String>),
}

/// The steps of `cargo xtask check`, or with `all` those of `cargo xtask ci`: each of them, or those
/// that are named, until one fails.
pub(crate) fn run(root: &Path, all: bool, names: &[&str]) -> Result<(), String> {
    let list = chosen(all, names)?;
    let mut times = Vec::new();
    let mut done = Ok(());
    for step in list {
        let start = Instant::now();
        done = step.run(root);
        times.push((step.name, start.elapsed()));
        if done.is_err() {
            break;
        }
    }
    print(&format!("\n{}", table(&times)));
    let failed = times.last().map_or("", |(name, _)| name);
    done.map_err(|why| format!("the step {failed} failed: {why}"))
}

fn chosen(all: bool, names: &[&str]) -> Result<Vec<Step>, String> {
    let rest = if all { REST } else { &[] };
    let list: Vec<_> = [CHECK, rest].concat();
    if let Some(unknown) = names.iter().find(|n| list.iter().all(|s| s.name != **n)) {
        let known: Vec<_> = list.iter().map(|step| step.name).collect();
        return Err(format!("no step is {unknown:?}, but {}", known.join(", ")));
    }
    let wanted = |step: &Step| names.is_empty() || names.contains(&step.name);
    Ok(list.into_iter().filter(wanted).collect())
}

impl Step {
    fn run(&self, root: &Path) -> Result<(), String> {
        let mut command = match self.run {
            Run::Here(function) => {
                print(&format!("\n== {}", self.name));
                return function(root);
            }
            Run::Cargo(arguments) => {
                print(&format!("\n== {}: cargo {arguments}", self.name));
                let mut command = cargo();
                command.args(arguments.split_whitespace());
                command
            }
            Run::Script(line) => self.program(line),
            Run::Built(line) => {
                print(&format!("\n== {}: {line}", self.name));
                let here = env::current_exe().map_err(|error| error.to_string())?;
                let (name, arguments) = line.split_once(' ').unwrap_or((line, ""));
                let mut command = Command::new(here.with_file_name(name));
                command.args(arguments.split_whitespace());
                command
            }
            Run::Readme(start) => self.program(&readme(root, start)?),
        };
        command.current_dir(root);
        // Built by the step `programs`, in the same folder as this program.
        if let Ok(here) = env::current_exe() {
            let server = here.with_file_name("telegram-test-server");
            if server.exists() {
                command.env("TELEGRAM_TEST_SERVER", server);
            }
        }
        match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(status.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn program(&self, line: &str) -> Command {
        print(&format!("\n== {}: {line}", self.name));
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        without_own_package(&mut command);
        command
    }
}

fn readme(root: &Path, start: &str) -> Result<String, String> {
    let text = fs::read_to_string(root.join("README.md")).map_err(|e| format!("README.md: {e}"))?;
    let line = text.lines().find(|line| line.starts_with(start));
    let line = line.ok_or_else(|| format!("README.md has no line with {start:?}"))?;
    Ok(line.to_owned())
}

fn imports(root: &Path) -> Result<(), String> {
    imports::run(root).map(|line| print(&line))
}

fn names(root: &Path) -> Result<(), String> {
    type_names::run(root).map(|line| print(&line))
}

fn table(times: &[(&str, Duration)]) -> String {
    let mut table = String::new();
    let rows = times.iter().copied();
    let sum = ("all of it", times.iter().map(|(_, time)| *time).sum());
    for (name, time) in rows.chain([sum]) {
        // Writing to a string can't fail.
        let _ = writeln!(table, "{name:<12} {:>7.1} s", time.as_secs_f64());
    }
    table
}

#[allow(clippy::print_stdout)]
fn print(line: &str) {
    println!("{line}");
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names_of(all: bool, names: &[&str]) -> Vec<&'static str> {
        let steps = chosen(all, names).unwrap();
        steps.iter().map(|step| step.name).collect()
    }

    #[test]
    fn all_steps_begin_with_those_that_take_minutes() {
        let (check, all) = (names_of(false, &[]), names_of(true, &[]));
        assert!(all.starts_with(&check));
        assert!(all.len() > check.len());
        let mut unique = all.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), all.len(), "a name is a step's alone");
    }

    #[test]
    fn steps_can_be_named() {
        assert_eq!(names_of(true, &["schema", "format"]), ["format", "schema"]);
        let unknown = chosen(false, &["schema"]).unwrap_err();
        assert!(unknown.starts_with("no step is \"schema\", but format, "));
    }

    #[test]
    fn the_readme_has_its_test_command() {
        assert_eq!(readme(&crate::root(), "cargo test").unwrap(), "cargo test");
    }

    #[test]
    fn each_step_has_its_seconds() {
        let times = [
            ("format", Duration::from_millis(1_250)),
            ("tests", Duration::from_secs(100)),
        ];
        let table = table(&times);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[0], "format           1.2 s");
        assert_eq!(lines[2], "all of it      101.2 s");
    }
}
