//! Escaping of text for HTML and MarkdownV2.

use std::borrow::Cow;

/// For text and attributes of HTML: `&`, `<`, `>` and `"` become entities.
///
/// An attribute has to stand in double quotes; the single quote isn't escaped.
///
/// ```
/// use tower_telegram::text::escape_html;
///
/// assert_eq!(escape_html("1 < 2"), "1 &lt; 2");
/// ```
pub fn escape_html(text: &str) -> Cow<'_, str> {
    escape(text, &['&', '<', '>', '"'], |escaped, special| {
        escaped.push_str(match special {
            "&" => "&amp;",
            "<" => "&lt;",
            ">" => "&gt;",
            _ => "&quot;",
        });
    })
}

/// For text of MarkdownV2, outside code: a backslash before each character that may be markup.
///
/// ```
/// use tower_telegram::text::escape_markdown_v2;
///
/// assert_eq!(escape_markdown_v2("1.5 (or so)"), r"1\.5 \(or so\)");
/// ```
pub fn escape_markdown_v2(text: &str) -> Cow<'_, str> {
    const SPECIAL: [char; 19] = [
        '_', '*', '[', ']', '(', ')', '~', '`', '>', '#', '+', '-', '=', '|', '{', '}', '.', '!',
        '\\',
    ];
    escape(text, &SPECIAL, backslash)
}

/// For what stands inside code or a code block of MarkdownV2: a backslash before `` ` `` and `\`.
///
/// ```
/// use tower_telegram::text::escape_markdown_v2_code;
///
/// assert_eq!(escape_markdown_v2_code("a_b `c`"), r"a_b \`c\`");
/// ```
pub fn escape_markdown_v2_code(text: &str) -> Cow<'_, str> {
    escape(text, &['`', '\\'], backslash)
}

/// For the address of a MarkdownV2 link or custom emoji, inside its `(…)`: a backslash before `)`
/// and `\`.
///
/// ```
/// use tower_telegram::text::escape_markdown_v2_link;
///
/// assert_eq!(escape_markdown_v2_link("https://example.org/(a)"), r"https://example.org/(a\)");
/// ```
pub fn escape_markdown_v2_link(url: &str) -> Cow<'_, str> {
    escape(url, &[')', '\\'], backslash)
}

fn backslash(escaped: &mut String, special: &str) {
    escaped.push('\\');
    escaped.push_str(special);
}

fn escape<'a>(text: &'a str, special: &[char], write: impl Fn(&mut String, &str)) -> Cow<'a, str> {
    let mut escaped = String::new();
    let mut done = 0;
    for (at, found) in text.match_indices(special) {
        escaped.push_str(&text[done..at]);
        write(&mut escaped, found);
        done = at + found.len();
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    escaped.push_str(&text[done..]);
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Escape = fn(&str) -> Cow<'_, str>;

    const MARKDOWN: [(Escape, &str); 3] = [
        (escape_markdown_v2, r"_*[]()~`>#+-=|{}.!\"),
        (escape_markdown_v2_code, r"`\"),
        (escape_markdown_v2_link, r")\"),
    ];

    #[test]
    fn html_is_escaped_and_comes_back_as_it_was() {
        for (text, escaped) in [
            ("<b>", "&lt;b&gt;"),
            ("a & b", "a &amp; b"),
            ("&lt;", "&amp;lt;"),
            (r#"" onclick=""#, "&quot; onclick=&quot;"),
            ("ü<😀>é", "ü&lt;😀&gt;é"),
            ("<<", "&lt;&lt;"),
        ] {
            assert_eq!(escape_html(text), escaped);
            let read = escaped
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&amp;", "&");
            assert_eq!(read, text);
        }
    }

    #[test]
    fn each_ascii_character_gets_a_backslash_where_it_needs_one() {
        for (escape, special) in MARKDOWN {
            for char in (0..128_u8).map(char::from) {
                let backslash = if special.contains(char) { "\\" } else { "" };
                for (before, after) in [("", ""), ("a", ""), ("", "ü"), ("😀", "😀")] {
                    let text = format!("{before}{char}{after}");
                    assert_eq!(escape(&text), format!("{before}{backslash}{char}{after}"));
                }
            }
        }
    }

    #[test]
    fn markdown_comes_back_as_it_was_and_has_no_bare_markup() {
        for (escape, special) in MARKDOWN {
            for text in [
                r"\\\",
                "__*a*__",
                "[a](b)",
                "```\n`\\`\n```",
                "ü.é.😀!",
                "\\😀",
            ] {
                let mut read = String::new();
                let escaped = escape(text);
                let mut chars = escaped.chars();
                while let Some(char) = chars.next() {
                    if char == '\\' {
                        read.extend(chars.next());
                    } else {
                        assert!(!special.contains(char), "{char} in {escaped}");
                        read.push(char);
                    }
                }
                assert_eq!(read, text);
            }
        }
    }

    #[test]
    fn text_with_nothing_to_escape_is_borrowed() {
        let all: [Escape; 4] = [
            escape_html,
            escape_markdown_v2,
            escape_markdown_v2_code,
            escape_markdown_v2_link,
        ];
        for escape in all {
            for text in ["", "plain", "über 😀"] {
                assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
            }
        }
    }
}
