use super::*;

#[tokio::test]
async fn private_chats_and_groups_share_their_message_numbers_and_supergroups_have_their_own() {
    let telegram = start().await;
    let (ada, bob) = (telegram.user("Ada"), telegram.user("Bob"));
    let (group, supergroup) = (telegram.group("Engines"), telegram.supergroup("Looms"));
    let ids = [
        ada.id(),
        group.id(),
        supergroup.id(),
        bob.id(),
        supergroup.id(),
    ]
    .map(|chat| send(&telegram, chat, "a")["message_id"].as_i64().unwrap());
    assert_eq!(ids, [1, 2, 1, 3, 2]);
    assert_eq!(ada.sends("hi").await.unwrap().message.message_id, 4);
    assert!(group.id() < 0 && group.id() > -1_000_000_000_000);
    assert!(supergroup.id() < -1_000_000_000_000);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_in_telegrams_words() {
    let telegram = start().await;
    let chat = telegram.user("Ada").id();
    for (method, mut params, expected) in [
        (
            "sendMessage",
            json!({"text": " \n "}),
            "message text is empty",
        ),
        (
            "sendMessage",
            json!({"text": "a".repeat(4097)}),
            "message is too long",
        ),
        (
            "sendMessage",
            json!({"text": "<b>a", "parse_mode": "HTML"}),
            "can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            "sendMessage",
            json!({"text": "a.", "parse_mode": "MarkdownV2"}),
            "can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\'",
        ),
        (
            "sendMessage",
            json!({"text": "a", "parse_mode": "Html5"}),
            "unsupported parse_mode",
        ),
        (
            "sendMessage",
            json!({"text": "a", "reply_parameters": {"message_id": 99}}),
            "message to be replied not found",
        ),
        (
            "sendPhoto",
            json!({"photo": "https://a.example/b.jpg", "caption": "a".repeat(1025)}),
            "message caption is too long",
        ),
        ("sendPhoto", json!({}), "there is no photo in the request"),
        (
            "sendMediaGroup",
            json!({"media": []}),
            "there are no messages to send",
        ),
        (
            "sendPoll",
            json!({"question": "a", "options": []}),
            "poll must have at least 1 option",
        ),
        (
            "sendInvoice",
            json!({"title": "a", "description": "b", "payload": "c", "currency": "euro", "prices": []}),
            "CURRENCY_INVALID",
        ),
        (
            "copyMessage",
            json!({"from_chat_id": chat, "message_id": 99}),
            "message to copy not found",
        ),
        (
            "forwardMessage",
            json!({"from_chat_id": chat, "message_id": 99}),
            "message to forward not found",
        ),
        (
            "editMessageText",
            json!({"message_id": 99, "text": "a"}),
            "message to edit not found",
        ),
        (
            "deleteMessage",
            json!({"message_id": 99}),
            "message to delete not found",
        ),
        (
            "pinChatMessage",
            json!({"message_id": 99}),
            "message to pin not found",
        ),
        (
            "setMessageReaction",
            json!({"message_id": 99}),
            "message to react not found",
        ),
        (
            "stopPoll",
            json!({"message_id": 99}),
            "message with poll to stop not found",
        ),
    ] {
        params["chat_id"] = chat.into();
        let description = refused(&telegram, method, params);
        assert_eq!(description, format!("Bad Request: {expected}"), "{method}");
    }
    assert!(telegram.sent_messages().is_empty());
}

#[tokio::test]
async fn chats_are_made_up_by_number_unless_they_must_be_known() {
    let telegram = start().await;
    let made_up = send(&telegram, 7, "a");
    assert_eq!(
        made_up["chat"],
        json!({"id": 7, "type": "private", "first_name": "Ada"})
    );
    let named = json!({"chat_id": "@engines", "text": "a"});
    assert!(api(&telegram, "sendMessage", named.clone()).is_ok());
    telegram.user("Ada");
    assert!(api(&telegram, "sendMessage", json!({"chat_id": 8, "text": "a"})).is_ok());
    assert_eq!(
        refused(
            &telegram,
            "sendMessage",
            json!({"chat_id": "ada", "text": "a"})
        ),
        "Bad Request: chat not found"
    );

    let telegram = Telegram::builder().strict_chats().start().await.unwrap();
    for chat in [json!(7), json!("@engines"), json!(-5)] {
        let params = json!({"chat_id": chat, "text": "a"});
        assert_eq!(
            refused(&telegram, "sendMessage", params),
            "Bad Request: chat not found"
        );
    }
    let engines = telegram.channel("Engines").with_username("Engines");
    let sent = api(&telegram, "sendMessage", named).unwrap();
    assert_eq!(sent["chat"]["id"], engines.id());
    assert_eq!(sent["sender_chat"]["id"], engines.id());
}

#[tokio::test]
async fn markup_becomes_entities_and_what_is_found_is_marked() {
    let telegram = start().await;
    let params = json!({"chat_id": 7, "text": "<b>é</b> /help", "parse_mode": "HTML"});
    let sent = api(&telegram, "sendMessage", params).unwrap();
    assert_eq!(sent["text"], "é /help");
    assert_eq!(
        sent["entities"],
        json!([{"type": "bold", "offset": 0, "length": 1}, {"type": "bot_command", "offset": 2, "length": 5}])
    );
}

#[tokio::test]
async fn an_edit_changes_a_message_once() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    let keyboard = json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]});
    let params = json!({"chat_id": ada.id(), "text": "a", "reply_markup": keyboard});
    api(&telegram, "sendMessage", params).unwrap();
    let edit = |method: &str, mut params: Value| {
        params["chat_id"] = ada.id().into();
        params["message_id"] = 1.into();
        api(&telegram, method, params)
    };
    let same = json!({"text": "a", "reply_markup": keyboard});
    let error = edit("editMessageText", same).unwrap_err();
    assert!(
        error.starts_with("Bad Request: message is not modified: "),
        "{error}"
    );
    let edited = edit("editMessageText", json!({"text": "a"})).unwrap();
    assert!(
        edited["reply_markup"].is_null(),
        "no keyboard given: none left"
    );
    let edited = edit("editMessageReplyMarkup", json!({"reply_markup": keyboard})).unwrap();
    assert_eq!(
        (&edited["text"], &edited["reply_markup"]),
        (&json!("a"), &keyboard)
    );
    let edited = edit(
        "editMessageText",
        json!({"text": "<i>b</i>", "parse_mode": "html"}),
    )
    .unwrap();
    assert_eq!(edited["entities"][0]["type"], "italic");
    assert!(edited["edit_date"].is_u64());
    assert_eq!(
        edit("editMessageCaption", json!({"caption": "c"})).unwrap_err(),
        "Bad Request: there is no caption in the message to edit"
    );
    let sent = telegram.sent_messages();
    assert_eq!((sent.len(), sent[0].text.as_deref()), (1, Some("b")));
}

#[tokio::test]
async fn media_are_edited_and_captions_go_with_them() {
    let telegram = start().await;
    let chat = telegram.user("Ada").id();
    api(
        &telegram,
        "sendPhoto",
        json!({"chat_id": chat, "photo": "https://a.example/p.jpg", "caption": "a"}),
    )
    .unwrap();
    let place = |mut params: Value| {
        params["chat_id"] = chat.into();
        params["message_id"] = 1.into();
        params
    };
    let error = refused(&telegram, "editMessageText", place(json!({"text": "b"})));
    assert_eq!(
        error,
        "Bad Request: there is no text in the message to edit"
    );
    let captioned = api(
        &telegram,
        "editMessageCaption",
        place(json!({"caption": "b"})),
    );
    assert_eq!(captioned.unwrap()["caption"], "b");
    let media = json!({"type": "video", "media": "https://a.example/v.mp4"});
    let edited = api(
        &telegram,
        "editMessageMedia",
        place(json!({"media": media})),
    )
    .unwrap();
    assert!(edited["video"]["file_id"].is_string());
    assert!(edited["photo"].is_null() && edited["caption"].is_null());
}

#[tokio::test]
async fn only_the_bots_own_messages_are_edited_and_others_deleted_only_with_the_right() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    let engines = telegram.supergroup("Engines");
    let sent = ada.in_chat(&engines).sends("hi").await.unwrap().message;
    let place = json!({"chat_id": engines.id(), "message_id": sent.message_id, "text": "a"});
    assert_eq!(
        refused(&telegram, "editMessageText", place.clone()),
        "Bad Request: message can't be edited"
    );
    assert_eq!(
        refused(&telegram, "deleteMessage", place.clone()),
        "Bad Request: message can't be deleted"
    );
    let engines = engines.with_bot_as_administrator();
    assert_eq!(api(&telegram, "deleteMessage", place), Ok(true.into()));
    assert!(engines.messages().is_empty());
    ada.waits_for_deletion(&sent).await.unwrap();
}

#[tokio::test]
async fn copies_have_the_content_and_forwards_say_where_it_comes_from() {
    let telegram = start().await;
    let (ada, bob) = (telegram.user("Ada"), telegram.user("Bob"));
    let sent = ada.sends_photo(&b"jpeg"[..], "look").await.unwrap().message;
    let from =
        json!({"chat_id": bob.id(), "from_chat_id": ada.id(), "message_id": sent.message_id});
    let copied = api(&telegram, "copyMessage", from.clone()).unwrap();
    let forwarded = api(&telegram, "forwardMessage", from).unwrap();
    assert_eq!(
        forwarded["forward_origin"]["sender_user"]["first_name"],
        "Ada"
    );
    let [copy, forward] = &bob.messages()[..] else {
        panic!("two")
    };
    assert_eq!(Value::from(copy.message_id), copied["message_id"]);
    assert_eq!(
        (copy.caption.as_deref(), &copy.photo),
        (Some("look"), &sent.photo)
    );
    assert!(copy.forward_origin.is_none() && forward.forward_origin.is_some());
    let again = json!({"chat_id": ada.id(), "from_chat_id": bob.id(), "message_ids": [99, forward.message_id]});
    let ids = api(&telegram, "forwardMessages", again).unwrap();
    assert_eq!(
        ids.as_array().unwrap().len(),
        1,
        "what isn't there is skipped"
    );
    assert_eq!(ada.messages()[1].forward_origin, forward.forward_origin);
}

#[tokio::test]
async fn albums_polls_and_invoices_have_the_fields_of_their_calls() {
    let telegram = start().await;
    let album = json!({"chat_id": 7, "media": [
        {"type": "photo", "media": "a", "caption": "<b>x</b>", "parse_mode": "HTML"}, {"type": "video", "media": "b"},
    ]});
    let album = api(&telegram, "sendMediaGroup", album).unwrap();
    assert_eq!(album[0]["media_group_id"], album[1]["media_group_id"]);
    assert_eq!(
        (&album[0]["caption"], &album[1]["video"]["file_id"]),
        (&json!("x"), &json!("b"))
    );
    let invoice = json!({
        "chat_id": 7, "title": "a", "description": "b", "payload": "c", "currency": "XTR",
        "prices": [{"label": "a", "amount": 3}, {"label": "b", "amount": 4}],
    });
    let invoice = api(&telegram, "sendInvoice", invoice).unwrap();
    assert_eq!(invoice["invoice"]["total_amount"], 7);
    let poll = json!({"chat_id": 7, "question": "a", "options": ["b", {"text": "c"}], "is_anonymous": false});
    let poll = api(&telegram, "sendPoll", poll).unwrap();
    assert_eq!(
        (
            &poll["poll"]["options"][1]["text"],
            &poll["poll"]["is_anonymous"]
        ),
        (&json!("c"), &json!(false))
    );
    let place = json!({"chat_id": 7, "message_id": poll["message_id"]});
    assert_eq!(
        api(&telegram, "stopPoll", place.clone()).unwrap()["is_closed"],
        true
    );
    assert_eq!(
        refused(&telegram, "stopPoll", place),
        "Bad Request: poll has already been closed"
    );
}

#[tokio::test]
async fn replies_hold_the_message_that_they_answer() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    let asked = ada.sends("why?").await.unwrap().message;
    let params = json!({"chat_id": ada.id(), "text": "so", "reply_parameters": {"message_id": asked.message_id}});
    let answer = api(&telegram, "sendMessage", params).unwrap();
    assert_eq!(answer["reply_to_message"]["text"], "why?");
    let answer = ada.waits_for_message().await.unwrap();
    let again = ada.replies(&answer, "oh").await.unwrap().message;
    let inner = again.reply_to_message.unwrap();
    assert_eq!(
        (inner.text.as_deref(), inner.reply_to_message),
        (Some("so"), None)
    );
}
