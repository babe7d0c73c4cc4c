//! `cargo xtask words`: whether the texts of the repository are in plain words.
//!
//! It reads docs, comments, log lines, error texts, test names and Markdown of every tracked file
//! that people wrote, and prints
//!
//! 1. each phrase of [`mannerisms.txt`](mannerisms) that is in them, with its places and the better words.
//!    Where a phrase is meant literally, a comment line before it allows it: `words: allow(phrase)`;
//! 2. lines of documentation for each line of code, by folder;
//! 3. how many generated fields are whose doc only repeats their name.

mod mannerisms;
mod passages;
mod ratio;
mod restated;
mod rust;
mod sample;
pub(crate) mod tree;

use std::{fmt::Write as _, path::Path};

use self::{
    mannerisms::{Finding, Mannerism},
    tree::TextFile,
};

/// The arguments of the command.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request<'a> {
    revision: Option<&'a str>,
    /// How many sentences, and the seed.
    sample: Option<(usize, u64)>,
    /// Where a file's path begins like one of these, or anywhere.
    folders: Vec<&'a str>,
}

/// Runs the command, and prints its report. A forbidden phrase is an error.
pub(crate) fn run(root: &Path, arguments: &[&str], print: fn(&str)) -> Result<(), String> {
    let request = parse(arguments)?;
    let mut files = tree::read(root, request.revision)?;
    let folders = &request.folders;
    files.retain(|file| {
        folders.is_empty() || folders.iter().any(|folder| file.path.starts_with(folder))
    });
    if files.is_empty() {
        return Err(format!("no text in {}", folders.join(", ")));
    }
    if let Some((count, seed)) = request.sample {
        print(&page(&sample::choose(&files, count, seed)));
        return Ok(());
    }
    let (report, plain) = report(&files, folders)?;
    print(&report);
    if plain {
        Ok(())
    } else {
        Err("there are phrases to replace".into())
    }
}

fn parse<'a>(arguments: &[&'a str]) -> Result<Request<'a>, String> {
    let mut request = Request::default();
    let mut rest = arguments.iter();
    while let Some(&argument) = rest.next() {
        let mut next = |name: &str| {
            rest.next()
                .copied()
                .ok_or(format!("{argument} needs {name}"))
        };
        let number = |text: &str| text.parse::<u64>().map_err(|e| format!("{text}: {e}"));
        match argument {
            "--at" => request.revision = Some(next("a revision")?),
            "--sample" => {
                let count = number(next("a number of sentences and a seed")?)?;
                let seed = number(next("a number of sentences and a seed")?)?;
                let count = usize::try_from(count).map_err(|e| e.to_string())?;
                request.sample = Some((count, seed));
            }
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            folder => request.folders.push(folder),
        }
    }
    Ok(request)
}

fn page(sentences: &[sample::Sentence]) -> String {
    let lines = sentences
        .iter()
        .map(|s| format!("{}:{}: {}", s.path, s.line, s.text));
    lines.collect::<Vec<_>>().join("\n")
}

/// All that the command counts, and whether there is no forbidden phrase.
fn report(files: &[TextFile], folders: &[&str]) -> Result<(String, bool), String> {
    let list = mannerisms::list()?;
    let (mut findings, mut unused) = (Vec::new(), Vec::new());
    for file in files.iter().filter(|file| !tree::is_generated(&file.text)) {
        let (found, mut marks) = mannerisms::find(&list, file);
        findings.extend(found);
        unused.append(&mut marks);
    }
    let mut out = phrases(&list, &findings);
    // Writing to a string can't fail.
    for mark in &unused {
        let _ = writeln!(out, "{mark}, which isn't there: remove the mark");
    }
    let _ = writeln!(out, "lines of docs for each line of code, tests excluded:");
    for (folder, lines) in ratio::by_folder(files, folders) {
        let (doc, code) = (lines.doc, lines.code);
        let _ = writeln!(
            out,
            "  {folder:<32} {doc:>6} / {code:>6} {:>5.1} %",
            lines.percent()
        );
    }
    let fields = restated::find(files);
    let (restated, all) = (fields.restated.len(), fields.all);
    let _ = writeln!(
        out,
        "generated fields whose doc restates their name: {restated} of {all}"
    );
    let _ = write!(out, "forbidden phrases: {}", findings.len());
    Ok((out, findings.is_empty() && unused.is_empty()))
}

/// Each phrase that was found: how often, the better words, and its places.
fn phrases(list: &[Mannerism], findings: &[Finding]) -> String {
    let mut out = String::new();
    for (number, mannerism) in list.iter().enumerate() {
        let places: Vec<_> = findings
            .iter()
            .filter(|found| found.mannerism == number)
            .collect();
        if places.is_empty() {
            continue;
        }
        let (phrase, better) = (mannerism.phrase, mannerism.better);
        let _ = writeln!(out, "{} × {phrase} → {better}", places.len());
        for Finding {
            path, line, found, ..
        } in places
        {
            let _ = writeln!(out, "  {path}:{line}: {found}");
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn file(text: &str) -> TextFile {
        TextFile {
            path: "src/a.rs".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn arguments_can_be_combined() {
        let request = parse(&["--at", "HEAD", "--sample", "10", "7", "src", "crates"]).unwrap();
        let expected = Request {
            revision: Some("HEAD"),
            sample: Some((10, 7)),
            folders: vec!["src", "crates"],
        };
        assert_eq!(request, expected);
        assert!(parse(&["--sample", "10"]).unwrap_err().contains("a seed"));
        assert!(
            parse(&["--sample", "ten", "7"])
                .unwrap_err()
                .starts_with("ten: ")
        );
        assert_eq!(parse(&["--fix"]).unwrap_err(), "unknown option --fix");
    }

    #[test]
    fn a_phrase_fails_the_check_and_its_place_is_printed() {
        let (report, plain) = report(&[file("/// A call.\n/// Whoever calls.\n")], &[]).unwrap();
        assert!(!plain);
        assert!(report.contains("1 × whoever → "), "{report}");
        assert!(report.contains("\n  src/a.rs:2: whoever\n"), "{report}");
        assert!(report.ends_with("forbidden phrases: 1"), "{report}");
    }

    #[test]
    fn a_mark_that_allows_nothing_fails_the_check() {
        let (report, plain) = report(&[file("// words: allow(whoever)\n")], &[]).unwrap();
        assert!(!plain);
        assert!(report.contains("remove the mark"), "{report}");
    }

    #[test]
    fn plain_words_pass() {
        let (report, plain) = report(&[file("/// A call of a method.\nfn a() {}\n")], &[]).unwrap();
        assert!(plain);
        assert!(report.contains("100.0 %"), "{report}");
    }

    #[test]
    fn a_folder_without_texts_is_an_error() {
        let error = run(&crate::root(), &["no/such/folder"], |_| ()).unwrap_err();
        assert_eq!(error, "no text in no/such/folder");
    }
}
