//! The project's own commands: [`USAGE`].

mod cargo;
mod codegen;
mod conformance;
mod docs;
mod emit_methods;
mod emit_parts;
mod emit_testing;
mod emit_tests;
mod emit_types;
mod emit_update;
mod imports;
mod missing;
mod model;
mod names;
mod public_names;
mod removed;
mod schema;
mod steps;
mod structure;
mod type_names;
mod words;

use std::{env, path::PathBuf, process::ExitCode};

const USAGE: &str = "usage: cargo xtask <command>
  check [step]…        what must hold and takes minutes, each step with its seconds; or the named steps alone
  ci [step]…           all that must hold, with the tools that .ci/run installs
  codegen              writes the types and methods that schema/bot-api.json gives
  codegen --check      fails where they aren't what it gives
  docs                 counts the generated fields that have a sentence of their own
  conformance          runs the tests of tests/conformance.md, and prints a line for each row
  conformance --all    the same with all other tests of the workspace, as by cargo test
  imports              fails where files import each other, or a part imports one above it
  names                fails where more than one type has the same name
  structure [checkout]…  figures of the source's layout, in a table with a column for each checkout, or for this one
  public-names [checkout]  the public names of the published crates, one a line
  words [folder]…      lists phrases that are not plain English, and lines of docs for each line of code;
                       fails where there are such phrases
  words --sample N S   N sentences of the docs, chosen at random by the seed S
  words --at REVISION  either of the two for another revision";

/// The repository's folder. Cargo says which when it runs this program: one that was built in another
/// checkout, into the same target folder, would know the other's.
fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR");
    let package = package.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.join("..")
}

fn main() -> ExitCode {
    let root = root();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["check", ref names @ ..] => steps::run(&root, false, names),
        ["ci", ref names @ ..] => steps::run(&root, true, names),
        ["codegen"] => codegen::run(&root, false),
        ["codegen", "--check"] => codegen::run(&root, true),
        ["docs"] => codegen::count_docs(&root).map(|lines| print(&lines)),
        ["conformance"] => conformance::run(&root, false),
        ["conformance", "--all"] => conformance::run(&root, true),
        ["imports"] => imports::run(&root).map(|lines| print(&lines)),
        ["names"] => type_names::run(&root).map(|lines| print(&lines)),
        ["structure", ref checkouts @ ..] => structure::run(&root, checkouts).map(|t| print(&t)),
        ["public-names"] => public_names::run(&root, None).map(|names| print(&names)),
        ["public-names", checkout] => {
            public_names::run(&root, Some(checkout)).map(|names| print(&names))
        }
        ["words", ref rest @ ..] => words::run(&root, rest, print),
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

#[allow(clippy::print_stdout)]
fn print(lines: &str) {
    println!("{lines}");
}
