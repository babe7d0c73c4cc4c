//! Every method of the schema, called with no more than it needs.

use super::{decoders::decode, *};
use crate::schema::{self, MethodSchema};

/// The required arguments of a method, as far as the schema knows them.
fn arguments(method: &MethodSchema) -> Map<String, Value> {
    let required = method.params.iter().filter(|param| param.is_required);
    let given = |type_: &str, name: &str| match (type_, name) {
        (_, "currency") => Some("EUR".into()),
        ("Array<LabeledPrice>", _) => Some(json!([{"label": "a", "amount": 100}])),
        ("Array<InputPollOption>", _) => Some(json!([{"text": "a"}, {"text": "b"}])),
        ("InputChecklist", _) => Some(json!({"title": "a", "tasks": [{"id": 1, "text": "b"}]})),
        ("Array<Integer>", _) => Some(json!([1, 2])),
        ("Integer|String", _) => Some(json!(-1_001_234_567_890_i64)),
        (type_, "media") if type_.starts_with("Array<") => {
            Some(json!([{"type": "photo", "media": "a"}]))
        }
        ("ReplyMarkup", _) => Some(json!({"inline_keyboard": []})),
        _ => None,
    };
    let make =
        |param: &schema::FieldSchema| schema::get().make_named(param.type_, param.name, &given);
    required
        .map(|param| (param.name.to_owned(), make(param)))
        .collect()
}

#[tokio::test]
async fn every_method_is_answered_with_what_its_type_can_read() {
    let mut failures = Vec::new();
    for method in schema::get().methods() {
        let telegram = Telegram::start().await.unwrap();
        let mut args = Args::default();
        args.params = arguments(method);
        if method.name.starts_with("edit")
            || method.name.starts_with("stop")
            || method.name == "setGameScore"
        {
            args.params
                .insert("chat_id".to_owned(), (-1_001_234_567_890_i64).into());
            args.params.insert("message_id".to_owned(), 5.into());
            for name in ["text", "caption"] {
                args.params.entry(name).or_insert("a".into());
            }
        }
        args.params.entry("description").or_insert("a".into());
        if method.name == "answerShippingQuery" || method.name == "answerPreCheckoutQuery" {
            args.params.insert("error_message".to_owned(), "a".into());
        }
        let call = Call::new(method.name.to_owned(), &args, Via::Http, false);
        let answer = if method.name == "getUpdates" {
            telegram.inner.state.get_updates(call, &args).await
        } else {
            telegram.inner.state.execute(call, &args).1
        };
        let answer = answer.to_value();
        if answer["ok"] != true {
            failures.push(format!("{}: {answer}", method.name));
            continue;
        }
        if let Err(error) = decode(method.name, &answer["result"].to_string()).unwrap() {
            failures.push(format!("{}: {error}: {answer}", method.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
