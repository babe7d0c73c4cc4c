//! E1–E6: what is answered. Row E6 is checked on each answer that any test gets, by
//! [`Answer::check`](crate::support::wire::Answer::check); its own test only makes sure that each kind occurs.

use serde_json::json;
use tower_telegram::{
    IntoReply as _, Reply, ReplyError,
    methods::{SendDocument, SendMessage},
    types::{InlineKeyboardButton, InlineKeyboardMarkup, InputFile, Update},
    webhook::Webhook,
};

use crate::support::{
    adapter::{BoxError, bots_admitting, bots_with, nothing, secret},
    for_each_server::for_each_server,
    servers::Server,
    wire::{Call, MESSAGE, SECRET, SECRET_HEADER},
};

for_each_server! {
    e1_nothing_is_an_empty_200
    e2_a_method_is_one_object_of_json
    e3_a_file_goes_along_with_a_known_length
    e4_the_raw_way_refuses_what_telegram_passes_over
    e5_a_reply_that_telegram_wouldnt_read_isnt_sent
    e6_no_kind_of_answer_is_one_that_telegram_takes_amiss
}

for_each_server! { sockets:
    e1_e2_every_answer_says_its_length_over_either_version
    e2_replies_on_a_kept_alive_connection_dont_run_into_each_other
}

fn say(text: &str) -> SendMessage {
    let keyboard = InlineKeyboardMarkup::new(vec![vec![InlineKeyboardButton::new("go")]]);
    SendMessage::new(42, text).reply_markup(keyboard)
}

async fn e1_nothing_is_an_empty_200(server: Server) {
    for bot in bots_admitting(server, &secret(SECRET).into(), nothing).await {
        let answer = bot.send(&Call::new(MESSAGE)).await;
        assert_eq!(answer.status, 200, "{bot}");
        assert_eq!(answer.header("content-length"), Some("0"), "{bot}");
        assert!(answer.body.is_empty(), "{bot}");
    }
}

/// No layer writes the header: the server takes it from the body.
async fn e1_e2_every_answer_says_its_length_over_either_version(server: Server) {
    let reply = |update: &Update| match update.update_id {
        0 => Ok(Reply::nothing()),
        1 => Ok(say("hi").into_reply()?),
        _ => Err("not today".into()),
    };
    let update = |id: u8| Call::new(json!({"update_id": id, "message": {}}).to_string());
    for bot in bots_admitting(server, &secret(SECRET).into(), reply).await {
        for version in ["HTTP/1.0", "HTTP/1.1"] {
            for (mut call, status, empty) in [
                (update(0), 200, true),
                (update(1), 200, false),
                (update(2), 500, true),
                (update(0).with(SECRET_HEADER, "guess"), 401, true),
                (update(0).method("PUT"), 405, true),
                (update(0).without("Content-Type"), 415, true),
                (Call::new("{}"), 400, true),
            ] {
                call.version = version;
                let answer = bot.send(&call).await;
                let length = answer.header("content-length");
                assert_eq!(answer.status, status, "{bot} {version}");
                assert_eq!(length == Some("0"), empty, "{bot} {version}: {length:?}");
                assert!(length.is_some(), "{bot} {version}: {status}");
            }
        }
    }
}

async fn e2_a_method_is_one_object_of_json(server: Server) {
    let reply = |_: &Update| {
        say("\u{2728} \"quoted\"\n")
            .into_reply()
            .map_err(Into::into)
    };
    for bot in bots_admitting(server, &secret(SECRET).into(), reply).await {
        let answer = bot.send(&Call::new(MESSAGE)).await;
        assert_eq!(answer.status, 200, "{bot}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{bot}"
        );
        let keyboard = json!({"inline_keyboard": [[{"text": "go"}]]});
        assert_eq!(
            answer.json(),
            json!({"method": "sendMessage", "chat_id": 42, "text": "\u{2728} \"quoted\"\n",
                   "reply_markup": keyboard}),
            "{bot}"
        );
        // Telegram takes the first of two, so there must be one name, and the right one.
        assert!(
            answer.body.starts_with(b"{\"method\":\"sendMessage\","),
            "{bot}"
        );
    }
}

async fn e2_replies_on_a_kept_alive_connection_dont_run_into_each_other(server: Server) {
    let reply = |update: &Update| -> Result<Reply, BoxError> {
        match update.update_id % 3 {
            0 => Ok(Reply::nothing()),
            1 => Ok(say(&"x".repeat(100_000)).into_reply()?),
            _ => Err("not today".into()),
        }
    };
    for bot in bots_with(server, &Webhook::new(secret(SECRET)), reply).await {
        let mut connection = bot.endpoint.connect().await.expect("a socket");
        for id in 0..30 {
            let call = Call::new(json!({"update_id": id, "message": {}}).to_string());
            let answer = connection.send(&call).await;
            let (status, least) = [(200, 0), (200, 100_000), (500, 0)][id % 3];
            assert_eq!(answer.status, status, "{bot}");
            assert_eq!(answer.body.len() / 100_000, least / 100_000, "{bot}");
        }
    }
}

async fn e3_a_file_goes_along_with_a_known_length(server: Server) {
    let reply = |_: &Update| {
        let file = InputFile::bytes("a \"b\".txt", &b"content\r\n--"[..]);
        SendDocument::new(42, file).into_reply().map_err(Into::into)
    };
    for bot in bots_admitting(server, &secret(SECRET).into(), reply).await {
        let answer = bot.send(&Call::new(MESSAGE)).await;
        assert_eq!(answer.status, 200, "{bot}");
        let content_type = answer.header("content-type").unwrap_or_default();
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=");
        let boundary = boundary.expect("a form").trim_matches('"');
        assert!((1..=70).contains(&boundary.len()), "{bot}: {boundary}");
        let body = String::from_utf8(answer.body.clone()).expect("text");
        assert!(body.contains("content\r\n--"), "{bot}: {body}");
        assert!(body.contains("sendDocument"), "{bot}: {body}");
        assert!(
            body.ends_with(&format!("--{boundary}--\r\n")),
            "{bot}: {body}"
        );
    }
}

/// The handler gets a typed error, and Telegram a 500.
async fn e4_the_raw_way_refuses_what_telegram_passes_over(server: Server) {
    for method in [
        "getMe",
        "getUpdates",
        "setWebhook",
        "deleteWebhook",
        "close",
        "logOut",
        "",
    ] {
        for method in [method.to_owned(), method.to_uppercase()] {
            let error = Reply::raw(&method, &json!({})).expect_err("it isn't taken");
            assert_eq!(
                error,
                ReplyError::Refused {
                    method: method.into()
                }
            );
        }
    }
    let reply = |_: &Update| Reply::raw("getMe", &json!({})).map_err(Into::into);
    for bot in bots_admitting(server, &secret(SECRET).into(), reply).await {
        let answer = bot.send(&Call::new(MESSAGE)).await;
        assert_eq!(answer.status, 500, "{bot}");
        assert!(answer.body.is_empty(), "{bot}");
    }
    let reply = |_: &Update| Reply::raw("sendConfetti", &json!({"chat_id": 1})).map_err(Into::into);
    for bot in bots_admitting(server, &secret(SECRET).into(), reply).await {
        let answer = bot.send(&Call::new(MESSAGE)).await;
        assert_eq!(
            answer.json(),
            json!({"method": "sendConfetti", "chat_id": 1}),
            "{bot}"
        );
    }
}

async fn e5_a_reply_that_telegram_wouldnt_read_isnt_sent(server: Server) {
    let reply = |update: &Update| {
        let rest = SendMessage::new(1, "").into_reply()?;
        let rest = rest.json().map_or(0, bytes::Bytes::len);
        let over = usize::from(update.update_id == 1);
        let text = "x".repeat(Reply::MAX_ARGUMENTS - rest + over);
        SendMessage::new(1, text).into_reply().map_err(Into::into)
    };
    for bot in bots_admitting(server, &secret(SECRET).into(), reply).await {
        let just = bot
            .send(&Call::new(r#"{"update_id":0,"message":{}}"#))
            .await;
        assert_eq!(
            (just.status, just.body.len()),
            (200, Reply::MAX_ARGUMENTS),
            "{bot}"
        );
        let over = bot
            .send(&Call::new(r#"{"update_id":1,"message":{}}"#))
            .await;
        assert_eq!((over.status, over.body.len()), (500, 0), "{bot}");
    }
}

async fn e6_no_kind_of_answer_is_one_that_telegram_takes_amiss(server: Server) {
    let reply = |update: &Update| -> Result<Reply, BoxError> {
        let file = || InputFile::bytes("a.txt", "content");
        match update.update_id {
            0 => Ok(Reply::nothing()),
            1 => Ok(say("hi").into_reply()?),
            2 => Ok(SendDocument::new(42, file()).into_reply()?),
            _ => Err("not today".into()),
        }
    };
    let with_id = |id: i64| Call::new(json!({"update_id": id, "message": {}}).to_string());
    for bot in bots_admitting(server, &secret(SECRET).into(), reply).await {
        for (call, status) in [
            (with_id(0), 200),
            (with_id(1), 200),
            (with_id(2), 200),
            (with_id(3), 500),
            (Call::new(r#"{"update_id":0,"chat_member":{}}"#), 200),
            (Call::new("[]"), 400),
            (with_id(0).with(SECRET_HEADER, "guess"), 401),
            (with_id(0).method("GET"), 405),
            (with_id(0).method("HEAD"), 405),
            (Call::new(vec![b' '; (1 << 20) + 1]), 413),
            (with_id(0).without("Content-Type"), 415),
        ] {
            assert_eq!(bot.send(&call).await.status, status, "{bot}: {call:?}");
        }
    }
}
