use super::*;

async fn question(
    telegram: &Telegram,
    user: &User,
    markup: Value,
) -> tower_telegram_types::types::Message {
    let params = json!({"chat_id": user.chat_id(), "text": "Shall we?", "reply_markup": markup});
    api(telegram, "sendMessage", params).unwrap();
    user.waits_for_message().await.unwrap()
}

fn buttons() -> Value {
    json!({"inline_keyboard": [
        [{"text": "Yes", "callback_data": "y"}, {"text": "No", "callback_data": "n"}],
        [{"text": "Read", "url": "https://telegram.org"}],
    ]})
}

#[tokio::test]
async fn a_press_is_a_callback_query_that_is_answered_once() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    let message = question(&telegram, &ada, buttons()).await;
    let press = ada.presses(&message, "Yes").await.unwrap();
    let query = update(&telegram, "callback_query").await;
    assert_eq!(
        (&query["data"], &query["id"]),
        (&json!("y"), &json!(press.id))
    );
    assert_eq!(query["message"]["reply_markup"], buttons());
    let error = press.answer().await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("no call of answerCallbackQuery within 50ms"),
        "{error}"
    );
    let answer = json!({"callback_query_id": press.id, "text": "Good", "show_alert": true});
    api(&telegram, "answerCallbackQuery", answer.clone()).unwrap();
    let seen = press.answer().await.unwrap();
    assert_eq!(
        (seen.text.as_deref(), seen.show_alert),
        (Some("Good"), Some(true))
    );
    let too_old =
        "Bad Request: query is too old and response timeout expired or query ID is invalid";
    assert_eq!(refused(&telegram, "answerCallbackQuery", answer), too_old);
    assert_eq!(
        refused(
            &telegram,
            "answerCallbackQuery",
            json!({"callback_query_id": "1"})
        ),
        too_old
    );
}

#[tokio::test]
async fn only_buttons_that_are_there_now_can_be_pressed() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    let message = question(&telegram, &ada, buttons()).await;
    let error = ada.presses(&message, "Maybe").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"no button says "Maybe"; there are ["Yes", "No", "Read"]"#
    );
    assert!(matches!(
        ada.presses(&message, "Read").await,
        Err(Error::NotNotified { .. })
    ));
    let place = json!({"chat_id": ada.id(), "message_id": message.message_id, "text": "Done"});
    api(&telegram, "editMessageText", place.clone()).unwrap();
    let changed = ada.waits_for_change(&message).await.unwrap();
    assert_eq!(changed.text.as_deref(), Some("Done"));
    assert!(ada.presses(&message, "Yes").await.is_err());
    api(&telegram, "deleteMessage", place).unwrap();
    assert!(matches!(
        ada.presses(&message, "Yes").await,
        Err(Error::NotPossible { .. })
    ));
    assert!(ada.waits_for_change(&message).await.is_err());
}

#[tokio::test]
async fn a_keyboard_in_place_of_the_letters_is_tapped() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    let keyboard = json!({"keyboard": [["Yes", {"text": "My number", "request_contact": true}]]});
    let message = question(&telegram, &ada, keyboard).await;
    assert!(message.reply_markup.is_none());
    ada.taps("Yes").await.unwrap();
    assert_eq!(update(&telegram, "message").await["text"], "Yes");
    ada.taps("My number").await.unwrap();
    assert_eq!(
        update(&telegram, "message").await["contact"]["user_id"],
        ada.id()
    );
    question(&telegram, &ada, json!({"remove_keyboard": true})).await;
    assert!(matches!(ada.taps("Yes").await, Err(Error::NoButton { .. })));
}

#[tokio::test]
async fn bad_keyboards_are_refused() {
    let telegram = start().await;
    let refuse = |button: Value| {
        let markup = json!({"inline_keyboard": [[button]]});
        refused(
            &telegram,
            "sendMessage",
            json!({"chat_id": 7, "text": "a", "reply_markup": markup}),
        )
    };
    assert_eq!(
        refuse(json!({"text": "a"})),
        "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
    );
    assert_eq!(
        refuse(json!({"callback_data": "a"})),
        "Bad Request: can't parse inline keyboard button: Can't find field \"text\""
    );
    assert_eq!(
        refuse(json!({"text": "a", "callback_data": "x".repeat(65)})),
        "Bad Request: BUTTON_DATA_INVALID"
    );
}
