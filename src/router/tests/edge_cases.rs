//! Routers and updates at the edges of the rules J2, J4, J6 and J8.

use serde_json::{Value, json};

use super::support::{answer, message, pressed, result, said, says, update};
use crate::{
    methods::SendMessage,
    router::{Command, InvalidDeepLink, InvalidUsername, Router, deep_link},
    types::{Update, UpdateType},
    webhook::Failure,
};

/// "/x" by a user in a chat.
fn from(chat: i64, kind: &str, user: i64) -> Update {
    let mut message = message("/x");
    message["chat"] = json!({"id": chat, "type": kind, "title": "G"});
    message["from"]["id"] = user.into();
    update("message", &message)
}

#[tokio::test]
async fn j6_conditions_three_deep_are_met_from_the_outside_in() {
    let is_ada = |update: &Update| update.from().is_some_and(|user| user.id == 5);
    let inner = Router::new().command("x", says!("inner")).only_if(is_ada);
    let middle = Router::new()
        .command("x", says!("middle"))
        // A router without conditions between two with some.
        .merge(Router::new().merge(inner))
        .in_chats([42, 43]);
    let outer = Router::new()
        .merge(middle)
        .command("x", says!("outer"))
        .private();
    let router = Router::new().command("x", says!("top")).merge(outer);
    for (chat, kind, user, expected) in [
        (42, "private", 5, "inner"),
        (43, "private", 5, "inner"),
        (42, "private", 6, "middle"),
        (44, "private", 5, "outer"),
        (42, "group", 5, "top"),
    ] {
        let answer = answer(&router, from(chat, kind, user)).await;
        assert_eq!(answer.as_deref(), Some(expected), "{chat} {kind} {user}");
    }
}

#[tokio::test]
async fn j6_a_merged_router_has_the_name_of_the_bot_that_it_is_merged_into() {
    let group = || {
        Router::new()
            .merge(Router::new().command("x", says!("deep")).private())
            .in_chats([42])
    };
    let before = Router::new()
        .username("@this_bot")
        .map(|named| named.merge(group()));
    let after = Router::new().merge(group()).username("This_Bot");
    let within = Router::new()
        .username("this_bot")
        .map(|named| Router::new().merge(named.merge(group())));
    for router in [before, after, within] {
        let router = router.unwrap();
        let router = router.message(says!("message"));
        for (text, expected) in [
            ("/x", "deep"),
            ("/X@THIS_BOT", "deep"),
            ("/x@this_bot_2", "message"),
            ("/x@thisbot", "message"),
            ("/x@", "message"),
        ] {
            assert_eq!(
                answer(&router, said(text)).await.as_deref(),
                Some(expected),
                "{text} {router:?}"
            );
        }
    }
}

/// Other updates only show a command, or are for another bot.
#[tokio::test]
async fn j2_only_a_new_message_of_the_bots_own_chats_is_routed_by_its_command() {
    let router = Router::new()
        .command("x", says!("command"))
        .fallback(says!("fallback"));
    let mut command = message("/x");
    command["business_connection_id"] = "b".into();
    for kind in [
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_message",
        "edited_business_message",
        "guest_message",
    ] {
        let update = update(kind, &command);
        assert_eq!(answer(&router, update).await.unwrap(), "fallback", "{kind}");
    }
    let mut album = message("");
    let fields = album.as_object_mut().unwrap();
    fields.remove("text");
    fields.insert("media_group_id".into(), "7".into());
    let second = update("message", &album);
    album["caption"] = "/x y".into();
    album["caption_entities"] = json!([{"type": "bot_command", "offset": 0, "length": 2}]);
    let first = update("message", &album);
    assert_eq!(answer(&router, first).await.unwrap(), "command");
    assert_eq!(answer(&router, second).await.unwrap(), "fallback");
}

#[tokio::test]
async fn j2_entities_that_the_text_does_not_have_make_no_command() {
    let router = Router::new()
        .command("x", says!("command"))
        .message(says!("message"));
    for entity in [
        json!({"type": "bot_command", "offset": -1, "length": 3}),
        json!({"type": "bot_command", "offset": 0, "length": 99}),
        json!({"type": "bot_command", "offset": 0, "length": 0}),
        json!({"type": "bot_command", "offset": 0, "length": 1}),
        json!({"type": "bot_command", "offset": 0, "length": i64::MAX}),
        json!({"type": "bot_command", "offset": 1, "length": 2}),
        json!({"type": "bold", "offset": 0, "length": 2}),
    ] {
        let mut odd = message("/x");
        odd["entities"] = json!([entity]);
        let said = update("message", &odd);
        assert_eq!(answer(&router, said).await.unwrap(), "message", "{entity}");
    }
    // Bold as well, and the emoji counts as two.
    let mut bold = message("/x 😀");
    bold["entities"] = json!([
        {"type": "bold", "offset": 0, "length": 5},
        {"type": "bot_command", "offset": 0, "length": 2},
    ]);
    let bold = update("message", &bold);
    assert_eq!(answer(&router, bold).await.unwrap(), "command");
}

/// The message under a button is the bot's own.
#[tokio::test]
async fn j4_a_press_has_no_command_although_the_message_under_the_button_begins_with_one() {
    async fn argument(command: Option<Command>) -> SendMessage {
        SendMessage::new(1, format!("{:?}", command.map(|Command(text)| text)))
    }
    let router = Router::new()
        .callback("x", argument)
        .on(UpdateType::EditedMessage, argument);
    let mut query = json!({
        "id": "1", "chat_instance": "1", "message": message("/help all"), "data": "x",
        "from": {"id": 5, "is_bot": false, "first_name": "Ada"},
    });
    query["message"]["date"] = 1.into();
    let press = update("callback_query", &query);
    assert_eq!(answer(&router, press).await.unwrap(), "None");
    assert_eq!(answer(&router, pressed("x")).await.unwrap(), "None");
    let edited = update("edited_message", &message("/help all"));
    assert_eq!(answer(&router, edited).await.unwrap(), "Some(\"all\")");
}

/// The bot isn't in the chat of a guest message, so that no reply would arrive.
#[tokio::test]
async fn j4_invalid_arguments_in_a_guest_message_are_a_permanent_failure() {
    async fn number(_: Command<u32>) {}
    let router = Router::new()
        .on(UpdateType::GuestMessage, number)
        .on(UpdateType::BusinessMessage, number);
    let mut wrong = message("/x six");
    wrong["guest_query_id"] = "1".into();
    let guest = update("guest_message", &wrong);
    let error = result(&router, guest).await.unwrap_err();
    assert!(error.downcast::<Failure>().unwrap().is_permanent());
    let mut wrong = message("/x six");
    wrong["business_connection_id"] = "b1".into();
    let business = update("business_message", &wrong);
    let reply = result(&router, business).await.unwrap();
    let reply: Value = serde_json::from_slice(reply.json().unwrap()).unwrap();
    assert_eq!(reply["business_connection_id"], "b1");
}

#[test]
fn j4_a_deep_link_has_a_payload_of_1_to_64_characters() {
    let longest = "aZ09_-".repeat(11);
    let longest = &longest[..64];
    let link = format!("https://t.me/my_bot?start={longest}");
    assert_eq!(deep_link("my_bot", longest), Ok(link.clone()));
    assert_eq!(deep_link("@my_bot", longest), Ok(link));
    for invalid in [
        "",
        &format!("{longest}x"),
        "a b",
        "a=b",
        "a&b",
        "a#",
        "é",
        "a.b",
        "a\n",
    ] {
        let error = deep_link("my_bot", invalid).unwrap_err();
        assert_eq!(error, InvalidDeepLink::Payload, "{invalid:?}");
        assert!(error.to_string().contains("1 to 64"), "{invalid:?}");
    }
}

/// Names of 1 to 32 characters; a few bots, such as @gif, have less than the 5 that a new bot's name has.
const USERNAMES: &[&str] = &[
    "a",
    "gif",
    "abcde",
    "A_Bot",
    "z01234567890123456789012345678_z",
];

const NO_USERNAMES: &[&str] = &[
    "",
    "@",
    "z01234567890123456789012345678_zz",
    "@@my_bot",
    "my-bot",
    "my bot",
    " my_bot",
    "my_bot?start=y&",
    "my_bot/app",
    "https://t.me/my_bot",
    "bötbot",
    "my_bot\n",
    // The number of a bot, and its token.
    "123456789",
    "123456789:AbCdEf",
    "_bot",
];

#[test]
fn j4_a_deep_link_names_a_bot_by_a_user_name() {
    for valid in USERNAMES {
        let link = format!("https://t.me/{valid}?start=x");
        assert_eq!(deep_link(valid, "x"), Ok(link.clone()), "{valid:?}");
        assert_eq!(deep_link(&format!("@{valid}"), "x"), Ok(link), "{valid:?}");
    }
    for invalid in NO_USERNAMES {
        let error = deep_link(invalid, "x").unwrap_err();
        assert_eq!(error, InvalidDeepLink::Username, "{invalid:?}");
        assert_eq!(error.to_string(), InvalidUsername.to_string());
    }
}

#[tokio::test]
async fn j19_a_router_has_a_user_name_or_is_not_built() {
    for valid in USERNAMES {
        for name in [(*valid).to_owned(), format!("@{valid}")] {
            let named = Router::new().command("x", says!("command")).username(&name);
            let router = named.unwrap().message(says!("message"));
            let for_this_bot = answer(&router, said(&format!("/x@{valid}"))).await;
            assert_eq!(for_this_bot.unwrap(), "command", "{name}");
            let for_another = answer(&router, said(&format!("/x@{valid}x"))).await;
            assert_eq!(for_another.unwrap(), "message", "{name}");
        }
    }
    for invalid in NO_USERNAMES {
        let error = Router::<()>::new().username(invalid).unwrap_err();
        assert_eq!(error, InvalidUsername, "{invalid:?}");
        let reason = error.to_string();
        assert!(reason.contains("1 to 32"), "{reason}");
        assert!(!reason.contains("AbCdEf"), "{reason}");
    }
}

#[test]
fn j8_merged_routers_with_the_same_route_panic_with_its_name() {
    let merge = |other: fn() -> Router| {
        std::panic::catch_unwind(move || {
            let one = Router::new()
                .command("x", says!(""))
                .callback("", says!(""))
                .on(UpdateType::Unknown, says!(""))
                .fallback(says!(""));
            one.merge(other())
        })
    };
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let results = [
        merge(|| Router::new().command("x", says!(""))),
        merge(|| Router::new().callback("", says!(""))),
        merge(|| Router::new().on(UpdateType::Unknown, says!(""))),
        merge(|| Router::new().fallback(says!(""))),
        // Through a router without routes of its own.
        merge(|| Router::new().merge(Router::new().command("x", says!("")))),
    ];
    let fine = merge(|| Router::new().command("x", says!("")).private());
    std::panic::set_hook(hook);
    let texts = results.map(|result| {
        let panic = result.expect_err("it panics");
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned())
    });
    let expected = [
        "there is a route for the command /x already",
        "there is a route for the callback data \"\" already",
        "there is a route for updates of the type unknown already",
        "there is a fallback already",
        "there is a route for the command /x already",
    ];
    assert_eq!(texts, expected.map(|text| Some(text.to_owned())));
    assert!(fine.is_ok(), "conditions keep the routes apart");
}
