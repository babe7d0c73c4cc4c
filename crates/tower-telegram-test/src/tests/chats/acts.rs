use super::*;

#[tokio::test]
async fn what_people_write_waits_for_the_bot() {
    let telegram = start().await;
    let ada = telegram
        .user("Ada")
        .with_last_name("Lovelace")
        .with_language("de");
    let sent = ada.sends("/start deep").await.unwrap();
    assert!(sent.delivered.exchange.is_none());
    let message = update(&telegram, "message").await;
    assert_eq!(message["from"]["language_code"], "de");
    assert_eq!(message["chat"]["last_name"], "Lovelace");
    assert_eq!(
        message["entities"],
        json!([{"type": "bot_command", "offset": 0, "length": 6}])
    );
    sent.handled().await.unwrap();

    let edited = ada.edits(&sent.message, "/stop").await.unwrap();
    assert_eq!(update(&telegram, "edited_message").await["text"], "/stop");
    let error = edited.handled().await.is_err();
    assert!(!error, "it was fetched and confirmed");
}

#[tokio::test]
async fn the_same_name_is_the_same_person_and_the_same_chat() {
    let telegram = start().await;
    assert_eq!(telegram.user("Ada").id(), telegram.user("Ada").id());
    assert_ne!(telegram.user("Ada").id(), telegram.user("Bob").id());
    assert_eq!(telegram.group("A").id(), telegram.group("A").id());
    assert_ne!(telegram.group("A").id(), telegram.supergroup("A").id());
    assert_eq!(telegram.user_with_id(7, "Eve").id(), 7);
    assert_eq!(telegram.bot().username.as_deref(), Some("test_bot"));
}

#[tokio::test]
async fn channels_have_posts_and_groups_have_messages() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    ada.in_chat(&telegram.channel("News"))
        .sends("hear")
        .await
        .unwrap();
    let post = update(&telegram, "channel_post").await;
    assert!(post["from"].is_null() && post["sender_chat"]["title"] == "News");
    ada.in_chat(&telegram.group("Engines"))
        .sends("hi")
        .await
        .unwrap();
    assert_eq!(
        update(&telegram, "message").await["chat"]["title"],
        "Engines"
    );
}

#[tokio::test]
async fn every_person_is_given_each_message_once() {
    let telegram = start_patient().await;
    let engines = telegram.group("Engines");
    let (ada, bob) = (
        telegram.user("Ada").in_chat(&engines),
        telegram.user("Bob").in_chat(&engines),
    );
    send(&telegram, engines.id(), "one");
    send(&telegram, ada.id(), "private");
    send(&telegram, engines.id(), "two");
    for person in [&ada, &bob] {
        for expected in ["one", "two"] {
            let message = person.waits_for_message().await.unwrap();
            assert_eq!(message.text.as_deref(), Some(expected));
        }
    }
    let private = telegram.user("Ada").waits_for_message().await.unwrap();
    assert_eq!(private.text.as_deref(), Some("private"));
    let (message, ()) = tokio::join!(ada.waits_for_message(), async {
        tokio::task::yield_now().await;
        send(&telegram, engines.id(), "three");
    });
    assert_eq!(message.unwrap().text.as_deref(), Some("three"));
}

#[tokio::test]
async fn the_bot_is_notified_of_reactions_and_votes() {
    let telegram = start().await;
    ask_for_everything(&telegram);
    let ada = telegram.user("Ada");
    send(&telegram, ada.id(), "a");
    let message = ada.waits_for_message().await.unwrap();
    ada.reacts(&message, "👍").await.unwrap();
    update(&telegram, "message_reaction").await;
    ada.reacts(&message, "").await.unwrap();
    let reaction = update(&telegram, "message_reaction").await;
    assert_eq!(
        (
            &reaction["old_reaction"][0]["emoji"],
            &reaction["new_reaction"]
        ),
        (&json!("👍"), &json!([]))
    );

    let poll =
        json!({"chat_id": ada.id(), "question": "a", "options": ["b", "c"], "is_anonymous": false});
    api(&telegram, "sendPoll", poll).unwrap();
    let poll = ada.waits_for_message().await.unwrap();
    assert!(matches!(
        ada.votes(&poll, &[2]).await,
        Err(Error::NotPossible { .. })
    ));
    ada.votes(&poll, &[1]).await.unwrap();
    let [state, answer] = &updates(&telegram).await[..] else {
        panic!("two")
    };
    assert_eq!(state["poll"]["options"][1]["voter_count"], 1);
    assert_eq!(answer["poll_answer"]["option_ids"], json!([1]));
    ada.votes(&poll, &[]).await.unwrap();
    assert_eq!(updates(&telegram).await[0]["poll"]["total_voter_count"], 0);
}

#[tokio::test]
async fn what_the_bot_is_not_notified_is_an_error_that_says_why() {
    let telegram = Telegram::builder().privacy_mode().start().await.unwrap();
    let (ada, engines) = (telegram.user("Ada"), telegram.group("Engines"));
    send(&telegram, ada.id(), "a");
    let message = ada.waits_for_message().await.unwrap();
    let why = |error: Error| {
        assert!(matches!(error, Error::NotNotified { .. }), "{error}");
        assert_eq!(telegram.pending_updates(), 0);
        error.to_string()
    };
    let error = ada.reacts(&message, "👍").await.unwrap_err();
    assert!(why(error).contains("allowed_updates"));
    let in_group = ada.in_chat(&engines);
    let error = in_group.sends("hi").await.unwrap_err();
    assert!(why(error).contains("privacy mode"));
    assert_eq!(engines.messages().len(), 1, "it was sent all the same");
    for text in ["/help", "/help@test_bot", "hi @Test_Bot"] {
        in_group.sends(text).await.expect(text);
        update(&telegram, "message").await;
    }
    assert!(in_group.sends("/help@other_bot").await.is_err());
    let engines = engines.without_bot();
    let error = ada.in_chat(&engines).sends("/help").await.unwrap_err();
    assert!(why(error).contains("not in the chat"));
}

#[tokio::test]
async fn files_that_people_send_can_be_fetched() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    let sent = ada.sends_document("a.txt", "hello", "").await;
    let document = sent.unwrap().message.document.unwrap();
    assert_eq!(
        (document.file_name.as_deref(), document.file_size),
        (Some("a.txt"), Some(5))
    );
    let file = api(&telegram, "getFile", json!({"file_id": &*document.file_id})).unwrap();
    let path = file["file_path"].as_str().unwrap();
    let content = telegram.inner.state.files.download(path, false).unwrap();
    assert_eq!(content.length(), 5);
    ada.sends_voice(&b"ogg"[..], "").await.unwrap();
    ada.sends_location(51.5, -0.1).await.unwrap();
    ada.sends_contact("+44").await.unwrap();
    ada.sends_content(json!({"dice": {"emoji": "🎲", "value": 6}}))
        .await
        .unwrap();
    let error = ada.sends_content(json!({"dice": 6})).await.unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    assert_eq!(updates(&telegram).await.len(), 5);
}

#[tokio::test]
async fn files_have_captions_that_are_marked_as_texts_are() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    let caption = "/look at #this";
    let all = [
        ada.sends_photo("x", caption).await,
        ada.sends_document("a.txt", "x", caption).await,
        ada.sends_video("x", caption).await,
        ada.sends_animation("x", caption).await,
        ada.sends_audio("a.mp3", "x", caption).await,
        ada.sends_voice("x", caption).await,
        ada.sends_content(
            json!({"paid_media": {"star_count": 1, "paid_media": []}, "caption": caption}),
        )
        .await,
    ];
    for sent in all {
        let message = sent.unwrap().message;
        assert_eq!(message.caption.as_deref(), Some(caption));
        assert_eq!(message.bot_command().unwrap().name, "look");
        assert_eq!(message.caption_entities.unwrap().len(), 2);
        if let Some(animation) = message.animation {
            assert_eq!(animation.file_id, message.document.unwrap().file_id);
        }
    }
    let plain = ada.sends_document("a.txt", "x", "").await.unwrap().message;
    assert!(plain.caption.is_none() && plain.caption_entities.is_none());
}

#[tokio::test]
async fn forwards_by_people_say_where_they_come_from() {
    let telegram = start().await;
    let (ada, bob) = (telegram.user("Ada"), telegram.user("Bob"));
    let sent = ada
        .in_chat(&telegram.channel("News"))
        .sends("hear")
        .await
        .unwrap()
        .message;
    updates(&telegram).await;
    bob.forwards(&sent).await.unwrap();
    let message = update(&telegram, "message").await;
    assert_eq!(
        (&message["text"], &message["forward_origin"]["type"]),
        (&json!("hear"), &json!("channel"))
    );
}
