//! The server's checks of keyboards, and access to their buttons.

use serde_json::Value;

/// The longest `callback_data` in bytes.
const MAX_CALLBACK_DATA: usize = 64;

/// The server's objection to a `reply_markup`.
pub(super) fn check(markup: &Value) -> Result<(), String> {
    for button in buttons(markup, "inline_keyboard") {
        check_inline(button)?;
    }
    for button in buttons(markup, "keyboard") {
        if button["text"].as_str().is_none_or(str::is_empty) {
            return Err("can't parse keyboard button: Text must be non-empty".to_owned());
        }
    }
    Ok(())
}

/// The server's objection to a button of an inline keyboard.
fn check_inline(button: &Value) -> Result<(), String> {
    let actions = [
        "url",
        "callback_data",
        "web_app",
        "login_url",
        "switch_inline_query",
        "switch_inline_query_current_chat",
        "switch_inline_query_chosen_chat",
        "copy_text",
        "callback_game",
        "pay",
        "disabled",
    ];
    if actions.iter().all(|action| button[*action].is_null()) {
        let problem =
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard";
        return Err(problem.to_owned());
    }
    if button["text"].as_str().is_none_or(str::is_empty) {
        return Err("can't parse inline keyboard button: Text must be non-empty".to_owned());
    }
    if let Some(data) = button["callback_data"].as_str()
        && !(1..=MAX_CALLBACK_DATA).contains(&data.len())
    {
        return Err("BUTTON_DATA_INVALID".to_owned());
    }
    match button["url"].as_str() {
        Some(url) if !is_url(url) => Err(format!(
            "inline keyboard button URL '{url}' is invalid: Wrong HTTP URL"
        )),
        _ => Ok(()),
    }
}

/// Whether a text is roughly a URL: a name with a dot in it, or one of Telegram's own.
fn is_url(url: &str) -> bool {
    let (scheme, rest) = url.split_once(':').unwrap_or(("http", url));
    let host = rest.trim_start_matches('/').split(['/', '?', '#']).next();
    match scheme.to_ascii_lowercase().as_str() {
        "tg" | "ton" | "tonsite" => true,
        "http" | "https" => host.is_some_and(|host| host.trim_matches('.').contains('.')),
        // Such as `example.com:8080/…`.
        scheme => scheme.contains('.'),
    }
}

/// Whether it is an inline keyboard with at least one button.
pub(super) fn is_inline(markup: &Value) -> bool {
    buttons(markup, "inline_keyboard").next().is_some()
}

/// The buttons of a keyboard, row by row.
pub(crate) fn buttons<'a>(
    markup: &'a Value,
    kind: &str,
) -> impl Iterator<Item = &'a Value> + use<'a> {
    let rows = markup[kind].as_array().into_iter().flatten();
    rows.flat_map(|row| row.as_array().into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn buttons_that_do_nothing_or_too_much_are_refused() {
        let check = |button: Value| check(&json!({"inline_keyboard": [[button]]}));
        for good in [
            json!({"text": "a", "callback_data": "x".repeat(64)}),
            json!({"text": "a", "url": "https://telegram.org"}),
            json!({"text": "a", "url": "telegram.org:443/a"}),
            json!({"text": "a", "url": "tg://user?id=7"}),
            json!({"text": "a", "switch_inline_query": ""}),
        ] {
            assert_eq!(check(good.clone()), Ok(()), "{good}");
        }
        for (button, problem) in [
            (
                json!({"text": "a"}),
                "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
            ),
            (
                json!({"text": "a", "callback_data": "é".repeat(33)}),
                "BUTTON_DATA_INVALID",
            ),
            (
                json!({"text": "a", "url": "http://localhost/"}),
                "inline keyboard button URL 'http://localhost/' is invalid: Wrong HTTP URL",
            ),
            (
                json!({"text": "", "callback_data": "a"}),
                "can't parse inline keyboard button: Text must be non-empty",
            ),
        ] {
            assert_eq!(check(button), Err(problem.to_owned()));
        }
    }
}
