//! Has the crate built for the model checker, in this package alone.

// It is how a build script speaks.
#![allow(clippy::print_stdout)]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cfg=shuttle");
    // The crate's other features aren't here.
    println!("cargo::rustc-check-cfg=cfg(feature, values(any()))");
}
