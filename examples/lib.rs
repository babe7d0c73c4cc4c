//! The examples of tower-telegram: a file each. This crate is empty; it has their dependencies.
