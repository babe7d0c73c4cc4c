//! J10: sessions from one update to the next.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use http::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::{BoxError, ServiceExt as _};

use super::*;
use crate::{
    methods::SendMessage,
    router::{NewMessage, Router},
    types::Update,
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
        _: Option<bytes::Bytes>,
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
        value: Option<bytes::Bytes>,
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
