//! F1: every method of the schema.

use std::{
    collections::{BTreeSet, HashSet},
    ops::Range,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tower::ServiceExt as _;
use tower_telegram::Client;
use tower_telegram_test::{Answer, Telegram};

use crate::{
    client::{every_method::METHODS, typed::Typed},
    support::generate::{Fill, Generator, Part, Schema, difference},
};

/// How often each method is called at least, and at most until all its parameters were used.
const ROUNDS: Range<usize> = 3..200;

/// The types of a method's parameters and result. Updates have a test of their own.
fn wanted<'a>(schema: &'a Schema, method: &'a str) -> HashSet<Part<'a>> {
    let mut returned = schema.parts_of([schema.returned_by(method)]);
    if method == "getUpdates" {
        returned.clear();
    }
    let mut parts = schema.parts_of([method]);
    parts.remove(&("setWebhook", "certificate", ""));
    parts.extend(returned);
    parts
}

/// Compares as a server would: the floats of `serde_json` may differ in the last bit.
fn read_again(value: &Value) -> Value {
    serde_json::from_str(&value.to_string()).expect("JSON")
}

#[test]
fn f1_every_method_of_the_schema_has_its_type() {
    let schema = Schema::new();
    let named: BTreeSet<_> = schema.methods().collect();
    let typed: BTreeSet<_> = METHODS.iter().map(|typed| typed.name).collect();
    assert_eq!(named, typed);
    assert_eq!(typed.len(), METHODS.len());
}

/// A server whose results the test sets, and a client of it.
struct Wire {
    telegram: Telegram,
    client: Client,
    result: Arc<Mutex<Value>>,
}

impl Wire {
    async fn new() -> Self {
        let telegram = Telegram::start().await.expect("a server");
        let token = telegram.token().parse().expect("a token");
        let client = Client::with_base_url(&token, telegram.api_url()).expect("a client");
        let result = Arc::new(Mutex::new(Value::Null));
        for typed in METHODS {
            let result = Arc::clone(&result);
            telegram.answer_with(typed.name, move |_| {
                Some(Answer::ok(
                    result.lock().expect("the lock isn't poisoned").clone(),
                ))
            });
        }
        Self {
            telegram,
            client,
            result,
        }
    }

    /// Calls a method, and compares the parameters and the result with those that were sent.
    async fn check(&self, typed: &Typed, parameters: &Value, result: &Value) {
        let name = typed.name;
        (*self.result.lock().expect("the lock isn't poisoned")).clone_from(result);
        let call = (typed.call)(parameters);
        let response = self.client.clone().oneshot(call).await;
        let response = response.unwrap_or_else(|error| panic!("{error:?}"));
        let seen = self.telegram.wait_for_call(name).await.expect("a call");
        assert_eq!(seen.method, name);
        assert!(seen.files.is_empty(), "{name}");
        let seen = Value::Object(seen.params);
        if let Some(difference) = difference(&read_again(parameters), &seen) {
            panic!("{name}{difference} in {parameters}");
        }
        let returned = (typed.returned)(&response);
        if let Some(difference) = difference(result, &returned) {
            panic!("what {name} returns{difference} in {result}");
        }
    }
}

#[tokio::test]
async fn f1_every_method_minimal_and_full_reaches_the_server_with_the_schemas_names() {
    let schema = Schema::new();
    let wire = Wire::new().await;
    let mut generator = Generator::new(&schema, 1);
    let mut wanted = METHODS.each_ref().map(|typed| wanted(&schema, typed.name));
    for round in 0..ROUNDS.end {
        generator.fill = match round {
            0 => Fill::Minimal,
            1 => Fill::Full,
            _ => Fill::Random,
        };
        for (typed, wanted) in METHODS.iter().zip(&mut wanted) {
            wanted.retain(|part| !generator.seen.contains(part));
            if round < ROUNDS.start || !wanted.is_empty() {
                let parameters = generator.parameters(typed.name);
                let result = generator.result(typed.name);
                wire.check(typed, &parameters, &result).await;
            }
        }
    }
    // The test must have used every type.
    for (typed, wanted) in METHODS.iter().zip(&wanted) {
        let missing: Vec<_> = wanted.difference(&generator.seen).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", typed.name);
    }
}
