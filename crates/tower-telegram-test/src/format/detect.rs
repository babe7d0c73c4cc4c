//! Detection of commands, mentions, tags, URLs, email addresses and phone numbers in plain text.

use serde_json::{Map, Value};

use super::entity::{entity, utf16_length};

/// The top-level domains of URLs without `http://`. The server knows all that exist.
const TOP_LEVEL_DOMAINS: [&str; 12] = [
    "com", "org", "net", "io", "me", "dev", "app", "info", "eu", "de", "ru", "uk",
];

/// Adds entities to the text and the caption of a message like the server does, unless it has some.
pub(crate) fn mark(content: &mut Map<String, Value>) {
    for (text, entities) in [("text", "entities"), ("caption", "caption_entities")] {
        let found = content.get(text).and_then(Value::as_str).map(detect);
        if let Some(found) = found.filter(|found| !found.is_empty()) {
            content.entry(entities).or_insert_with(|| found.into());
        }
    }
}

/// The entities that the server detects, of the kinds that bots commonly use.
pub(crate) fn detect(text: &str) -> Vec<Value> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"');
    let mut found = Vec::new();
    let mut offset = 0;
    for whole in text.split_inclusive(ends) {
        let word = whole.trim_end_matches(ends);
        let inner = word.trim_start_matches(|c: char| !is_word(c) && !"/@#$+".contains(c));
        let skipped = &word[..word.len() - inner.len()];
        if let Some((kind, length)) = kind(inner, skipped) {
            found.push(entity(kind, offset + utf16_length(skipped), length));
        }
        offset += utf16_length(whole);
    }
    found
}

/// Whether a hashtag or a host's label can have the character.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a user name or a command can have the character: ASCII letters, digits and underscores.
fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The kind of a word and its length in UTF-16 units. `before` is the text before it.
fn kind(word: &str, before: &str) -> Option<(&'static str, usize)> {
    match word.chars().next()? {
        '/' if before.ends_with(['<', '>']) => None,
        '/' => command(&word[1..]).map(|length| ("bot_command", 1 + length)),
        '@' => name(&word[1..], 3..=32).map(|length| ("mention", 1 + length)),
        '#' => hashtag(&word[1..]).map(|length| ("hashtag", 1 + length)),
        '$' => cashtag(&word[1..]).map(|length| ("cashtag", 1 + length)),
        '+' => phone_number(word).map(|length| ("phone_number", length)),
        _ => address(word),
    }
}

/// The longest start of a text whose characters fit, and the text after it.
fn take(text: &str, fits: fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !fits(c)).unwrap_or(text.len()))
}

/// The length of a name, if it ends with the word and its length is allowed.
fn name(text: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<usize> {
    let (name, rest) = take(text, is_name);
    let fits = lengths.contains(&name.len()) && !rest.starts_with(is_word);
    fits.then_some(name.len())
}

/// The length of a command with the bot's name; `/usr/bin` is none.
fn command(text: &str) -> Option<usize> {
    let command = name(text, 1..=64)?;
    let rest = &text[command..];
    let bot = rest.strip_prefix('@').and_then(|bot| name(bot, 3..=32));
    let length = command + bot.map_or(0, |bot| bot + 1);
    (!text[length..].starts_with(['/', '<', '>'])).then_some(length)
}

/// The length of a hashtag, which isn't made of digits alone.
fn hashtag(text: &str) -> Option<usize> {
    let (tag, rest) = take(text, is_word);
    let fits = tag.chars().any(|c| !c.is_ascii_digit()) && !rest.starts_with('#');
    fits.then(|| utf16_length(tag))
}

/// The length of a cashtag: one to eight capitals.
fn cashtag(text: &str) -> Option<usize> {
    let (tag, rest) = take(text, |c| c.is_ascii_uppercase());
    let fits = (1..=8).contains(&tag.len()) && !rest.starts_with(|c| is_word(c) || c == '$');
    fits.then_some(tag.len())
}

/// The length of a plus sign and digits.
fn phone_number(word: &str) -> Option<usize> {
    let word = without_stop(word);
    let digits = word.get(1..)?;
    let fits = (10..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then_some(word.len())
}

/// The kind and length of a URL or an email address.
fn address(word: &str) -> Option<(&'static str, usize)> {
    let word = without_stop(word);
    let length = utf16_length(word);
    if ["http://", "https://", "tg://"].iter().any(|scheme| {
        let rest = word.get(..scheme.len());
        rest.is_some_and(|rest| rest.eq_ignore_ascii_case(scheme)) && word.len() > scheme.len()
    }) {
        return Some(("url", length));
    }
    if let Some((name, domain)) = word.split_once('@') {
        let is_email = !name.is_empty()
            && !domain.contains('/')
            && domain
                .split_once('.')
                .is_some_and(|(a, b)| !a.is_empty() && b.len() > 1);
        return is_email.then_some(("email", length));
    }
    let domain = word.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let (rest, top) = domain.rsplit_once('.')?;
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| is_word(c) || c == '-');
    let is_domain = TOP_LEVEL_DOMAINS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(top))
        && rest.split('.').all(is_label);
    is_domain.then_some(("url", length))
}

/// The word without the punctuation at the end of a sentence.
fn without_stop(word: &str) -> &str {
    word.trim_end_matches(['.', '!', '?', ':', ';', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_with_its_length() {
        for (text, expected) in [
            ("/start deep", vec![("bot_command", 0, 6)]),
            ("/start@test_bot!", vec![("bot_command", 0, 15)]),
            ("/start@ab", vec![("bot_command", 0, 6)]),
            (
                "\u{ab}/help\u{bb} -/a",
                vec![("bot_command", 1, 5), ("bot_command", 9, 2)],
            ),
            ("/usr/bin a/b </b> /\u{e9}t\u{e9}", vec![]),
            ("😀 /help, ok", vec![("bot_command", 3, 5)]),
            ("see @engines (@ab)", vec![("mention", 4, 8)]),
            (
                "@engine\u{df} @a_name_that_is_longer_than_any_may_be",
                vec![],
            ),
            (
                "#ключ # #2024 #a2024 #a#b",
                vec![("hashtag", 0, 5), ("hashtag", 14, 6)],
            ),
            (
                "$USD $usd $TOOLONGTAG $BTC.",
                vec![("cashtag", 0, 4), ("cashtag", 22, 4)],
            ),
            (
                "+14155550100, +1 +12345678901234567",
                vec![("phone_number", 0, 12)],
            ),
            ("see example.com/a?b=c. Or e.g. a.b", vec![("url", 4, 17)]),
            (
                "HTTPS://A.B tg://resolve?domain=a https://",
                vec![("url", 0, 11), ("url", 12, 21)],
            ),
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
