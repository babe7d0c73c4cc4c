//! Which part of the source may import which.

/// The parts from the ground up, as folders and files. A part may import those of the layers below
/// its own, and those before it on its own layer: of `["webhook", "router"]`, the router may know
/// the webhook.
pub(super) const LAYERS: &[&[Part]] = &[
    &[Part("types", &["crates/tower-telegram-types/src"])],
    &[
        Part("macros", &["src/macros.rs"]),
        Part("task", &["src/task"]),
        Part("body", &["src/body"]),
        Part("telemetry", &["src/telemetry"]),
        Part("signal", &["src/signal.rs"]),
    ],
    &[Part("client", &["src/client"])],
    &[
        Part("webhook", &["src/webhook"]),
        Part("router", &["src/router"]),
        Part("trace", &["src/trace"]),
        Part("health", &["src/health"]),
    ],
    &[Part("runner", &["src/runner"])],
    &[
        Part("polling", &["src/polling"]),
        Part("queue", &["src/queue"]),
        Part("redis", &["src/redis"]),
        Part("nats", &["src/nats"]),
        Part("axum", &["src/axum.rs"]),
        Part("server", &["src/server"]),
        Part("guide", &["src/guide"]),
    ],
    &[Part("crate root", &["src/lib.rs"])],
    &[
        Part("teloxide bridge", &["crates/tower-telegram-teloxide/src"]),
        Part(
            "frankenstein bridge",
            &["crates/tower-telegram-frankenstein/src"],
        ),
    ],
];

/// The part beside the layers: it imports the ground layer, and no other part imports it.
const TEST_KIT: Part = Part("test kit", &["crates/tower-telegram-test/src"]);

/// The project's own commands. They import no other part, and no other part imports them.
const COMMANDS: Part = Part("commands", &["xtask/src"]);

/// Folders that are written by `cargo xtask codegen`. Each counts as one file.
pub(super) const GENERATED: &[&str] = &[
    "crates/tower-telegram-types/src/methods",
    "crates/tower-telegram-types/src/types",
    // Before the types had a crate of their own. `cargo xtask structure` reads such revisions too.
    "src/methods",
    "src/types",
];

/// Files of these folders that take nothing from the rest of their folder, and so stand below it.
pub(super) const APART: &[&str] = &["crates/tower-telegram-types/src/types/update_type.rs"];

/// Whether a file imports what it only passes on by `pub use`. So a `mod.rs` that shows what a child
/// defines has nothing that the child needs: that is in a file of its own.
pub(super) const RE_EXPORTS_COUNT: bool = true;

/// A name, and the folders and files that belong to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part(pub(super) &'static str, &'static [&'static str]);

impl Part {
    fn has(&self, file: &str) -> bool {
        self.1.iter().any(|place| {
            let rest = file.strip_prefix(place);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

/// Where a file stands: its layer's number from below, and its part's number on that layer.
type Height = (usize, usize);

fn find(file: &str) -> Option<(Height, &'static Part)> {
    LAYERS.iter().enumerate().find_map(|(layer, parts)| {
        let column = parts.iter().position(|part| part.has(file))?;
        Some(((layer, column), &parts[column]))
    })
}

/// The part that a file belongs to.
pub(super) fn part(file: &str) -> Option<&'static Part> {
    for part in [&TEST_KIT, &COMMANDS] {
        if part.has(file) {
            return Some(part);
        }
    }
    find(file).map(|(_, part)| part)
}

/// Whether an import between two files points up. One of a file without a part does.
pub(super) fn points_up(from: &str, to: &str) -> bool {
    if COMMANDS.has(from) || COMMANDS.has(to) {
        return COMMANDS.has(from) != COMMANDS.has(to);
    }
    match (TEST_KIT.has(from), TEST_KIT.has(to)) {
        (true, true) => return false,
        (true, false) => return find(to).is_none_or(|((layer, _), _)| layer > 0),
        (false, true) => return true,
        (false, false) => {}
    }
    match (find(from), find(to)) {
        (Some((from, _)), Some((to, _))) => from < to,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_may_import_those_below_it_or_before_it() {
        let types = "crates/tower-telegram-types/src/reply.rs";
        let kit = "crates/tower-telegram-test/src/lib.rs";
        let bridge = "crates/tower-telegram-teloxide/src/lib.rs";
        for (from, to, up) in [
            ("src/client/mod.rs", types, false),
            ("src/client/mod.rs", "src/task/sync.rs", false),
            ("src/client/mod.rs", "src/client/api/mod.rs", false),
            ("src/client/mod.rs", "src/webhook/mod.rs", true),
            (types, "src/task/sync.rs", true),
            ("src/redis/mod.rs", "src/polling/mod.rs", false),
            ("src/polling/mod.rs", "src/redis/mod.rs", true),
            ("src/axum.rs", "src/webhook/mod.rs", false),
            ("src/axum.rs", "src/lib.rs", true),
            ("src/clientele.rs", types, true),
            (bridge, "src/client/mod.rs", false),
            ("src/client/mod.rs", bridge, true),
            (kit, types, false),
            (kit, "src/task/sync.rs", true),
            ("src/client/mod.rs", kit, true),
            (kit, "crates/tower-telegram-test/src/chats/mod.rs", false),
            ("xtask/src/main.rs", "xtask/src/names.rs", false),
            ("xtask/src/main.rs", types, true),
            (kit, "xtask/src/names.rs", true),
        ] {
            assert_eq!(points_up(from, to), up, "{from} imports {to}");
        }
    }
}
