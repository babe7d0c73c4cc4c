//! J10: stored sessions that can't be read.

use std::time::Duration;

use http::Request;
use serde::{Deserialize, Serialize};
use tower::ServiceExt as _;
use tower_telegram::{
    methods::SendMessage,
    router::{
        Router,
        session::{MemorySessions, Session, SessionLayer, SessionStore as _},
    },
    types::Update,
};

use crate::support::recorder::Recorder;

#[derive(Default, Deserialize, Serialize)]
struct Count {
    n: u32,
}

async fn count(mut count: Session<Count>) -> SendMessage {
    count.n += 1;
    SendMessage::new(1, count.n.to_string())
}

#[tokio::test]
async fn j10_a_stored_session_that_cannot_be_read_begins_anew_with_a_warning() {
    let (recorder, _guard) = Recorder::start();
    let store = MemorySessions::new();
    let layer = SessionLayer::<Count, _>::new(store.clone());
    let router: Router = Router::new().message(count).layer(layer);
    let broken: [&[u8]; 7] = [
        b"",
        b"no line",
        b"0",
        b"zero\n{\"n\":5}",
        b"0\n[]",
        b"0\n\xff\xfe",
        b"\xff\n{\"n\":5}",
    ];
    for (at, value) in broken.into_iter().enumerate() {
        let chat = 100 + at;
        let (key, value) = (format!("0:c{chat}"), Some(value.into()));
        let saved = store.save(&key, None, value, Duration::MAX).await.unwrap();
        assert!(saved);
        let json = format!(
            r#"{{"update_id":{chat},"message":{{"message_id":1,"date":0,"text":"x","chat":{{"id":{chat},"type":"private"}}}}}}"#
        );
        let update = Update::from_slice(json.as_bytes()).unwrap();
        let reply = router.clone().oneshot(Request::new(update)).await.unwrap();
        let reply: serde_json::Value = serde_json::from_slice(reply.json().unwrap()).unwrap();
        assert_eq!(reply["text"], "1", "{broken:?} {at}");
        let warned = recorder.events().into_iter().any(|event| {
            event.message() == "stored session unreadable, using the default"
                && event.fields.get("update_id") == Some(&chat.to_string())
        });
        assert!(warned, "{at}: {}", recorder.text());
    }
}
