//! `cargo xtask conformance`: the tests of each row of `tests/conformance.md`, and a line about it.

mod outcome;
mod report;
mod table;

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
    process::Stdio,
};

use crate::cargo::cargo;

/// With `all`, the other tests of the workspace run as well, as by `cargo test`.
pub(crate) fn run(root: &Path, all: bool) -> Result<(), String> {
    let text = fs::read_to_string(root.join("tests/conformance.md"));
    let table = table::parse(&text.map_err(|e| format!("tests/conformance.md: {e}"))?)?;
    let (output, passed) = test(root, all).map_err(|e| format!("cargo test: {e}"))?;
    let report = report::report(&table, &outcome::parse(&output));
    let mut wrong = report.wrong;
    if !passed {
        wrong.push("cargo test failed".into());
    }
    print(&format!("\n{}\n", report.lines)).map_err(|e| e.to_string())?;
    match wrong.as_slice() {
        [] => Ok(()),
        list => Err(format!("conformance\n  {}", list.join("\n  "))),
    }
}

/// The output of the tests, and whether they passed.
fn test(root: &Path, all: bool) -> io::Result<(String, bool)> {
    let mut command = cargo();
    command
        .args(["test", "--workspace", "--all-features", "--no-fail-fast"])
        .current_dir(root)
        .stdout(Stdio::piped());
    // Outside CI, a test may pass without Redis or another program that it needs. It mustn't count then.
    command.env("CI", "true");
    if !all {
        // The end of any number, whether a row has it or not.
        command
            .arg("--")
            .args((0..10).map(|digit| format!("{digit}_")));
    }
    let mut child = command.spawn()?;
    let mut output = String::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = format!("{}\n", String::from_utf8_lossy(&line?));
            print(&line)?;
            output.push_str(&line);
        }
    }
    Ok((output, child.wait()?.success()))
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
