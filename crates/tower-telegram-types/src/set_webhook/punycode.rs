//! Hosts as Telegram sends them: letters outside ASCII in punycode
//! ([RFC 3492](https://www.rfc-editor.org/rfc/rfc3492)).
//!
//! Written here because a crate for it brings Unicode's tables along, and Telegram uses none: it
//! encodes the letters as they stand in the URL.

use std::borrow::Cow;

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const INITIAL_BIAS: u32 = 72;
const FIRST_ENCODED: u32 = 128;
const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// The host in lower case, each label that needs it in punycode.
pub(super) fn to_ascii(host: &str) -> Cow<'_, str> {
    if host.is_ascii() {
        return if host.bytes().any(|b| b.is_ascii_uppercase()) {
            host.to_ascii_lowercase().into()
        } else {
            host.into()
        };
    }
    let labels: Vec<_> = host.split('.').map(label_to_ascii).collect();
    labels.join(".").into()
}

fn label_to_ascii(label: &str) -> String {
    if label.is_ascii() {
        label.to_ascii_lowercase()
    } else {
        format!("xn--{}", encode(label))
    }
}

/// Each character outside ASCII becomes a number that says where it goes and which one it is, counted
/// from the one before: the lowest characters come first.
fn encode(label: &str) -> String {
    let chars: Vec<u32> = label
        .chars()
        .map(|c| c.to_ascii_lowercase().into())
        .collect();
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    out.make_ascii_lowercase();
    let basic = out.len();
    if basic > 0 {
        out.push('-');
    }
    let (mut done, mut next, mut bias) = (count(basic), FIRST_ENCODED, INITIAL_BIAS);
    let mut delta: u32 = 0;
    while let Some(lowest) = chars.iter().copied().filter(|c| *c >= next).min() {
        // A host is refused long before these numbers could be too large.
        delta = delta.saturating_add((lowest - next).saturating_mul(done + 1));
        for c in &chars {
            if *c < lowest {
                delta = delta.saturating_add(1);
            } else if *c == lowest {
                push_number(delta, bias, &mut out);
                bias = adapt(delta, done + 1, done == count(basic));
                delta = 0;
                done += 1;
            }
        }
        delta = delta.saturating_add(1);
        next = lowest + 1;
    }
    out
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn push_number(mut number: u32, bias: u32, out: &mut String) {
    let mut k = BASE;
    loop {
        let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if number < threshold {
            out.push(digit(number));
            return;
        }
        let range = BASE - threshold;
        out.push(digit(threshold + (number - threshold) % range));
        number = (number - threshold) / range;
        k += BASE;
    }
}

fn digit(value: u32) -> char {
    DIGITS[value as usize].into()
}

fn adapt(delta: u32, points: u32, is_first: bool) -> u32 {
    const SKEW: u32 = 38;
    const DAMP: u32 = 700;
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_encoded_label_by_label() {
        for (host, ascii) in [
            ("Bot.Example", "bot.example"),
            ("bot.example", "bot.example"),
            ("бот.рф", "xn--90a0am.xn--p1ai"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("Bücher.example", "xn--bcher-kva.example"),
            ("münchen-ost.de.", "xn--mnchen-ost-9db.de."),
            ("\u{1f4a9}.la", "xn--ls8h.la"),
            ("i\u{2764}.ws", "xn--i-7iq.ws"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("президент.рф", "xn--d1abbgf6aiiy.xn--p1ai"),
        ] {
            assert_eq!(to_ascii(host), ascii, "{host}");
        }
    }

    /// Samples of RFC 3492, section 7.1, in lower case.
    #[test]
    fn the_samples_of_the_standard_are_encoded() {
        for (text, encoded) in [
            (
                "\u{644}\u{64a}\u{647}\u{645}\u{627}\u{628}\u{62a}\u{643}\u{644}\u{645}\u{648}\u{634}\u{639}\u{631}\u{628}\u{64a}\u{61f}",
                "egbpdaj6bu4bxfgehfvwxn",
            ),
            (
                "\u{4ed6}\u{4eec}\u{4e3a}\u{4ec0}\u{4e48}\u{4e0d}\u{8bf4}\u{4e2d}\u{6587}",
                "ihqwcrb4cv8a8dqg056pqjye",
            ),
            (
                "3\u{5e74}b\u{7d44}\u{91d1}\u{516b}\u{5148}\u{751f}",
                "3b-ww4c5e180e575a65lsy2b",
            ),
            (
                "\u{305d}\u{306e}\u{30b9}\u{30d4}\u{30fc}\u{30c9}\u{3067}",
                "d9juau41awczczp",
            ),
        ] {
            assert_eq!(encode(text), encoded, "{text}");
        }
    }
}
