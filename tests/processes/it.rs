//! Runs the program, and reads what it counted.
#![allow(clippy::unwrap_used, clippy::panic)]

// The program's own tests aren't run with the others.
#[allow(dead_code)]
#[path = "verdict.rs"]
mod verdict;

use std::process::{Command, Stdio};

fn processes() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_processes"));
    command.stdin(Stdio::null());
    command
}

#[test]
fn d11_killed_replicas_lose_nothing_and_repeat_nothing() {
    let output = processes().output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    for line in [
        "killing webhook ",
        "killing worker ",
        "once:         400\n",
        "twice:        0\n",
        "never:        0\n",
        "out of order: 0\n",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}

#[test]
fn a_missing_redis_server_is_named() {
    let output = processes().env("PATH", "").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("needs redis-server"), "{errors}");
}
