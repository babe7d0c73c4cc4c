//! The program `telegram-test-server`, run as people do.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    env,
    path::PathBuf,
    process::{Command, Output},
};

/// Cargo builds the examples beside the tests' own folder.
fn echo_bot() -> PathBuf {
    let mut path = env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples").join("echo")
}

fn run(command: &mut Command) -> Output {
    for (name, _) in env::vars() {
        if name.starts_with("TELEGRAM_") || name == "LISTEN" {
            command.env_remove(name);
        }
    }
    command.output().unwrap()
}

fn server() -> Command {
    Command::new(env!("CARGO_BIN_EXE_telegram-test-server"))
}

#[test]
fn it_talks_to_a_bot_and_prints_what_the_bot_does() {
    let output = run(server()
        .args(["--say", "Hello", "--say", "again", "--"])
        .arg(echo_bot()));
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    for line in ["> Hello", "< sendMessage ", "> again"] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}

#[test]
fn it_fails_with_a_bot_that_does_not_answer() {
    let output = run(server().args(["--say", "Hello", "--", "true"]));
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("the bot has ended"), "{errors}");
}
