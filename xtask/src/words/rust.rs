//! Splits Rust source into code, comments, string literals and the names of functions.
//!
//! A parser would drop the comments, so this reads characters. It knows just enough of Rust's tokens
//! to find where a comment or a literal begins and ends.

/// A part of a Rust file that has words in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: PieceKind,
    /// The line on which it begins; the first is 1.
    pub(super) line: usize,
    /// Without the slashes or quotes; a literal still has its escapes.
    pub(super) text: String,
    /// Whether only spaces stand before it on its line.
    pub(super) starts_line: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceKind {
    /// `///` or `//!`
    Doc,
    /// `//` or `/* */`
    Comment,
    Literal,
    FunctionName,
}

/// The pieces of a file, in its order.
pub(super) fn pieces(source: &str) -> Vec<Piece> {
    let mut reader = Reader {
        rest: source,
        line: 1,
        starts_line: true,
        pieces: Vec::new(),
    };
    while !reader.rest.is_empty() {
        reader.step();
    }
    reader.pieces
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    starts_line: bool,
    pieces: Vec<Piece>,
}

impl Reader<'_> {
    /// Reads one token, or one character of the code between them.
    fn step(&mut self) {
        let rest = self.rest;
        if let Some(comment) = rest.strip_prefix("//") {
            let length = comment.find('\n').unwrap_or(comment.len());
            self.line_comment(&comment[..length]);
            self.skip(2 + length);
        } else if rest.starts_with("/*") {
            let length = block_comment(rest);
            let text = rest[2..length].trim_end_matches("*/");
            self.push(PieceKind::Comment, text);
            self.skip(length);
        } else if let Some((text, length)) = string(rest) {
            self.push(PieceKind::Literal, text);
            self.skip(length);
        } else if rest.starts_with('\'') {
            self.skip(character(rest));
        } else {
            let word = word(rest);
            if word == "fn" {
                let after = rest[2..].trim_start();
                let name = self::word(after);
                if !name.is_empty() {
                    self.push(PieceKind::FunctionName, name);
                }
            }
            let next = rest.chars().next().map_or(1, char::len_utf8);
            self.skip(word.len().max(next));
        }
    }

    fn line_comment(&mut self, text: &str) {
        let doc = text.starts_with('!') || (text.starts_with('/') && !text.starts_with("//"));
        if doc {
            self.push(PieceKind::Doc, &text[1..]);
        } else {
            self.push(PieceKind::Comment, text);
        }
    }

    fn push(&mut self, kind: PieceKind, text: &str) {
        let (line, starts_line) = (self.line, self.starts_line);
        self.pieces.push(Piece {
            kind,
            line,
            text: text.to_owned(),
            starts_line,
        });
    }

    fn skip(&mut self, length: usize) {
        let (skipped, rest) = self.rest.split_at(length);
        for c in skipped.chars() {
            if c == '\n' {
                self.line += 1;
                self.starts_line = true;
            } else if !c.is_whitespace() {
                self.starts_line = false;
            }
        }
        self.rest = rest;
    }
}

/// The identifier or number at the beginning, if there is one.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// The length of the block comment at the beginning. Comments can be nested.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The string literal at the beginning, raw ones and those of bytes included: its text, and its length
/// with the quotes.
fn string(text: &str) -> Option<(&str, usize)> {
    let prefix = [
        "\"", "b\"", "c\"", "r\"", "br\"", "cr\"", "r#", "br#", "cr#",
    ];
    let prefix = prefix.iter().find(|prefix| text.starts_with(**prefix))?;
    let letters = prefix.trim_end_matches(['"', '#']).len();
    let hashes = text[letters..].len() - text[letters..].trim_start_matches('#').len();
    let open = letters + hashes + 1;
    if !text[letters + hashes..].starts_with('"') {
        // A raw identifier.
        return None;
    }
    let body = &text[open..];
    if prefix.contains('r') {
        let close = format!("\"{}", "#".repeat(hashes));
        let end = body.find(&close)?;
        return Some((&body[..end], open + end + close.len()));
    }
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((&body[..at], open + at + 1)),
            _ => {}
        }
    }
    None
}

/// The length of a character literal, or of the quote that begins a lifetime.
fn character(text: &str) -> usize {
    let body = &text[1..];
    let mut chars = body.char_indices();
    match chars.next() {
        Some((_, '\\')) => {
            chars.next();
            body[2..].find('\'').map_or(1, |end| end + 4)
        }
        Some((_, c)) if body[c.len_utf8()..].starts_with('\'') => c.len_utf8() + 2,
        _ => 1,
    }
}

/// The lines, counted from 1, that belong to a file's own tests.
pub(super) fn test_lines(source: &str) -> Vec<bool> {
    let lines: Vec<&str> = source.lines().collect();
    let mut test = vec![false; lines.len() + 2];
    let mut at = 0;
    while at < lines.len() {
        let start = at;
        at += 1;
        if !lines[start].starts_with("#[cfg(") || !lines[start].contains("test") {
            continue;
        }
        let attributes = lines[at..]
            .iter()
            .take_while(|line| line.starts_with("#["))
            .count();
        let opens = lines
            .get(at + attributes)
            .is_some_and(|line| line.ends_with('{'));
        if opens {
            // Formatted code has the closing brace of an outer item in the first column.
            let length = lines[at..].iter().position(|line| *line == "}");
            at = length.map_or(lines.len(), |length| at + length + 1);
            test[start + 1..=at].fill(true);
        }
    }
    test
}

#[cfg(test)]
mod tests {
    use super::{PieceKind::*, *};

    fn found(source: &str) -> Vec<(PieceKind, usize, String)> {
        let pieces = pieces(source);
        pieces
            .into_iter()
            .map(|p| (p.kind, p.line, p.text))
            .collect()
    }

    #[test]
    fn comments_docs_strings_and_names_are_distinguished() {
        let source = "//! A doc.\nfn a_name() {\n    // Why.\n    log(\"a // b\"); // after\n}\n";
        let text = |s: &str| s.to_owned();
        assert_eq!(
            found(source),
            [
                (Doc, 1, text(" A doc.")),
                (FunctionName, 2, text("a_name")),
                (Comment, 3, text(" Why.")),
                (Literal, 4, text("a // b")),
                (Comment, 4, text(" after")),
            ]
        );
    }

    #[test]
    fn quotes_inside_literals_end_nothing() {
        let source =
            r##"let a = ['"', '\'', 'b', '\u{1F}']; f::<'x>(r#"one "two" three"#, "\"four\"");"##;
        let texts: Vec<_> = found(source).into_iter().map(|(_, _, text)| text).collect();
        assert_eq!(texts, ["one \"two\" three", "\\\"four\\\""]);
    }

    #[test]
    fn four_slashes_are_a_comment_and_no_doc() {
        assert_eq!(found("//// Rule")[0].0, Comment);
        assert_eq!(found("/// Doc")[0].0, Doc);
    }

    #[test]
    fn block_comments_can_be_nested() {
        let source = "/* one /* two */ three */ \"four\"";
        let texts: Vec<_> = found(source).into_iter().map(|(_, _, text)| text).collect();
        assert_eq!(texts, [" one /* two */ three ", "four"]);
    }

    #[test]
    fn the_tests_of_a_file_end_at_their_brace() {
        let source =
            "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let lines = test_lines(source);
        assert_eq!(&lines[1..=7], [false, true, true, true, true, true, false]);
        let apart = test_lines("#[cfg(test)]\nmod tests;\nfn a() {\n}\n");
        assert!(apart.iter().all(|test| !test));
    }
}
