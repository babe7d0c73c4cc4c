//! The passages of a file: paragraphs, list items, table rows, log lines and names, as words.

use super::{
    rust::{self, Piece, PieceKind},
    tree::TextFile,
};

/// Running text, without the code in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) kind: PassageKind,
    /// Each line by its number in the file.
    pub(super) lines: Vec<(usize, String)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum PassageKind {
    /// Documentation that is published, and Markdown.
    #[default]
    Doc,
    /// A heading, of a table too, or a picture: no sentences.
    Fragment,
    Comment,
    /// A string in the code: a log line, an error, a panic.
    Literal,
    /// A function's name.
    Name,
}

/// All passages of a file.
pub(super) fn of(file: &TextFile) -> Vec<Passage> {
    match file.extension() {
        "rs" => of_rust(&file.text, is_test(&file.path)),
        "md" if file.path == "CHANGELOG.md" => of_markdown(numbered(unreleased(&file.text), 1)),
        "md" => of_markdown(numbered(&file.text, 1)),
        "lua" => of_script(&file.text, "--"),
        "js" => of_script(&file.text, "//"),
        _ => of_script(&file.text, "#"),
    }
}

/// Whether a Rust file has tests and nothing else.
pub(super) fn is_test(path: &str) -> bool {
    let folders = path.split('/');
    folders.clone().any(|folder| folder == "tests") || path.ends_with("/tests.rs")
}

/// The lines with their numbers; an empty text is one empty line.
fn numbered(text: &str, first: usize) -> Vec<(usize, String)> {
    let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    let lines = lines.enumerate();
    lines
        .map(|(at, line)| (first + at, line.to_owned()))
        .collect()
}

/// A changelog as far as the first release: the text of a release doesn't change.
fn unreleased(changelog: &str) -> &str {
    let Some(start) = changelog.find("# Unreleased") else {
        return changelog;
    };
    // Of the same level.
    let line = changelog[..start].rfind('\n').map_or(0, |at| at + 1);
    let heading = format!("\n{}# ", &changelog[line..start]);
    let end = changelog[start..].find(&heading);
    end.map_or(changelog, |end| &changelog[..start + end])
}

fn of_rust(source: &str, all_tests: bool) -> Vec<Passage> {
    let tests = rust::test_lines(source);
    let mut passages = Vec::new();
    let mut block: Vec<Piece> = Vec::new();
    for piece in rust::pieces(source) {
        if let Some(last) = block.last() {
            let goes_on = piece.starts_line
                && last.starts_line
                && (piece.kind, piece.line) == (last.kind, last.line + 1);
            if !goes_on {
                passages.append(&mut of_comment(&block));
                block.clear();
            }
        }
        let of_test = all_tests || tests.get(piece.line) == Some(&true);
        match piece.kind {
            PieceKind::Doc | PieceKind::Comment => block.push(piece),
            PieceKind::Literal if of_test => {}
            PieceKind::Literal => passages.extend(of_literal(&piece)),
            PieceKind::FunctionName => passages.push(of_name(&piece)),
        }
    }
    passages.append(&mut of_comment(&block));
    passages
}

/// The passages of comment lines that follow each other.
fn of_comment(block: &[Piece]) -> Vec<Passage> {
    let doc = block
        .first()
        .is_some_and(|piece| piece.kind == PieceKind::Doc);
    let lines = block
        .iter()
        .flat_map(|piece| numbered(&piece.text, piece.line));
    let mut passages = of_markdown(lines.collect());
    for passage in &mut passages {
        if !doc && passage.kind == PassageKind::Doc {
            passage.kind = PassageKind::Comment;
        }
    }
    passages
}

/// A string in the code, if it has a few words: not a key, a path or a format.
fn of_literal(piece: &Piece) -> Option<Passage> {
    let text = piece.text.replace("\\\"", "\"").replace("\\n", " ");
    let words = text.split_whitespace();
    let words = words.filter(|word| {
        word.chars()
            .all(|c| c.is_alphabetic() || ".,;:'’".contains(c))
    });
    (words.count() > 2).then(|| {
        let text = text.trim_end_matches('\\').replace("\\\n", "\n");
        Passage {
            kind: PassageKind::Literal,
            lines: numbered(&without_placeholders(&text), piece.line),
        }
    })
}

/// `{name:?}` of a format string becomes a piece of code.
fn without_placeholders(text: &str) -> String {
    let mut out = String::new();
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '{' if depth == 0 => {
                depth = 1;
                out.push_str("`x");
            }
            '{' => depth += 1,
            '}' if depth == 1 => {
                depth = 0;
                out.push('`');
            }
            '}' => depth = depth.saturating_sub(1),
            '\n' => out.push(c),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

fn of_name(piece: &Piece) -> Passage {
    let text = piece.text.replace('_', " ");
    Passage {
        kind: PassageKind::Name,
        lines: vec![(piece.line, text)],
    }
}

/// Comments on lines of their own.
fn of_script(text: &str, mark: &str) -> Vec<Passage> {
    let mut passages = Vec::new();
    let mut block: Vec<(usize, String)> = Vec::new();
    for (number, line) in numbered(text, 1) {
        match line.trim_start().strip_prefix(mark) {
            Some(comment) if !comment.starts_with('!') => block.push((number, comment.to_owned())),
            _ => passages.append(&mut of_markdown(std::mem::take(&mut block))),
        }
    }
    passages.append(&mut of_markdown(block));
    for passage in &mut passages {
        passage.kind = PassageKind::Comment;
    }
    passages
}

/// Paragraphs, list items, table rows and headings; the code between fences as what it is.
fn of_markdown(lines: Vec<(usize, String)>) -> Vec<Passage> {
    let mut passages = Vec::new();
    let mut open = Passage::default();
    let mut fence: Option<(String, Vec<(usize, String)>)> = None;
    let mut lines = lines.into_iter().peekable();
    while let Some((number, line)) = lines.next() {
        let text = line.trim();
        if let Some((language, code)) = &mut fence {
            if text.starts_with("```") {
                passages.append(&mut of_fence(language, code));
                fence = None;
            } else {
                code.push((number, line));
            }
            continue;
        }
        let part = line_part(text);
        if part != LinePart::Goes {
            passages.push(std::mem::take(&mut open));
        }
        match part {
            LinePart::Fence => fence = Some((text[3..].trim().to_owned(), Vec::new())),
            LinePart::Blank => {}
            LinePart::Heading => passages.push(Passage {
                kind: PassageKind::Fragment,
                lines: vec![(number, text.trim_start_matches('#').to_owned())],
            }),
            LinePart::Row => {
                let rule = lines
                    .peek()
                    .is_some_and(|(_, next)| next.trim().starts_with("|--"));
                let kind = if rule {
                    PassageKind::Fragment
                } else {
                    PassageKind::Doc
                };
                for cell in text.split('|') {
                    let lines = vec![(number, cell.to_owned())];
                    passages.push(Passage { kind, lines });
                }
            }
            LinePart::Item(marker) => open.lines.push((number, text[marker..].to_owned())),
            LinePart::Goes => open.lines.push((number, text.to_owned())),
        }
    }
    passages.push(open);
    passages.retain(|passage| !passage.lines.is_empty());
    passages
}

#[derive(Debug, PartialEq, Eq)]
enum LinePart {
    Fence,
    Blank,
    Heading,
    Row,
    /// With the length of its marker.
    Item(usize),
    /// A line that goes on with its paragraph, or begins one.
    Goes,
}

fn line_part(text: &str) -> LinePart {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if text.starts_with("```") {
        LinePart::Fence
    } else if text.is_empty() {
        LinePart::Blank
    } else if text.starts_with("# ") || text.starts_with("##") {
        LinePart::Heading
    } else if text.starts_with('|') {
        LinePart::Row
    } else if ["- ", "* ", "+ "]
        .iter()
        .any(|marker| text.starts_with(marker))
    {
        LinePart::Item(2)
    } else if digits > 0 && text[digits..].starts_with(". ") {
        LinePart::Item(digits + 2)
    } else {
        LinePart::Goes
    }
}

/// The comments of an example, or the words of a picture.
fn of_fence(language: &str, code: &[(usize, String)]) -> Vec<Passage> {
    let is_rust = language.split(',').all(|word| {
        matches!(
            word,
            "" | "rust" | "no_run" | "ignore" | "should_panic" | "compile_fail"
        )
    });
    if language == "text" {
        let fragment = |line: &(usize, String)| Passage {
            kind: PassageKind::Fragment,
            lines: vec![line.clone()],
        };
        return code.iter().map(fragment).collect();
    }
    let (Some((first, _)), true) = (code.first(), is_rust) else {
        return Vec::new();
    };
    let source: Vec<&str> = code.iter().map(|(_, line)| line.as_str()).collect();
    let mut passages = of_rust(&source.join("\n"), true);
    for line in passages.iter_mut().flat_map(|passage| &mut passage.lines) {
        line.0 += first - 1;
    }
    passages.retain(|passage| passage.kind == PassageKind::Comment);
    passages
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{PassageKind::*, *};

    fn found(path: &str, text: &str) -> Vec<(PassageKind, usize, String)> {
        let file = TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let passages = of(&file).into_iter();
        passages
            .map(|passage| {
                let text: Vec<_> = passage.lines.iter().map(|(_, line)| line.trim()).collect();
                (passage.kind, passage.lines[0].0, text.join(" "))
            })
            .collect()
    }

    fn text(s: &str) -> String {
        s.to_owned()
    }

    #[test]
    fn a_doc_comment_is_read_as_markdown() {
        let source = "/// One\n/// line.\n///\n/// - item\n/// - more\n///   of it\n/// # Errors\nfn short() {}\n";
        assert_eq!(
            found("src/a.rs", source),
            [
                (Doc, 1, text("One line.")),
                (Doc, 4, text("item")),
                (Doc, 5, text("more of it")),
                (Fragment, 7, text("Errors")),
                (Name, 8, text("short")),
            ]
        );
    }

    #[test]
    fn an_empty_line_ends_a_paragraph_and_counts() {
        let source = "/// One\n///\n/// two.\n/// ```\n/// f();\n///\n/// // Three.\n/// ```\n";
        assert_eq!(
            found("src/a.rs", source),
            [
                (Doc, 1, text("One")),
                (Doc, 3, text("two.")),
                (Comment, 7, text("Three."))
            ]
        );
    }

    #[test]
    fn examples_are_read_for_their_comments() {
        let source = "/// ```\n/// let a = \"a b c d\"; // Why.\n/// ```\n";
        assert_eq!(found("src/a.rs", source), [(Comment, 2, text("Why."))]);
    }

    #[test]
    fn literals_count_outside_tests_and_where_they_have_words() {
        let source = "f(\"the handler of {id} failed\");\nf(\"chat_id\");\n#[cfg(test)]\nmod tests {\n    f(\"some data in a test\");\n}\n";
        assert_eq!(
            found("src/a.rs", source),
            [(Literal, 1, text("the handler of `x` failed"))]
        );
        assert_eq!(found("tests/a.rs", source), []);
    }

    #[test]
    fn tables_are_read_by_their_cells() {
        let cells = found("a.md", "| head |\n|---|\n| one | two |\n");
        assert!(cells.contains(&(Fragment, 1, text("head"))));
        assert!(cells.contains(&(Doc, 3, text("one"))) && cells.contains(&(Doc, 3, text("two"))));
    }

    #[test]
    fn past_releases_are_left_as_they_are() {
        let log = "# Log\n\n## Unreleased\n\nNew.\n\n## 0.1.0\n\nOld.\n";
        let texts: Vec<_> = found("CHANGELOG.md", log)
            .into_iter()
            .map(|(_, _, t)| t)
            .collect();
        assert_eq!(texts, ["Log", "Unreleased", "New."]);
        assert_eq!(
            unreleased("# Log\n# Unreleased\nNew.\n# 0.1.0\n"),
            "# Log\n# Unreleased\nNew."
        );
    }

    #[test]
    fn scripts_are_read_for_their_comments() {
        let script = "#!/bin/sh\n# One\n# two.\necho three # four\n";
        assert_eq!(found("a.sh", script), [(Comment, 2, text("One two."))]);
        assert_eq!(
            found("a.lua", "-- One\nlocal a\n"),
            [(Comment, 1, text("One"))]
        );
    }
}
