//! J10: sessions from one update to the next.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::{BoxError, ServiceExt as _};

use super::*;
use crate::{
    methods::{SendDocument, SendMessage},
    router::{FromUpdateParts, HandlerError, NewMessage, Router, UpdateParts},
    types::{InputFile, Update},
    webhook::Failure,
};

/// A new update.
fn said(chat: i64, user: i64, text: &str) -> Update {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    numbered(NEXT.fetch_add(1, Ordering::Relaxed), chat, user, text)
}

fn numbered(update_id: i64, chat: i64, user: i64, text: &str) -> Update {
    let json = json!({"update_id": update_id, "message": {
        "message_id": 1, "date": 0, "text": text,
        "chat": {"id": chat, "type": "group", "title": "G"},
        "from": {"id": user, "is_bot": false, "first_name": "Ada"},
    }});
    Update::from_slice(json.to_string().as_bytes()).unwrap()
}

async fn answer(router: &Router, update: Update) -> Result<String, BoxError> {
    let reply = router.clone().oneshot(Request::new(update)).await?;
    let reply: Value = serde_json::from_slice(reply.json().expect("a reply"))?;
    Ok(reply["text"].as_str().unwrap_or_default().to_owned())
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Count {
    n: u32,
}

/// Counts; "end" begins anew, "look" changes nothing, "fail" fails after it has counted.
async fn count(
    mut count: Session<Count>,
    NewMessage(message): NewMessage,
) -> Result<SendMessage, BoxError> {
    match message.text.as_deref() {
        Some("look") => {}
        Some("end") => count.remove(),
        text => {
            count.n += 1;
            if text == Some("fail") {
                return Err("on purpose".into());
            }
        }
    }
    Ok(SendMessage::new(1, count.n.to_string()))
}

fn counting(layer: SessionLayer<Count, MemorySessions>) -> Router {
    Router::new().message(count).layer(layer)
}

#[tokio::test(start_paused = true)]
async fn j10_a_chat_has_its_session_until_it_ends() {
    let layer = SessionLayer::new(MemorySessions::new());
    let router = counting(layer.clone().expires_after(Duration::from_secs(60)));
    for (chat, text, expected) in [
        (1, "x", "1"),
        (1, "x", "2"),
        (2, "x", "1"),
        (1, "look", "2"),
        (1, "end", "0"),
        (1, "look", "0"),
        (1, "x", "1"),
    ] {
        let answer = answer(&router, said(chat, 7, text)).await.unwrap();
        assert_eq!(answer, expected, "{chat} {text}");
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(answer(&router, said(1, 7, "look")).await.unwrap(), "0");
}

#[tokio::test]
async fn j10_a_change_of_a_handler_that_fails_is_not_stored() {
    let router = counting(SessionLayer::new(MemorySessions::new()));
    assert_eq!(answer(&router, said(1, 7, "x")).await.unwrap(), "1");
    answer(&router, said(1, 7, "fail")).await.unwrap_err();
    assert_eq!(answer(&router, said(1, 7, "look")).await.unwrap(), "1");
}

#[tokio::test]
async fn j10_a_session_is_a_chats_a_users_or_a_users_in_a_chat() {
    for (key, expected) in [
        (SessionKey::Chat, ["1", "2", "1"]),
        (SessionKey::User, ["1", "1", "2"]),
        (SessionKey::UserInChat, ["1", "1", "1"]),
    ] {
        let router = counting(SessionLayer::new(MemorySessions::new()).key(key));
        for ((chat, user), expected) in [(1, 7), (1, 8), (2, 7)].into_iter().zip(expected) {
            let answer = answer(&router, said(chat, user, "x")).await.unwrap();
            assert_eq!(answer, expected, "{key:?} {chat} {user}");
        }
    }
}

#[tokio::test]
async fn j10_layers_with_names_share_a_store_and_no_session() {
    let store = MemorySessions::new();
    let layer = |name| SessionLayer::new(store.clone()).name(name);
    for name in ["", "a", "1", "a/0:c1"] {
        let router = counting(layer(name));
        assert_eq!(
            answer(&router, said(1, 7, "x")).await.unwrap(),
            "1",
            "{name}"
        );
        assert_eq!(
            answer(&router, said(1, 7, "x")).await.unwrap(),
            "2",
            "{name}"
        );
    }
    // As the key of bot 10 without a name is.
    let mut request = Request::new(said(1, 7, "look"));
    request.extensions_mut().insert(crate::webhook::BotId(10));
    let reply = counting(layer("")).oneshot(request).await.unwrap();
    let reply: Value = serde_json::from_slice(reply.json().unwrap()).unwrap();
    assert_eq!(reply["text"], "0");
}

/// Without a `SequenceLayer`: the first to end has it, and the other is tried again.
#[tokio::test]
async fn j10_of_two_that_change_it_at_once_neither_change_is_lost() {
    let barrier = Arc::new(tokio::sync::Barrier::new(2));
    let waits = Arc::clone(&barrier);
    let slow = async move |mut count: Session<Count>| {
        if count.n == 0 {
            waits.wait().await;
        }
        count.n += 1;
        Ok::<_, BoxError>(())
    };
    let layer = SessionLayer::new(MemorySessions::new());
    let router: Router = Router::new().message(slow).layer(layer.clone());
    let ask = || router.clone().oneshot(Request::new(said(1, 7, "x")));
    let (one, other) = tokio::join!(ask(), ask());
    let error = one.and(other).unwrap_err();
    let failure = error.downcast::<Failure>().unwrap();
    assert!(failure.is_deferral());
    let cause: &SessionError = failure.as_error().unwrap().downcast_ref().unwrap();
    assert!(cause.is_conflict());
    ask().await.unwrap();
    let router = counting(layer);
    assert_eq!(answer(&router, said(1, 7, "look")).await.unwrap(), "2");
}

#[tokio::test]
async fn j10_another_version_is_converted_or_begins_anew() {
    let store = MemorySessions::new();
    let old = counting(SessionLayer::new(store.clone()));
    assert_eq!(answer(&old, said(1, 7, "x")).await.unwrap(), "1");
    assert_eq!(answer(&old, said(2, 7, "x")).await.unwrap(), "1");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let stored = Arc::clone(&seen);
    let converting = SessionLayer::new(store.clone())
        .version(1)
        .migrate(move |version, json| {
            stored.lock().unwrap().push((version, json.to_owned()));
            Some(Count { n: 40 })
        });
    let new = counting(converting);
    assert_eq!(answer(&new, said(1, 7, "x")).await.unwrap(), "41");
    assert_eq!(answer(&new, said(1, 7, "x")).await.unwrap(), "42");
    assert_eq!(*seen.lock().unwrap(), [(0, r#"{"n":1}"#.to_owned())]);
    let anew = counting(SessionLayer::new(store.clone()).version(2));
    assert_eq!(answer(&anew, said(2, 7, "x")).await.unwrap(), "1");
    // JSON of another type starts from the default, too.
    let broken = Some("2\n[]".into());
    let revision = store
        .load("0:c2")
        .await
        .unwrap()
        .map(|stored| stored.revision);
    assert!(
        store
            .save("0:c2", revision, broken, Duration::MAX)
            .await
            .unwrap()
    );
    assert_eq!(answer(&anew, said(2, 7, "x")).await.unwrap(), "1");
}

#[derive(Clone)]
struct Broken;

impl SessionStore for Broken {
    async fn load(&self, _: &str) -> Result<Option<StoredSession>, SessionError> {
        Err(SessionError::store("unreachable"))
    }

    async fn save(
        &self,
        _: &str,
        _: Option<u64>,
        _: Option<Bytes>,
        _: Duration,
    ) -> Result<bool, SessionError> {
        Err(SessionError::store("unreachable"))
    }
}

/// A store whose connection breaks after it has written a session, and before it has responded.
#[derive(Clone)]
struct LosesResponse {
    sessions: MemorySessions,
    is_broken: Arc<AtomicBool>,
}

impl SessionStore for LosesResponse {
    async fn load(&self, key: &str) -> Result<Option<StoredSession>, SessionError> {
        self.sessions.load(key).await
    }

    async fn save(
        &self,
        key: &str,
        revision: Option<u64>,
        value: Option<Bytes>,
        expires_after: Duration,
    ) -> Result<bool, SessionError> {
        let saving = self.sessions.save(key, revision, value, expires_after);
        let is_saved = saving.await?;
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(SessionError::store("connection reset"));
        }
        Ok(is_saved)
    }
}

#[tokio::test]
async fn j10_a_change_that_was_stored_is_not_made_twice_by_the_next_attempt() {
    let store = LosesResponse {
        sessions: MemorySessions::new(),
        is_broken: Arc::default(),
    };
    let layer = SessionLayer::<Count, _>::new(store.clone());
    let router: Router = Router::new().message(count).layer(layer);
    // In a new chat, and in one that has a session.
    for (update_id, expected) in [(1, "1"), (2, "2")] {
        let update = || numbered(update_id, 1, 7, "x");
        store.is_broken.store(true, Ordering::Relaxed);
        for _ in 0..3 {
            let error = answer(&router, update()).await.unwrap_err();
            assert!(error.downcast::<Failure>().unwrap().is_deferral());
        }
        store.is_broken.store(false, Ordering::Relaxed);
        assert_eq!(answer(&router, update()).await.unwrap(), expected);
        // The process ended before it had recorded the update.
        assert_eq!(answer(&router, update()).await.unwrap(), expected);
    }
    // The next update finds the change, also if it changes nothing.
    for (update_id, text, expected) in [(3, "look", "2"), (4, "x", "3"), (4, "look", "2")] {
        let answer = answer(&router, numbered(update_id, 1, 7, text)).await;
        assert_eq!(answer.unwrap(), expected, "{update_id} {text}");
    }
}

#[tokio::test]
async fn j10_a_store_that_fails_has_the_update_tried_again_and_a_missing_layer_does_not() {
    let router: Router = Router::new()
        .message(count)
        .layer(SessionLayer::<Count, _>::new(Broken));
    let error = answer(&router, said(1, 7, "x")).await.unwrap_err();
    assert!(error.downcast::<Failure>().unwrap().is_deferral());
    let bare: Router = Router::new().message(count);
    let error = answer(&bare, said(1, 7, "x")).await.unwrap_err();
    assert!(error.downcast::<Failure>().unwrap().is_permanent());
    let twice = async |_: Session<Count>, _: Session<Count>| {};
    let layer = SessionLayer::<Count, _>::new(MemorySessions::new());
    let router: Router = Router::new().message(twice).layer(layer);
    let error = answer(&router, said(1, 7, "x")).await.unwrap_err();
    assert!(error.downcast::<Failure>().unwrap().is_permanent());
    // Those who don't ask for it don't wait for the store.
    let other = async || SendMessage::new(1, "fine");
    let router: Router = Router::new()
        .message(other)
        .layer(SessionLayer::<Count, _>::new(Broken));
    assert_eq!(answer(&router, said(1, 7, "x")).await.unwrap(), "fine");
}

/// Counts any update.
async fn count_any(mut count: Session<Count>) -> SendMessage {
    count.n += 1;
    SendMessage::new(1, count.n.to_string())
}

fn of_kind(kind: &str, payload: &Value) -> Update {
    static NEXT: AtomicI64 = AtomicI64::new(1000);
    let update_id = NEXT.fetch_add(1, Ordering::Relaxed);
    let json = json!({"update_id": update_id, kind: payload});
    Update::from_slice(json.to_string().as_bytes()).unwrap()
}

/// A customer's private chat with a business account has the number of the customer's private chat with the bot.
#[tokio::test]
async fn j10_a_chat_of_a_business_account_or_of_a_guest_shares_no_session_with_the_bots_own_chat() {
    let mut message = json!({
        "message_id": 1, "date": 1, "text": "x",
        "chat": {"id": 5, "type": "private", "first_name": "Eve"},
        "from": {"id": 5, "is_bot": false, "first_name": "Eve"},
    });
    let own = message.clone();
    message["business_connection_id"] = "a".into();
    let deleted = json!({
        "business_connection_id": "a", "message_ids": [1],
        "chat": {"id": 5, "type": "private", "first_name": "Eve"},
    });
    let pressed = json!({
        "id": "1", "chat_instance": "1", "data": "x", "message": message,
        "from": {"id": 5, "is_bot": false, "first_name": "Eve"},
    });
    let mut other = message.clone();
    other["business_connection_id"] = "b".into();
    let mut guest = own.clone();
    guest["guest_query_id"] = "1".into();
    let updates = [
        ("message", &own, "1"),
        ("business_message", &message, "1"),
        ("edited_business_message", &message, "2"),
        ("deleted_business_messages", &deleted, "3"),
        ("callback_query", &pressed, "4"),
        ("business_message", &other, "1"),
        ("guest_message", &guest, "1"),
        ("message", &own, "2"),
    ];
    for key in [SessionKey::Chat, SessionKey::UserInChat] {
        let router: Router = Router::new()
            .fallback(count_any)
            .layer(SessionLayer::<Count, _>::new(MemorySessions::new()).key(key));
        let updates = updates.iter().filter(|(kind, ..)| {
            // It has no user.
            key == SessionKey::Chat || *kind != "deleted_business_messages"
        });
        let mut of_connection = 0;
        for (kind, payload, expected) in updates {
            let answer = answer(&router, of_kind(kind, payload)).await.unwrap();
            if payload["business_connection_id"] == "a" || *kind == "callback_query" {
                of_connection += 1;
                assert_eq!(answer, of_connection.to_string(), "{key:?} {kind}");
            } else {
                assert_eq!(answer, *expected, "{key:?} {kind}");
            }
        }
    }
}

/// Else the update would be done, with the hook's reply, and its change lost.
#[tokio::test]
async fn d14_an_error_hook_does_not_get_what_only_defers_the_update() {
    let layer = SessionLayer::<Count, _>::new(MemorySessions::new());
    let hook = async |failed: HandlerError| {
        Ok::<_, BoxError>(SendMessage::new(1, format!("hook: {}", failed.error)))
    };
    let down: Router = Router::new()
        .message(count)
        .layer(SessionLayer::<Count, _>::new(Broken))
        .on_error(hook);
    let no_worker = async || Err::<(), _>(Failure::deferral("no worker is free"));
    let shed = async || Err::<(), _>(tower::load_shed::error::Overloaded::new());
    let other = layer.clone();
    let changed_meanwhile = async move |mut count: Session<Count>| {
        count.n += 1;
        let router: Router = Router::new().message(count_any).layer(other);
        answer(&router, said(1, 7, "x")).await.map(drop)
    };
    let routers = [
        down,
        Router::new().message(no_worker).on_error(hook),
        Router::new().message(shed).on_error(hook),
        Router::new()
            .message(changed_meanwhile)
            .layer(layer)
            .on_error(hook),
    ];
    for (at, router) in routers.into_iter().enumerate() {
        let error = answer(&router, said(1, 7, "x"))
            .await
            .expect_err("deferred");
        let failure = error.downcast_ref::<Failure>();
        let is_deferral = failure.is_some_and(Failure::is_deferral);
        assert!(
            is_deferral || error.is::<tower::load_shed::error::Overloaded>(),
            "router {at}: {error:?}"
        );
    }
    let failing: Router = Router::new()
        .message(async || Err::<(), _>("a failure"))
        .on_error(hook);
    assert_eq!(
        answer(&failing, said(1, 7, "x")).await.unwrap(),
        "hook: a failure"
    );
}

/// The count when the argument was taken, without the session.
struct Before(u32);

impl<S: Sync> FromUpdateParts<S> for Before {
    type Rejection = SessionRejection;

    async fn from_update_parts(
        parts: &mut UpdateParts,
        state: &S,
    ) -> Result<Self, SessionRejection> {
        let count = Session::<Count>::from_update_parts(parts, state).await?;
        Ok(Self(count.n))
    }
}

#[derive(Clone)]
struct TwoAttempts;

impl tower::retry::Policy<Request<Update>, crate::Reply, BoxError> for TwoAttempts {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Update>,
        result: &mut Result<crate::Reply, BoxError>,
    ) -> Option<Self::Future> {
        result.is_err().then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &Request<Update>) -> Option<Request<Update>> {
        Some(request.clone())
    }
}

#[tokio::test]
async fn j10_a_session_that_was_given_back_can_be_taken_again() {
    let twice = async |Before(before): Before, mut count: Session<Count>| {
        assert_eq!(before, count.n);
        count.n += 1;
        SendMessage::new(1, count.n.to_string())
    };
    let layer = SessionLayer::<Count, _>::new(MemorySessions::new());
    let router: Router = Router::new().message(twice).layer(layer.clone());
    assert_eq!(answer(&router, said(1, 7, "x")).await.unwrap(), "1");
    // An attempt that fails changes nothing for the one after it.
    let failed_before = Arc::new(Mutex::new(false));
    let second = async move |mut count: Session<Count>| {
        count.n += 1;
        let has_failed = std::mem::replace(&mut *failed_before.lock().unwrap(), true);
        has_failed
            .then(|| SendMessage::new(1, count.n.to_string()))
            .ok_or("the first attempt")
    };
    let router: Router = Router::new()
        .message(second)
        .layer(tower::retry::RetryLayer::new(TwoAttempts))
        .layer(layer);
    assert_eq!(answer(&router, said(1, 7, "x")).await.unwrap(), "2");
}

#[tokio::test]
async fn j10_a_reply_that_cannot_be_sent_leaves_the_session_as_it_was() {
    let layer = SessionLayer::<Count, _>::new(MemorySessions::new());
    let missing = async |mut count: Session<Count>| {
        count.n += 1;
        SendDocument::new(1, InputFile::path("/not/yet/there"))
    };
    let long = async |mut count: Session<Count>| {
        count.n += 1;
        SendMessage::new(1, "x".repeat(crate::Reply::MAX_ARGUMENTS))
    };
    let unread = async |_: Session<Count>| SendDocument::new(1, InputFile::path("/not/yet/there"));
    let here = async |mut count: Session<Count>| {
        count.n += 1;
        SendDocument::new(1, InputFile::path(file!()))
    };
    let on_message = |router: Router| router.layer(layer.clone());
    let missing = on_message(Router::new().message(missing));
    let error = answer(&missing, said(1, 7, "x")).await.unwrap_err();
    let failure = error.downcast::<Failure>().unwrap();
    assert!(!failure.is_permanent() && !failure.is_deferral());
    let long = on_message(Router::new().message(long));
    let error = answer(&long, said(1, 7, "x")).await.unwrap_err();
    assert!(error.downcast::<Failure>().unwrap().is_permanent());
    let ask = |router: Router| router.oneshot(Request::new(said(1, 7, "x")));
    // Where there is no change, the file is opened by the webhook alone.
    ask(on_message(Router::new().message(unread)))
        .await
        .unwrap();
    ask(on_message(Router::new().message(here))).await.unwrap();
    let router = counting(layer.clone());
    assert_eq!(answer(&router, said(1, 7, "look")).await.unwrap(), "1");
}
