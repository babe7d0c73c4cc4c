//! B5–B7: what is an update, however it is written.

use fastrand::Rng;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tower_telegram::{
    types::{Update, UpdateKind, UpdateType},
    webhook::Webhook,
};

use crate::support::{
    adapter::{Bot, bots, bots_with, nothing, secret},
    for_each_server::for_each_server,
    servers::Server,
    text::{Style, styled, telegram},
    wire::{Call, MESSAGE, SECRET},
};

for_each_server! {
    b5_a_body_that_is_no_update_is_refused_as_our_type
    b5_a_body_that_is_no_update_is_refused_as_any_value
    b5_a_body_that_is_no_update_is_refused_as_a_foreign_type
    b5_the_numbers_bounds_are_inside
    b6_order_space_and_escapes_make_no_difference_to_ours
    b6_order_space_and_escapes_make_no_difference_to_any_value
    b6_order_space_and_escapes_make_no_difference_to_a_foreign_type
    b6_duplicate_keys_of_the_envelope_are_refused
    b6_duplicate_keys_further_down_are_refused
    b7_an_unknown_type_gets_to_the_handler_raw
    b7_a_new_member_beside_a_known_type_is_passed_over
    b7_an_unknown_type_reaches_other_types_too
}

/// A foreign type with only the members that it needs.
#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Mine {
    update_id: u64,
    message: Option<MyMessage>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct MyMessage {
    text: Option<String>,
}

async fn bots_of<U: DeserializeOwned + Send + 'static>(server: Server) -> Vec<Bot<U>> {
    bots_with(
        server,
        &Webhook::new(secret(SECRET)).parse_as::<U>(),
        nothing,
    )
    .await
}

/// Bodies that can't be read as any type.
pub(crate) fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let text = |name, text: &str| (name, text.as_bytes().to_vec());
    let deep = |open: &str, close: &str, inner: &str| {
        format!("{}{inner}{}", open.repeat(10_000), close.repeat(10_000))
    };
    let message = |value: &str| format!(r#"{{"update_id":1,"message":{value}}}"#);
    let unknown = |value: &str| format!(r#"{{"update_id":1,"brand_new":{value}}}"#);
    let mut cases = vec![
        text("empty", ""),
        text("white space", " \n"),
        text("null", "null"),
        text("a list", "[]"),
        text("no members", "{}"),
        text("a number", "7"),
        text("a text", "\"update\""),
        text("not JSON", "update_id=1&message=2"),
        text("a form feed", &format!("\u{c}{MESSAGE}")),
        text("a byte order mark", &format!("\u{feff}{MESSAGE}")),
        text("cut short", &MESSAGE[..MESSAGE.len() - 1]),
        text("cut in a string", &MESSAGE[..30]),
        text("cut at the payload", r#"{"update_id":1,"message":"#),
        text("no payload", r#"{"update_id":1}"#),
        text("no update_id", r#"{"message":{}}"#),
        text("two of them", &format!("{MESSAGE}{MESSAGE}")),
        text("trailing garbage", &format!("{MESSAGE}x")),
        text("a trailing brace", &format!("{MESSAGE}}}")),
        text("a trailing zero byte", &format!("{MESSAGE}\0")),
        text("a trailing comma", r#"{"update_id":1,"message":{},}"#),
        text("a comment", r#"{"update_id":1,/**/"message":{}}"#),
        text("single quotes", "{'update_id':1,'message':{}}"),
        text("10,000 lists", &deep("[", "]", "")),
        text("10,000 lists unclosed", &message(&"[".repeat(10_000))),
        text("10,000 lists in a message", &message(&deep("[", "]", ""))),
        text(
            "10,000 objects in a message",
            &message(&deep(r#"{"a":"#, "}", "1")),
        ),
        text(
            "10,000 objects in the unknown",
            &unknown(&deep(r#"{"a":"#, "}", "1")),
        ),
        text(
            "10,000 chats in chats",
            &message(&deep(r#"{"reply_to_message":"#, "}", "1")),
        ),
        text("a lone high surrogate", &message(r#"{"text":"\ud83d"}"#)),
        text("a lone low surrogate", &message(r#"{"text":"\ude00 "}"#)),
        text(
            "a lone surrogate in the unknown",
            &unknown(r#"{"a":["\ud83d x"]}"#),
        ),
        text("a lone surrogate in a key", &message(r#"{"\udc00":1}"#)),
        text("a bad escape", &message(r#"{"text":"\x"}"#)),
        text("a line feed in a string", &message("{\"text\":\"a\nb\"}")),
        text("a bad number", &message(r#"{"a":01}"#)),
        text("not a number", &message(r#"{"a":NaN}"#)),
        (
            "UTF-8 cut short",
            b"{\"update_id\":1,\"message\":{\"text\":\"\xf0\x9f\x98\"}}".to_vec(),
        ),
        (
            "Latin-1",
            b"{\"update_id\":1,\"brand_new\":{\"text\":\"\xe9\"}}".to_vec(),
        ),
        (
            "a surrogate in UTF-8",
            b"{\"update_id\":1,\"message\":{\"text\":\"\xed\xa0\x80\"}}".to_vec(),
        ),
        (
            "UTF-16",
            MESSAGE.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
    ];
    for id in [
        "-1",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551616",
        "1e3",
        "1.0",
        "1.5",
        "01",
        "+1",
        "0x1",
        "\"1\"",
        "null",
        "true",
        "[1]",
        "{}",
        "",
    ] {
        for order in [
            format!(r#"{{"update_id":{id},"message":{{}}}}"#),
            format!(r#"{{"message":{{}},"update_id":{id}}}"#),
        ] {
            cases.push(("a bad update_id", order.into_bytes()));
        }
    }
    cases
}

async fn all_malformed<U: std::fmt::Debug>(bots: Vec<Bot<U>>) {
    for bot in bots {
        let mut connection = bot.endpoint.connect().await;
        for (name, body) in malformed() {
            let call = Call::new(body);
            let answer = match &mut connection {
                Some(connection) => connection.send(&call).await,
                None => bot.send(&call).await,
            };
            let shown = String::from_utf8_lossy(&call.body);
            let shown = shown.chars().take(80).collect::<String>();
            assert_eq!(answer.status, 400, "{bot}: {name}: {shown}");
            assert_eq!(bot.handled().len(), 0, "{bot}: {name}");
        }
    }
}

async fn b5_a_body_that_is_no_update_is_refused_as_our_type(server: Server) {
    all_malformed(bots(server).await).await;
}

async fn b5_a_body_that_is_no_update_is_refused_as_any_value(server: Server) {
    all_malformed(bots_of::<Value>(server).await).await;
}

async fn b5_a_body_that_is_no_update_is_refused_as_a_foreign_type(server: Server) {
    all_malformed(bots_of::<Mine>(server).await).await;
}

async fn b5_the_numbers_bounds_are_inside(server: Server) {
    for bot in bots(server).await {
        for id in [
            0,
            1,
            i64::from(i32::MAX) + 1,
            999_999_999_999_999_999,
            i64::MAX,
        ] {
            for body in [
                format!(r#"{{"update_id":{id},"message":{{}}}}"#),
                format!(r#"{{"message":{{}},"update_id":{id}}}"#),
            ] {
                assert_eq!(bot.send(&Call::new(body)).await.status, 200, "{bot}: {id}");
                assert_eq!(bot.one().update_id, id, "{bot}");
            }
        }
    }
}

/// The update of [`MESSAGE`] with more to put into other orders.
fn sample() -> Value {
    let mut update: Value = serde_json::from_str(MESSAGE).expect("JSON");
    update["message"]["text"] = json!("a\"b\\c/d\n\u{1}\u{e9}\u{1f600} \u{2028}");
    update["message"]["entities"] = json!([
        {"type": "bold", "offset": 0, "length": 2},
        {"type": "text_link", "offset": 2, "length": 2, "url": "https://example.com/?a=b&c"},
    ]);
    update["message"]["reply_markup"] = json!({"inline_keyboard": [[{"text": "x"}], []]});
    update["message"]["forward_origin"] =
        json!({"date": 1, "type": "hidden_user", "sender_user_name": "\u{202e}name"});
    update
}

/// The same update in hundreds of forms.
async fn all_the_same<U>(bots: Vec<Bot<U>>)
where
    U: DeserializeOwned + PartialEq + std::fmt::Debug,
{
    for bot in bots {
        let mut connection = bot.endpoint.connect().await;
        let mut rng = Rng::with_seed(6);
        let usual = telegram(&sample());
        let expected: U = serde_json::from_str(&usual).expect("it fits");
        for i in 0..300 {
            let style = Style {
                shuffled: i % 2 == 0,
                spaced: i % 3 != 0,
                escaped: rng.u8(..60),
            };
            let text = styled(&sample(), &mut rng, style);
            let call = Call::new(&*text);
            let answer = match &mut connection {
                Some(connection) => connection.send(&call).await,
                None => bot.send(&call).await,
            };
            assert_eq!(answer.status, 200, "{bot}: {text}");
            assert_eq!(bot.one(), expected, "{bot}: {text}");
        }
    }
}

async fn b6_order_space_and_escapes_make_no_difference_to_ours(server: Server) {
    all_the_same(bots(server).await).await;
}

async fn b6_order_space_and_escapes_make_no_difference_to_any_value(server: Server) {
    all_the_same(bots_of::<Value>(server).await).await;
}

async fn b6_order_space_and_escapes_make_no_difference_to_a_foreign_type(server: Server) {
    all_the_same(bots_of::<Mine>(server).await).await;
}

/// Two readers could disagree on which of the two counts.
async fn no_duplicates<U: std::fmt::Debug>(bots: Vec<Bot<U>>) {
    for bot in bots {
        for body in [
            r#"{"update_id":1,"update_id":1,"message":{}}"#,
            r#"{"update_id":1,"message":{},"update_id":2}"#,
            r#"{"message":{},"update_id":1,"update_id":2}"#,
            r#"{"update_id":1,"message":{},"message":{}}"#,
            r#"{"update_id":1,"message":{},"m\u0065ssage":{}}"#,
            r#"{"update_id":1,"message":{},"update\u005fid":1}"#,
            r#"{"update_id":1,"message":{},"poll":{}}"#,
        ] {
            let answer = bot.send(&Call::new(body)).await;
            assert_eq!(answer.status, 400, "{bot}: {body}");
            assert_eq!(bot.handled().len(), 0, "{bot}: {body}");
        }
    }
}

async fn b6_duplicate_keys_of_the_envelope_are_refused(server: Server) {
    no_duplicates(bots(server).await).await;
    no_duplicates(bots_of::<Value>(server).await).await;
    no_duplicates(bots_of::<Mine>(server).await).await;
}

async fn b6_duplicate_keys_further_down_are_refused(server: Server) {
    for bot in bots(server).await {
        for (once, twice) in [
            ("\"date\":1700000000", "\"date\":1700000000,\"date\":1"),
            ("\"is_bot\":false", "\"is_bot\":false,\"is_bot\":true"),
            (
                "\"type\":\"private\"",
                "\"type\":\"private\",\"t\\u0079pe\":\"group\"",
            ),
            // Behind a value of another type, and unknown ones.
            ("\"date\":1700000000", "\"date\":\"x\",\"date\":1700000000"),
            ("\"is_bot\":false", "\"is_bot\":7,\"is_bot\":false"),
            ("\"is_bot\":false", "\"is_bot\":false,\"new\":1,\"new\":1"),
            (
                "\"is_bot\":false",
                "\"is_bot\":false,\"new\":[{\"a\":1,\"a\":1}]",
            ),
        ] {
            assert!(MESSAGE.contains(once));
            let call = Call::new(MESSAGE.replace(once, twice));
            assert_eq!(bot.send(&call).await.status, 400, "{bot}: {twice}");
            assert_eq!(bot.handled(), [], "{bot}: {twice}");
        }
        // The tag that tells the types of a union apart.
        for tags in [
            r#""status":"left","status":"kicked""#,
            r#""status":"left","status":"left""#,
            r#""status":"left","status":null"#,
            r#""status":null,"status":"left""#,
            r#""status":"newer","st\u0061tus":"left""#,
            r#""status":"newer","a":{"status":1},"status":"newest""#,
        ] {
            let call = Call::new(with_new_member(tags));
            assert_eq!(bot.send(&call).await.status, 400, "{bot}: {tags}");
            assert_eq!(bot.handled(), [], "{bot}: {tags}");
        }
        let call = Call::new(with_new_member(r#""a":{"status":1},"status":"left""#));
        assert_eq!(bot.send(&call).await.status, 200, "{bot}");
        assert_eq!(bot.one().update_type(), UpdateType::MyChatMember, "{bot}");
    }
}

/// An update about a chat's member, with these members in its object.
fn with_new_member(members: &str) -> String {
    const USER: &str = r#"{"id":7,"is_bot":false,"first_name":"A"}"#;
    format!(
        r#"{{"update_id":9,"my_chat_member":{{"chat":{{"id":7,"type":"private"}},"from":{USER},"date":1,
        "old_chat_member":{{"status":"member","user":{USER}}},
        "new_chat_member":{{{members},"user":{USER}}}}}}}"#
    )
}

async fn b7_an_unknown_type_gets_to_the_handler_raw(server: Server) {
    let payload = r#"{ "a":[1,2.50,null], "b":"\u00e9" }"#;
    for bot in bots(server).await {
        for body in [
            format!(r#"{{"update_id":9,"brand_new":{payload}}}"#),
            format!(r#"{{"brand_new":{payload},"update_id":9}}"#),
            format!(r#"{{"update_id":9,"br\u0061nd_new" : {payload} }}"#),
        ] {
            let answer = bot.send(&Call::new(&*body)).await;
            assert_eq!(answer.status, 200, "{bot}: {body}");
            let update: Update = bot.one();
            assert_eq!(update.update_id, 9, "{bot}");
            assert_eq!(update.update_type(), UpdateType::Unknown, "{bot}");
            let UpdateKind::Unknown { name, raw } = update.kind else {
                panic!("{bot}: {update:?}");
            };
            assert_eq!((&*name, raw.get()), ("brand_new", payload), "{bot}");
        }
    }
}

async fn b7_a_new_member_beside_a_known_type_is_passed_over(server: Server) {
    for bot in bots(server).await {
        let body = MESSAGE.replace("\"message\"", "\"brand_new\":[{}],\"message\"");
        let answer = bot.send(&Call::new(body)).await;
        assert_eq!(answer.status, 200, "{bot}");
        let text = bot.one().any_message().and_then(|m| m.text.clone());
        assert_eq!(text.as_deref(), Some("hi"), "{bot}");
    }
}

async fn b7_an_unknown_type_reaches_other_types_too(server: Server) {
    let body = json!({"update_id": 9, "brand_new": {"a": 1}});
    for bot in bots_of::<Value>(server).await {
        let answer = bot.send(&Call::new(body.to_string())).await;
        assert_eq!((answer.status, bot.one()), (200, body.clone()), "{bot}");
    }
    for bot in bots_of::<Mine>(server).await {
        let answer = bot.send(&Call::new(body.to_string())).await;
        let expected = Mine {
            update_id: 9,
            message: None,
        };
        assert_eq!((answer.status, bot.one()), (200, expected), "{bot}");
    }
}
