//! People and chats, and a bot that is played by the test: it calls methods past the sockets.

mod acts;
mod administration;
mod assertions;
mod files;
mod keyboards;
mod messages;
mod payments;
mod queries;
mod topics;
mod webhook;

use super::*;

/// A server whose waits end soon.
async fn start() -> Telegram {
    let builder = Telegram::builder().wait_timeout(Duration::from_millis(50));
    builder.start().await.unwrap()
}

/// One that waits for as long as others do, for tests whose waits come to an end.
async fn start_patient() -> Telegram {
    Telegram::start().await.unwrap()
}

/// The bot calls a method: its result, or what Telegram says against it.
fn api(telegram: &Telegram, method: &str, params: Value) -> Result<Value, String> {
    let Value::Object(params) = params else {
        panic!("not an object")
    };
    let mut args = Args::default();
    args.params = params;
    let call = Call::new(method.to_owned(), &args, Via::Http, false);
    let answer = telegram.inner.state.execute(call, &args).1.to_value();
    if answer["ok"] == true {
        return Ok(answer["result"].clone());
    }
    Err(answer["description"].as_str().unwrap().to_owned())
}

fn refused(telegram: &Telegram, method: &str, params: Value) -> String {
    api(telegram, method, params).unwrap_err()
}

fn send(telegram: &Telegram, chat_id: i64, text: &str) -> Value {
    api(
        telegram,
        "sendMessage",
        json!({"chat_id": chat_id, "text": text}),
    )
    .unwrap()
}

/// The updates that wait for the bot, which are confirmed by that.
async fn updates(telegram: &Telegram) -> Vec<Value> {
    let mut args = Args::default();
    let all: Vec<Value> = {
        let call = Call::new("getUpdates".to_owned(), &args, Via::Http, false);
        let answer = telegram
            .inner
            .state
            .get_updates(call, &args)
            .await
            .to_value();
        serde_json::from_value(answer["result"].clone()).unwrap()
    };
    if let Some(last) = all.last() {
        let next = last["update_id"].as_u64().unwrap() + 1;
        args.params.insert("offset".to_owned(), next.into());
        let call = Call::new("getUpdates".to_owned(), &args, Via::Http, false);
        telegram.inner.state.get_updates(call, &args).await;
    }
    all
}

/// The one update that waits for the bot.
async fn update(telegram: &Telegram, kind: &str) -> Value {
    let updates = updates(telegram).await;
    assert_eq!(updates.len(), 1, "{updates:?}");
    assert!(!updates[0][kind].is_null(), "{updates:?}");
    updates[0][kind].clone()
}

/// All types of updates.
fn ask_for_everything(telegram: &Telegram) {
    let mut args = Args::default();
    let all = json!([
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "inline_query",
        "chosen_inline_result",
        "callback_query",
        "shipping_query",
        "pre_checkout_query",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "message_reaction",
        "message_reaction_count",
    ]);
    args.params.insert("allowed_updates".to_owned(), all);
    telegram.inner.state.webhook.delete(&args);
}
