//! teloxide's calls through a client.

use teloxide::{
    ApiError, RequestError,
    adaptors::DefaultParseMode,
    prelude::*,
    requests::Requester,
    types::{ChatId, InputFile, MessageId, ParseMode, Seconds},
};
use tower_telegram::{
    Client,
    client::{Error, ErrorKind, RetryLayer},
    methods::{EditMessageText, SendPhoto},
};
use tower_telegram_teloxide::ClientBot;
use tower_telegram_test::{Answer, Call, Faults, Telegram};

use crate::support;

fn builder(
    telegram: &Telegram,
) -> tower_telegram::client::ClientBuilder<tower_telegram::client::HttpTransport> {
    Client::builder(&telegram.token().parse().unwrap())
        .base_url(telegram.api_url())
        .unwrap()
}

fn bot(telegram: &Telegram) -> ClientBot {
    ClientBot::new(builder(telegram).build(), support::caller(telegram))
}

fn calls(telegram: &Telegram, method: &str) -> Vec<Call> {
    let mut calls = telegram.calls();
    calls.retain(|call| call.is(method));
    calls
}

#[tokio::test]
async fn m7_a_call_goes_through_the_client_and_its_layers() {
    let telegram = Telegram::start().await.unwrap();
    telegram.answer_once("sendMessage", Answer::too_many_requests(1));
    let client = builder(&telegram).layer(RetryLayer::new()).build();
    let bot = ClientBot::new(client, support::caller(&telegram));
    let sent = bot.send_message(ChatId(7), "hello").await.unwrap();
    assert_eq!(sent.text(), Some("hello"));
    assert_eq!(calls(&telegram, "sendMessage").len(), 2);
    assert_eq!(bot.get_me().await.unwrap().username(), "test_bot");
}

#[tokio::test]
async fn m7_teloxides_adaptors_fit_around_the_bot() {
    let telegram = Telegram::start().await.unwrap();
    let bot: DefaultParseMode<ClientBot> = bot(&telegram).parse_mode(ParseMode::Html);
    let request = bot.send_message(ChatId(7), "<b>hello</b>");
    let by_reference = request.send_ref().await.unwrap();
    let sent = request.await.unwrap();
    assert_eq!(sent.text(), Some("hello"));
    assert_ne!(sent.id, by_reference.id);
}

#[tokio::test]
async fn m7_a_method_for_inline_messages_is_called_by_telegrams_name() {
    let telegram = Telegram::start().await.unwrap();
    telegram.answer("editMessageText", Answer::ok(true));
    bot(&telegram)
        .edit_message_text_inline("abc", "new")
        .await
        .unwrap();
    let call = telegram
        .wait_for::<EditMessageText>(|_| true)
        .await
        .unwrap();
    assert_eq!(call.inline_message_id.as_deref(), Some("abc"));
}

#[tokio::test]
async fn m7_a_file_is_named_through_the_client_and_uploaded_by_teloxides_bot() {
    let telegram = Telegram::start().await.unwrap();
    // Only teloxide's own bot knows this server.
    let nowhere = Client::builder(&telegram.token().parse().unwrap())
        .base_url("http://127.0.0.1:1")
        .unwrap()
        .build();
    let uploading = ClientBot::new(nowhere, support::caller(&telegram));
    let photo = InputFile::memory(&b"picture"[..]).file_name("a.png");
    let sent = uploading.send_photo(ChatId(7), photo).await.unwrap();
    let file_id = sent.photo().unwrap()[0].file.id.clone();
    assert_eq!(calls(&telegram, "sendPhoto")[0].files[0].bytes, "picture");

    let elsewhere = support::caller(&telegram).set_api_url("http://127.0.0.1:1".parse().unwrap());
    let naming = ClientBot::new(builder(&telegram).build(), elsewhere);
    naming
        .send_photo(ChatId(7), InputFile::file_id(file_id.clone()))
        .await
        .unwrap();
    let named = |call: &SendPhoto| serde_json::to_value(&call.photo).unwrap() == file_id.0.as_str();
    drop(telegram.wait_for::<SendPhoto>(named).await.unwrap());
}

#[tokio::test]
async fn m7_a_refusal_is_teloxides_error() {
    let telegram = Telegram::start().await.unwrap();
    let bot = bot(&telegram);
    let refused = async |answer| {
        telegram.answer_once("deleteMessage", answer);
        bot.delete_message(ChatId(7), MessageId(1))
            .await
            .unwrap_err()
    };
    let blocked = Answer::error(403, "Forbidden: bot was blocked by the user");
    assert!(matches!(
        refused(blocked).await,
        RequestError::Api(ApiError::BotBlocked)
    ));
    let error = refused(Answer::error(400, "Bad Request: new words")).await;
    assert!(
        matches!(&error, RequestError::Api(ApiError::Unknown(text)) if text == "Bad Request: new words"),
        "{error:?}"
    );
    let error = refused(Answer::too_many_requests(7)).await;
    assert!(matches!(error, RequestError::RetryAfter(wait) if wait == Seconds::from_seconds(7)));
    let migrated =
        Answer::error(400, "Bad Request: group chat was upgraded").migrate_to_chat_id(-100);
    assert!(matches!(
        refused(migrated).await,
        RequestError::MigrateToChatId(ChatId(-100))
    ));
    let error = refused(Answer::ok("a text")).await;
    let whole = r#"{"ok":true,"result":"a text"}"#;
    assert!(matches!(&error, RequestError::InvalidJson { raw, .. } if &**raw == whole));
}

#[tokio::test]
async fn m7_a_connection_that_breaks_is_an_error_with_the_clients_in_it() {
    let telegram = Telegram::start().await.unwrap();
    telegram.faults(Faults::new().resets(1.0));
    let error = bot(&telegram)
        .send_message(ChatId(7), "hello")
        .await
        .unwrap_err();
    let RequestError::Io(error) = error else {
        panic!("{error:?}");
    };
    let inner = error
        .get_ref()
        .and_then(|error| error.downcast_ref::<Error>())
        .unwrap();
    assert_eq!(inner.kind(), ErrorKind::Transport);
    assert!(!format!("{error} {error:?}").contains(telegram.token()));
}
