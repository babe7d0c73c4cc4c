use tower_telegram_types::methods::{SendDocument, SendMessage};

use super::*;

#[tokio::test]
async fn calls_are_read_as_the_methods_that_they_are() {
    let telegram = start().await;
    let keyboard = json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]});
    let typed = json!({"chat_id": 7, "text": "one", "disable_notification": true, "reply_markup": keyboard});
    let as_text = json!({"chat_id": "7", "text": "two", "disable_notification": "true", "reply_markup": keyboard.to_string()});
    for params in [typed, as_text] {
        api(&telegram, "sendMessage", params).unwrap();
    }
    let two = telegram
        .wait_for(|call: &SendMessage| &*call.text == "two")
        .await
        .unwrap();
    let one: SendMessage = telegram.wait_for(|_| true).await.unwrap();
    let mut other = one.clone();
    other.text = "two".into();
    assert_eq!(other, two);
    assert_eq!(
        (one.chat_id, one.disable_notification),
        (7.into(), Some(true))
    );
    assert!(
        telegram.wait_for(|_: &SendMessage| true).await.is_err(),
        "each is given out once"
    );
    assert_eq!(telegram.calls_of::<SendMessage>().len(), 2);
    assert!(telegram.calls_of::<SendDocument>().is_empty());
}

#[tokio::test]
async fn what_came_instead_is_listed_line_by_line() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    ada.sends("hi").await.unwrap();
    api(
        &telegram,
        "sendMessage",
        json!({"chat_id": ada.id(), "text": "<b>", "parse_mode": "HTML"}),
    )
    .unwrap_err();
    api(
        &telegram,
        "setWebhook",
        json!({"url": "", "secret_token": "hidden"}),
    )
    .unwrap();
    let error = ada.waits_for_message().await.unwrap_err().to_string();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(
        lines[0],
        "no message of the bot in the chat \"Ada\" within 50ms; what happened instead:"
    );
    assert_eq!(lines[1], "  update 815000001 message -> queued");
    assert!(
        lines[2].starts_with("  sendMessage chat_id=101 ")
            && lines[2].ends_with("Can't find end tag corresponding to start tag \"b\""),
        "{error}"
    );
    assert!(!error.contains("hidden"), "{error}");
}

#[tokio::test]
async fn sent_messages_are_the_bots_in_their_order_and_as_they_are_now() {
    let telegram = start().await;
    let (ada, engines) = (telegram.user("Ada"), telegram.supergroup("Engines"));
    ada.sends("hi").await.unwrap();
    send(&telegram, engines.id(), "one");
    let two = send(&telegram, ada.id(), "two");
    send(&telegram, engines.id(), "three");
    api(
        &telegram,
        "deleteMessage",
        json!({"chat_id": ada.id(), "message_id": two["message_id"]}),
    )
    .unwrap();
    let sent = telegram.sent_messages();
    let texts: Vec<_> = sent
        .iter()
        .filter_map(|message| message.text.as_deref())
        .collect();
    assert_eq!(texts, ["one", "three"]);
    assert_eq!(telegram.messages_in(ada.id()).len(), 1);
}

#[tokio::test]
async fn messages_in_updates_are_not_sent_messages() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    let bot = json!({"id": telegram.bot_id(), "is_bot": true, "first_name": "Test bot"});
    let chat = json!({"id": ada.id(), "type": "private", "first_name": "Ada"});
    let old = json!({"message_id": 50, "from": bot, "chat": chat, "date": 1, "text": "old"});
    let query = json!({"id": "5", "chat_instance": "1", "from": bot, "message": old, "data": "a"});
    telegram.enqueue(json!({"callback_query": query})).unwrap();
    assert!(telegram.sent_messages().is_empty() && ada.waits_for_message().await.is_err());
    let edit = json!({"chat_id": ada.id(), "message_id": 50, "text": "new"});
    assert_eq!(
        api(&telegram, "editMessageText", edit).unwrap()["text"],
        "new"
    );
    assert_eq!(send(&telegram, ada.id(), "next")["message_id"], 51);
}

#[test]
fn acts_are_futures_that_can_go_anywhere() {
    fn anywhere<T: Clone + Send + Sync>() {}
    fn send<T: Send>(
        _: impl FnOnce(&'static User, &'static tower_telegram_types::types::Message, &'static Chat) -> T,
    ) {
    }
    anywhere::<User>();
    anywhere::<Chat>();
    send(|user, _, _| user.sends(""));
    send(|user, _, _| user.waits_for_message());
    send(|user, message, _| user.waits_for_change(message));
    send(|user, message, _| user.edits(message, ""));
    send(|user, message, _| user.presses(message, ""));
    send(|user, message, _| user.pays(message));
    send(|user, message, _| user.votes(message, &[]));
    send(|user, message, _| user.reacts(message, ""));
    send(|user, _, _| user.queries(""));
    send(|user, _, _| user.taps(""));
    send(|user, _, chat| user.joins(chat));
    send(|user, _, chat| user.upgrades(chat));
}
