//! Copies of the examples, each in a folder of its own.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use crate::example::{Example, PublishedCrates};

/// The folder of the copies and their builds. Cargo makes it for these tests.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");

/// Longer than any example takes to play its conversation.
const STEP_TIMEOUT: Duration = Duration::from_secs(120);

/// A workspace of the copies and nothing else, so that they share the versions and the builds of other crates.
pub(crate) struct Copies {
    published: PublishedCrates,
    folder: PathBuf,
}

impl Copies {
    /// Makes the folder of this name anew, with the versions that the repository has of other crates.
    pub(crate) fn make(root: &Path, published: PublishedCrates, name: &str) -> io::Result<Self> {
        let folder = Path::new(FOLDER).join(name);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&folder)?,
        }
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        let workspace = "[workspace]\nmembers = [\"*\"]\nresolver = \"3\"\n";
        fs::write(folder.join("Cargo.toml"), workspace)?;
        Ok(Self { published, folder })
    }

    /// A copy: the example's file, and a `Cargo.toml` with the dependencies that it names.
    pub(crate) fn add(&self, example: &Example) -> Result<(), String> {
        let manifest = example.manifest(&self.published)?;
        let folder = self.folder.join(example.package());
        let copy = || {
            fs::create_dir(&folder)?;
            fs::copy(&example.file, folder.join("main.rs"))?;
            fs::write(folder.join("Cargo.toml"), manifest)
        };
        copy().map_err(|error| format!("{}: {error}", folder.display()))
    }

    /// The examples by the features of the published crates that they name. Each group is built by itself: Cargo joins
    /// the features of all that it builds at once, and would hide that one isn't named.
    pub(crate) fn groups<'a>(&self, examples: &'a [Example]) -> Vec<Vec<&'a Example>> {
        let mut groups = BTreeMap::<String, Vec<&Example>>::new();
        for example in examples {
            let key = example.features_of(&self.published);
            groups.entry(key).or_default().push(example);
        }
        groups.into_values().collect()
    }

    /// Builds some of the copies, without a network.
    pub(crate) async fn build(&self, examples: &[&Example]) -> Result<(), String> {
        let mut cargo = Command::new(env!("CARGO"));
        // Build scripts would run again for each change of these.
        for (name, _) in env::vars() {
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(name);
            }
        }
        cargo
            .args([
                "build",
                "--quiet",
                "--offline",
                "--keep-going",
                "--target-dir",
            ])
            .arg(target())
            .args(examples.iter().flat_map(|e| ["-p".to_owned(), e.package()]))
            .current_dir(&self.folder)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_INCREMENTAL", "0");
        let output = cargo.output().await.map_err(|error| error.to_string())?;
        success(&output).map(drop)
    }

    /// The program of a copy that was built.
    pub(crate) fn program(example: &Example) -> PathBuf {
        target().join("debug").join(example.package())
    }

    /// Runs a copy without a token, until it has played its conversation. Returns its standard output.
    pub(crate) async fn run(&self, example: &Example, redis: &str) -> Result<String, String> {
        let mut program = Command::new(Self::program(example));
        for (name, _) in env::vars() {
            if ["TELEGRAM_", "WEBHOOK_"]
                .iter()
                .any(|p| name.starts_with(p))
            {
                program.env_remove(name);
            }
        }
        program
            .current_dir(self.folder.join(example.package()))
            .env("REDIS_URL", redis)
            // Whatever port is free, where an example has one by default.
            .env("ADMIN_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = timeout(STEP_TIMEOUT, program.output()).await;
        let output = output.map_err(|_| format!("it didn't end in {STEP_TIMEOUT:?}"))?;
        success(&output.map_err(|error| error.to_string())?)
    }
}

/// One for all copies, beside their folders, which are made anew.
fn target() -> PathBuf {
    Path::new(FOLDER).join("copied-examples.target")
}

/// The standard output of a program that succeeded, and both outputs of one that failed.
fn success(output: &Output) -> Result<String, String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}\n{text}{errors}", output.status))
}
