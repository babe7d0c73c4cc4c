//! The method in a webhook response.

use crate::bot_api::args::{self, Args};

/// Takes the method's name out of a response's arguments, if Telegram executes that method in a response.
/// Other methods are ignored silently.
pub(crate) fn take_method(args: &mut Args) -> Option<String> {
    let method = args::text(&args.params.remove("method")?);
    let name = method.to_ascii_lowercase();
    let is_refused = name.starts_with("get")
        || ["", "setwebhook", "deletewebhook", "close", "logout"].contains(&name.as_str());
    (!is_refused).then_some(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(form: &str) -> Option<String> {
        let mut args = Args::default();
        args.read_form(form.as_bytes()).unwrap();
        take_method(&mut args)
    }

    #[test]
    fn methods_of_which_the_result_or_the_webhook_depends_are_ignored() {
        for refused in [
            "",
            "getMe",
            "GETCHAT",
            "get",
            "setWebhook",
            "deleteWebhook",
            "close",
            "logOut",
        ] {
            assert_eq!(method(&format!("method={refused}")), None, "{refused}");
        }
        assert_eq!(method("Method=sendMessage"), None, "the key's case counts");
        assert_eq!(method("chat_id=1"), None);
        assert_eq!(
            method("method=SendMessage").as_deref(),
            Some("SendMessage"),
            "the name's doesn't"
        );
        assert_eq!(
            method("method=noSuchMethod").as_deref(),
            Some("noSuchMethod"),
            "fails later, unseen"
        );
    }
}
