//! Formatting of texts: entities from HTML, Markdown and `entities`, and detected ones.

mod detect;
mod entity;
mod formatted;
mod html;
mod markdown;
mod markdown_v2;
#[cfg(test)]
mod round_trip;

use serde_json::Value;

pub(super) use self::{
    detect::{detect, mark},
    formatted::Formatted,
};

/// Formats a text by the arguments of a call. An error is the server's message.
pub(super) fn format(
    text: &str,
    parse_mode: &str,
    entities: Option<&Value>,
) -> Result<Formatted, String> {
    let parsed = match parse_mode.to_ascii_lowercase().as_str() {
        "" | "none" => Ok(Formatted {
            text: text.to_owned(),
            entities: entities
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
        }),
        "html" => html::parse(text),
        "markdown" => markdown::parse(text),
        "markdownv2" => markdown_v2::parse(text),
        _ => return Err("unsupported parse_mode".to_owned()),
    };
    let mut formatted = parsed.map_err(|problem| format!("can't parse entities: {problem}"))?;
    formatted.trim();
    formatted.add_detected();
    Ok(formatted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{entity::entity, *};

    #[test]
    fn white_space_around_the_entities_goes_and_they_move_with_the_text() {
        let formatted = format(" \n<b> hi </b>there \n", "HTML", None).unwrap();
        assert_eq!(formatted.text, " hi there");
        assert_eq!(formatted.entities, [entity("bold", 0, 4)]);
        let formatted = format(" \n <pre>  a\n </pre> ", "HTML", None).unwrap();
        assert_eq!(formatted.text, "  a");
        assert_eq!(formatted.entities, [entity("pre", 0, 3)]);
        let formatted = format(" <b> </b> ", "HTML", None).unwrap();
        assert_eq!(formatted, Formatted::default());
        let given = json!([entity("bold", 0, 4), entity("italic", 2, 2)]);
        let formatted = format("hi  ", "", Some(&given)).unwrap();
        assert_eq!(formatted.entities, [entity("bold", 0, 2)]);
    }

    #[test]
    fn what_is_found_stays_out_of_code_but_not_out_of_bold() {
        let formatted = format("<code>/start</code> <b>/help</b>", "html", None).unwrap();
        let kinds: Vec<_> = formatted
            .entities
            .iter()
            .map(|e| e["type"].clone())
            .collect();
        assert_eq!(kinds, ["code", "bold", "bot_command"]);
    }

    #[test]
    fn an_unknown_parse_mode_is_refused() {
        assert_eq!(
            format("a", "Markdown3", None),
            Err("unsupported parse_mode".to_owned())
        );
        let error = format("<b>a", "HTML", None).unwrap_err();
        assert_eq!(
            error,
            "can't parse entities: Can't find end tag corresponding to start tag \"b\""
        );
    }
}
