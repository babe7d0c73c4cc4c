//! Detection of commands, mentions, hashtags and addresses in plain text.

use serde_json::Value;

use super::entity::{entity, utf16_length};

/// The entities that the server finds by itself, of those kinds that bots look for.
pub(crate) fn detect(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut offset = 0;
    for word in
        text.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"'))
    {
        let end = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"');
        if let Some((kind, length)) = kind(word.trim_end_matches(end)) {
            found.push(entity(kind, offset, length));
        }
        offset += utf16_length(word);
    }
    found
}

fn kind(word: &str) -> Option<(&'static str, usize)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let length = |text: &str, fits: fn(char) -> bool| -> usize {
        text.chars()
            .take_while(|&c| fits(c))
            .map(char::len_utf16)
            .sum()
    };
    if let Some(command) = word.strip_prefix('/') {
        let name: String = command.chars().take_while(|&c| is_name(c)).collect();
        let bot = command[name.len()..].strip_prefix('@').unwrap_or_default();
        let bot: String = bot.chars().take_while(|&c| is_name(c)).collect();
        let at = if bot.is_empty() { 0 } else { bot.len() + 1 };
        return (1..=64)
            .contains(&name.len())
            .then_some(("bot_command", 1 + name.len() + at));
    }
    if let Some(name) = word.strip_prefix('@') {
        let length = length(name, |c| c.is_ascii_alphanumeric() || c == '_');
        return (length >= 3).then_some(("mention", 1 + length));
    }
    if let Some(tag) = word.strip_prefix('#') {
        let length = length(tag, |c| c.is_alphanumeric() || c == '_');
        return (length > 0).then_some(("hashtag", 1 + length));
    }
    if word.starts_with("http://") || word.starts_with("https://") {
        let url = word.trim_end_matches(['.', '!', '?', ':', ';']);
        return Some(("url", utf16_length(url)));
    }
    let (name, domain) = word.split_once('@')?;
    let domain = domain.trim_end_matches(['.', '!', '?', ':', ';']);
    let is_email = !name.is_empty()
        && domain
            .split_once('.')
            .is_some_and(|(a, b)| !a.is_empty() && b.len() > 1);
    is_email.then(|| ("email", utf16_length(name) + 1 + utf16_length(domain)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_with_its_length() {
        for (text, expected) in [
            ("/start deep", vec![("bot_command", 0, 6)]),
            ("/start@test_bot!", vec![("bot_command", 0, 15)]),
            ("😀 /help, ok", vec![("bot_command", 3, 5)]),
            ("see @engines (@ab)", vec![("mention", 4, 8)]),
            ("#ключ #", vec![("hashtag", 0, 5)]),
            ("at https://a.b/c?d. Yes", vec![("url", 3, 15)]),
            ("ada@lovelace.org.", vec![("email", 0, 16)]),
            ("a/b 1@2 / //", vec![]),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(kind, offset, length)| entity(kind, offset, length))
                .collect();
            assert_eq!(detect(text), expected, "{text}");
        }
    }
}
