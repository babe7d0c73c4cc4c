//! Tests with small trees of files, and the reports on them.

use super::*;

/// Files by name, as `"src/lib.rs"`, and their text.
fn imports(files: &[(&str, &str)]) -> Imports {
    let files = files
        .iter()
        .map(|&(name, text)| (name.to_owned(), text.to_owned()));
    Imports::of(&Source::parse(&files.collect()).unwrap())
}

fn edges(files: &[(&str, &str)]) -> Vec<String> {
    let imports = imports(files);
    let edges = imports.names.iter();
    edges
        .map(|((from, to), names)| format!("{from} <- {} <- {to}", names.list()))
        .collect()
}

fn report(files: &[(&str, &str)]) -> Vec<String> {
    let (lines, wrong) = imports(files).report();
    let lines: Vec<_> = lines.lines().map(|line| line.trim().to_owned()).collect();
    assert_eq!(wrong, lines.len() > 1, "{lines:?}");
    lines
}

#[test]
fn two_files_that_import_each_other_are_a_circle() {
    let found = report(&[
        ("src/lib.rs", "mod client; mod webhook;"),
        ("src/client/mod.rs", "mod a; mod b;"),
        ("src/client/a.rs", "use super::b::B; pub struct A(B);"),
        (
            "src/client/b.rs",
            "pub struct B; fn f(_: crate::client::a::A) {}",
        ),
        (
            "src/webhook/mod.rs",
            "use crate::client::a::A; struct Webhook(A);",
        ),
    ]);
    assert_eq!(
        found,
        [
            "circle of 2 files:",
            "src/client/a.rs takes B from src/client/b.rs, and the other way round",
            "src/client/b.rs takes A from src/client/a.rs, and the other way round",
            "imports: 5 files, 1 circles, 0 that point up",
        ]
    );
}

#[test]
fn a_child_that_takes_from_its_parent_which_takes_from_it_is_a_circle() {
    let parent = "mod child; use self::child::Child; pub struct Parent(Child);";
    let found = report(&[
        ("src/lib.rs", "mod client;"),
        ("src/client/mod.rs", parent),
        (
            "src/client/child.rs",
            "use super::Parent; pub struct Child(Option<Box<Parent>>);",
        ),
    ]);
    assert_eq!(found[0], "circle of 2 files:");
    // `mod child;` by itself is no import.
    let found = report(&[
        ("src/lib.rs", "mod client;"),
        ("src/client/mod.rs", "mod child; pub struct Parent;"),
        (
            "src/client/child.rs",
            "use super::Parent; pub struct Child(Parent);",
        ),
    ]);
    assert_eq!(found, ["imports: 3 files, 0 circles, 0 that point up"]);
}

#[test]
fn a_re_export_is_followed_to_where_the_name_is_defined() {
    let types = [
        (
            "crates/tower-telegram-types/src/lib.rs",
            "mod api; pub mod types; pub use self::api::BotId;",
        ),
        (
            "crates/tower-telegram-types/src/api/mod.rs",
            "mod bot_id; pub use self::bot_id::*;",
        ),
        (
            "crates/tower-telegram-types/src/api/bot_id.rs",
            "pub struct BotId;",
        ),
        (
            "crates/tower-telegram-types/src/types/mod.rs",
            "mod chat; pub use self::chat::{Chat as Room};",
        ),
        (
            "crates/tower-telegram-types/src/types/chat.rs",
            "pub struct Chat;",
        ),
    ];
    let mut files = types.to_vec();
    files.extend([
        (
            "src/lib.rs",
            "pub mod client; pub use tower_telegram_types::{BotId, types};",
        ),
        (
            "src/client/mod.rs",
            "use crate::{BotId, types::{self, Room}}; fn f(_: types::Room) {}",
        ),
    ]);
    let edges = edges(&files);
    for edge in [
        "src/client/mod.rs <- BotId <- crates/tower-telegram-types/src/api/bot_id.rs",
        "src/client/mod.rs <- Chat <- crates/tower-telegram-types/src/types",
        "src/lib.rs <- BotId (pub use) <- crates/tower-telegram-types/src/api/bot_id.rs",
    ] {
        assert!(edges.contains(&edge.to_owned()), "{edge}\n{edges:#?}");
    }
    assert!(
        !edges.iter().any(|e| e.ends_with("src/lib.rs")),
        "{edges:#?}"
    );
}

#[test]
fn paths_in_code_and_in_macros_are_imports() {
    let found = edges(&[
        ("src/lib.rs", "mod task; mod body; mod client;"),
        (
            "src/task/mod.rs",
            "pub fn wait() {} pub enum Kind { One } pub mod clock;",
        ),
        (
            "src/task/clock.rs",
            "pub struct Clock; pub const ZERO: u8 = 0;",
        ),
        (
            "src/body/mod.rs",
            "use crate::task; fn f() { task::wait(); assert!(matches!(x.task, task::clock::ZERO)); }",
        ),
        (
            "src/client/mod.rs",
            "use crate::task::Kind::*; \
             pin_project! { pub struct Client { a: super::task::clock::Clock } } \
             macro_rules! m { () => { $crate::body::never(); task::no() } } \
             fn g() { let body = ::task::wait(); std::task::ready!(body) }",
        ),
    ]);
    assert_eq!(
        found,
        [
            "src/body/mod.rs <- ZERO <- src/task/clock.rs",
            "src/body/mod.rs <- wait <- src/task/mod.rs",
            "src/client/mod.rs <- Clock <- src/task/clock.rs",
            "src/client/mod.rs <- Kind <- src/task/mod.rs",
        ]
    );
}

#[test]
fn of_a_glob_the_names_that_are_used_count() {
    let found = edges(&[
        ("src/lib.rs", "mod client;"),
        (
            "src/client/mod.rs",
            "mod a; mod b; mod all { pub use super::{a::*, b::*}; }",
        ),
        (
            "src/client/a.rs",
            "pub struct A; use super::all::*; pub struct C(B);",
        ),
        ("src/client/b.rs", "pub struct B; pub struct Unused;"),
    ]);
    assert_eq!(found, ["src/client/a.rs <- B <- src/client/b.rs"]);
}

#[test]
fn tests_are_left_out() {
    let found = report(&[
        ("src/lib.rs", "mod client; mod webhook;"),
        (
            "src/client/mod.rs",
            "#[cfg(test)] mod tests; pub struct Client; \
             #[cfg(test)] mod inline { use crate::webhook::Webhook; } \
             #[cfg(all(test, feature = \"tokio\"))] use crate::webhook::Webhook; \
             impl Client { #[cfg(test)] fn f(_: crate::webhook::Webhook) {} }",
        ),
        ("src/client/tests.rs", "use crate::webhook::Webhook;"),
        (
            "src/webhook/mod.rs",
            "pub struct Webhook(crate::client::Client);",
        ),
    ]);
    assert_eq!(found, ["imports: 3 files, 0 circles, 0 that point up"]);
}

#[test]
fn an_import_of_a_part_above_is_named() {
    let found = report(&[
        (
            "src/lib.rs",
            "mod client; mod webhook; pub use self::webhook::Deadline;",
        ),
        ("src/client/mod.rs", "use crate::Deadline;"),
        (
            "src/webhook/mod.rs",
            "pub use self::deadline::Deadline; mod deadline;",
        ),
        ("src/webhook/deadline.rs", "pub struct Deadline;"),
    ]);
    let up = "up: src/client/mod.rs (client) takes Deadline from src/webhook/deadline.rs (webhook)";
    assert_eq!(found, [up, "imports: 4 files, 0 circles, 1 that point up"]);
}

#[test]
fn a_file_without_a_layer_is_named() {
    let found = report(&[("src/lib.rs", "mod utils;"), ("src/utils.rs", "")]);
    assert_eq!(
        found[0],
        "src/utils.rs is on no layer of xtask/src/imports/layers.rs"
    );
}

#[test]
fn an_import_that_is_not_found_is_named() {
    let found = report(&[(
        "src/lib.rs",
        "use crate::{nothing::Here, sync::Lock}; mod sync { pub use std::sync::Lock; } use std::fmt;",
    )]);
    assert_eq!(
        found[0],
        "not found: src/lib.rs imports crate::nothing::Here"
    );
}

#[test]
fn a_file_that_no_module_leads_to_is_named() {
    let found = report(&[
        ("src/lib.rs", "mod client; #[cfg(test)] mod tests;"),
        ("src/client/mod.rs", "#[cfg(test)] mod tests { mod inner; }"),
        ("src/client/old.rs", ""),
        ("src/client/tests/inner.rs", ""),
        ("src/tests/mod.rs", "mod part;"),
        ("src/tests/part.rs", ""),
    ]);
    assert_eq!(
        found[0],
        "src/client/old.rs is in no module, so that nothing compiles it"
    );
    assert_eq!(found.len(), 2, "{found:?}");
}
