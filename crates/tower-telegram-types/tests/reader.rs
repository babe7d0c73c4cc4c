//! The reader of JSON, compared with `serde_json` where both read the same.

#![allow(clippy::float_cmp)]

use serde_json::Value;

use tower_telegram_types::{
    json::{FromJson, MAX_DEPTH, Reader, check, from_slice, from_str},
    types::{
        ChatMember, MaybeInaccessibleMessage, Message, RawJson, RichText, Str, Update, UpdateKind,
        User,
    },
};

/// Texts on which we and `serde_json` must agree, whether they are read or skipped.
const TEXTS: &[&str] = &[
    "",
    " ",
    "null",
    "nul",
    "nullx",
    "true",
    "tru",
    "0",
    "-0",
    "01",
    "-",
    "1.",
    "1.5",
    ".5",
    "1e5",
    "1e",
    "1E+5",
    "1e-",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551617",
    "-9223372036854775808",
    "\"\"",
    "\"a",
    "\"a\\\"b\"",
    "\"\\\"",
    "\"\\u00e9\\ud83d\\ude00\"",
    "\"\\u00E9 a\\n\\/\\uFFFD\"",
    "\"\\u12",
    "\"\\",
    "\"\\ud83d\"",
    "\"\\ud83d\\u0041\"",
    "\"\\ude00\"",
    "\"\\u00g0\"",
    "\"\\x\"",
    "\"\u{1}\"",
    "\"\u{7f}é✨\"",
    "[]",
    "[",
    "[1",
    "[1,",
    "[1,]",
    "[1 2]",
    "[,]",
    "{}",
    "{",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{a:1}",
    "{1:1}",
    " { \"a\" : [ 1 , { \"b\" : null } ] } ",
    "{} {}",
    "[]]",
    "\u{feff}{}",
];

#[test]
fn skips_exactly_what_serde_json_reads() {
    for text in TEXTS {
        let expected = serde_json::from_str::<Value>(text).is_ok();
        assert_eq!(check(text).is_ok(), expected, "{text:?}");
    }
}

#[test]
fn reads_strings_as_serde_json_does() {
    for text in TEXTS {
        let expected = serde_json::from_str::<String>(text).ok();
        let read = from_str::<Str>(text).ok();
        assert_eq!(read.as_deref(), expected.as_deref(), "{text:?}");
    }
}

#[test]
fn reads_numbers_as_serde_json_does() {
    for text in TEXTS {
        // To `serde_json` a negative zero is a float only; to us it is 0 as well.
        let integer = serde_json::from_str(text)
            .ok()
            .or((*text == "-0").then_some(0));
        assert_eq!(from_str::<i64>(text).ok(), integer, "{text:?}");
        assert_eq!(
            from_str::<f64>(text).ok(),
            serde_json::from_str(text).ok(),
            "{text:?}"
        );
    }
}

/// The eight-bytes-a-step search must stop at the same byte wherever it stands in its step.
#[test]
fn finds_the_end_of_a_string_at_every_alignment() {
    for length in 0..40 {
        for odd in ["\"", "\\n", "\\u00e9", "é", "\u{80}", "\u{7f}", " "] {
            let content = "x".repeat(length) + odd.trim_matches('"') + "yz";
            let text = format!("\"{content}\"");
            let expected: Result<String, _> = serde_json::from_str(&text);
            assert_eq!(
                from_str::<Str>(&text).ok().as_deref(),
                expected.ok().as_deref(),
                "{text}"
            );
        }
    }
}

#[test]
fn b5_nesting_stops_at_the_limit_without_using_up_the_stack() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(check(&nested(usize::from(MAX_DEPTH))).is_ok());
    assert!(
        check(&nested(usize::from(MAX_DEPTH) + 1))
            .unwrap_err()
            .is_syntax()
    );
    assert!(check(&nested(10_000)).unwrap_err().is_syntax());
    let deep = format!(r#"{{"update_id":1,"message":{}}}"#, nested(10_000));
    assert!(from_str::<Update>(&deep).unwrap_err().is_syntax());
}

#[test]
fn bytes_that_are_not_utf8_are_malformed_even_in_a_member_that_is_skipped() {
    let error = from_slice::<User>(b"{\"id\":1,\"new\":\"\xff\"}").unwrap_err();
    assert!(error.is_syntax(), "{error}");
}

#[test]
fn an_error_names_the_field_and_never_the_text() {
    let error = from_str::<User>(r#"{"id":"secret words"}"#).unwrap_err();
    assert!(error.is_mismatch());
    assert_eq!(error.field(), Some("id"));
    assert_eq!(
        error.to_string(),
        "unfitting: expected an integer, in field `id`, at byte 6"
    );
    let error = from_str::<User>("{}").unwrap_err();
    assert_eq!(error.field(), Some("id"));
}

/// A type that stops early must not hide that the rest isn't JSON.
#[test]
fn malformed_counts_before_unfitting() {
    assert!(
        from_str::<User>(r#"{"id":"x","first_name":}"#)
            .unwrap_err()
            .is_syntax()
    );
}

#[test]
fn b6_a_key_that_comes_twice_is_malformed() {
    let twice = r#"{"id":1,"first_name":"A","is_bot":false,"id":2}"#;
    assert!(from_str::<User>(twice).unwrap_err().is_syntax());
    for twice in [
        r#"{"update_id":1,"update_id":2,"message":{}}"#,
        r#"{"update_id":1,"brand_new":{},"message":null,"message":{}}"#,
    ] {
        assert!(
            from_str::<Update>(twice).unwrap_err().is_syntax(),
            "{twice}"
        );
    }
}

/// One that is null, or of another type, counts as absent, but not as never written.
#[test]
fn b6_b13_a_nested_key_that_comes_twice_is_malformed_null_or_not() {
    let message = |members: &str| {
        format!(r#"{{"message_id":1,"date":1,"chat":{{"id":1,"type":"private"}},{members}}}"#)
    };
    let chat = r#"{"id":2,"type":"private"}"#;
    for twice in [
        r#""text":null,"text":"a""#.to_owned(),
        r#""text":"a","text":null"#.to_owned(),
        r#""text":null,"text":null"#.to_owned(),
        r#""text":5,"text":"a""#.to_owned(),
        r#""text":"a","text":5"#.to_owned(),
        r#""text":null,"caption":"b","text":"a""#.to_owned(),
        r#""te\u0078t":null,"text":"a""#.to_owned(),
        r#""from":null,"entities":[{"type":"bold","offset":0,"length":1,"url":null}],"from":null"#
            .to_owned(),
        format!(
            r#""sender_chat":null,"reply_to_message":{},"sender_chat":{chat}"#,
            message(r#""text":null"#)
        ),
        format!(
            r#""reply_to_message":{}"#,
            message(r#""text":null,"text":"a""#)
        ),
        r#""from":{"id":1,"first_name":null,"first_name":"A"}"#.to_owned(),
        // An object between the two has the same empty member.
        format!(
            r#""text":null,"reply_to_message":{},"caption":null,"text":"a""#,
            message(r#""text":null"#)
        ),
        r#""entities":[{"type":"bold","offset":0,"length":1,"url":null,"url":"x"}]"#.to_owned(),
    ] {
        let text = message(&twice);
        let error = from_str::<Message>(&text).unwrap_err();
        assert!(error.is_syntax(), "{text}: {error}");
        assert!(error.to_string().contains("a key comes twice"), "{error}");
        let update = format!(r#"{{"update_id":1,"message":{text}}}"#);
        assert!(
            from_str::<Update>(&update).unwrap_err().is_syntax(),
            "{text}"
        );
    }
}

/// Behind a value that doesn't fit, inside one, and in what no type knows, where the rest of an object isn't read by its
/// type.
#[test]
fn b6_a_key_that_comes_twice_is_malformed_whatever_is_read_by_its_type() {
    let chat = r#""chat":{"id":1,"type":"private"}"#;
    for message in [
        // Behind a required member that doesn't fit: the same key, another one, one further down.
        format!(r#"{{"message_id":"1","message_id":1,"date":1,{chat}}}"#),
        format!(r#"{{"message_id":"1","date":1,"date":1,{chat}}}"#),
        format!(r#"{{"message_id":1.5,"date":1,{chat},"text":"a","text":"a"}}"#),
        format!(r#"{{"message_id":[],"date":1,{chat},"from":{{"id":1,"id":1}}}}"#),
        format!(r#"{{"date":1,"date":1,{chat}}}"#),
        r#"{"message_id":1,"date":1,"chat":7,"chat":{"id":1,"type":"private"}}"#.to_owned(),
        r#"{"message_id":1,"date":1,"chat":{"id":"@a","type":"private","type":"group"}}"#
            .to_owned(),
        // Inside a value of another type.
        format!(r#"{{"message_id":1,"date":1,{chat},"text":{{"a":1,"a":1}}}}"#),
        format!(r#"{{"message_id":1,"date":1,{chat},"text":[[{{"a":1,"a":null}}]]}}"#),
        format!(
            r#"{{"message_id":1,"date":1,{chat},"from":{{"first_name":"A","first_name":"A"}}}}"#
        ),
        format!(
            r#"{{"message_id":1,"date":1,{chat},"entities":[{{"type":5,"offset":"x","offset":1}}]}}"#
        ),
        format!(r#"{{"message_id":1,"date":1,{chat},"photo":{{"a":{{"b":1,"b":1}}}}}}"#),
        // Unknown keys, and their values.
        format!(r#"{{"message_id":1,"date":1,{chat},"new":1,"new":1}}"#),
        format!(r#"{{"new":1,"message_id":1,"date":1,{chat},"n\u0065w":null}}"#),
        format!(r#"{{"message_id":1,"date":1,{chat},"new":{{"a":1,"b":{{}},"a":1}}}}"#),
        format!(r#"{{"message_id":1,"date":1,{chat},"new":[{{"a":[],"\u0061":[]}}]}}"#),
        r#"{"message_id":1,"date":1,"chat":{"id":1,"new":1,"type":"private","new":2}}"#.to_owned(),
        // Unions of a known, an unknown and an unfitting variant.
        format!(
            r#"{{"message_id":1,"date":1,{chat},"forward_origin":{{"type":"user","date":1,"new":1,"new":1}}}}"#
        ),
        format!(
            r#"{{"message_id":1,"date":1,{chat},"forward_origin":{{"type":"planet","a":1,"a":1}}}}"#
        ),
        format!(
            r#"{{"message_id":1,"date":1,{chat},"forward_origin":{{"type":"planet","type":"user"}}}}"#
        ),
        format!(
            r#"{{"message_id":1,"date":1,{chat},"forward_origin":{{"type":"user","date":"x","date":1}}}}"#
        ),
        format!(
            r#"{{"message_id":1,"date":1,{chat},"forward_origin":{{"type":7,"type":"user"}}}}"#
        ),
        format!(r#"{{"message_id":1,"date":1,{chat},"forward_origin":{{"a":7,"a":"user"}}}}"#),
        // Objects without members.
        format!(r#"{{"message_id":1,"date":1,{chat},"forum_topic_closed":{{"new":1,"new":1}}}}"#),
    ] {
        for text in [
            format!(r#"{{"update_id":1,"message":{message}}}"#),
            format!(r#"{{"message":{message},"update_id":1}}"#),
            format!(r#"{{"update_id":1,"brand_new":{message}}}"#),
            format!(r#"{{"update_id":1,"brand_new":[{message}],"message":{{}}}}"#),
            format!(r#"{{"update_id":1,"callback_query":{{"id":7,"message":{message}}}}}"#),
            format!(r#"{{"update_id":1,"poll":{message}}}"#),
        ] {
            let error = from_str::<Update>(&text).expect_err(&text);
            assert!(error.is_syntax(), "{text}: {error}");
            assert!(error.to_string().contains("a key comes twice"), "{error}");
            let error = serde_json::from_str::<Update>(&text).expect_err(&text);
            assert!(error.to_string().contains("a key comes twice"), "{error}");
        }
        let error = from_str::<Message>(&message).expect_err(&message);
        assert!(error.is_syntax(), "{message}: {error}");
        let text = format!("[{message}]");
        assert!(from_str::<Vec<Message>>(&text).is_err_and(|error| error.is_syntax()));
        assert!(serde_json::from_str::<RawJson>(&text).is_err(), "{text}");
    }
}

/// The same key in another object isn't the same member, of whatever type the objects are.
#[test]
fn b6_an_unknown_key_in_two_objects_comes_once_in_each() {
    let new = r#""new":{"new":[{"new":1},{"new":{"new":null}}]},"newer":null"#;
    let chat = format!(r#"{{"id":1,{new},"type":"private"}}"#);
    let message = |inner: &str| {
        format!(
            r#"{{{new},"message_id":1,"date":1,"chat":{chat},"text":{{{new}}},{inner}"newest":0}}"#
        )
    };
    let deep = message(&format!(
        r#""reply_to_message":{},"from":{{{new}}},"entities":[{{{new}}},{{{new}}}],"#,
        message("")
    ));
    let read: Message = from_str(&deep).unwrap();
    assert!(read.reply_to_message.is_some());
    let misfit: Update = from_str(&format!(
        r#"{{"update_id":1,"message":{{"date":"x",{new}}}}}"#
    ))
    .unwrap();
    assert_eq!(misfit.kind.name(), "message");
}

/// The same key in another object isn't the same member.
#[test]
fn b6_b13_a_key_that_is_null_in_two_objects_comes_once_in_each() {
    let entity = r#"{"type":"bold","offset":0,"length":1,"url":null,"user":null,"language":5}"#;
    let chat = r#"{"id":2,"type":"private","title":null,"username":null}"#;
    let inner = format!(
        r#"{{"message_id":1,"date":1,"chat":{chat},"text":null,"caption":null,"entities":[{entity},{entity}],"from":null}}"#
    );
    let outer = format!(
        r#"{{"text":null,"caption":null,"reply_to_message":{inner},"sender_chat":{chat},"pinned_message":{inner},"via_bot":null,
            "message_id":1,"date":1,"chat":{chat},"entities":[{entity},{entity}],"from":null}}"#
    );
    let message: Message = from_str(&outer).unwrap();
    assert_eq!(message.entities.as_ref().map(Vec::len), Some(2));
    assert!(message.text.is_none() && message.reply_to_message.is_some());
    // A union is read more than once.
    let member = r#"{"status":"administrator","user":{"id":1,"first_name":"A","last_name":null},"custom_title":null}"#;
    let members: Vec<ChatMember> = from_str(&format!("[{member},{member}]")).unwrap();
    assert!(
        members
            .iter()
            .all(|member| matches!(member, ChatMember::Administrator(_)))
    );
}

#[test]
fn b6_an_escaped_key_is_the_same_key() {
    let user: User = from_str(r#"{"\u0069d":7,"first_n\u0061me":"A"}"#).unwrap();
    assert_eq!((user.id, &*user.first_name), (7, "A"));
}

#[test]
fn a_text_cut_short_is_malformed_at_its_end() {
    let text = r#"{"id":7,"is_bot":false,"first_name":"Ada"}"#;
    assert!(from_str::<User>(text).is_ok());
    for length in 0..text.len() {
        let error = from_str::<User>(&text[..length]).unwrap_err();
        assert!(error.is_syntax(), "{length}: {error}");
        assert!(error.offset() <= length, "{length}: {error}");
    }
}

#[test]
fn b12_a_missing_boolean_is_false_and_a_missing_list_empty() {
    let user: User = from_str(r#"{"id":7,"first_name":"A"}"#).unwrap();
    assert!(!user.is_bot);
    let message: Message = from_str(
        r#"{"message_id":1,"date":2,"chat":{"id":3,"type":"private"},
            "poll":{"id":"1","question":"?","total_voter_count":0,"type":"regular"}}"#,
    )
    .unwrap();
    assert!(message.poll.unwrap().options.is_empty());
}

/// A method that is sent is complete, so a test kit that reads it reports a missing parameter.
#[cfg(feature = "serde-all")]
#[test]
fn b12_nothing_is_filled_in_or_left_out_of_a_method() {
    use tower_telegram_types::methods::{SendMessage, SendPoll};

    let error = serde_json::from_str::<SendMessage>(r#"{"chat_id":1}"#).unwrap_err();
    assert!(error.to_string().contains("`text`"), "{error}");
    let photo = r#"{"type":"photo","media":1}"#;
    let photo = serde_json::from_str::<tower_telegram_types::types::InputMediaPhoto>(photo);
    assert!(photo.is_err());
    let poll = r#"{"chat_id":1,"question":"?","options":[{}]}"#;
    assert!(serde_json::from_str::<SendPoll>(poll).is_err());
}

/// A part that doesn't fit is left out; a part that isn't JSON never is.
#[test]
fn b12_a_part_that_is_left_out_must_be_json_all_the_same() {
    for bad in [
        r#"{"date":"x","a":tru}"#,
        r#"{"message_id":1,"message_id":1}"#,
        r#"{"a":"\ud800"}"#,
        "[1,]",
    ] {
        let text = format!(
            r#"{{"message_id":1,"date":2,"chat":{{"id":3,"type":"private"}},"reply_to_message":{bad}}}"#
        );
        assert!(from_str::<Message>(&text).unwrap_err().is_syntax(), "{bad}");
    }
}

/// White space before it makes no difference, nor does strict reading.
#[test]
fn b13_an_optional_member_that_is_null_is_absent() {
    use tower_telegram_types::json::from_str_strictly;

    let text = r#"{"message_id":1,"date":2,"chat":{"id":3,"type":"private"},
        "text": null, "edit_date":
        null, "photo": null, "from": null, "is_topic_message": null}"#;
    let message: Message = from_str_strictly(text).unwrap();
    assert_eq!(
        (message.text, message.edit_date, message.from),
        (None, None, None)
    );
}

#[test]
fn b12_an_object_that_cannot_be_filled_is_kept_raw_and_its_surroundings_are_typed() {
    let text = r#"{"update_id":1,"chat_member":{"chat":{"id":3,"type":"group"},"date":4,
        "from":{"id":7,"is_bot":false,"first_name":"A"},
        "old_chat_member":{"status":"left"},
        "new_chat_member":{"user":{"id":7,"is_bot":false,"first_name":"A"},"status":"member"}}}"#;
    let update: Update = from_str(text).unwrap();
    let UpdateKind::ChatMember(change) = update.kind else {
        panic!("not typed: {update:?}")
    };
    let ChatMember::Unknown(raw) = &change.old_chat_member else {
        panic!("not raw: {change:?}")
    };
    assert_eq!(raw.get(), r#"{"status":"left"}"#);
    assert!(matches!(change.new_chat_member, ChatMember::Member(_)));
}

/// Telegram's server writes the user before the status, so the tag isn't the first key.
#[test]
fn a_tag_is_found_wherever_it_stands() {
    let member: ChatMember = from_str(
        r#"{"user":{"id":7,"is_bot":false,"first_name":"A"},"is_anonymous":true,"status":"creator"}"#,
    )
    .unwrap();
    assert!(matches!(member, ChatMember::Owner(owner) if owner.is_anonymous && owner.user.id == 7));
}

#[test]
fn rich_text_is_a_text_a_list_or_an_object() {
    let text: RichText = from_str(
        r#"["a",{"type":"bold","text":["b",{"type":"italic","text":"c"}]},{"type":"new"}]"#,
    )
    .unwrap();
    let RichText::List(parts) = text else {
        panic!("not a list")
    };
    assert!(matches!(&parts[0], RichText::Plain(text) if text == "a"));
    assert!(matches!(&parts[1], RichText::Bold(_)));
    assert!(matches!(&parts[2], RichText::Unknown(_)));
}

#[test]
fn a_reader_that_went_back_reads_the_same_again() {
    let mut r = Reader::new(r#" {"a":[1,2]} "#);
    let start = r.mark();
    assert!(r.find("a").unwrap());
    assert_eq!(Vec::<i64>::from_json(&mut r).unwrap(), [1, 2]);
    r.rewind(start);
    assert_eq!(r.raw().unwrap(), r#"{"a":[1,2]}"#);
    r.finish().unwrap();
}

/// The buffer for escapes is used again; nothing of the last string may be left in it.
#[test]
fn escapes_of_one_string_dont_show_in_the_next() {
    let text = r#"["\u041f\u0440\u0438\u0432\u0435\u0442", "\n", "plain", "a\tb", ""]"#;
    let read: Vec<Str> = from_str(text).unwrap();
    assert_eq!(read, ["Привет", "\n", "plain", "a\tb", ""]);
}

#[test]
fn a_message_of_date_0_is_inaccessible_wherever_its_date_stands() {
    for text in [
        r#"{"chat":{"id":1,"type":"private"},"message_id":2,"date":0}"#,
        r#"{"date":0,"chat":{"id":1,"type":"private"},"message_id":2}"#,
    ] {
        let read: MaybeInaccessibleMessage = from_str(text).unwrap();
        assert!(
            matches!(read, MaybeInaccessibleMessage::InaccessibleMessage(_)),
            "{text}"
        );
        let read = from_str(&text.replace("\"date\":0", "\"date\":5")).unwrap();
        assert!(
            matches!(read, MaybeInaccessibleMessage::Message(_)),
            "{text}"
        );
    }
}
