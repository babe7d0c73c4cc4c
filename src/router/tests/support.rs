//! Updates to route, and the replies to them.

use http::Request;
use serde_json::{Value, json};
use tower::{BoxError, ServiceExt as _};

use crate::{Reply, router::Router, types::Update};

/// An update of a type, with the text where its payload has one.
pub(super) fn update(kind: &str, payload: &Value) -> Update {
    let json = json!({"update_id": 7, kind: payload}).to_string();
    Update::from_slice(json.as_bytes()).unwrap()
}

pub(super) fn message(text: &str) -> Value {
    let mut message = json!({
        "message_id": 1, "date": 0, "text": text,
        "chat": {"id": 42, "type": "private"},
        "from": {"id": 5, "is_bot": false, "first_name": "Ada"},
    });
    if text.starts_with('/') {
        let command = text.split_whitespace().next().unwrap();
        let length = command.encode_utf16().count();
        message["entities"] = json!([{"type": "bot_command", "offset": 0, "length": length}]);
    }
    message
}

pub(super) fn said(text: &str) -> Update {
    update("message", &message(text))
}

pub(super) fn pressed(data: &str) -> Update {
    let mut query = json!({
        "id": "1", "chat_instance": "1", "message": message("choose"),
        "from": {"id": 5, "is_bot": false, "first_name": "Ada"},
    });
    if data != "no data" {
        query["data"] = data.into();
    }
    update("callback_query", &query)
}

pub(super) async fn result(router: &Router, update: Update) -> Result<Reply, BoxError> {
    router.clone().oneshot(Request::new(update)).await
}

/// The text of the reply; `None` where there is no reply.
pub(super) async fn answer(router: &Router, update: Update) -> Option<String> {
    let reply = result(router, update).await.unwrap();
    let reply: Value = serde_json::from_slice(reply.json()?).unwrap();
    Some(reply["text"].as_str().unwrap_or_default().to_owned())
}

/// A handler that replies with its name.
macro_rules! says {
    ($text:literal) => {
        async || SendMessage::new(1, $text)
    };
}
pub(super) use says;
