//! Calls: parameters, files, results and errors.

use std::{error::Error as _, path::PathBuf};

use frankenstein::{
    AsyncTelegramApi as _,
    input_media::{InputMediaPhoto, MediaGroupInputMedia},
    methods::{
        EditMessageTextParams, GetUpdatesParams, SendDocumentParams, SendMediaGroupParams,
        SendMessageParams,
    },
    response::{MessageOrBool, ResponseParameters},
};
use tower_telegram::{
    Client,
    client::{self, ErrorKind, HttpTransport, RetryLayer},
    webhook::Failure,
};
use tower_telegram_frankenstein::{Bot, Error};
use tower_telegram_test::{Answer, Call, Faults, Telegram, update};

fn builder(telegram: &Telegram) -> client::ClientBuilder<HttpTransport> {
    Client::builder(&telegram.token().parse().unwrap())
        .base_url(telegram.api_url())
        .unwrap()
}

fn bot(telegram: &Telegram) -> Bot {
    Bot::new(builder(telegram).build())
}

fn hello() -> SendMessageParams {
    SendMessageParams::builder()
        .chat_id(7_i64)
        .text("hello")
        .build()
}

fn calls(telegram: &Telegram, method: &str) -> Vec<Call> {
    let mut calls = telegram.calls();
    calls.retain(|call| call.is(method));
    calls
}

/// A file of this crate.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[tokio::test]
async fn m8_a_call_goes_through_the_client_and_its_layers() {
    let telegram = Telegram::start().await.unwrap();
    telegram.answer_once("sendMessage", Answer::too_many_requests(1));
    let bot = Bot::from(builder(&telegram).layer(RetryLayer::new()).build());
    let sent = bot.send_message(&hello()).await.unwrap();
    assert!(sent.ok);
    assert_eq!(sent.result.text.as_deref(), Some("hello"));
    assert_eq!(calls(&telegram, "sendMessage").len(), 2);
    assert_eq!(
        bot.get_me().await.unwrap().result.username.as_deref(),
        Some("test_bot")
    );
}

#[tokio::test]
async fn m8_updates_can_be_fetched() {
    let telegram = Telegram::start().await.unwrap();
    telegram.enqueue(update::text(7, "hi")).unwrap();
    let params = GetUpdatesParams::builder().timeout(50_u32).build();
    let updates = bot(&telegram).get_updates(&params).await.unwrap();
    assert_eq!(updates.result.len(), 1);
}

#[tokio::test]
async fn m8_a_result_may_be_of_two_types() {
    let telegram = Telegram::start().await.unwrap();
    telegram.answer("editMessageText", Answer::ok(true));
    let params = EditMessageTextParams::builder()
        .inline_message_id("abc")
        .text("new")
        .build();
    let edited = bot(&telegram).edit_message_text(&params).await.unwrap();
    assert_eq!(edited.result, MessageOrBool::Bool(true));
}

#[tokio::test]
async fn m8_files_are_uploaded_from_parameters_and_from_lists() {
    let telegram = Telegram::start().await.unwrap();
    let bot = bot(&telegram);
    let document = SendDocumentParams::builder()
        .chat_id(7_i64)
        .document(file("Cargo.toml"))
        .thumbnail(file("README.md"))
        .caption("{\"a\": 1}")
        .build();
    bot.send_document(&document).await.unwrap();
    let call = &calls(&telegram, "sendDocument")[0];
    assert_eq!(call.text("caption").as_deref(), Some("{\"a\": 1}"));
    for (parameter, name) in [("document", "Cargo.toml"), ("thumbnail", "README.md")] {
        let uploaded = call.file(parameter).unwrap();
        assert_eq!(uploaded.file_name, name);
        assert_eq!(uploaded.bytes, std::fs::read(file(name)).unwrap());
    }

    let photo = |name| {
        let photo = InputMediaPhoto::builder().media(file(name)).build();
        MediaGroupInputMedia::Photo(photo)
    };
    let album = SendMediaGroupParams::builder()
        .chat_id(7_i64)
        .media(vec![photo("Cargo.toml"), photo("README.md")])
        .build();
    bot.send_media_group(&album).await.unwrap();
    let call = &calls(&telegram, "sendMediaGroup")[0];
    let media = call.json("media").unwrap();
    for (index, name) in ["Cargo.toml", "README.md"].iter().enumerate() {
        let reference = media[index]["media"].as_str().unwrap();
        let part = reference.strip_prefix("attach://").unwrap();
        let uploaded = call.files.iter().find(|file| file.field == part).unwrap();
        assert_eq!(uploaded.file_name, *name);
    }
}

#[tokio::test]
async fn m8_a_file_that_isnt_there_is_an_error_and_nothing_is_sent() {
    let telegram = Telegram::start().await.unwrap();
    let params = SendDocumentParams::builder()
        .chat_id(7_i64)
        .document(file("no such file"))
        .build();
    let error = bot(&telegram).send_document(&params).await.unwrap_err();
    let Error::Call(source) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(source.kind(), ErrorKind::Upload);
    assert!(calls(&telegram, "sendDocument").is_empty());
}

#[tokio::test]
async fn m8_a_refusal_has_its_code_description_and_parameters() {
    let telegram = Telegram::start().await.unwrap();
    let bot = bot(&telegram);
    let refused = async |answer| {
        telegram.answer_once("sendMessage", answer);
        bot.send_message(&hello()).await.unwrap_err()
    };
    let error = refused(Answer::error(403, "Forbidden: bot was blocked by the user")).await;
    let response = error.response().unwrap();
    assert!(!response.ok);
    assert_eq!(response.error_code, 403);
    assert_eq!(
        response.description,
        "Forbidden: bot was blocked by the user"
    );
    assert_eq!(response.parameters, None);
    let cause = error.source().unwrap();
    assert!(
        cause.is::<client::Error>(),
        "a handler's layers know it by its cause"
    );

    let error = refused(Answer::too_many_requests(7)).await;
    let expected = ResponseParameters {
        migrate_to_chat_id: None,
        retry_after: Some(7),
    };
    assert_eq!(error.response().unwrap().parameters, Some(expected));

    let migrated = Answer::error(400, "Bad Request: upgraded").migrate_to_chat_id(-100);
    let error = refused(migrated).await;
    let expected = ResponseParameters {
        migrate_to_chat_id: Some(-100),
        retry_after: None,
    };
    assert_eq!(error.response().unwrap().parameters, Some(expected));
}

#[tokio::test]
async fn m8_other_errors_have_no_refusal_and_no_token() {
    let telegram = Telegram::start().await.unwrap();
    let bot = bot(&telegram);
    telegram.answer_once("sendMessage", Answer::ok("a text"));
    let error = bot.send_message(&hello()).await.unwrap_err();
    let Error::Decode { method, source } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(method, "sendMessage");
    assert!(source.is_permanent(), "another attempt would send it twice");
    assert!(error.source().unwrap().is::<Failure>());
    assert_eq!(
        error.to_string(),
        "sendMessage: the result has another type"
    );

    telegram.faults(Faults::new().resets(1.0));
    let error = bot.send_message(&hello()).await.unwrap_err();
    assert!(error.response().is_none());
    let Error::Call(source) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(source.kind(), ErrorKind::Transport);
    assert!(!format!("{error} {error:?}").contains(telegram.token()));
}
