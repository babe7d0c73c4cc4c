//! What each method answers if the test hasn't said otherwise.

use super::{answer::Answer, args::Args, schema, state::State};

/// Answers a call of that method, whose name may be in any case.
pub(super) fn answer(state: &State, method: &str, args: &Args) -> Answer {
    let Some(method) = schema::get().method(method) else {
        return Answer::error(404, "Not Found: method not found");
    };
    match method.name {
        "setWebhook" => state.webhook.set(args, false),
        "deleteWebhook" => state.webhook.delete(args),
        "getWebhookInfo" => state.webhook.info(),
        _ => state.world.answer(state, method, args),
    }
}
