//! Forbidden phrases, each with the better words, and where a text has them.

use std::collections::BTreeMap;

use super::{
    passages::{self, Passage, PassageKind},
    tree::TextFile,
};

/// One a line: the phrase, `->`, the better words.
const LIST: &str = include_str!("mannerisms.txt");

/// A phrase that isn't to be used.
#[derive(Debug)]
pub(super) struct Mannerism {
    /// As it is written in the list.
    pub(super) phrase: &'static str,
    pub(super) better: &'static str,
    /// The alternatives for each word.
    words: Vec<Vec<&'static str>>,
}

/// A place where a text has such a phrase.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The number of the phrase in the list.
    pub(super) mannerism: usize,
    pub(super) path: String,
    pub(super) line: usize,
    /// The words of the text, in lower case.
    pub(super) found: String,
}

/// The list, or its first line that can't be read.
pub(super) fn list() -> Result<Vec<Mannerism>, String> {
    let lines = LIST
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(parse).collect()
}

fn parse(line: &'static str) -> Result<Mannerism, String> {
    let parts = line.split_once(" -> ");
    let (phrase, better) = parts.ok_or_else(|| format!("mannerisms.txt: no ` -> ` in {line:?}"))?;
    let words = phrase
        .split_whitespace()
        .map(|word| word.split('|').collect());
    Ok(Mannerism {
        phrase,
        better,
        words: words.collect(),
    })
}

/// All places in a file, and the marks in it that allow a phrase which isn't there.
pub(super) fn find(list: &[Mannerism], file: &TextFile) -> (Vec<Finding>, Vec<String>) {
    let mut marks = marks(&file.text);
    let mut findings = Vec::new();
    for passage in passages::of(file) {
        let tokens = tokens(&passage);
        for (mannerism, line, found) in matches(list, &tokens) {
            let mark = marks.iter_mut().find(|mark| mark.covers(line, &found));
            match mark {
                Some(mark) => mark.used = true,
                None => findings.push(Finding {
                    mannerism,
                    path: file.path.clone(),
                    line,
                    found,
                }),
            }
        }
    }
    let unused = marks.into_iter().filter(|mark| !mark.used);
    let unused =
        unused.map(|mark| format!("{}:{}: allows {:?}", file.path, mark.line, mark.phrase));
    (findings, unused.collect())
}

/// `words: allow(phrase)` in a comment line of its own: for the next line.
#[derive(Debug)]
struct AllowMark {
    line: usize,
    phrase: String,
    used: bool,
}

const ALLOW: &str = "words: allow(";

impl AllowMark {
    fn covers(&self, line: usize, found: &str) -> bool {
        line == self.line + 1 && found == self.phrase
    }
}

fn marks(text: &str) -> Vec<AllowMark> {
    let mut marks = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mark = line.split_once(ALLOW).and_then(|(before, rest)| {
            let comment = ["//", "<!--", "#", "--"].contains(&before.trim());
            comment.then(|| rest.split_once(')'))?
        });
        if let Some((phrase, _)) = mark {
            marks.push(AllowMark {
                line: at + 1,
                phrase: phrase.to_lowercase(),
                used: false,
            });
        }
    }
    marks
}

/// A word in lower case or a sign, with its line. `^` begins a sentence; `` ` `` is a piece of code.
type Token = (String, usize);

/// The first phrase of the list at each place; a word belongs to one phrase only.
fn matches(list: &[Mannerism], tokens: &[Token]) -> Vec<(usize, usize, String)> {
    let mut found: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    let mut taken = vec![false; tokens.len()];
    for (number, mannerism) in list.iter().enumerate() {
        let length = mannerism.words.len();
        for (at, window) in tokens.windows(length).enumerate() {
            let fits = mannerism.words.iter().zip(window);
            let fits = fits
                .clone()
                .all(|(words, (word, _))| words.contains(&word.as_str()));
            if fits && !taken[at..at + length].contains(&true) {
                taken[at..at + length].fill(true);
                found.insert(at, (number, length));
            }
        }
    }
    let found = found.into_iter();
    found
        .map(|(at, (number, length))| {
            let window = &tokens[at..at + length];
            let words = window.iter().map(|(word, _)| word.as_str());
            let words: Vec<_> = words
                .filter(|word| word.chars().any(char::is_alphabetic))
                .collect();
            let first = window.iter().find(|(word, _)| word != "^");
            (
                number,
                first.map_or(window[0].1, |(_, line)| *line),
                words.join(" "),
            )
        })
        .collect()
}

fn tokens(passage: &Passage) -> Vec<Token> {
    let mut tokens = Vec::new();
    let sentences = !matches!(passage.kind, PassageKind::Fragment | PassageKind::Name);
    let first = passage.lines.first().map_or(0, |(line, _)| *line);
    if sentences {
        tokens.push(("^".to_owned(), first));
    }
    for (text, line) in without_code(passage) {
        let mut rest = text.as_str();
        while let Some(c) = rest.chars().next() {
            let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            if length > 0 {
                let word = rest[..length].trim_matches(['\'', '-', '’']);
                tokens.push((word.to_lowercase().replace('’', "'"), line));
                rest = &rest[length..];
                continue;
            }
            rest = &rest[c.len_utf8()..];
            if ".,;:?!`".contains(c) {
                tokens.push((c.to_string(), line));
            }
            let ends = ".?!".contains(c) && rest.chars().next().is_none_or(char::is_whitespace);
            if ends && sentences {
                tokens.push(("^".to_owned(), line));
            }
        }
    }
    tokens.retain(|(word, _)| !word.is_empty());
    unmark_questions(&mut tokens);
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "'’-_".contains(c)
}

/// A question may begin with "what" or "who".
fn unmark_questions(tokens: &mut [Token]) {
    let mut start = 0;
    for at in 0..tokens.len() {
        match tokens[at].0.as_str() {
            "^" => start = at,
            "?" if tokens[start].0 == "^" => "question".clone_into(&mut tokens[start].0),
            _ => {}
        }
    }
}

/// The lines with each piece of code as one `` ` ``, and without the addresses of links.
fn without_code(passage: &Passage) -> Vec<(String, usize)> {
    let (mut code, mut address) = (false, false);
    let mut lines = Vec::new();
    for (line, text) in &passage.lines {
        if text.contains(ALLOW) {
            continue;
        }
        let mut out = String::new();
        let mut before = ' ';
        for c in text.chars() {
            match c {
                ')' | '\n' if address => address = false,
                _ if address => {}
                '`' => {
                    code = !code;
                    if code {
                        out.push('`');
                    }
                }
                _ if code => {}
                '(' if before == ']' => address = true,
                _ => out.push(c),
            }
            before = c;
        }
        lines.push((out, *line));
    }
    lines
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let file = TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let (findings, unused) = find(&list().unwrap(), &file);
        assert!(unused.is_empty(), "{unused:?}");
        findings
            .into_iter()
            .map(|finding| (finding.line, finding.found))
            .collect()
    }

    /// Each phrase of the list, in a sentence of its own.
    #[test]
    fn each_phrase_of_the_list_is_found() {
        for mannerism in list().unwrap() {
            let words: Vec<_> = mannerism.words.iter().map(|words| words[0]).collect();
            let start = if words[0] == "^" { "" } else { "It " };
            let text = format!("{start}{} so.\n", words.join(" ").trim_start_matches("^ "));
            assert!(
                !found("a.md", &text).is_empty(),
                "{text:?} of {:?}",
                mannerism.phrase
            );
        }
    }

    #[test]
    fn phrases_are_found_across_lines_and_by_whole_words() {
        let text = "/// A retry is given\n/// up when it ends.\n// Busybodynobody isn't a word.\n";
        assert_eq!(found("src/a.rs", text), [(1, "given up".to_owned())]);
    }

    #[test]
    fn log_lines_and_names_are_read_too() {
        let text = "fn nobody_asks_for_it() { log(\"an update is given up\"); }";
        let words: Vec<_> = found("src/a.rs", text)
            .into_iter()
            .map(|(_, f)| f)
            .collect();
        assert_eq!(words, ["nobody", "given up"]);
    }

    #[test]
    fn code_links_and_questions_are_left_alone() {
        assert_eq!(
            found(
                "a.md",
                "A call of `whoever` and [it](nobody/for good). What is it?\n"
            ),
            []
        );
        assert_eq!(found("a.md", "## What it is\n"), []);
        assert_eq!(found("a.md", "What it is.\n"), [(1, "what".to_owned())]);
    }

    #[test]
    fn a_mark_allows_one_phrase_on_the_next_line() {
        let allowed = "// words: allow(nobody)\n// The pen name is Nobody.\n";
        assert_eq!(found("src/a.rs", allowed), []);
        let later = format!("{allowed}// Nobody again.\n");
        assert_eq!(found("src/a.rs", &later), [(3, "nobody".to_owned())]);
    }

    #[test]
    fn a_mark_that_allows_nothing_is_reported() {
        let text = "// words: allow(whoever)\n// The caller.\n".to_owned();
        let file = TextFile {
            path: "src/a.rs".to_owned(),
            text,
        };
        let (_, unused) = find(&list().unwrap(), &file);
        assert_eq!(unused, ["src/a.rs:1: allows \"whoever\""]);
    }
}
