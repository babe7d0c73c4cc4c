//! Polls and votes.

use serde_json::{Value, json};

use super::{
    method_call::{MethodCall, MethodResult, bad},
    people::People,
};
use crate::bot_api::answer::Answer;

/// The poll of `sendPoll`.
pub(super) fn new(r: &MethodCall<'_>) -> Result<Value, Answer> {
    let question = r.text("question").trim();
    if question.is_empty() {
        return Err(bad("poll question must be non-empty"));
    }
    if question.chars().count() > 300 {
        return Err(bad("poll question length must not exceed 300"));
    }
    let options = r.get("options").and_then(Value::as_array);
    let options = options.map(Vec::as_slice).unwrap_or_default();
    if options.is_empty() {
        return Err(bad("poll must have at least 1 option"));
    }
    if options.len() > 12 {
        return Err(bad("poll can't have more than 12 options"));
    }
    let is_quiz = r.text("type") == "quiz";
    if is_quiz && r.integers("correct_option_ids").is_empty() {
        return Err(bad("QUIZ_CORRECT_ANSWERS_EMPTY"));
    }
    let options: Vec<_> = options
        .iter()
        .enumerate()
        .map(|(at, option)| json!({"persistent_id": at.to_string(), "text": option["text"], "voter_count": 0}))
        .collect();
    let is_anonymous = r
        .get("is_anonymous")
        .is_none_or(|is_anonymous| is_anonymous == true);
    let mut poll = json!({
        "id": format!("{}", 5_000_000_000_000_000_000_u64 + r.files.next_number()),
        "question": question, "options": options, "total_voter_count": 0, "is_closed": r.is("is_closed"),
        "is_anonymous": is_anonymous, "type": if is_quiz { "quiz" } else { "regular" },
        "allows_multiple_answers": r.is("allows_multiple_answers"), "allows_revoting": r.is("allows_revoting"),
        "members_only": r.is("members_only"),
    });
    for name in [
        "correct_option_ids",
        "explanation",
        "open_period",
        "close_date",
        "description",
    ] {
        if let Some(value) = r.get(name) {
            poll[name] = value.clone();
        }
    }
    Ok(poll)
}

impl People {
    /// Executes `stopPoll`.
    pub(super) fn stop_poll(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let chat_id = self.open(r)?;
        let id = r.integer("message_id").unwrap_or_default();
        let is_made_up = self.chats[&chat_id].is_made_up;
        let Some(entry) = self.entry_mut(chat_id, id) else {
            if !is_made_up {
                return Err(bad("message with poll to stop not found"));
            }
            return Ok(json!({
                "id": id.to_string(), "question": "question", "options": [], "total_voter_count": 0, "is_closed": true,
                "is_anonymous": true, "type": "regular", "allows_multiple_answers": false, "allows_revoting": false,
                "members_only": false,
            }));
        };
        if entry.message["poll"].is_null() || !entry.is_bots {
            return Err(bad("poll can't be stopped"));
        }
        if entry.message["poll"]["is_closed"] == true {
            return Err(bad("poll has already been closed"));
        }
        entry.message["poll"]["is_closed"] = true.into();
        if let Some(message) = entry.message.as_object_mut() {
            message.remove("reply_markup");
            message.extend(
                r.get("reply_markup")
                    .map(|markup| ("reply_markup".to_owned(), markup.clone())),
            );
        }
        Ok(entry.message["poll"].clone())
    }

    /// Replaces a user's votes, and returns the changed poll.
    pub(crate) fn vote(
        &mut self,
        chat_id: i64,
        message_id: i64,
        user_id: i64,
        options: Vec<usize>,
    ) -> Option<Value> {
        let entry = self.entry_mut(chat_id, message_id)?;
        entry.votes.remove(&user_id);
        if !options.is_empty() {
            entry.votes.insert(user_id, options);
        }
        let votes: Vec<_> = entry.votes.values().flatten().copied().collect();
        let total = entry.votes.len();
        let poll = entry.message.get_mut("poll")?;
        for (at, option) in poll["options"].as_array_mut()?.iter_mut().enumerate() {
            option["voter_count"] = votes.iter().filter(|vote| **vote == at).count().into();
        }
        poll["total_voter_count"] = total.into();
        Some(poll.clone())
    }
}
