//! The state that the servers and all handles of a [`Telegram`](super::Telegram) share.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{
    bot_api::{
        answer::Answer, args::Args, call::Call, call_log::CallLog, files::Files,
        overrides::Overrides,
    },
    chats::Chats,
    faults::Chance,
    polling::get_updates::GetUpdatesReply,
    schema,
    webhook::{methods::WebhookState, request::ResponseLimits},
};

/// All state of one Telegram. Each part has its own lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) token: String,
    pub(super) bot_id: i64,
    pub(super) webhook: WebhookState,
    pub(super) log: CallLog,
    pub(super) overrides: Overrides,
    pub(super) faults: Chance,
    pub(super) limits: ResponseLimits,
    pub(super) files: Files,
    /// The longest pause between two attempts.
    pub(super) max_wait: Duration,
    /// How many attempts a delivery has.
    pub(super) max_attempts: usize,
    /// How long a test waits before a wait fails.
    pub(super) wait_timeout: Duration,
    pub(super) chats: Chats,
}

impl State {
    /// Answers a call, and records it.
    pub(super) fn execute(&self, mut call: Call, args: &Args) -> (Call, Answer) {
        let answer = self.overrides.answer(&call);
        let answer = answer.unwrap_or_else(|| self.usual_answer(&call.method, args));
        call.response = answer.to_value();
        self.log.push(call.clone());
        (call, answer)
    }

    /// The answer to a call of that method, in any case, if the test hasn't set another.
    fn usual_answer(&self, method: &str, args: &Args) -> Answer {
        let Some(method) = schema::get().method(method) else {
            return Answer::error(404, "Not Found: method not found");
        };
        match method.name {
            "setWebhook" => self.webhook.set(args, false),
            "deleteWebhook" => self.webhook.delete(args),
            "getWebhookInfo" => self.webhook.info(),
            _ => self.chats.answer(&self.files, method, args),
        }
    }

    /// Answers a call of `getUpdates`. It is recorded when it is received, and again with its answer.
    pub(super) async fn get_updates(&self, mut call: Call, args: &Args) -> Answer {
        let poll = match self.overrides.answer(&call) {
            Some(answer) => GetUpdatesReply::Done(answer),
            None => self.webhook.get_updates(args),
        };
        match poll {
            GetUpdatesReply::Done(answer) => {
                call.response = answer.to_value();
                self.log.push(call);
                answer
            }
            GetUpdatesReply::Waiting(poll) => {
                let number = self.log.push(call);
                let answer = poll.wait(&self.webhook.queue, &self.webhook.clock).await;
                self.log.answered(number, answer.to_value());
                answer
            }
        }
    }

    /// Remembers the messages of an update, so that the bot's messages get higher numbers, and its files.
    pub(super) fn observe(&self, update: &Map<String, Value>) {
        update
            .values()
            .for_each(|value| self.files.record_all(value));
        self.chats.observe(update);
    }
}
