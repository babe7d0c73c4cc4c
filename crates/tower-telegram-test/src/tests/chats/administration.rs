use super::*;

#[tokio::test]
async fn a_bot_that_is_shut_out_is_refused_in_telegrams_words() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    let text = |chat: i64| {
        api(
            &telegram,
            "sendMessage",
            json!({"chat_id": chat, "text": "a"}),
        )
    };
    ada.blocks_bot().await.unwrap();
    assert_eq!(
        update(&telegram, "my_chat_member").await["new_chat_member"]["status"],
        "kicked"
    );
    assert_eq!(
        text(ada.id()),
        Err("Forbidden: bot was blocked by the user".to_owned())
    );
    assert!(matches!(
        ada.sends("a").await,
        Err(Error::NotPossible { .. })
    ));
    ada.unblocks_bot().await.unwrap();
    assert!(text(ada.id()).is_ok());
    let bob = telegram.user("Bob").with_bot_not_started();
    assert_eq!(
        text(bob.id()),
        Err("Forbidden: bot can't initiate conversation with a user".to_owned())
    );
    bob.sends("/start").await.unwrap();
    assert!(text(bob.id()).is_ok());
    for (chat, noun) in [
        (telegram.group("A"), "group chat"),
        (telegram.supergroup("A"), "supergroup chat"),
        (telegram.channel("A"), "channel chat"),
    ] {
        assert!(text(chat.id()).is_ok());
        ada.removes_bot(&chat).await.unwrap();
        assert_eq!(
            text(chat.id()),
            Err(format!("Forbidden: bot was kicked from the {noun}"))
        );
        ada.adds_bot(&chat).await.unwrap();
        assert!(text(chat.id()).is_ok());
        api(&telegram, "leaveChat", json!({"chat_id": chat.id()})).unwrap();
        assert_eq!(
            text(chat.id()),
            Err(format!("Forbidden: bot is not a member of the {noun}"))
        );
    }
    let news = telegram.channel("News").with_bot_as_member();
    assert_eq!(
        text(news.id()),
        Err("Bad Request: need administrator rights in the channel chat".to_owned())
    );
}

#[tokio::test]
async fn what_bots_are_not_notified_of_they_find_out() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    send(&telegram, ada.id(), "a");
    let message = ada.waits_for_message().await.unwrap();
    ada.deletes(&message).unwrap();
    assert!(ada.deletes(&message).is_err());
    let edit = json!({"chat_id": ada.id(), "message_id": message.message_id, "text": "b"});
    assert_eq!(
        refused(&telegram, "editMessageText", edit),
        "Bad Request: message to edit not found"
    );
    ada.deletes_account();
    let text = |chat: i64| {
        refused(
            &telegram,
            "sendMessage",
            json!({"chat_id": chat, "text": "a"}),
        )
    };
    assert_eq!(text(ada.id()), "Forbidden: user is deactivated");
    assert!(matches!(
        ada.sends("a").await,
        Err(Error::NotPossible { .. })
    ));
    assert_eq!(telegram.pending_updates(), 0);
    let engines = telegram.supergroup("Engines").with_bot_restricted();
    assert_eq!(
        text(engines.id()),
        "Bad Request: not enough rights to send text messages to the chat"
    );
    let engines = engines.with_bot_rights(&["can_pin_messages"]);
    let sent = send(&telegram, engines.id(), "a");
    let place = json!({"chat_id": engines.id(), "message_id": sent["message_id"]});
    assert!(api(&telegram, "pinChatMessage", place).is_ok());
    let title = json!({"chat_id": engines.id(), "title": "Looms"});
    assert_eq!(
        refused(&telegram, "setChatTitle", title),
        "Bad Request: not enough rights to change chat title"
    );
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_says_where_it_is() {
    let telegram = start().await;
    let (ada, group) = (telegram.user("Ada"), telegram.group("Engines"));
    let supergroup = ada.in_chat(&group).upgrades(&group).await.unwrap();
    let [left, arrived] = &updates(&telegram).await[..] else {
        panic!("two")
    };
    assert_eq!(left["message"]["migrate_to_chat_id"], supergroup.id());
    assert_eq!(arrived["message"]["migrate_from_chat_id"], group.id());
    let mut args = Args::default();
    args.params = json!({"chat_id": group.id(), "text": "a"})
        .as_object()
        .unwrap()
        .clone();
    let call = Call::new("sendMessage".to_owned(), &args, Via::Http, false);
    let answer = telegram.inner.state.execute(call, &args).1.to_value();
    assert_eq!(
        answer["parameters"],
        json!({"migrate_to_chat_id": supergroup.id()})
    );
    assert_eq!(
        answer["description"],
        "Bad Request: group chat was upgraded to a supergroup chat"
    );
    assert!(ada.in_chat(&supergroup).sends("here").await.is_ok());
}

#[tokio::test]
async fn members_come_and_go() {
    let telegram = start().await;
    ask_for_everything(&telegram);
    let (ada, bob) = (telegram.user("Ada"), telegram.user("Bob"));
    let engines = telegram.supergroup("Engines").with_owner(&ada);
    let count = || {
        api(
            &telegram,
            "getChatMemberCount",
            json!({"chat_id": engines.id()}),
        )
        .unwrap()
    };
    assert_eq!(count(), 2);
    bob.joins(&engines).await.unwrap();
    assert_eq!(
        update(&telegram, "message").await["new_chat_members"][0]["first_name"],
        "Bob"
    );
    assert_eq!(count(), 3);
    assert!(matches!(
        bob.joins(&engines).await,
        Err(Error::NotPossible { .. })
    ));
    let engines = engines.with_bot_as_administrator();
    bob.leaves(&engines).await.unwrap();
    let [message, member] = &updates(&telegram).await[..] else {
        panic!("two")
    };
    assert_eq!(message["message"]["left_chat_member"]["first_name"], "Bob");
    assert_eq!(member["chat_member"]["new_chat_member"]["status"], "left");
    let administrators = api(
        &telegram,
        "getChatAdministrators",
        json!({"chat_id": engines.id()}),
    )
    .unwrap();
    let status = |at: usize| administrators[at]["status"].clone();
    assert_eq!([status(0), status(1)], ["creator", "administrator"]);
}

#[tokio::test]
async fn bans_hold_until_they_are_lifted() {
    let telegram = start().await;
    let (ada, bob) = (telegram.user("Ada"), telegram.user("Bob"));
    let engines = telegram
        .supergroup("Engines")
        .with_owner(&ada)
        .with_member(&bob);
    let on = |method: &str, user: &User, more: Value| {
        let mut params = json!({"chat_id": engines.id(), "user_id": user.id()});
        params
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        api(&telegram, method, params)
    };
    let no_right = "Bad Request: not enough rights to restrict/unrestrict chat member";
    assert_eq!(
        on("banChatMember", &bob, json!({})),
        Err(no_right.to_owned())
    );
    drop(engines.clone().with_bot_as_administrator());
    assert_eq!(
        on("banChatMember", &ada, json!({})),
        Err("Bad Request: can't remove chat owner".to_owned())
    );
    on("banChatMember", &bob, json!({})).unwrap();
    assert_eq!(
        on("getChatMember", &bob, json!({})).unwrap()["status"],
        "kicked"
    );
    let error = bob.in_chat(&engines).sends("hi").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the message is not possible: the person is kicked there"
    );
    assert!(bob.joins(&engines).await.is_err());
    on("unbanChatMember", &bob, json!({})).unwrap();
    bob.joins(&engines).await.unwrap();
    on(
        "restrictChatMember",
        &bob,
        json!({"permissions": {"can_send_photos": true}}),
    )
    .unwrap();
    assert!(bob.in_chat(&engines).sends("hi").await.is_err());
    on("promoteChatMember", &bob, json!({"can_pin_messages": true})).unwrap();
    let member = engines.member(&bob).unwrap();
    let tower_telegram_types::types::ChatMember::Administrator(bob_as) = member else {
        panic!("{member:?}")
    };
    assert!(bob_as.can_pin_messages == Some(true) && !bob_as.can_restrict_members);
    assert_eq!(
        on("banChatMember", &bob, json!({})),
        Err("Bad Request: user is an administrator of the chat".to_owned())
    );
    on("promoteChatMember", &bob, json!({})).unwrap();
    assert_eq!(
        on("getChatMember", &bob, json!({})).unwrap()["status"],
        "member"
    );
}

#[tokio::test]
async fn requests_to_join_are_approved_or_declined() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    let engines = telegram.supergroup("Engines");
    assert!(matches!(
        ada.asks_to_join(&engines).await,
        Err(Error::NotNotified { .. })
    ));
    let engines = engines.with_bot_as_administrator();
    ada.asks_to_join(&engines).await.unwrap();
    let request = update(&telegram, "chat_join_request").await;
    assert_eq!(request["user_chat_id"], ada.id());
    let params = json!({"chat_id": engines.id(), "user_id": ada.id()});
    api(&telegram, "approveChatJoinRequest", params.clone()).unwrap();
    assert_eq!(
        refused(&telegram, "approveChatJoinRequest", params),
        "Bad Request: HIDE_REQUESTER_MISSING"
    );
    assert!(ada.in_chat(&engines).sends("hi").await.is_ok());
}

#[tokio::test]
async fn what_a_chat_is_called_is_remembered() {
    let telegram = start().await;
    let engines = telegram.supergroup("Engines");
    let set = |method: &str, mut params: Value| {
        params["chat_id"] = engines.id().into();
        api(&telegram, method, params)
    };
    let error = set("setChatTitle", json!({"title": "Looms"})).unwrap_err();
    assert_eq!(error, "Bad Request: not enough rights to change chat title");
    drop(engines.clone().with_bot_as_administrator());
    set("setChatTitle", json!({"title": "Looms"})).unwrap();
    set("setChatDescription", json!({"description": "weave"})).unwrap();
    set("setChatPhoto", json!({"photo": "p"})).unwrap();
    set(
        "setChatPermissions",
        json!({"permissions": {"can_send_polls": true}}),
    )
    .unwrap();
    let pinned = send(&telegram, engines.id(), "rules");
    set(
        "pinChatMessage",
        json!({"message_id": pinned["message_id"]}),
    )
    .unwrap();
    let link = set("exportChatInviteLink", json!({})).unwrap();
    let info = engines.info().unwrap();
    assert_eq!(
        (info.title.as_deref(), info.description.as_deref()),
        (Some("Looms"), Some("weave"))
    );
    assert_eq!(info.pinned_message.unwrap().text.as_deref(), Some("rules"));
    assert!(info.photo.is_some() && info.permissions.is_some());
    assert_eq!(Value::from(info.invite_link.as_deref()), link);
    assert_eq!(
        telegram.sent_messages().len(),
        1,
        "service messages don't count"
    );
    set("unpinAllChatMessages", json!({})).unwrap();
    set("deleteChatPhoto", json!({})).unwrap();
    let info = engines.info().unwrap();
    assert!(info.photo.is_none() && info.pinned_message.is_none());
}

#[tokio::test]
async fn what_a_chat_permits_binds_members_and_not_administrators() {
    let telegram = start().await;
    let ada = telegram.user("Ada");
    let engines = telegram.supergroup("Engines").with_bot_as_administrator();
    let in_group = ada.in_chat(&engines);
    in_group.sends("hi").await.unwrap();
    let silence = json!({"chat_id": engines.id(), "permissions": {"can_send_photos": true}});
    api(&telegram, "setChatPermissions", silence).unwrap();
    assert!(matches!(
        in_group.sends("hi").await,
        Err(Error::NotPossible { .. })
    ));
    send(&telegram, engines.id(), "quiet, please");
    let engines = engines.with_bot_as_member().with_administrator(&ada);
    in_group.sends("hi").await.unwrap();
    let text = json!({"chat_id": engines.id(), "text": "a"});
    assert_eq!(
        refused(&telegram, "sendMessage", text),
        "Bad Request: not enough rights to send text messages to the chat"
    );
}

#[tokio::test]
async fn invite_links_are_made_changed_and_revoked() {
    let telegram = start().await;
    let engines = telegram.supergroup("Engines").with_bot_as_administrator();
    let call = |method: &str, mut params: Value| {
        params["chat_id"] = engines.id().into();
        api(&telegram, method, params)
    };
    let link = call(
        "createChatInviteLink",
        json!({"name": "a", "member_limit": 2}),
    )
    .unwrap();
    let change = json!({"invite_link": link["invite_link"], "name": "b"});
    assert_eq!(
        call("editChatInviteLink", change.clone()).unwrap()["name"],
        "b"
    );
    assert_eq!(
        call("revokeChatInviteLink", change).unwrap()["is_revoked"],
        true
    );
    let links = engines.invite_links();
    assert_eq!(
        (links.len(), links[0].is_revoked, links[0].member_limit),
        (1, true, Some(2))
    );
    let unknown = json!({"invite_link": "https://t.me/+other"});
    assert_eq!(
        call("revokeChatInviteLink", unknown),
        Err("Bad Request: INVITE_HASH_EXPIRED".to_owned())
    );
}

#[tokio::test]
async fn what_the_bot_sets_about_itself_is_read_back() {
    let telegram = start().await;
    let commands = json!([{"command": "start", "description": "Begin"}]);
    let german = json!({"commands": commands, "language_code": "de"});
    api(&telegram, "setMyCommands", german.clone()).unwrap();
    let get = |params: Value| api(&telegram, "getMyCommands", params).unwrap();
    assert_eq!(
        [get(json!({})), get(json!({"language_code": "de"}))],
        [json!([]), commands]
    );
    api(
        &telegram,
        "deleteMyCommands",
        json!({"language_code": "de"}),
    )
    .unwrap();
    assert_eq!(get(json!({"language_code": "de"})), json!([]));
    api(&telegram, "setMyName", json!({"name": "Engine"})).unwrap();
    assert_eq!(
        api(&telegram, "getMyName", json!({})),
        Ok(json!({"name": "Engine"}))
    );
}
