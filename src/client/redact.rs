//! Removes the bot's token and control characters from texts of other programs.

/// A shorter secret may be a usual word. Those of Telegram's tokens have 35 characters.
const MIN_SECRET_LENGTH: usize = 20;

/// Returns the text in one line, with `bot123456:..` in the place of a bot's token.
///
/// The token may be in the error of an HTTP client, as a part of the URL, and in the description of a server, as a
/// part of its folder. `token` is removed anywhere in the text, and so is its secret half if it is long; an empty one is
/// ignored.
pub(crate) fn redacted(text: &str, token: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if is_unfit(c) { ' ' } else { c })
        .collect();
    let mut text = without_tokens(&text);
    if let Some((number, secret)) = token.split_once(':') {
        for colon in [":", "%3A", "%3a"] {
            text = text.replace(&format!("{number}{colon}{secret}"), &format!("{number}:.."));
        }
        if secret.len() >= MIN_SECRET_LENGTH {
            text = text.replace(secret, "..");
        }
    }
    text
}

/// Whether a character moves the cursor, ends the line, or changes the direction of the text.
fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the text with `bot123456:..` in the place of any bot's token in a URL.
fn without_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("bot") {
        let (before, token) = rest.split_at(at + "bot".len());
        out.push_str(before);
        let digits = token.len() - token.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        rest = token;
        if digits > 0
            && let Some(secret) = after_colon(&token[digits..])
        {
            let is_secret = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            out.push_str(&token[..digits]);
            out.push_str(":..");
            // A text whose token was left out before stays the same.
            let secret = secret.strip_prefix("..").unwrap_or(secret);
            rest = secret.trim_start_matches(is_secret);
        }
    }
    out.push_str(rest);
    out
}

fn after_colon(text: &str) -> Option<&str> {
    let mut colons = [":", "%3A", "%3a"].into_iter();
    colons.find_map(|colon| text.strip_prefix(colon))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a6_a_token_in_a_url_is_left_out() {
        for (text, shown) in [
            (
                "GET http://a/bot12:ab-C_1/getMe failed",
                "GET http://a/bot12:../getMe failed",
            ),
            ("bot bot1: robot2:x bot", "bot bot1:.. robot2:.. bot"),
            ("file/bot7:secret", "file/bot7:.."),
            ("file/bot7%3Asecret", "file/bot7:.."),
            (
                "GET http://a/bot12:../getMe failed",
                "GET http://a/bot12:../getMe failed",
            ),
            ("no bot here", "no bot here"),
            ("\u{fc}ber bot9:\u{e9}", "\u{fc}ber bot9:..\u{e9}"),
        ] {
            assert_eq!(redacted(text, ""), shown);
        }
    }

    #[test]
    fn a6_the_clients_own_token_is_left_out_anywhere() {
        for (text, shown) in [
            ("/var/7:secret/videos", "/var/7:../videos"),
            ("7:secret", "7:.."),
            ("7%3asecret and bot7:secret", "7:.. and bot7:.."),
            ("17:secrets", "17:..s"),
            ("7: secret", "7: secret"),
        ] {
            assert_eq!(redacted(text, "7:secret"), shown);
        }
    }

    /// With the number of the bot, which isn't secret, it is the token.
    #[test]
    fn a6_the_secret_half_of_the_token_is_left_out_alone() {
        let secret = "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
        let token = format!("7:{secret}");
        for (text, shown) in [
            (
                format!("the secret {secret} is wrong"),
                "the secret .. is wrong",
            ),
            (format!("7%253A{secret}"), "7%253A.."),
            (
                format!("/bot7:{secret} and 7 : {secret}"),
                "/bot7:.. and 7 : ..",
            ),
        ] {
            assert_eq!(redacted(&text, &token), shown);
        }
    }

    #[test]
    fn a_text_is_one_line_without_control_characters() {
        let text = "a\nb\tc\u{1b}[2J\u{9b}\u{202e}d\u{e9}";
        assert_eq!(redacted(text, ""), "a b c [2J  d\u{e9}");
    }
}
