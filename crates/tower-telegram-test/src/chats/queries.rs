//! Methods that answer queries, each once and in time.

use std::time::Duration;

use super::{
    markup,
    method_call::{MethodCall, MethodResult, bad},
    people::{People, Query},
};

const MAX_QUERIES: usize = 100_000;
const TOO_OLD: &str = "query is too old and response timeout expired or query ID is invalid";

impl People {
    /// A new query of a user, by the type of update that brings it: its id, of which the upper half is
    /// the user's.
    pub(crate) fn new_query(&mut self, kind: &str, user_id: i64) -> String {
        let id = (i128::from(user_id) << 32) + i128::from(self.next_id());
        let id = id.to_string();
        self.note_query(kind, id.clone());
        id
    }

    /// A query that may be answered once, unless it is known already.
    pub(super) fn note_query(&mut self, kind: &str, id: String) {
        if self.queries.len() >= MAX_QUERIES {
            self.queries.clear();
        }
        let ends_at = self.clock.now() + life(kind);
        self.queries.entry(id).or_insert(Query {
            is_answered: false,
            ends_at,
        });
    }

    /// `answerCallbackQuery` and its siblings.
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

/// How long it can be answered: who pays is kept waiting for 10 seconds, and the rest is as old as its
/// update can get.
fn life(kind: &str) -> Duration {
    Duration::from_secs(match kind {
        "inline_query" => 30,
        "pre_checkout_query" => 10,
        _ => 150,
    })
}

fn check(r: &MethodCall<'_>) -> Result<(), crate::answer::Answer> {
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
