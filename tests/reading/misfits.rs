//! B9: a known type of update whose payload doesn't fit it.

use serde::Deserialize;
use serde_json::json;
use std::sync::{Arc, Mutex};
use tower_telegram::{
    types::UpdateKind,
    webhook::{ParseLayer, Webhook},
};

use crate::support::{
    adapter::{bots, bots_with, nothing, secret},
    for_each_server::for_each_server,
    log::Log,
    servers::Server,
    wire::{Call, MESSAGE, SECRET},
};

for_each_server! {
    b9_a_misfit_gets_to_the_handler_raw_and_with_a_warning
    b9_what_can_hold_the_unknown_keeps_the_rest_typed
    b9_a_misfit_of_a_foreign_type_goes_to_the_hook_and_isnt_sent_again
}

/// Payloads that are no messages.
const MISFITS: [&str; 10] = [
    "null",
    "7",
    "\"text\"",
    "[]",
    "{}",
    r#"{"message_id":1,"date":1,"chat":"@name"}"#,
    r#"{"message_id":"1","date":1,"chat":{"id":1,"type":"private"}}"#,
    r#"{"message_id":1.5,"date":1,"chat":{"id":1,"type":"private"}}"#,
    r#"{"message_id":1,"date":["now"],"chat":{"id":1,"type":"private"},"text":["hi"]}"#,
    r#"{"message_id":9223372036854775808,"date":1,"chat":{"id":1,"type":"private"}}"#,
];

async fn b9_a_misfit_gets_to_the_handler_raw_and_with_a_warning(server: Server) {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let warnings = || log.text().matches("WARN tower_telegram").count();
    for bot in bots(server).await {
        for misfit in MISFITS {
            let before = warnings();
            let body = format!(r#"{{"update_id":9,"message":{misfit}}}"#);
            let answer = bot.send(&Call::new(&*body)).await;
            assert_eq!(answer.status, 200, "{bot}: {misfit}");
            let update = bot.one();
            assert_eq!(update.update_id, 9, "{bot}: {misfit}");
            let UpdateKind::Unknown { name, raw } = update.kind else {
                panic!("{bot}: {misfit}: {update:?}");
            };
            assert_eq!((&*name, raw.get()), ("message", misfit), "{bot}");
            assert_eq!(warnings(), before + 1, "{bot}: {misfit}");
        }
    }
}

/// One broken message inside another leaves the rest typed where a union can hold it, and makes the
/// update unknown where not; in neither case is it lost.
async fn b9_what_can_hold_the_unknown_keeps_the_rest_typed(server: Server) {
    for bot in bots(server).await {
        let update = json!({"update_id": 9, "callback_query": {
            "id": "1",
            "from": {"id": 3, "is_bot": false, "first_name": "Ada"},
            "chat_instance": "c",
            "data": "pressed",
            "message": {"message_id": "not a number"},
        }});
        let answer = bot.send(&Call::new(update.to_string())).await;
        assert_eq!(answer.status, 200, "{bot}");
        match bot.one().kind {
            UpdateKind::CallbackQuery(query) => {
                assert_eq!(query.data.as_deref(), Some("pressed"), "{bot}");
            }
            other => panic!("{bot}: {other:?}"),
        }
    }
}

/// A strict foreign type.
#[derive(Debug, Deserialize, PartialEq)]
struct Strict {
    message: StrictMessage,
}

#[derive(Debug, Deserialize, PartialEq)]
struct StrictMessage {
    text: String,
}

async fn b9_a_misfit_of_a_foreign_type_goes_to_the_hook_and_isnt_sent_again(server: Server) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = told.clone();
    let webhook = Webhook::new(secret(SECRET))
        .parse_as::<Strict>()
        .on_unreadable(move |raw, error| {
            assert!(error.is_mismatch(), "{error}");
            hook.lock().expect("not poisoned").push(raw.clone());
        });
    for bot in bots_with(server, &webhook, nothing).await {
        for misfit in MISFITS {
            let body = format!(r#"{{"update_id":9,"message":{misfit}}}"#);
            let answer = bot.send(&Call::new(&*body)).await;
            assert_eq!(answer.status, 200, "{bot}: {misfit}");
            assert!(answer.body.is_empty(), "{bot}: {misfit}");
            let heard = std::mem::take(&mut *told.lock().expect("not poisoned"));
            assert_eq!(heard.len(), 1, "{bot}: {misfit}");
            assert_eq!(heard[0].bytes(), body.as_bytes(), "{bot}");
        }
        assert_eq!(bot.handled(), []);
        assert_eq!(bot.send(&Call::new(MESSAGE)).await.status, 200, "{bot}");
        assert_eq!(bot.one().message.text, "hi", "{bot}");
    }
}

#[tokio::test]
async fn b9_a_misfit_of_a_foreign_type_is_sent_again_on_request() {
    use tower::{ServiceBuilder, ServiceExt as _, service_fn};
    use tower_telegram::webhook::{Rejection, ServiceBuilderExt as _};

    let service = ServiceBuilder::new()
        .secret_token(secret(SECRET))
        .update()
        .layer(ParseLayer::<Strict>::new().retry_unreadable())
        .reply()
        .service(service_fn(async |_| Ok::<(), std::io::Error>(())));
    for misfit in MISFITS {
        let call = Call::new(format!(r#"{{"update_id":9,"message":{misfit}}}"#));
        let Ok(response) = service.clone().oneshot(call.request()).await;
        assert_eq!(response.status(), 500, "{misfit}");
        let why = response.extensions().get();
        assert!(matches!(why, Some(Rejection::Unreadable(_))), "{why:?}");
    }
    let Ok(response) = service.oneshot(Call::new(MESSAGE).request()).await;
    assert_eq!(response.status(), 200);
}
