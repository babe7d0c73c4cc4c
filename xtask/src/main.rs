//! The project's own commands: [`USAGE`].

mod codegen;
mod conformance;
mod emit_methods;
mod emit_testing;
mod emit_tests;
mod emit_types;
mod model;
mod names;
mod schema;

use std::{env, path::Path, process::ExitCode};

const USAGE: &str = "usage: cargo xtask <command>
  codegen              writes the types and methods that schema/bot-api.json gives
  codegen --check      fails where they aren't what it gives
  conformance          runs the tests of tests/conformance.md, and prints a line for each row
  conformance --all    the same with all other tests of the workspace, as by cargo test";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["codegen"] => codegen::run(&root, false),
        ["codegen", "--check"] => codegen::run(&root, true),
        ["conformance"] => conformance::run(&root, false),
        ["conformance", "--all"] => conformance::run(&root, true),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            #[allow(clippy::print_stderr)]
            {
                eprintln!("xtask: {why}");
            }
            ExitCode::FAILURE
        }
    }
}
