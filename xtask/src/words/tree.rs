//! The texts that people wrote: tracked files of the working tree, or of another revision.

use std::{
    fs,
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    thread,
};

/// A tracked file by its path from the root of the repository, with `/` between folders.
#[derive(Debug)]
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    /// `rs` of `lib.rs`, or an empty string.
    pub(crate) fn extension(&self) -> &str {
        self.path
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension)
    }
}

/// Written by a program, data that a test reads, or the list of the words themselves.
const EXEMPT: &[&str] = &[
    "benches/compare/results/README.md",
    "xtask/src/words/mannerisms.txt",
    "testbots/conversation.txt",
    "crates/tower-telegram-test/src/schema/schema.txt",
];

/// The files with text in them, in the order of their paths: of the working tree, or at a revision.
pub(crate) fn read(root: &Path, revision: Option<&str>) -> Result<Vec<TextFile>, String> {
    let listed = match revision {
        Some(revision) => git(root, &["ls-tree", "-r", "-z", "--name-only", revision])?,
        None => git(root, &["ls-files", "-z"])?,
    };
    let mut paths: Vec<String> = listed
        .split('\0')
        .filter(|path| has_text(path))
        .map(str::to_owned)
        .collect();
    paths.sort_unstable();
    match revision {
        Some(revision) => at_revision(root, revision, paths),
        None => working_tree(root, paths),
    }
}

/// Whether a file is read at all, by its path.
fn has_text(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let known = match name.rsplit_once('.') {
        Some((_, extension)) => {
            matches!(
                extension,
                "rs" | "md" | "toml" | "py" | "sh" | "lua" | "js" | "yml"
            )
        }
        None => path.starts_with(".ci/"),
    };
    known && !EXEMPT.contains(&path)
}

/// Whether a program wrote the file according to its first line.
pub(crate) fn is_generated(text: &str) -> bool {
    text.lines()
        .next()
        .is_some_and(|line| line.contains("@generated"))
}

/// A file that is tracked but deleted is left out.
fn working_tree(root: &Path, paths: Vec<String>) -> Result<Vec<TextFile>, String> {
    let mut files = Vec::new();
    for path in paths {
        let place = root.join(&path);
        if place.is_file() {
            let text = fs::read_to_string(&place).map_err(|e| format!("{path}: {e}"))?;
            files.push(TextFile { path, text });
        }
    }
    Ok(files)
}

/// All of them by one process, as `git show` for each would take a minute.
fn at_revision(root: &Path, revision: &str, paths: Vec<String>) -> Result<Vec<TextFile>, String> {
    let failed = |error| format!("git cat-file: {error}");
    let mut process = Command::new("git")
        .args(["cat-file", "--batch"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (Some(mut input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
        return Err("git cat-file has no pipes".into());
    };
    let mut names = String::new();
    for path in &paths {
        names.extend([revision, ":", path, "\n"]);
    }
    // On a thread, so that neither process waits for the other to read.
    let writer = thread::spawn(move || input.write_all(names.as_bytes()));
    let mut output = BufReader::new(output);
    let mut files = Vec::new();
    for path in paths {
        let text = next_object(&mut output).map_err(|e| format!("{revision}:{path}: {e}"))?;
        files.push(TextFile { path, text });
    }
    writer
        .join()
        .map_err(|_| "git cat-file".to_owned())?
        .map_err(failed)?;
    process.wait().map_err(failed)?;
    Ok(files)
}

/// `<hash> blob <size>`, a line break, the bytes, and another line break.
fn next_object(output: &mut impl BufRead) -> Result<String, String> {
    let mut header = String::new();
    output.read_line(&mut header).map_err(|e| e.to_string())?;
    let size = header
        .trim_end()
        .rsplit(' ')
        .next()
        .and_then(|size| size.parse().ok());
    let Some(size) = size else {
        return Err(header.trim_end().to_owned());
    };
    let mut bytes = vec![0; size];
    output.read_exact(&mut bytes).map_err(|e| e.to_string())?;
    output.read_exact(&mut [0]).map_err(|e| e.to_string())?;
    String::from_utf8(bytes).map_err(|e| e.to_string())
}

fn git(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output();
    let output = output.map_err(|e| format!("git: {e}"))?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(|e| e.to_string())
    } else {
        Err(String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_data_are_not_prose() {
        assert!(has_text("src/lib.rs"));
        assert!(has_text(".ci/run"));
        assert!(!has_text("Cargo.lock"));
        assert!(!has_text("LICENSE"));
        assert!(!has_text("xtask/src/words/mannerisms.txt"));
    }

    #[test]
    fn generated_files_say_so_first() {
        assert!(is_generated("// @generated by a program\n\nstruct A;"));
        assert!(!is_generated(
            "//! Finds `@generated` files.\n"
                .replace("`@generated` ", "")
                .as_str()
        ));
    }

    #[test]
    fn a_revision_has_the_files_that_it_had() {
        let files = read(&crate::root(), Some("HEAD")).unwrap();
        let readme = files.iter().find(|file| file.path == "README.md").unwrap();
        assert!(readme.text.starts_with("# tower-telegram"));
    }

    #[test]
    fn an_unknown_revision_is_an_error() {
        let error = read(&crate::root(), Some("no-such-revision")).unwrap_err();
        assert!(error.contains("no-such-revision"), "{error}");
    }
}
