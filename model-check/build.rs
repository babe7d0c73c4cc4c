//! Builds the crate for the model checker, in this package alone.

// A build script writes its instructions to stdout.
#![allow(clippy::print_stdout)]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cfg=shuttle");
    // The crate's other features don't exist here.
    println!("cargo::rustc-check-cfg=cfg(feature, values(any()))");
}
