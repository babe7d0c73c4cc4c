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
async fn queries_from_outside_are_known_and_made_up_ones_pass_where_nobody_lives() {
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
