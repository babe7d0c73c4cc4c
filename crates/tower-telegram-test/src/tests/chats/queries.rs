use super::*;

#[tokio::test]
async fn inline_queries_are_answered_and_a_result_is_chosen_and_edited() {
    let telegram = start().await;
    let engines = telegram.group("Engines");
    let ada = telegram.user("Ada").in_chat(&engines);
    let query = ada.queries("loom").await.unwrap();
    let seen = update(&telegram, "inline_query").await;
    assert_eq!(
        (&seen["query"], &seen["chat_type"]),
        (&json!("loom"), &json!("group"))
    );
    let result = |id: &str| {
        json!({
            "type": "article", "id": id, "title": "Loom", "input_message_content": {"message_text": "<b>Loom</b>", "parse_mode": "HTML"},
            "reply_markup": {"inline_keyboard": [[{"text": "More", "callback_data": "m"}]]},
        })
    };
    let answer = |results: Value| json!({"inline_query_id": query.id, "results": results});
    assert_eq!(
        refused(
            &telegram,
            "answerInlineQuery",
            answer(json!([result("1"), result("1")]))
        ),
        "Bad Request: RESULT_ID_DUPLICATE"
    );
    api(
        &telegram,
        "answerInlineQuery",
        answer(json!([result("1"), result("2")])),
    )
    .unwrap();
    assert_eq!(query.answer().await.unwrap().results.len(), 2);
    assert!(matches!(
        ada.chooses(&query, "3").await,
        Err(Error::NotPossible { .. })
    ));
    let sent = ada.chooses(&query, "2").await.unwrap().message;
    assert_eq!(sent.text.as_deref(), Some("Loom"));
    let chosen = update(&telegram, "chosen_inline_result").await;
    let edit = json!({"inline_message_id": chosen["inline_message_id"], "text": "Jacquard"});
    assert_eq!(api(&telegram, "editMessageText", edit), Ok(true.into()));
    assert_eq!(engines.messages()[0].text.as_deref(), Some("Jacquard"));
    let unknown = json!({"inline_message_id": "x", "text": "Jacquard"});
    assert_eq!(
        refused(&telegram, "editMessageText", unknown),
        "Bad Request: MESSAGE_ID_INVALID"
    );
}

#[tokio::test]
async fn queries_of_updates_are_known_and_made_up_ones_pass_in_a_test_without_users() {
    let telegram = start().await;
    let answer = |id: &str| {
        api(
            &telegram,
            "answerCallbackQuery",
            json!({"callback_query_id": id}),
        )
    };
    assert!(answer("1").is_ok() && answer("1").is_ok());
    let update = update::callback_query(7, "a");
    let id = update["callback_query"]["id"].as_str().unwrap().to_owned();
    telegram.enqueue(update).unwrap();
    assert!(answer(&id).is_ok());
    assert!(answer(&id).is_err(), "answered already");
}

#[tokio::test]
async fn a_query_gets_too_old_by_telegrams_clock() {
    let telegram = Telegram::builder().paused_clock().start().await.unwrap();
    let ada = telegram.user("Ada");
    let keyboard = json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]});
    let question = json!({"chat_id": ada.id(), "text": "?", "reply_markup": keyboard});
    api(&telegram, "sendMessage", question).unwrap();
    let question = ada.waits_for_message().await.unwrap();
    let press = async || {
        let press = ada.presses(&question, "Yes").await.unwrap();
        (
            "answerCallbackQuery",
            json!({"callback_query_id": press.id}),
        )
    };
    let type_in = async || {
        let query = ada.queries("loom").await.unwrap();
        let answer = json!({"inline_query_id": query.id, "results": []});
        ("answerInlineQuery", answer)
    };
    let order = async || {
        let id = telegram.people().new_query("pre_checkout_query", ada.id());
        let answer = json!({"pre_checkout_query_id": id, "ok": true});
        ("answerPreCheckoutQuery", answer)
    };
    let too_old =
        "Bad Request: query is too old and response timeout expired or query ID is invalid";
    let check = |life: u64, [(method, in_time), (_, late)]: [(&str, Value); 2]| {
        telegram.advance(Duration::from_secs(life - 1));
        assert!(api(&telegram, method, in_time.clone()).is_ok(), "{method}");
        assert_eq!(refused(&telegram, method, in_time), too_old, "twice");
        telegram.advance(2 * SECOND);
        assert_eq!(refused(&telegram, method, late), too_old, "{method}");
    };
    check(150, [press().await, press().await]);
    check(30, [type_in().await, type_in().await]);
    check(10, [order().await, order().await]);
}
