//! B12: what an older server leaves out.

use std::collections::{BTreeSet, HashSet};

use bytes::Bytes;
use serde_json::{Value, json};
use tower_telegram::{
    types::{Message, PollType, Update, UpdateKind},
    webhook::RawUpdate,
};

use crate::support::{
    generate::{Fill, Generator, Required, Schema},
    log::Log,
};

/// How often each type is made at most, so that each of its parts was there once.
const MOST_ROUNDS: usize = 60;

/// The members that identify an update, or without which it would mean something else:
/// who and where, which one, when, and how much money. No older server leaves them out. With a new version of the Bot
/// API a name may only be added if servers of the version before have it too.
const AN_UPDATE_NEEDS: [&str; 45] = [
    "BotSubscriptionUpdated.user",
    "BusinessConnection.date",
    "BusinessConnection.id",
    "BusinessConnection.user",
    "BusinessMessagesDeleted.chat",
    "CallbackQuery.from",
    "CallbackQuery.id",
    "Chat.id",
    "ChatBoost.add_date",
    "ChatBoost.expiration_date",
    "ChatBoostRemoved.chat",
    "ChatBoostRemoved.remove_date",
    "ChatBoostUpdated.boost",
    "ChatBoostUpdated.chat",
    "ChatJoinRequest.chat",
    "ChatJoinRequest.date",
    "ChatJoinRequest.from",
    "ChatMemberUpdated.chat",
    "ChatMemberUpdated.date",
    "ChatMemberUpdated.from",
    "ChosenInlineResult.from",
    "InlineQuery.from",
    "InlineQuery.id",
    "ManagedBotUpdated.bot",
    "ManagedBotUpdated.user",
    "Message.chat",
    "Message.date",
    "Message.message_id",
    "MessageGenerationStopped.chat",
    "MessageGenerationStopped.draft_id",
    "MessageReactionCountUpdated.chat",
    "MessageReactionCountUpdated.date",
    "MessageReactionCountUpdated.message_id",
    "MessageReactionUpdated.chat",
    "MessageReactionUpdated.date",
    "MessageReactionUpdated.message_id",
    "PaidMediaPurchased.from",
    "Poll.id",
    "PollAnswer.poll_id",
    "PreCheckoutQuery.from",
    "PreCheckoutQuery.id",
    "PreCheckoutQuery.total_amount",
    "ShippingQuery.from",
    "ShippingQuery.id",
    "User.id",
];

/// The same for what a call returns.
#[cfg(feature = "client")]
const A_RESULT_NEEDS: [&str; 20] = [
    "BusinessConnection.date",
    "BusinessConnection.id",
    "BusinessConnection.user",
    "Chat.id",
    "ChatFullInfo.id",
    "ChatInviteLink.creator",
    "File.file_id",
    "ForumTopic.message_thread_id",
    "Message.chat",
    "Message.date",
    "Message.message_id",
    "MessageId.message_id",
    "Poll.id",
    "PreparedInlineMessage.expiration_date",
    "PreparedInlineMessage.id",
    "PreparedKeyboardButton.id",
    "StarAmount.amount",
    "Story.chat",
    "Story.id",
    "User.id",
];

fn parse(update: &Value) -> Update {
    let raw = RawUpdate::from_bytes(Bytes::from(update.to_string())).expect("an update");
    raw.parse()
        .unwrap_or_else(|error| panic!("{error} in {update}"))
}

fn name(required: &Required<'_>) -> String {
    format!("{}.{}", required.owner, required.field)
}

/// The required members of what `names` reach, except those that are looked for elsewhere.
fn all_required<'a>(schema: &'a Schema, names: &[&'a str]) -> BTreeSet<String> {
    let parts = schema.parts_of(names.iter().copied());
    let required = parts
        .iter()
        .filter(|(owner, key, value)| value.is_empty() && schema.is_required(owner, key));
    required
        .map(|(owner, key, _)| format!("{owner}.{key}"))
        .collect()
}

/// Takes away one required member after the other until each was, and gives those that can't be gone without.
fn needed<'a>(
    schema: &'a Schema,
    all: &BTreeSet<String>,
    seed: u64,
    round: &mut dyn FnMut(&mut Generator<'a>, &mut TakeAway<'_, 'a>),
) -> Vec<String> {
    let mut generator = Generator::new(schema, seed);
    let mut tried = HashSet::new();
    let mut needed = BTreeSet::new();
    for number in 0..MOST_ROUNDS {
        generator.fill = if number == 0 {
            Fill::Full
        } else {
            Fill::Random
        };
        round(&mut generator, &mut |type_, value, is_read| {
            for required in schema.required(type_, value) {
                // Once in each type, and once for each of its two fates.
                if tried.insert((type_, name(&required), required.is_needed))
                    && !is_read(required.removed_from(value))
                {
                    assert!(required.is_needed, "{required:?} of {type_}");
                    needed.insert(name(&required));
                }
            }
        });
        if all
            .iter()
            .all(|name| tried.iter().any(|(_, tried, _)| tried == name))
        {
            return needed.into_iter().collect();
        }
    }
    panic!("not all was made");
}

/// Takes a value of a type, and what says whether it is still read as that type.
type TakeAway<'t, 'a> = dyn FnMut(&'a str, &Value, &dyn Fn(Value) -> bool) + 't;

#[test]
fn b12_an_update_without_any_one_required_member_is_still_typed() {
    let schema = Schema::new();
    let mut all = all_required(&schema, &["Update"]);
    all.remove("Update.update_id");
    let needed = needed(&schema, &all, 1210, &mut |generator, take_away| {
        for kind in schema.kinds() {
            let update = generator.update(kind);
            take_away(schema.payload(kind), &update[kind], &|payload| {
                let read = parse(&json!({"update_id": 7, kind: payload}));
                assert_eq!(read.update_type().as_str(), kind);
                !matches!(read.kind, UpdateKind::Unknown { .. })
            });
        }
    });
    assert_eq!(needed, AN_UPDATE_NEEDS);
}

#[cfg(feature = "client")]
#[test]
fn b12_a_result_without_any_one_required_member_is_still_read() {
    use crate::client::every_method::METHODS;

    let schema = Schema::new();
    // Polling takes its updates apart by itself.
    let methods = || METHODS.iter().filter(|method| method.name != "getUpdates");
    let returned: Vec<_> = methods().map(|m| schema.returned_by(m.name)).collect();
    let all = all_required(&schema, &returned);
    let needed = needed(&schema, &all, 1211, &mut |generator, take_away| {
        for method in methods() {
            let result = generator.result(method.name);
            take_away(schema.returned_by(method.name), &result, &|result| {
                (method.decode)(&result.to_string()).is_ok()
            });
        }
    });
    assert_eq!(needed, A_RESULT_NEEDS);
}

/// The message of an update with these members beside what every message has.
fn message(members: Value) -> Message {
    let mut message = json!({
        "message_id": 5,
        "date": 1_700_000_000,
        "chat": {"id": -1001, "title": "G", "type": "supergroup"},
        "text": "/vote",
    });
    let object = message.as_object_mut().expect("an object");
    let Value::Object(members) = members else {
        panic!("no members: {members}")
    };
    object.extend(members);
    let update = parse(&json!({"update_id": 1, "message": message}));
    let message = update.any_message().cloned();
    message.unwrap_or_else(|| panic!("not typed: {update:?}"))
}

/// Members that came to their types later: what a message of the server before had.
#[test]
fn b12_a_message_of_a_server_before_a_member_came_is_typed() {
    let poll = json!({
        "id": "5", "question": "q", "total_voter_count": 3, "is_closed": true, "type": "regular",
        "options": [{"text": "a", "voter_count": 3}], "is_anonymous": true,
        "allows_multiple_answers": false,
    });
    let read = message(json!({"poll": poll})).poll.expect("a poll");
    assert!(read.is_closed && read.total_voter_count == 3);
    assert_eq!(read.options[0].text, "a");
    assert_eq!(read.options[0].persistent_id, "");

    // Before Bot API 4.6, and before 4.5 for the ids that are unique.
    let read =
        message(json!({"poll": {"id": "5", "question": "q", "options": [], "is_closed": false}}));
    assert_eq!(
        read.poll.expect("a poll").kind,
        PollType::Unknown("".into())
    );
    let sticker = json!({"file_id": "f", "width": 512, "height": 512, "emoji": "\u{1f600}"});
    let read = message(json!({"sticker": sticker}))
        .sticker
        .expect("a sticker");
    assert_eq!((&*read.file_id, &*read.file_unique_id), ("f", ""));
    assert!(!read.is_video);

    // Before 4.8 for the emoji, before 9.3 for the gift's id.
    let read = message(json!({"dice": {"value": 3}})).dice.expect("a dice");
    assert_eq!((read.value, &*read.emoji), (3, ""));
    let sticker = json!({
        "file_id": "f", "file_unique_id": "u", "type": "custom_emoji", "width": 1, "height": 1,
        "is_animated": true, "is_video": false,
    });
    let colors = json!({"center_color": 1, "edge_color": 2, "symbol_color": 3, "text_color": 4});
    let unique = json!({"origin": "upgrade", "gift": {
        "base_name": "Cat", "name": "Cat-7", "number": 7,
        "model": {"name": "m", "sticker": sticker, "rarity_per_mille": 5},
        "symbol": {"name": "s", "sticker": sticker, "rarity_per_mille": 5},
        "backdrop": {"name": "b", "colors": colors, "rarity_per_mille": 5},
    }});
    let read = message(json!({"unique_gift": unique}))
        .unique_gift
        .expect("a gift");
    assert_eq!((read.gift.number, &*read.gift.gift_id), (7, ""));
}

/// A story had no members at all before Bot API 7.1, and which one it is can't be filled in.
#[test]
fn b12_what_cant_be_filled_in_is_left_out_where_it_is_optional() {
    let log = Log::default();
    let read = tracing::subscriber::with_default(log.clone(), || {
        message(json!({"story": {}, "reply_to_message": {"message_id": 4}}))
    });
    assert_eq!((read.story, read.reply_to_message), (None, None));
    assert_eq!(read.text.as_deref(), Some("/vote"));
    let log = log.text();
    assert_eq!(log.matches("left out").count(), 4, "{log}");
    assert!(log.contains("DEBUG tower_telegram"), "{log}");
    assert!(
        log.contains("story") && log.contains("reply_to_message"),
        "{log}"
    );
}

/// The type of a field may change, and a server of another version have the other one.
#[test]
fn b12_an_optional_member_of_another_type_is_left_out() {
    for (name, value) in [
        ("text", json!(["hi"])),
        ("caption", json!({"text": "hi"})),
        ("media_group_id", json!(7)),
        ("edit_date", json!("now")),
        ("edit_date", json!(1.5)),
        ("migrate_to_chat_id", json!(true)),
        ("sender_boost_count", json!(u64::MAX)),
        ("is_topic_message", json!("yes")),
        ("forward_origin", json!(7)),
        ("photo", json!("a photo")),
        ("venue", json!({"latitude": 1})),
    ] {
        let read = message(json!({"reply_to_message": null, name: value}));
        assert_eq!(read.message_id, 5, "{name}");
        let expected = message(json!({}));
        if name == "text" {
            assert_eq!(read.text, None);
        } else if name != "forward_origin" {
            assert_eq!(read, expected, "{name}");
        }
    }
}

#[test]
fn b12_an_element_that_cant_be_filled_in_is_left_out_of_its_list() {
    let size = |id| json!({"file_id": id, "file_unique_id": "u", "width": 1, "height": 1});
    let bad = json!({"file_unique_id": "u", "width": 1, "height": 1});
    let read = message(json!({
        "photo": [size("a"), bad, size("b"), 7],
        "reply_markup": {"inline_keyboard": [[{"text": "a"}, 1], 2, [{"callback_data": "b"}]]},
    }));
    let photo = read.photo.expect("a photo");
    let ids: Vec<_> = photo.iter().map(|size| &*size.file_id).collect();
    assert_eq!(ids, ["a", "b"]);
    let rows = read.reply_markup.expect("a keyboard").inline_keyboard;
    let rows: Vec<Vec<_>> = rows
        .iter()
        .map(|row| row.iter().map(|button| &*button.text).collect())
        .collect();
    assert_eq!(rows, [vec!["a"], vec![""]]);
}

/// Before Bot API 6.5 there was no `user_chat_id`.
#[test]
fn b12_a_request_to_join_of_an_older_server_is_typed() {
    let update = parse(&json!({"update_id": 1, "chat_join_request": {
        "chat": {"id": -1001, "title": "G", "type": "supergroup"},
        "from": {"id": 7, "is_bot": false, "first_name": "A"},
        "date": 1_700_000_000,
    }}));
    let UpdateKind::ChatJoinRequest(request) = update.kind else {
        panic!("not typed: {update:?}")
    };
    assert_eq!((request.from.id, request.user_chat_id), (7, 0));
}

/// A call that was executed isn't an error because its result lacks a member.
#[cfg(feature = "client")]
#[test]
fn b12_results_of_older_servers_are_read() {
    use tower_telegram::{
        Method as _,
        methods::{GetChat, GetStickerSet, SendMediaGroup, SendPoll},
    };

    let poll = json!({
        "id": "1", "question": "q", "options": [{"text": "a", "voter_count": 0}],
        "total_voter_count": 0, "is_closed": false, "is_anonymous": true, "type": "regular",
        "allows_multiple_answers": false,
    });
    let sent = json!({
        "message_id": 2, "date": 1, "chat": {"id": 1, "type": "private"}, "poll": poll,
        "reply_to_message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "poll": poll},
    });
    let read = SendPoll::decode(&sent.to_string()).expect("a message");
    let replied = read
        .reply_to_message
        .expect("a message")
        .poll
        .expect("a poll");
    assert_eq!(replied.options[0].persistent_id, "");

    // Bot API 8.3, and 7.2, which had neither colour nor number of reactions.
    for (members, reactions) in [
        (
            json!({"can_send_gift": true, "max_reaction_count": 11, "accent_color_id": 5}),
            11,
        ),
        (json!({}), 0),
    ] {
        let mut chat = json!({"id": -1001, "title": "News", "type": "channel"});
        let members = members.as_object().expect("an object").clone();
        chat.as_object_mut().expect("an object").extend(members);
        let chat = GetChat::decode(&chat.to_string()).expect("a chat");
        assert_eq!((chat.id, chat.max_reaction_count), (-1001, reactions));
        assert!(!chat.accepted_gift_types.unlimited_gifts);
    }

    let stickers =
        json!({"name": "n", "title": "t", "stickers": [{"file_id": "f", "width": 1, "height": 1}]});
    let stickers = GetStickerSet::decode(&stickers.to_string()).expect("a set");
    assert_eq!(stickers.stickers[0].file_id, "f");

    let album = json!([sent, {"message_id": 3}]);
    assert_eq!(
        SendMediaGroup::decode(&album.to_string())
            .expect("an album")
            .len(),
        1
    );
}
