//! `ParseLayer` with the update types of other crates.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};

use fastrand::Rng;
use http::Request;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use tower_telegram::webhook::{ParseLayer, Rejection, ServiceBuilderExt as _, Webhook};

use crate::support::{
    adapter::{Bot, bots_with, nothing, secret},
    for_each_server::for_each_server,
    servers::Server,
    text::{Style, styled, telegram},
    wire::{Call, SECRET},
};

for_each_server! {
    b6_frankensteins_updates_are_read
    b6_teloxides_updates_are_read
    b9_what_frankenstein_cant_read_goes_to_the_hook
    b9_what_teloxide_cant_read_goes_to_the_hook
    b5_what_no_type_can_read_is_refused_as_theirs
}

type Frankenstein = frankenstein::updates::Update;
type Teloxide = teloxide_core::types::Update;

/// The updates that a bot in a group and in private chats gets on one day.
fn day() -> Vec<Value> {
    let ada = json!({"id": 3, "is_bot": false, "first_name": "Ada \u{2728}", "username": "ada",
                     "language_code": "en"});
    let bot = json!({"id": 9, "is_bot": true, "first_name": "Bot", "username": "some_bot"});
    let private = json!({"id": 3, "type": "private", "first_name": "Ada \u{2728}"});
    let group = json!({"id": -1_001_234_567_890_i64, "type": "supergroup", "title": "A group"});
    let message = json!({
        "message_id": 10, "date": 1_700_000_000, "from": ada, "chat": private, "text": "/start hi",
        "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
    });
    let photo = json!({
        "message_id": 11, "date": 1_700_000_001, "from": ada, "chat": group,
        "photo": [
            {"file_id": "a", "file_unique_id": "b", "width": 90, "height": 60, "file_size": 1000},
            {"file_id": "c", "file_unique_id": "d", "width": 900, "height": 600},
        ],
        "caption": "look: \u{1f600}", "reply_to_message": message,
    });
    let pressed = json!({
        "id": "4382bfdwdsb323b2d9", "from": ada, "message": message, "chat_instance": "-1",
        "data": "yes",
    });
    let joined = json!({
        "chat": group, "from": ada, "date": 1_700_000_002,
        "old_chat_member": {"status": "left", "user": bot},
        "new_chat_member": {"status": "member", "user": bot},
    });
    let inline = json!({"id": "1", "from": ada, "query": "caf\u{e9}", "offset": "",
                        "chat_type": "private"});
    let checkout = json!({"id": "1", "from": ada, "currency": "XTR", "total_amount": 100,
                          "invoice_payload": "p"});
    let kinds = [
        ("message", message.clone()),
        ("edited_message", {
            let mut edited = message;
            edited["edit_date"] = json!(1_700_000_009);
            edited
        }),
        ("message", photo),
        ("callback_query", pressed),
        ("my_chat_member", joined),
        ("inline_query", inline),
        ("pre_checkout_query", checkout),
    ];
    let updates = (100..).zip(kinds);
    let updates = updates.map(|(id, (kind, payload))| json!({"update_id": id, kind: payload}));
    updates.collect()
}

async fn bots_of<U: DeserializeOwned + Send + 'static>(server: Server) -> Vec<Bot<U>> {
    bots_with(
        server,
        &Webhook::new(secret(SECRET)).parse_as::<U>(),
        nothing,
    )
    .await
}

/// Every update of the day reaches the handler, however it is written.
async fn read_the_day<U>(server: Server, escaped: u8) -> Vec<U>
where
    U: DeserializeOwned + Send + Debug + 'static,
{
    let bots = bots_of::<U>(server).await;
    let mut read = Vec::new();
    for bot in bots {
        let mut rng = Rng::with_seed(1);
        for update in day() {
            let call = Call::new(telegram(&update));
            assert_eq!(bot.send(&call).await.status, 200, "{bot}: {update}");
            let usual = bot.one();
            for _ in 0..10 {
                let style = Style {
                    shuffled: true,
                    spaced: true,
                    escaped,
                };
                let call = Call::new(styled(&update, &mut rng, style));
                assert_eq!(bot.send(&call).await.status, 200, "{bot}: {call:?}");
                assert_eq!(format!("{:?}", bot.one()), format!("{usual:?}"), "{bot}");
            }
            read.push(usual);
        }
    }
    read
}

async fn b6_frankensteins_updates_are_read(server: Server) {
    use frankenstein::updates::UpdateContent;

    let updates = read_the_day::<Frankenstein>(server, 10).await;
    assert_eq!(
        updates.iter().map(|u| u.update_id).collect::<Vec<_>>(),
        (100..107).collect::<Vec<_>>()
    );
    let UpdateContent::Message(message) = &updates[0].content else {
        panic!("{:?}", updates[0]);
    };
    assert_eq!(message.text.as_deref(), Some("/start hi"));
    let UpdateContent::CallbackQuery(query) = &updates[3].content else {
        panic!("{:?}", updates[3]);
    };
    assert_eq!(query.data.as_deref(), Some("yes"));
    assert!(matches!(
        updates[6].content,
        UpdateContent::PreCheckoutQuery(_)
    ));
}

async fn b6_teloxides_updates_are_read(server: Server) {
    use teloxide_core::types::UpdateKind;

    // An escaped key is too much for teloxide: the update's kind is then `Error`.
    let updates = read_the_day::<Teloxide>(server, 0).await;
    assert_eq!(
        updates.iter().map(|u| u.id.0).collect::<Vec<_>>(),
        (100..107).collect::<Vec<_>>()
    );
    for update in &updates {
        assert!(!matches!(update.kind, UpdateKind::Error(_)), "{update:?}");
    }
    let UpdateKind::Message(message) = &updates[0].kind else {
        panic!("{:?}", updates[0]);
    };
    assert_eq!(message.text(), Some("/start hi"));
    let UpdateKind::CallbackQuery(query) = &updates[3].kind else {
        panic!("{:?}", updates[3]);
    };
    assert_eq!(query.data.as_deref(), Some("yes"));
    assert!(matches!(updates[6].kind, UpdateKind::PreCheckoutQuery(_)));
}

/// The number is over the limits of both. The hook is called, the update is done, and the next one is read.
async fn misfits_go_to_the_hook<U: DeserializeOwned + Send + Debug + 'static>(server: Server) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = told.clone();
    let webhook = Webhook::new(secret(SECRET))
        .parse_as::<U>()
        .on_unreadable(move |raw, error| {
            assert!(error.is_mismatch(), "{error}");
            hook.lock().expect("nobody holds it").push(raw.update_id());
        });
    let mut update = day().remove(0);
    update["update_id"] = json!(5_000_000_000_i64);
    for bot in bots_with(server, &webhook, nothing).await {
        let answer = bot.send(&Call::new(telegram(&update))).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{bot}");
        assert_eq!(bot.handled().len(), 0, "{bot}");
        let told = std::mem::take(&mut *told.lock().expect("nobody holds it"));
        assert_eq!(told, [5_000_000_000], "{bot}");
        let answer = bot.send(&Call::new(telegram(&day()[0]))).await;
        assert_eq!((answer.status, bot.handled().len()), (200, 1), "{bot}");
    }

    let service = ServiceBuilder::new()
        .update()
        .layer(ParseLayer::<U>::new().retry_unreadable())
        .reply()
        .service(service_fn(async |_: Request<U>| {
            Ok::<(), std::io::Error>(())
        }));
    let Ok(response) = service
        .oneshot(Call::new(telegram(&update)).request())
        .await;
    assert_eq!(response.status(), 500);
    let why = response.extensions().get();
    assert!(matches!(why, Some(Rejection::Unreadable(_))), "{why:?}");
}

async fn b9_what_frankenstein_cant_read_goes_to_the_hook(server: Server) {
    misfits_go_to_the_hook::<Frankenstein>(server).await;
}

async fn b9_what_teloxide_cant_read_goes_to_the_hook(server: Server) {
    misfits_go_to_the_hook::<Teloxide>(server).await;
}

/// One sentence that names the subject of the update and the value that the type can't hold.
#[test]
fn b9_what_frankenstein_cant_read_is_said_in_one_sentence() {
    use tower_telegram::webhook::RawUpdate;

    let update = r#"{"update_id":7,"planet_discovered":{"name":"secret"}}"#;
    let raw = RawUpdate::from_bytes(update.into()).expect("an update");
    let error = raw.parse::<Frankenstein>().expect_err("it doesn't fit");
    let text = error.to_string();
    assert!(
        text.starts_with("unfitting: expected a variant of `UpdateContent`"),
        "{text}"
    );
    assert!(text.contains("in field `planet_discovered`"), "{text}");
    assert_eq!(error.field(), Some("planet_discovered"));
    assert_eq!(text.matches("expected").count(), 1, "{text}");
    assert!(!text.contains("secret"), "{text}");
}

/// A body that isn't JSON must have been damaged, so Telegram should send it again.
async fn b5_what_no_type_can_read_is_refused_as_theirs(server: Server) {
    let whole = telegram(&day()[0]);
    for bot in bots_of::<Frankenstein>(server).await {
        let answer = bot.send(&Call::new(&whole[..whole.len() - 1])).await;
        assert_eq!((answer.status, bot.handled().len()), (400, 0), "{bot}");
    }
    for bot in bots_of::<Teloxide>(server).await {
        let answer = bot.send(&Call::new(&whole[..whole.len() - 1])).await;
        assert_eq!((answer.status, bot.handled().len()), (400, 0), "{bot}");
    }
}
