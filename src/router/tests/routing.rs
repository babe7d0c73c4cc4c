//! J1 to J3, J5 to J8: the route that an update takes.

use std::sync::{Arc, Mutex};

use http::Request;
use serde_json::json;
use tower::{BoxError, ServiceExt as _, limit::ConcurrencyLimitLayer};

use super::support::{answer, message, pressed, result, said, says, update};
use crate::{
    methods::SendMessage,
    router::{Command, HandlerError, Route, Router, command},
    types::{AllowedUpdates, BotCommand, Update, UpdateType},
    webhook::Webhook,
};

fn many() -> Router {
    Router::new()
        .username("this_bot")
        .unwrap()
        .command("start", says!("start"))
        .command("help", says!("help"))
        .callback("vote", says!("vote"))
        .callback("", says!("empty name"))
        .message(says!("message"))
        .on(UpdateType::EditedMessage, says!("edited"))
        .on(UpdateType::Unknown, says!("unknown"))
        .route(
            [UpdateType::Message, UpdateType::ChannelPost],
            |update| {
                update
                    .any_message()
                    .is_some_and(|message| message.text.as_deref() == Some("yes"))
            },
            says!("predicate"),
        )
        .fallback(says!("fallback"))
}

#[tokio::test]
async fn j1_a_command_is_found_by_its_entity_its_name_and_this_bots_name() {
    let router = many();
    for (text, expected) in [
        ("/start", "start"),
        ("/start with words", "start"),
        ("/start\nnew line", "start"),
        ("/START", "start"),
        ("/start@this_bot", "start"),
        ("/Start@THIS_bot x", "start"),
        ("/start@other_bot", "message"),
        ("/help", "help"),
        ("/started", "message"),
        ("/star", "message"),
        ("/", "message"),
        ("say /start", "message"),
        ("", "message"),
    ] {
        assert_eq!(
            answer(&router, said(text)).await.as_deref(),
            Some(expected),
            "{text:?}"
        );
    }
    let mut unmarked = message("/start");
    unmarked["entities"] = json!([]);
    assert_eq!(
        answer(&router, update("message", &unmarked)).await.unwrap(),
        "message"
    );
    // Without this bot's name, a command is taken whatever bot it names.
    let nameless = Router::new().command("start", says!("start"));
    assert_eq!(
        answer(&nameless, said("/start@other_bot")).await.unwrap(),
        "start"
    );
}

#[tokio::test]
async fn j2_a_command_may_be_in_a_caption_but_not_in_an_edited_message_or_a_post() {
    let router = many();
    let mut photo = message("/start");
    let fields = photo.as_object_mut().unwrap();
    let (text, entities) = (fields.remove("text"), fields.remove("entities"));
    fields.insert("caption".into(), text.unwrap());
    fields.insert("caption_entities".into(), entities.unwrap());
    assert_eq!(
        answer(&router, update("message", &photo)).await.unwrap(),
        "start"
    );
    let edited = update("edited_message", &message("/start"));
    assert_eq!(answer(&router, edited).await.unwrap(), "edited");
    let post = update("channel_post", &message("/start"));
    assert_eq!(answer(&router, post).await.unwrap(), "fallback");
}

#[tokio::test]
async fn j3_callback_data_is_found_by_the_part_before_the_first_colon() {
    let router = many();
    for (data, expected) in [
        ("vote", "vote"),
        ("vote:", "vote"),
        ("vote:1:2", "vote"),
        ("votes:1", "fallback"),
        ("Vote", "fallback"),
        ("", "empty name"),
        (":1", "empty name"),
        ("no data", "fallback"),
    ] {
        assert_eq!(
            answer(&router, pressed(data)).await.as_deref(),
            Some(expected),
            "{data:?}"
        );
    }
}

#[tokio::test]
async fn j5_by_predicate_then_by_type_then_the_fallback() {
    let router = many();
    assert_eq!(answer(&router, said("yes")).await.unwrap(), "predicate");
    let post = update("channel_post", &message("yes"));
    assert_eq!(answer(&router, post).await.unwrap(), "predicate");
    let edited = update("edited_message", &message("yes"));
    assert_eq!(answer(&router, edited).await.unwrap(), "edited");
    let new = update("planet_discovered", &json!({}));
    assert_eq!(answer(&router, new).await.unwrap(), "unknown");
    let query = json!({"id": "1", "query": "", "offset": "",
        "from": {"id": 5, "is_bot": false, "first_name": "Ada"}});
    let query = update("inline_query", &query);
    assert_eq!(answer(&router, query.clone()).await.unwrap(), "fallback");
    let without = Router::new().message(says!("message"));
    assert_eq!(
        answer(&without, query).await,
        None,
        "nothing is done, and that is done"
    );
}

#[tokio::test]
async fn j6_a_merged_router_with_conditions_is_tried_first_and_only_where_they_are_met() {
    let admin = Router::new()
        .command("start", says!("admin"))
        .in_chats([42]);
    let inner = Router::new()
        .callback("vote", says!("inner"))
        .only_if(|_| false);
    let router = many().merge(admin).merge(inner.merge(Router::new()));
    assert_eq!(answer(&router, said("/start")).await.unwrap(), "admin");
    assert_eq!(
        answer(&router, said("/start@other_bot")).await.unwrap(),
        "message"
    );
    assert_eq!(answer(&router, said("/help")).await.unwrap(), "help");
    assert_eq!(answer(&router, pressed("vote")).await.unwrap(), "vote");
    let mut elsewhere = message("/start");
    elsewhere["chat"] = json!({"id": -7, "type": "group", "title": "G"});
    let elsewhere = update("message", &elsewhere);
    assert_eq!(answer(&router, elsewhere.clone()).await.unwrap(), "start");
    let private = Router::new().fallback(says!("private")).private();
    let router = Router::new().message(says!("any")).merge(private);
    assert_eq!(answer(&router, said("x")).await.unwrap(), "private");
    assert_eq!(answer(&router, elsewhere).await.unwrap(), "any");
}

#[test]
fn j7_allowed_updates_are_the_types_of_the_routes() {
    let types = |router: &Router| router.allowed_updates().iter().collect::<Vec<_>>();
    let router = Router::new()
        .command("start", says!(""))
        .callback("vote", says!(""))
        .fallback(says!(""))
        .merge(
            Router::new()
                .on(UpdateType::ChatMember, says!(""))
                .private(),
        );
    let expected = [
        UpdateType::Message,
        UpdateType::CallbackQuery,
        UpdateType::ChatMember,
    ];
    assert_eq!(types(&router), expected);
    let default = AllowedUpdates::default();
    assert_eq!(Router::<()>::new().allowed_updates(), default);
}

/// Telegram sends types that are newer than this version only by its default list.
#[test]
fn j7_a_route_for_unknown_types_is_not_dead() {
    let unknown = || Router::<()>::new().on(UpdateType::Unknown, says!(""));
    assert_eq!(unknown().allowed_updates(), AllowedUpdates::DEFAULT);
    let beside = unknown().message(says!(""));
    assert_eq!(beside.allowed_updates(), AllowedUpdates::DEFAULT);
    let requested = beside.on(UpdateType::ChatMember, says!(""));
    let expected = [
        UpdateType::Message,
        UpdateType::ChatMember,
        UpdateType::Unknown,
    ];
    assert_eq!(requested.allowed_updates(), expected.into());
}

#[test]
fn j7_a_webhook_adds_types_for_the_fallback() {
    let router = || Router::<()>::new().message(says!("")).fallback(says!(""));
    let webhook = Webhook::without_secret_token;
    let alone = webhook().router(router()).allowed_updates();
    assert_eq!(alone, [UpdateType::Message].into());
    let set = webhook().allowed_updates([UpdateType::Poll]);
    let more = set.router(router()).allowed_updates();
    assert_eq!(more, [UpdateType::Message, UpdateType::Poll].into());
    let default = webhook().allowed_updates(AllowedUpdates::DEFAULT);
    let all = default.router(router()).allowed_updates();
    assert_eq!(all, AllowedUpdates::DEFAULT);
}

/// The default is an empty list, and yet it is most types.
#[tokio::test]
async fn j5_j7_a_predicate_for_the_default_types_is_for_each_type_of_the_default() {
    let router: Router = Router::new().route(AllowedUpdates::DEFAULT, |_| true, says!("predicate"));
    assert_eq!(answer(&router, said("x")).await.unwrap(), "predicate");
    let new = update("planet_discovered", &json!({}));
    assert_eq!(answer(&router, new).await.unwrap(), "predicate");
    let reactions = json!({"chat": {"id": 1, "type": "group"}, "message_id": 1, "date": 1,
        "reactions": []});
    let reactions = update("message_reaction_count", &reactions);
    assert_eq!(answer(&router, reactions).await, None);
    assert_eq!(router.allowed_updates(), AllowedUpdates::DEFAULT);
    let more = router.on(UpdateType::ChatMember, says!("member"));
    let allowed = more.allowed_updates();
    assert!(allowed.contains(UpdateType::ChatMember));
    for update_type in UpdateType::ALL {
        let is_wanted =
            AllowedUpdates::DEFAULT.contains(update_type) || update_type == UpdateType::ChatMember;
        assert_eq!(allowed.contains(update_type), is_wanted, "{update_type}");
    }
}

#[test]
fn j8_a_second_route_or_an_invalid_name_panics_while_it_is_built() {
    let panics = |build: fn() -> Router| {
        let built = std::panic::catch_unwind(build);
        *built.expect_err("it panics").downcast::<String>().unwrap()
    };
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let texts = [
        panics(|| many().command("start", says!(""))),
        panics(|| many().callback("vote", says!(""))),
        panics(|| many().merge(Router::new().message(says!("")))),
        panics(|| Router::new().command("Start", says!(""))),
        panics(|| Router::new().command("/start", says!(""))),
        panics(|| Router::new().command("", says!(""))),
    ];
    std::panic::set_hook(hook);
    assert_eq!(texts[0], "there is a route for the command /start already");
    assert_eq!(
        texts[1],
        "there is a route for the callback data \"vote\" already"
    );
    assert_eq!(
        texts[2],
        "there is a route for updates of the type message already"
    );
    for text in &texts[3..] {
        assert!(text.contains("a command has 1 to 32 characters"), "{text}");
    }
}

#[tokio::test]
async fn an_error_goes_to_the_hook_which_may_reply_or_pass_it_on() {
    async fn fail(Command(text): Command) -> Result<(), BoxError> {
        Err(text.into())
    }
    let router: Router = Router::new()
        .command("fail", fail)
        .on_error(async |failed: HandlerError| {
            assert_eq!((failed.update_id, failed.user_id), (7, Some(5)));
            match failed.error.to_string().as_str() {
                "quietly" => Err(failed.error),
                error => Ok(SendMessage::new(failed.chat_id.unwrap(), error)),
            }
        })
        .command("later", async || Err::<(), _>("not hooked"));
    assert_eq!(
        answer(&router, said("/fail loudly")).await.unwrap(),
        "loudly"
    );
    let error = result(&router, said("/fail quietly")).await.unwrap_err();
    assert_eq!(error.to_string(), "quietly");
    let error = result(&router, said("/later")).await.unwrap_err();
    assert_eq!(error.to_string(), "not hooked");
}

#[tokio::test]
async fn layers_are_around_the_routes_that_were_there() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let noting = tower::layer::layer_fn(move |route: Route| {
        let seen = Arc::clone(&seen);
        route.map_request(move |request: Request<Update>| {
            seen.lock().unwrap().push(request.body().update_type());
            request
        })
    });
    let router: Router = Router::new()
        .command("start", says!("start"))
        .layer(noting)
        .layer(ConcurrencyLimitLayer::new(1))
        .message(says!("message"));
    assert_eq!(answer(&router, said("/start")).await.unwrap(), "start");
    assert_eq!(answer(&router, said("x")).await.unwrap(), "message");
    assert_eq!(*log.lock().unwrap(), [UpdateType::Message]);
}

/// In either order of merging.
#[tokio::test]
async fn j6_a_groups_layer_is_around_its_own_routes_only() {
    let count = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&count);
    let counting = tower::layer::layer_fn(move |route: Route| {
        let seen = Arc::clone(&seen);
        route.map_request(move |request: Request<Update>| {
            *seen.lock().unwrap() += 1;
            request
        })
    });
    let group = || {
        let group = Router::<()>::new().command("ban", says!("banned"));
        group.layer(counting.clone()).private()
    };
    let others = || {
        Router::new()
            .command("help", says!("help"))
            .message(says!("message"))
    };
    for router in [others().merge(group()), group().merge(others())] {
        *count.lock().unwrap() = 0;
        assert_eq!(answer(&router, said("/help")).await.unwrap(), "help");
        assert_eq!(answer(&router, said("x")).await.unwrap(), "message");
        assert_eq!(*count.lock().unwrap(), 0);
        assert_eq!(answer(&router, said("/ban")).await.unwrap(), "banned");
        assert_eq!(*count.lock().unwrap(), 1);
    }
}

#[tokio::test]
async fn j18_the_reply_of_an_error_hook_goes_to_where_the_update_is_from() {
    let router: Router = Router::new()
        .fallback(async || Err::<(), _>("on purpose"))
        .on_error(async |failed: HandlerError| {
            let reply = failed.reply("That didn't work.");
            reply.ok_or(failed.error)
        });
    let reply = async |kind: &str, more: serde_json::Value| {
        let mut message = message("x");
        let members = message.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        if kind == "callback_query" {
            // With a date of zero, the bot couldn't see it.
            message["date"] = 1.into();
            message = json!({"id": "1", "chat_instance": "1", "message": message,
                "from": {"id": 5, "is_bot": false, "first_name": "Ada"}});
        }
        let reply = result(&router, update(kind, &message)).await.ok()?;
        serde_json::from_slice::<serde_json::Value>(reply.json()?).ok()
    };
    let text = "That didn't work.";
    let plain = json!({"method": "sendMessage", "chat_id": 42, "text": text});
    assert_eq!(reply("message", json!({})).await, Some(plain));
    let business = json!({"method": "sendMessage", "chat_id": 42, "text": text,
        "business_connection_id": "b1"});
    for kind in [
        "business_message",
        "edited_business_message",
        "callback_query",
    ] {
        let reply = reply(kind, json!({"business_connection_id": "b1"})).await;
        assert_eq!(reply.as_ref(), Some(&business), "{kind}");
    }
    let topic = reply(
        "message",
        json!({"message_thread_id": 9, "is_topic_message": true}),
    );
    assert_eq!(topic.await.unwrap()["message_thread_id"], 9);
    let chain = reply("message", json!({"message_thread_id": 9}));
    assert_eq!(chain.await.unwrap().get("message_thread_id"), None);
    let direct = reply("message", json!({"direct_messages_topic": {"topic_id": 8}}));
    assert_eq!(direct.await.unwrap()["direct_messages_topic_id"], 8);
    let secret = reply("message", json!({"ephemeral_message_id": 3}));
    let user = &secret.await.unwrap()["ephemeral_message_parameters"];
    assert_eq!(user["receiver_user_id"], 5);
    let deleted = json!({"business_connection_id": "b1", "message_ids": [1],
        "chat": {"id": 42, "type": "private"}});
    let deleted = result(&router, update("deleted_business_messages", &deleted));
    let deleted: serde_json::Value =
        serde_json::from_slice(deleted.await.unwrap().json().unwrap()).unwrap();
    assert_eq!(deleted, business);
    // A guest message is in no chat of the bot's.
    let guest = reply("guest_message", json!({"guest_query_id": "1"}));
    assert_eq!(guest.await, None);
    let error = result(&router, pressed_inline()).await.unwrap_err();
    assert_eq!(error.to_string(), "on purpose");
}

/// A press under a message that was sent by an inline query, which has no chat.
fn pressed_inline() -> Update {
    let query = json!({"id": "1", "chat_instance": "1", "inline_message_id": "i", "data": "x",
        "from": {"id": 5, "is_bot": false, "first_name": "Ada"}});
    update("callback_query", &query)
}

/// The scope's JSON, the language and the commands of each menu.
fn menus(router: &Router) -> Vec<(String, Option<String>, String)> {
    let menus = router.commands().menus();
    let described = menus.iter().map(|menu| {
        let scope = menu.scope.as_ref();
        let scope = scope.map_or_else(String::new, |scope| serde_json::to_string(scope).unwrap());
        let entry = |entry: &BotCommand| format!("{}={}", entry.command, entry.description);
        let entries: Vec<_> = menu.commands.iter().map(entry).collect();
        let language = menu.language.as_deref().map(Into::into);
        (scope, language, entries.join(" "))
    });
    described.collect()
}

/// Telegram shows the narrowest menu alone.
#[test]
fn j15_a_menu_has_the_commands_of_each_wider_scope() {
    use crate::types::{
        BotCommandScopeAllChatAdministrators, BotCommandScopeAllGroupChats,
        BotCommandScopeAllPrivateChats, BotCommandScopeChat, BotCommandScopeChatAdministrators,
        BotCommandScopeChatMember, BotCommandScopeDefault,
    };

    let menu_command = |name: &str| command(name).description(name);
    let router: Router = Router::new()
        .command(menu_command("all"), says!(""))
        .command(
            menu_command("default").scope(BotCommandScopeDefault::new()),
            says!(""),
        )
        .command(
            menu_command("private").scope(BotCommandScopeAllPrivateChats::new()),
            says!(""),
        )
        .command(
            menu_command("groups").scope(BotCommandScopeAllGroupChats::new()),
            says!(""),
        )
        .command(
            menu_command("admins").scope(BotCommandScopeAllChatAdministrators::new()),
            says!(""),
        )
        .command(
            menu_command("user").scope(BotCommandScopeChat::new(5)),
            says!(""),
        )
        .command(
            menu_command("chat").scope(BotCommandScopeChat::new(-5)),
            says!(""),
        )
        .command(
            menu_command("head").scope(BotCommandScopeChatAdministrators::new("@group")),
            says!(""),
        )
        .command(
            menu_command("member").scope(BotCommandScopeChatMember::new(-5, 7)),
            says!(""),
        );
    let names = |text: &str| {
        text.split(' ')
            .map(|name| format!("{name}={name}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let expected = [
        ("", "all default"),
        (r#"{"type":"all_private_chats"}"#, "all default private"),
        (r#"{"type":"all_group_chats"}"#, "all default groups"),
        (
            r#"{"type":"all_chat_administrators"}"#,
            "all default groups admins",
        ),
        (r#"{"type":"chat","chat_id":5}"#, "all default private user"),
        (r#"{"type":"chat","chat_id":-5}"#, "all default groups chat"),
        (
            r#"{"type":"chat_administrators","chat_id":"@group"}"#,
            "all default groups admins head",
        ),
        (
            r#"{"type":"chat_member","chat_id":-5,"user_id":7}"#,
            "all default groups chat member",
        ),
        // Without it, the administrators of this chat would see the menu of its members.
        (
            r#"{"type":"chat_administrators","chat_id":-5}"#,
            "all default groups admins chat",
        ),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(scope, commands)| ((*scope).to_owned(), None, names(commands)))
        .collect();
    assert_eq!(menus(&router), expected);
}

#[test]
fn j15_a_menu_has_a_name_once() {
    use crate::types::BotCommandScopeAllChatAdministrators;

    let admins = Router::new()
        .command(
            command("start")
                .description("Begin, admin")
                .scope(BotCommandScopeAllChatAdministrators::new()),
            says!(""),
        )
        .only_if(|_| true);
    let private = Router::new()
        .command(command("start").description("Begin here"), says!(""))
        .private();
    let router: Router = Router::new()
        .command(command("start").description("Begin"), says!(""))
        .merge(private)
        .merge(admins);
    let expected = [
        (String::new(), None, "start=Begin".to_owned()),
        (
            r#"{"type":"all_chat_administrators"}"#.to_owned(),
            None,
            "start=Begin, admin".to_owned(),
        ),
    ];
    assert_eq!(menus(&router), expected);
}

#[test]
fn commands_are_listed_by_scope_and_language() {
    use crate::types::BotCommandScopeAllPrivateChats;

    let router: Router = Router::new()
        .command(
            command("start")
                .description("Begin")
                .description_in("de", "Los"),
            says!(""),
        )
        .command(
            command("stop")
                .description("End")
                .scope(BotCommandScopeAllPrivateChats::new()),
            says!(""),
        )
        .command("secret", says!(""));
    let menus = router.commands().menus();
    let menus: Vec<_> = menus
        .iter()
        .map(|menu| {
            let entry = |entry: &BotCommand| format!("{}={}", entry.command, entry.description);
            let entries: Vec<_> = menu.commands.iter().map(entry).collect();
            (
                menu.scope.is_some(),
                menu.language.as_deref(),
                entries.join(" "),
            )
        })
        .collect();
    // Telegram shows one list and merges none.
    let expected = [
        (false, None, "start=Begin"),
        (false, Some("de"), "start=Los"),
        (true, None, "start=Begin stop=End"),
        (true, Some("de"), "start=Los stop=End"),
    ];
    let expected = expected.map(|(scoped, language, text)| (scoped, language, text.to_owned()));
    assert_eq!(menus, expected);
}
