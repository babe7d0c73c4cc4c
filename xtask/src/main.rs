//! The project's own commands: `cargo xtask codegen [--check]`.

mod codegen;
mod emit_methods;
mod emit_testing;
mod emit_tests;
mod emit_types;
mod model;
mod names;
mod schema;

use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["codegen"] => codegen::run(&root, false),
        ["codegen", "--check"] => codegen::run(&root, true),
        _ => Err("usage: cargo xtask codegen [--check]".into()),
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
