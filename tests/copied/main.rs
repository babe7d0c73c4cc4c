//! Copies each example into an empty folder, and builds and runs it there with no other dependencies than those that it
//! names: in its head comment, or in a `Cargo.toml` of its own. The examples are found, so a new one needs no line here.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod copies;
mod example;
mod upstream;

use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use crate::{copies::Copies, example::Example};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("../..").canonicalize().unwrap()
}

/// A Redis for an example that needs one, or `None` without its program, which CI must have.
async fn redis() -> Option<(Child, String)> {
    let address = free_address();
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--port"])
        .arg(address.port().to_string())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    let server = match command.spawn() {
        Ok(server) => server,
        Err(error) => {
            assert!(env::var_os("CI").is_none(), "no redis-server: {error}");
            eprintln!("not tested, because there is no redis-server: {error}");
            return None;
        }
    };
    let listens = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let listens = tokio::time::timeout(Duration::from_secs(20), listens).await;
    listens.unwrap();
    Some((server, format!("redis://{address}")))
}

/// A port that is free now; nothing else on the machine asks for it.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Runs a copy, which must play its conversation.
async fn play(copies: &Copies, example: &Example, redis: &str) -> Result<(), String> {
    let printed = copies.run(example, redis).await?;
    // The first words of each conversation.
    if printed.contains("No TELEGRAM_BOT_TOKEN") {
        return Ok(());
    }
    Err(format!("it played no conversation:\n{printed}"))
}

/// Someone copies the one file, so it must be short, and say at its top how it is run.
#[test]
fn each_example_has_60_to_180_lines_and_is_run_by_one_command() {
    let root = root();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for example in example::find(&root).unwrap() {
        let text = fs::read_to_string(&example.file).unwrap();
        let lines = text.lines().count();
        assert!((60..=180).contains(&lines), "{}: {lines}", example.name);

        let package = example.name.replace('_', "-");
        // The others are examples of the package in that folder.
        let is_packaged = example.file.parent() != Some(&*root.join("examples"));
        let command = if is_packaged {
            format!("cargo run -p {package}-example")
        } else {
            format!("cargo run --example {}", example.name)
        };
        let line = format!("//! {command}");
        assert!(text.lines().any(|written| written == line), "{line}");
        let name = if is_packaged { package } else { example.name };
        assert!(
            readme.contains(&format!("`{name}`")) || readme.contains(&command),
            "{name}"
        );
    }
}

#[test]
fn the_readme_has_under_150_lines_with_dependencies_code_and_a_picture() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().count() < 150);
    for part in [
        "cargo run --example axum\n",
        "cargo test\n",
        "```toml\n[dependencies]\n",
        "```rust",
        "  ▼\n",
    ] {
        assert!(readme.contains(part), "{part}");
    }
}

#[tokio::test]
async fn each_example_builds_and_runs_in_an_empty_folder() {
    let root = root();
    let examples = example::find(&root).unwrap();
    // Both kinds were found.
    for name in ["axum", "polling", "tonic"] {
        assert!(examples.iter().any(|example| example.name == name));
    }
    let published = example::published_crates(&root).unwrap();
    let copies = Copies::make(&root, published, "copied-examples").unwrap();
    let mut failures = Vec::new();
    for example in &examples {
        let added = copies.add(example);
        failures.extend(added.err().map(|why| format!("{}: {why}", example.name)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    for group in copies.groups(&examples) {
        failures.extend(copies.build(&group).await.err());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    for example in &examples {
        // One for each, so that none finds the keys of another.
        let mut server = None;
        if example.needs_redis() {
            server = redis().await;
        }
        let url = server.as_ref().map(|(_, url)| url.as_str());
        if url.is_none() && example.needs_redis() {
            continue;
        }
        let played = play(&copies, example, url.unwrap_or_default()).await;
        failures.extend(played.err().map(|why| format!("{}: {why}", example.name)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));

    // All this would be worthless if a copy found more than the example names. The faulty one is built with its group,
    // whose dependencies are built already.
    let polling = examples.iter().find(|example| example.name == "polling");
    let mut faulty = polling.unwrap().clone();
    faulty.name = "without-a-dependency".to_owned();
    faulty.dependencies.remove("tracing-subscriber").unwrap();
    copies.add(&faulty).unwrap();
    let mut groups = copies.groups(&examples).into_iter();
    let group = groups.find(|group| group.iter().any(|example| example.name == "polling"));
    let errors = copies
        .build(&[group.unwrap(), vec![&faulty]].concat())
        .await;
    let errors = errors.unwrap_err();
    assert!(errors.contains("tracing_subscriber"), "{errors}");
}
