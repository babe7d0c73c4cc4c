//! Examples from the published packages of teloxide and frankenstein, built with a function `main` of this crate in place
//! of their own, and run against a Telegram on loopback.
//!
//! Their files are read where Cargo has unpacked the packages, and no line of them is in this repository.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command as BlockingCommand, Stdio},
};

use serde_json::Value;
use tokio::process::{Child, Command};
use tower_telegram_test::Telegram;

use crate::{
    copies::Copies,
    example::{Example, named_dependencies, published_crates},
    root,
};

/// The file of an example in the package that Cargo has for this workspace.
fn published_file(package: &str, file: &str) -> PathBuf {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = text(BlockingCommand::new(rustc).arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    // Packages for other platforms may not have been fetched.
    let metadata = text(
        BlockingCommand::new(env!("CARGO"))
            .args(["metadata", "--format-version=1", "--offline", "--locked"])
            .args(["--filter-platform", host.unwrap()])
            .current_dir(root()),
    );
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let found = packages.iter().find(|found| found["name"] == package);
    let manifest = found.unwrap()["manifest_path"].as_str().unwrap();
    Path::new(manifest).with_file_name(file)
}

fn text(command: &mut BlockingCommand) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The example without its own `main`, and with another at its end.
fn with_main(example: &str, main: &str) -> String {
    let (before, rest) = example.split_once("#[tokio::main]\n").unwrap();
    assert!(rest.starts_with("async fn main()"), "{rest}");
    let (_, after) = rest.split_once("\n}\n").unwrap();
    // Docs of a module can't be in the middle of a file.
    let main = main.lines().filter(|line| !line.starts_with("//!"));
    format!("{before}{after}{}\n", main.collect::<Vec<_>>().join("\n"))
}

/// The example with the lines of a diff changed. Each that is removed must be there once.
fn with_diff(example: &str, diff: &str) -> String {
    let of = |sign| diff.lines().filter_map(move |line| line.strip_prefix(sign));
    let mut changed = example.to_owned();
    let pairs: Vec<_> = of('-').zip(of('+')).collect();
    assert_eq!(pairs.len() * 2, diff.lines().count(), "{diff}");
    for (old, new) in pairs {
        let old = format!("{old}\n");
        assert_eq!(changed.matches(&old).count(), 1, "{old}");
        changed = changed.replace(&old, &format!("{new}\n"));
    }
    changed
}

/// The diff below a heading of a page of the guide.
fn diff_of(page: &str, heading: &str) -> String {
    let page = fs::read_to_string(root().join("src/guide").join(page)).unwrap();
    let (_, section) = page.split_once(&format!("\n# {heading}\n")).unwrap();
    let (_, diff) = section.split_once("```diff\n").unwrap();
    diff.split_once("```").unwrap().0.to_owned()
}

/// A published example under the function `main` in this file of the folder `upstream`, as a package of its own.
async fn build(name: &str, example: &str) -> Example {
    let root = root();
    let main = root.join(format!("tests/copied/upstream/{name}.rs"));
    let main = fs::read_to_string(main).unwrap();
    let published = published_crates(&root).unwrap();
    let copies = Copies::make(&root, published, name).unwrap();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.rs"));
    fs::write(&file, with_main(example, &main)).unwrap();
    let example = Example {
        name: name.to_owned(),
        file,
        dependencies: named_dependencies(&main).unwrap(),
    };
    copies.add(&example).unwrap();
    let built = copies.build(&[&example]).await;
    assert_eq!(built, Ok(()));
    example
}

fn run(example: &Example, telegram: &Telegram) -> Child {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = free.local_addr().unwrap().to_string();
    drop(free);
    Command::new(Copies::program(example))
        .env("TELOXIDE_TOKEN", telegram.token())
        .env("TELOXIDE_API_URL", telegram.api_url())
        .env("TELEGRAM_BOT_TOKEN", telegram.token())
        .env("TELEGRAM_API_URL", telegram.api_url())
        .env("WEBHOOK_URL", format!("http://{listen}/telegram"))
        .env("LISTEN", listen)
        .env_remove("WEBHOOK_SECRET")
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn m10_an_example_of_teloxides_own_runs_under_another_main() {
    let example = fs::read_to_string(published_file("teloxide", "examples/purchase.rs")).unwrap();
    let example = build("teloxide_purchase", &example).await;

    let telegram = Telegram::start().await.unwrap();
    let _bot = run(&example, &telegram);
    telegram.wait_for_call("setWebhook").await.unwrap();
    let ada = telegram.user("Ada");
    ada.sends("/start").await.unwrap();
    let question = ada.waits_for_message().await.unwrap();
    assert!(question.text.unwrap().contains("name"));
    ada.sends("Ada Lovelace").await.unwrap();
    let choice = ada.waits_for_message().await.unwrap();
    ada.presses(&choice, "Banana").await.unwrap();
    let bought = ada.waits_for_message().await.unwrap().text.unwrap();
    for word in ["Ada Lovelace", "Banana"] {
        assert!(bought.contains(word), "{bought}");
    }
    // The dialogue has ended, so the next one begins.
    ada.sends("/start").await.unwrap();
    let question = ada.waits_for_message().await.unwrap();
    assert!(question.text.unwrap().contains("name"));
}

#[tokio::test]
async fn m10_an_example_of_frankensteins_own_runs_with_another_main_and_one_other_import() {
    let file = published_file("frankenstein", "examples/async_reply_to_message_updates.rs");
    let example = fs::read_to_string(file).unwrap();
    let diff = diff_of("from_frankenstein.md", "An example of frankenstein's own");
    let example = build("frankenstein_reply", &with_diff(&example, &diff)).await;

    let telegram = Telegram::start().await.unwrap();
    let _bot = run(&example, &telegram);
    telegram.wait_for_call("setWebhook").await.unwrap();
    let ada = telegram.user("Ada");
    let sent = ada.sends("Good morning").await.unwrap();
    let reply = ada.waits_for_message().await.unwrap();
    assert_eq!(reply.text.as_deref(), Some("hello"));
    let to = reply.reply_to_message.unwrap();
    assert_eq!(to.message_id, sent.message.message_id);
}

#[test]
fn only_main_is_replaced() {
    let example = "use a;\n\n#[tokio::main]\nasync fn main() {\n    a();\n}\n\nfn b() {\n}\n";
    let main = "//! Docs.\nfn main() {}";
    let expected = "use a;\n\n\nfn b() {\n}\nfn main() {}\n";
    assert_eq!(with_main(example, main), expected);
}
