//! The lock around all chats, with waits for their changes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use tokio::sync::watch;

use super::{
    media,
    method_call::{MethodCall, bad},
    people::People,
};
use crate::{
    bot_api::{answer::Answer, args::Args, files::Files},
    clock::Clock,
    schema::{self, MethodSchema},
};

/// The chats of a [`Telegram`](crate::Telegram).
#[derive(Debug)]
pub(crate) struct Chats {
    people: Mutex<People>,
    changed: watch::Sender<()>,
}

impl Chats {
    pub(crate) fn new(bot: Value, is_strict: bool, has_privacy_mode: bool, clock: Clock) -> Self {
        Self {
            people: Mutex::new(People::new(bot, is_strict, has_privacy_mode, clock)),
            changed: watch::Sender::new(()),
        }
    }

    /// The chats, locked.
    pub(crate) fn lock(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `look` now and after each change, until it returns a value.
    pub(crate) async fn wait_for<T>(&self, mut look: impl FnMut(&mut People) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            changes.mark_unchanged();
            if let Some(seen) = look(&mut self.lock()) {
                return seen;
            }
            // The sender is in `self`, so the channel is open.
            changes.changed().await.ok();
        }
    }

    /// The answer to a call of that method.
    pub(crate) fn answer(&self, files: &Files, method: &MethodSchema, args: &Args) -> Answer {
        let params = match schema::get().read(method, &args.params, &args.files) {
            Ok(params) => params,
            Err(problem) => return bad(&problem),
        };
        let request = MethodCall {
            files,
            method,
            params,
            args,
        };
        let reply = {
            let mut people = self.lock();
            media::check(&request, people.is_strict()).and_then(|()| people.answer(&request))
        };
        self.changed.send_replace(());
        reply.map_or_else(|error| error, Answer::ok)
    }

    /// Remembers the contents of an update that a test made up.
    pub(crate) fn observe(&self, update: &Map<String, Value>) {
        self.lock().observe(update);
        self.changed.send_replace(());
    }
}
