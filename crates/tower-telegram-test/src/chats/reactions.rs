//! Reactions to messages.

use serde_json::{Value, json};

use super::{
    method_call::{MethodCall, MethodResult, bad},
    people::People,
};

impl People {
    /// Executes `setMessageReaction`.
    pub(super) fn set_reaction(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let chat_id = self.open(r)?;
        let id = r.integer("message_id").unwrap_or_default();
        let reactions = r.get("reaction").cloned().unwrap_or_else(|| json!([]));
        let given = reactions.as_array().map(Vec::as_slice).unwrap_or_default();
        if given.len() > 1 {
            return Err(bad("REACTIONS_TOO_MANY"));
        }
        if given.iter().any(|reaction| reaction["type"] == "paid") {
            return Err(bad("REACTION_INVALID"));
        }
        let (is_made_up, bot_id) = (self.chats[&chat_id].is_made_up, self.bot_id());
        match self.entry_mut(chat_id, id) {
            Some(entry) => {
                entry.reactions.insert(bot_id, reactions);
            }
            None if is_made_up => {}
            None => return Err(bad("message to react not found")),
        }
        Ok(true.into())
    }

    /// Replaces a user's reactions, and returns the earlier ones.
    pub(crate) fn react(
        &mut self,
        chat_id: i64,
        message_id: i64,
        user_id: i64,
        reactions: &Value,
    ) -> Option<Value> {
        let entry = self.entry_mut(chat_id, message_id)?;
        let old = entry.reactions.insert(user_id, reactions.clone());
        Some(old.unwrap_or_else(|| json!([])))
    }

    /// The number of each reaction, as `Array<ReactionCount>`.
    pub(crate) fn reaction_counts(&self, chat_id: i64, message_id: i64) -> Value {
        let mut counts: Vec<(Value, usize)> = Vec::new();
        let entry = self.entry(chat_id, message_id);
        let reactions = entry.into_iter().flat_map(|entry| entry.reactions.values());
        for reaction in reactions.flat_map(|list| list.as_array().into_iter().flatten()) {
            match counts.iter_mut().find(|(known, _)| known == reaction) {
                Some((_, count)) => *count += 1,
                None => counts.push((reaction.clone(), 1)),
            }
        }
        let counts = counts.into_iter();
        counts
            .map(|(reaction, count)| json!({"type": reaction, "total_count": count}))
            .collect()
    }
}
