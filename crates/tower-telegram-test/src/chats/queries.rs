//! Methods that answer queries. Each query can be answered once, and for a limited time.

use std::time::Duration;

use super::{
    markup,
    method_call::{MethodCall, MethodResult, bad},
    people::{People, Query},
};

/// How many queries are remembered.
const MAX_QUERIES: usize = 100_000;
const TOO_OLD: &str = "query is too old and response timeout expired or query ID is invalid";

impl People {
    /// Creates a query of a user for that type of update, and returns its ID, whose upper half is the
    /// user's.
    pub(crate) fn new_query(&mut self, kind: &str, user_id: i64) -> String {
        let id = (i128::from(user_id) << 32) + i128::from(self.next_id());
        let id = id.to_string();
        self.remember_query(kind, id.clone());
        id
    }

    /// Remembers a query that can be answered once, unless it is known already.
    pub(super) fn remember_query(&mut self, kind: &str, id: String) {
        if self.queries.len() >= MAX_QUERIES {
            self.queries.clear();
        }
        let ends_at = self.clock.now() + life(kind);
        self.queries.entry(id).or_insert(Query {
            is_answered: false,
            ends_at,
        });
    }

    /// Executes `answerCallbackQuery` and the other answers to queries.
    pub(super) fn answer_query(&mut self, r: &MethodCall<'_>) -> MethodResult {
        check(r)?;
        let name = r.method.params.first().map_or("", |param| param.name);
        let (is_strict, now) = (self.is_strict(), self.clock.now());
        match self.queries.get_mut(r.text(name)) {
            Some(query) if !query.is_answered && now <= query.ends_at => query.is_answered = true,
            None if !is_strict => {}
            _ => return Err(bad(TOO_OLD)),
        }
        Ok(true.into())
    }
}

/// The time to answer a query: 10 seconds for checkouts, because the user waits; for the others, the time
/// until their update expires.
fn life(kind: &str) -> Duration {
    Duration::from_secs(match kind {
        "inline_query" => 30,
        "pre_checkout_query" => 10,
        _ => 150,
    })
}

/// Checks the arguments of an answer.
fn check(r: &MethodCall<'_>) -> Result<(), crate::bot_api::answer::Answer> {
    match r.method.name {
        "answerCallbackQuery" if r.text("text").chars().count() > 200 => {
            Err(bad("MESSAGE_TOO_LONG"))
        }
        "answerInlineQuery" => {
            let results = r.get("results").and_then(serde_json::Value::as_array);
            let results = results.map(Vec::as_slice).unwrap_or_default();
            if results.len() > 50 {
                return Err(bad("RESULTS_TOO_MUCH"));
            }
            for (at, result) in results.iter().enumerate() {
                let id = result["id"].as_str().unwrap_or_default();
                if id.is_empty() || id.len() > 64 {
                    return Err(bad("RESULT_ID_INVALID"));
                }
                if results[..at].iter().any(|other| other["id"] == id) {
                    return Err(bad("RESULT_ID_DUPLICATE"));
                }
                markup::check(&result["reply_markup"]).map_err(|problem| bad(&problem))?;
            }
            Ok(())
        }
        "answerPreCheckoutQuery" | "answerShippingQuery"
            if !r.is("ok") && !r.has("error_message") =>
        {
            Err(bad("error message must be specified"))
        }
        "answerShippingQuery" if r.is("ok") && !r.has("shipping_options") => {
            Err(bad("shipping options must be specified"))
        }
        _ => Ok(()),
    }
}
