//! Instructions and allocations, counted by valgrind.
//!
//! A bench runs itself under valgrind, once with few rounds and once with many. The difference is the cost
//! of the rounds, without start and end of the program. It needs only valgrind, and counting doesn't change
//! the code that is counted.

// The counts are billions at most.
#![allow(clippy::cast_precision_loss)]

use std::{
    env,
    error::Error,
    fs,
    hint::black_box,
    ops::Sub,
    process::{self, Command, Stdio},
};

/// An error while counting.
pub type BoxError = Box<dyn Error + Send + Sync>;

const FEW: u32 = 1000;
const MANY: u32 = 3000;

/// The cost of one round.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Instructions in user space.
    pub instructions: f64,
    /// Calls of `malloc` and similar functions.
    pub allocations: f64,
    /// The bytes that they allocate.
    pub bytes: f64,
}

impl Sub for Cost {
    type Output = Self;

    fn sub(self, base: Self) -> Self {
        Self {
            instructions: self.instructions - base.instructions,
            allocations: self.allocations - base.allocations,
            bytes: self.bytes - base.bytes,
        }
    }
}

/// The path and the number of rounds, if this process is such a run under valgrind.
pub fn asked_for() -> Option<(String, u32)> {
    let mut args = env::args().skip(1);
    if args.next()? != "run" {
        return None;
    }
    Some((args.next()?, args.next()?.parse().ok()?))
}

/// Counts the cost of one round of a path.
///
/// # Errors
///
/// If valgrind isn't installed, or the run fails.
pub fn cost(path: &str) -> Result<Cost, BoxError> {
    let per_round = |few: u64, many: u64| (many as f64 - few as f64) / f64::from(MANY - FEW);
    let instructions = |rounds| -> Result<u64, BoxError> {
        let report = valgrind(
            &["--tool=callgrind", "--callgrind-out-file=/dev/null"],
            path,
            rounds,
        )?;
        number_after(&report, "Collected :")
    };
    let heap = |rounds| -> Result<(u64, u64), BoxError> {
        let report = valgrind(
            &["--tool=memcheck", "--undef-value-errors=no"],
            path,
            rounds,
        )?;
        Ok((
            number_after(&report, "total heap usage:")?,
            number_after(&report, "frees,")?,
        ))
    };
    let (few, many) = (heap(FEW)?, heap(MANY)?);
    Ok(Cost {
        instructions: per_round(instructions(FEW)?, instructions(MANY)?),
        allocations: per_round(few.0, many.0),
        bytes: per_round(few.1, many.1),
    })
}

/// The cost of one round that is counted alone.
#[derive(Clone, Copy, Debug)]
pub struct RoundCost {
    /// Instructions in user space.
    pub instructions: f64,
    /// Calls of `malloc` and similar functions.
    pub allocations: f64,
}

/// Runs the rounds that [`counted_cost`] counts. A run has one call of it.
// Callgrind knows it by its name.
#[inline(never)]
pub fn counted(rounds: &mut dyn FnMut()) {
    rounds();
    // Not a tail call, because the count would then end at the start of this function.
    black_box(());
}

/// Counts a round of a path: the part of a run that is in [`counted`].
///
/// # Errors
///
/// If valgrind isn't installed, or the run fails.
pub fn counted_cost(path: &str, rounds: u32) -> Result<RoundCost, BoxError> {
    const COUNTED: &str = "tower_telegram_benches::count::counted";
    let file = env::temp_dir().join(format!("{}-{path}", process::id()));
    let tool = [
        "--tool=callgrind",
        &format!("--callgrind-out-file={}", file.display()),
        &format!("--zero-before={COUNTED}"),
        &format!("--dump-after={COUNTED}"),
    ];
    valgrind(&tool, path, rounds)?;
    // The file without a number is that of the end of the program.
    let counts = env::temp_dir().join(format!("{}-{path}.1", process::id()));
    let output = fs::read_to_string(&counts)?;
    fs::remove_file(&counts)?;
    fs::remove_file(&file)?;
    let rounds = f64::from(rounds);
    Ok(RoundCost {
        instructions: number_after(&output, "\ntotals:")? as f64 / rounds,
        allocations: allocations(&output)? as f64 / rounds,
    })
}

/// The calls of the C library's allocator in callgrind's output, where the line `cfn=` of a called function is followed by
/// one with the number of calls. Only the first line of a function has its name, the others its number.
fn allocations(output: &str) -> Result<u64, BoxError> {
    const NAMES: [&str; 4] = ["malloc", "calloc", "realloc", "posix_memalign"];
    let mut ids = Vec::new();
    let mut calls_allocator = false;
    let mut sum = 0;
    for line in output.lines() {
        let called = line.strip_prefix("cfn=");
        if let Some(function) = called.or_else(|| line.strip_prefix("fn=")) {
            let (id, name) = function.split_once(' ').unwrap_or((function, ""));
            if NAMES.contains(&name) {
                ids.push(id);
            }
            calls_allocator = called.is_some() && ids.contains(&id);
        } else if calls_allocator && line.starts_with("calls=") {
            sum += number_after(line, "calls=")?;
        }
    }
    Ok(sum)
}

/// The report of valgrind for a run.
fn valgrind(tool: &[&str], path: &str, rounds: u32) -> Result<String, BoxError> {
    let output = Command::new("valgrind")
        .args(tool)
        .arg(env::current_exe()?)
        .args(["run", path, &rounds.to_string()])
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind doesn't start: {error}"))?;
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok(report)
    } else {
        Err(format!("{path} failed: {report}").into())
    }
}

/// The number after a text, without its separators.
fn number_after(report: &str, text: &str) -> Result<u64, BoxError> {
    let (_, after) = report
        .split_once(text)
        .ok_or("valgrind says it otherwise")?;
    let number = after.trim_start();
    let end = number.find(|c: char| !c.is_ascii_digit() && c != ',');
    let digits = number[..end.unwrap_or(number.len())].replace(',', "");
    Ok(digits.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_valgrinds_words() {
        let report = "==7== Collected : 1234567\n\
            ==7==   total heap usage: 12,345 allocs, 12,000 frees, 6,789,012 bytes allocated";
        let number = |text| number_after(report, text).unwrap();
        assert_eq!(number("Collected :"), 1_234_567);
        assert_eq!(number("total heap usage:"), 12_345);
        assert_eq!(number("frees,"), 6_789_012);
        assert!(number_after(report, "nowhere").is_err());
    }

    #[test]
    fn calls_of_the_allocator_are_read_from_callgrinds_file() {
        let output = "fn=(1) work\n10 5\ncfi=(3) malloc.c\ncfn=(2) malloc\ncalls=3 1\n10 60\n\
            cfn=(4) other\ncalls=9 1\n10 9\nfn=(2)\n11 60\nfn=(5) realloc\n12 1\n\
            fn=(6) more\ncfn=(2)\ncalls=4 1\n13 80\ncfn=(5)\ncalls=2 1\n";
        assert_eq!(allocations(output).unwrap(), 9);
    }
}
