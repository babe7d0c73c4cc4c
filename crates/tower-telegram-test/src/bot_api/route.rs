//! The routes of the Bot API server: from a request's path to a method or a file, with a check of the
//! token.

use super::answer::Answer;

/// The longest token in bytes.
const MAX_TOKEN: usize = 80;

/// A path with the bot's token.
#[derive(Debug)]
pub(crate) struct ApiPath<'a> {
    /// The method, or the path of the file.
    pub(crate) rest: &'a str,
    pub(crate) test_environment: bool,
    pub(crate) is_file: bool,
}

/// The answer to an unknown path or token.
pub(crate) fn not_found() -> Answer {
    Answer::error(404, "Not Found")
}

/// Parses a path, or returns the error response.
pub(crate) fn find<'a>(path: &'a str, token: &str) -> Result<ApiPath<'a>, Answer> {
    if !path.starts_with('/') {
        return Err(Answer::error(
            404,
            "Not Found: absolute URI is specified in the Request-Line",
        ));
    }
    let (path, is_file) = path
        .strip_prefix("/file")
        .map_or((path, false), |path| (path, true));
    let rest = path.strip_prefix("/bot").ok_or_else(not_found)?;
    let (given, rest) = rest.split_at(rest.find('/').ok_or_else(not_found)?);
    let (rest, test_environment) = rest
        .strip_prefix("/test")
        .filter(|rest| !is_file || rest.starts_with('/'))
        .map_or((rest, false), |rest| (rest, true));
    let rest = rest.strip_prefix('/').ok_or_else(not_found)?;

    let invalid = || Answer::error(401, "Unauthorized: invalid token specified");
    if given.starts_with('0') || given.len() > MAX_TOKEN {
        return Err(invalid());
    }
    let (id, _) = given.split_once(':').ok_or_else(invalid)?;
    match id.parse::<i64>() {
        Err(_) => {
            return Err(Answer::error(
                421,
                "Misdirected Request: unallowed token specified",
            ));
        }
        Ok(1..0x40_0000_0000_0000) => {}
        Ok(_) => return Err(invalid()),
    }
    if given != token {
        return Err(Answer::error(401, "Unauthorized"));
    }
    Ok(ApiPath {
        rest,
        test_environment,
        is_file,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(path: &str) -> Result<(&str, bool), (u16, String)> {
        match find(path, "42:AA") {
            Ok(route) => Ok((route.rest, route.test_environment)),
            Err(answer) => Err(answer
                .as_error()
                .map(|(code, text)| (code, text.to_owned()))
                .unwrap()),
        }
    }

    #[test]
    fn paths_lead_to_methods() {
        assert_eq!(routed("/bot42:AA/getMe"), Ok(("getMe", false)));
        assert_eq!(routed("/bot42:AA/test/getMe"), Ok(("getMe", true)));
        assert_eq!(routed("/bot42:AA/"), Ok(("", false)));
        assert!(!find("/bot42:AA/getMe", "42:AA").unwrap().is_file);
    }

    #[test]
    fn paths_lead_to_files() {
        assert_eq!(routed("/file/bot42:AA/a/b.c"), Ok(("a/b.c", false)));
        assert_eq!(routed("/file/bot42:AA/test/a/b.c"), Ok(("a/b.c", true)));
        assert_eq!(routed("/file/bot42:AA/tests"), Ok(("tests", false)));
        assert!(find("/file/bot42:AA/a", "42:AA").unwrap().is_file);
    }

    #[test]
    fn other_paths_and_tokens_are_rejected() {
        let error = |code, text: &str| Err((code, text.to_owned()));
        for path in [
            "/",
            "/bot42:AA",
            "/file/bot42:AA",
            "/files/bot42:AA/x",
            "/bot42:AA/testing",
        ] {
            assert_eq!(routed(path), error(404, "Not Found"), "{path}");
        }
        assert_eq!(
            routed("http://h/bot42:AA/getMe"),
            error(
                404,
                "Not Found: absolute URI is specified in the Request-Line"
            )
        );
        assert_eq!(routed("/bot42:BB/getMe"), error(401, "Unauthorized"));
        assert_eq!(routed("/file/bot42:BB/x"), error(401, "Unauthorized"));
        for token in [
            "042:AA",
            "42",
            "-1:A",
            "18014398509481984:A",
            &"1:".repeat(41),
        ] {
            assert_eq!(
                routed(&format!("/bot{token}/getMe")),
                error(401, "Unauthorized: invalid token specified"),
                "{token}"
            );
        }
        assert_eq!(
            routed("/botx:AA/getMe"),
            error(421, "Misdirected Request: unallowed token specified")
        );
    }
}
