use super::*;

/// A forum with the bot as an administrator.
async fn forum() -> (Telegram, Chat) {
    let telegram = start().await;
    let chat = telegram.supergroup("Engines").with_topics();
    (telegram, chat.with_bot_as_administrator())
}

#[tokio::test]
async fn a_topic_is_made_changed_closed_and_deleted() {
    let (telegram, chat) = forum().await;
    let create = json!({"chat_id": chat.id(), "name": "Looms", "icon_custom_emoji_id": "5"});
    let topic = api(&telegram, "createForumTopic", create).unwrap();
    assert_eq!(
        (&topic["name"], &topic["icon_custom_emoji_id"]),
        (&json!("Looms"), &json!("5"))
    );
    let id = &topic["message_thread_id"];
    let place = |mut params: Value| {
        params["chat_id"] = chat.id().into();
        params["message_thread_id"] = id.clone();
        params
    };
    let change = |method: &str, params: Value| api(&telegram, method, place(params));
    let unchanged = Err("Bad Request: TOPIC_NOT_MODIFIED".to_owned());
    assert_eq!(
        change("editForumTopic", json!({"name": "Looms"})),
        unchanged
    );
    assert_eq!(
        change("editForumTopic", json!({"name": "Mills"})),
        Ok(true.into())
    );
    assert_eq!(chat.topics()[0].name, "Mills");
    assert_eq!(change("reopenForumTopic", json!({})), unchanged);
    assert!(change("closeForumTopic", json!({})).is_ok());
    assert_eq!(change("closeForumTopic", json!({})), unchanged);
    assert!(change("reopenForumTopic", json!({})).is_ok());
    let sent = change("sendMessage", json!({"text": "a"})).unwrap();
    assert_eq!(
        (&sent["message_thread_id"], &sent["is_topic_message"]),
        (id, &json!(true))
    );
    assert_eq!(
        sent["reply_to_message"]["forum_topic_created"]["name"],
        "Looms"
    );
    send(&telegram, chat.id(), "in general");
    let messages = chat.messages();
    let kinds: Vec<_> = messages
        .iter()
        .map(|message| {
            assert!(message.text.is_some() || message.message_thread_id == id.as_i64());
            [
                message.forum_topic_created.is_some(),
                message.forum_topic_edited.is_some(),
                message.forum_topic_closed.is_some(),
                message.forum_topic_reopened.is_some(),
                message.text.is_some(),
            ]
            .iter()
            .position(|is_it| *is_it)
        })
        .collect();
    assert_eq!(kinds, [0, 1, 2, 3, 4, 4].map(Some));
    assert_eq!(telegram.sent_messages().len(), 2);

    assert!(change("deleteForumTopic", json!({})).is_ok());
    assert_eq!((chat.topics().len(), chat.messages().len()), (0, 1));
    for (method, params, expected) in [
        ("deleteForumTopic", json!({}), "TOPIC_ID_INVALID"),
        ("editForumTopic", json!({"name": "x"}), "TOPIC_ID_INVALID"),
        (
            "sendMessage",
            json!({"text": "a"}),
            "message thread not found",
        ),
    ] {
        assert_eq!(
            change(method, params),
            Err(format!("Bad Request: {expected}"))
        );
    }
}

#[tokio::test]
async fn a_message_goes_only_into_a_topic_that_there_is() {
    let (telegram, chat) = forum().await;
    let ada = telegram.user("Ada");
    let topic = chat.add_topic("Looms", &ada);
    let to = |chat_id: i64, thread: i64| {
        let params = json!({"chat_id": chat_id, "message_thread_id": thread, "text": "a"});
        api(&telegram, "sendMessage", params)
    };
    let not_found = Err("Bad Request: message thread not found".to_owned());
    assert!(to(chat.id(), topic).is_ok());
    // The general one isn't named.
    for (chat_id, thread) in [(chat.id(), 1), (chat.id(), 99), (ada.id(), topic)] {
        assert_eq!(to(chat_id, thread), not_found, "{chat_id} {thread}");
    }
    let plain = telegram.supergroup("Plain").with_bot_as_administrator();
    assert_eq!(to(plain.id(), topic), not_found);
    let create = json!({"chat_id": plain.id(), "name": "x"});
    assert_eq!(
        refused(&telegram, "createForumTopic", create),
        "Bad Request: the chat is not a forum"
    );

    // A question in a topic is answered there.
    let in_topic = ada.in_chat(&chat).in_topic(topic);
    let asked = in_topic.sends("?").await.unwrap().message;
    assert_eq!(
        update(&telegram, "message").await["message_thread_id"],
        topic
    );
    let reply = json!({"message_id": asked.message_id});
    let answer = json!({"chat_id": chat.id(), "text": "!", "reply_parameters": reply});
    let answer = api(&telegram, "sendMessage", answer).unwrap();
    assert_eq!(answer["message_thread_id"], topic);
    assert_eq!(answer["reply_to_message"]["text"], "?");
    let nowhere = ada.in_chat(&chat).in_topic(99).sends("?").await;
    assert!(matches!(nowhere, Err(Error::NotPossible { .. })));
}

#[tokio::test]
async fn a_closed_topic_and_others_topics_are_the_administrators() {
    let (telegram, chat) = forum().await;
    let ada = telegram.user("Ada");
    let (topic, other) = (chat.add_topic("Looms", &ada), chat.add_topic("Mills", &ada));
    let call = |method: &str, thread: i64| {
        let place =
            json!({"chat_id": chat.id(), "message_thread_id": thread, "text": "a", "name": "x"});
        api(&telegram, method, place)
    };
    assert!(call("closeForumTopic", topic).is_ok());
    assert!(call("sendMessage", topic).is_ok(), "an administrator may");
    let ada_in = |thread| ada.in_chat(&chat).in_topic(thread);
    assert!(ada_in(topic).sends("?").await.is_err());
    assert!(ada_in(other).sends("?").await.is_ok());

    let chat = chat.clone().with_bot_as_member();
    let closed = Err("Bad Request: TOPIC_CLOSED".to_owned());
    assert_eq!(call("sendMessage", topic), closed);
    assert!(call("sendMessage", other).is_ok());
    let create = json!({"chat_id": chat.id(), "name": "x"});
    for (method, answer) in [
        (
            "createForumTopic",
            api(&telegram, "createForumTopic", create),
        ),
        ("editForumTopic", call("editForumTopic", other)),
        ("closeForumTopic", call("closeForumTopic", other)),
        ("deleteForumTopic", call("deleteForumTopic", other)),
    ] {
        let error = answer.unwrap_err();
        assert!(
            error.starts_with("Bad Request: not enough rights to"),
            "{method}: {error}"
        );
    }
}

#[tokio::test]
async fn the_general_topic_is_closed_and_hidden() {
    let (telegram, chat) = forum().await;
    let ada = telegram.user("Ada").in_chat(&chat);
    let call = |method: &str| {
        api(
            &telegram,
            method,
            json!({"chat_id": chat.id(), "name": "All"}),
        )
    };
    assert!(call("editGeneralForumTopic").is_ok());
    assert!(call("closeGeneralForumTopic").is_ok());
    assert!(ada.sends("?").await.is_err());
    assert!(call("reopenGeneralForumTopic").is_ok());
    assert!(ada.sends("?").await.is_ok());
    assert!(call("hideGeneralForumTopic").is_ok());
    assert!(ada.sends("?").await.is_err(), "what is hidden is closed");
    assert!(call("hideGeneralForumTopic").is_err());
    assert!(call("unhideGeneralForumTopic").is_ok());
    assert!(chat.topics().is_empty());
    let last = chat.messages().pop().unwrap();
    assert!(last.general_forum_topic_unhidden.is_some() && last.message_thread_id.is_none());
}

#[tokio::test]
async fn the_pinned_messages_of_a_topic_are_its_own() {
    let (telegram, chat) = forum().await;
    let topic = chat.add_topic("Looms", &telegram.user("Ada"));
    let pin = |params: Value| {
        let sent = api(&telegram, "sendMessage", params).unwrap();
        let pinned = json!({"chat_id": chat.id(), "message_id": sent["message_id"]});
        api(&telegram, "pinChatMessage", pinned).unwrap();
    };
    pin(json!({"chat_id": chat.id(), "text": "in general"}));
    pin(json!({"chat_id": chat.id(), "message_thread_id": topic, "text": "in the topic"}));
    let pinned = || {
        let info = api(&telegram, "getChat", json!({"chat_id": chat.id()})).unwrap();
        info["pinned_message"]["text"].clone()
    };
    assert_eq!(pinned(), "in the topic");
    let unpin = json!({"chat_id": chat.id(), "message_thread_id": topic});
    api(&telegram, "unpinAllForumTopicMessages", unpin).unwrap();
    assert_eq!(pinned(), "in general");
    let unpin = json!({"chat_id": chat.id()});
    api(&telegram, "unpinAllGeneralForumTopicMessages", unpin).unwrap();
    assert_eq!(pinned(), Value::Null);
}
