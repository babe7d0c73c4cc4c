//! The tables of the page `guide::observability`, made from the lists and from the code.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use super::{
    metric::{MetricKind, MetricUnit},
    names::{CALL_FIELDS, SpanField, UPDATE_FIELDS, all_metrics},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn field_table(fields: &[SpanField]) -> String {
    let rows = fields.iter();
    let rows = rows.map(|field| format!("| `{}` | {} |\n", field.name, field.description));
    format!("| field | value |\n|---|---|\n{}", rows.collect::<String>())
}

fn metric_table() -> String {
    let rows = all_metrics().map(|metric| {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let unit = match metric.unit {
            MetricUnit::Count => "",
            MetricUnit::Seconds => "s",
        };
        let labels = metric.labels.iter().map(|label| format!("`{label}`"));
        let labels = labels.collect::<Vec<_>>().join(", ");
        let (name, description) = (metric.name, metric.description);
        format!("| `{name}` | {kind} | {unit} | {labels} | {description} |\n")
    });
    let head = "| metric | kind | unit | labels | what |\n|---|---|---|---|---|\n";
    format!("{head}{}", rows.collect::<String>())
}

/// The Rust files below a folder, tests left out.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// The arguments of a macro, at whose opening parenthesis the text begins.
fn arguments(text: &str) -> Vec<String> {
    let (mut arguments, mut depth, mut in_text, mut escaped) =
        (vec![String::new()], 0, false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' | ']' | '}' if !in_text => depth -= 1,
            ',' if !in_text && depth == 1 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
        arguments.last_mut().unwrap().push(c);
    }
    arguments[0].remove(0);
    let arguments = arguments.iter().map(|argument| argument.trim().to_owned());
    arguments.filter(|argument| !argument.is_empty()).collect()
}

/// The level, message and fields of each event in the code.
fn events() -> BTreeSet<(String, String, String)> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("crates/tower-telegram-types/src"), &mut files);
    let mut events = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
        let code: String = code
            .lines()
            .filter(|line| !line.trim().starts_with("//"))
            .fold(String::new(), |code, line| code + line + "\n");
        for level in ["error", "warn", "info", "debug"] {
            for (at, name) in code.match_indices(&format!("tracing::{level}!")) {
                let mut arguments = arguments(&code[at + name.len()..]);
                let message = arguments.pop().unwrap();
                let is_text = message.starts_with('"') && !message.contains('{');
                assert!(is_text, "{}: no fixed message: {message}", file.display());
                let fields = arguments.iter().map(|field| {
                    let name = field.split('=').next().unwrap().trim();
                    format!("`{}`", name.trim_start_matches(['%', '?']))
                });
                let fields = fields.collect::<Vec<_>>().join(", ");
                // A text may go on in the next line of the code.
                let message = message.trim_matches('"').replace("\\\n", "");
                let words: Vec<_> = message.split_whitespace().collect();
                events.insert((level.to_owned(), words.join(" "), fields));
            }
        }
    }
    events
}

fn event_table() -> String {
    let rows = events().into_iter();
    let rows =
        rows.map(|(level, message, fields)| format!("| {level} | `{message}` | {fields} |\n"));
    format!(
        "| level | event | fields |\n|---|---|---|\n{}",
        rows.collect::<String>()
    )
}

/// `WRITE_GUIDE=1 cargo test --all-features --lib l9_` writes the tables.
#[test]
fn l9_the_guide_lists_each_span_field_event_and_metric() {
    let path = root().join("src/guide/observability.md");
    let page = fs::read_to_string(&path).unwrap();
    let mut made = page.clone();
    for (name, table) in [
        ("update", field_table(UPDATE_FIELDS)),
        ("call", field_table(CALL_FIELDS)),
        ("metrics", metric_table()),
        ("events", event_table()),
    ] {
        let (begin, end) = (
            format!("<!-- {name} -->\n"),
            format!("<!-- end of {name} -->"),
        );
        let (before, rest) = made.split_once(&begin).expect("the page has the table");
        let (_, after) = rest.split_once(&end).expect("the table ends");
        made = format!("{before}{begin}\n{table}\n{end}{after}");
    }
    if env::var_os("WRITE_GUIDE").is_some() {
        fs::write(&path, &made).unwrap();
        return;
    }
    let differing = page
        .lines()
        .zip(made.lines())
        .find(|(there, made)| there != made);
    assert!(
        page == made,
        "run with WRITE_GUIDE=1, it differs first at {differing:?}"
    );
}
