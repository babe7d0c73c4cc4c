//! Who is next.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex as StdMutex, MutexGuard as StdGuard, PoisonError},
};

use tokio::sync::Mutex;

use super::policy::Chat;

/// A queue for each chat, and one for all that are first in theirs. Tokio's mutex is fair: who asks
/// first is served first, and who goes away is passed over.
#[derive(Debug, Default)]
pub(super) struct Queues {
    pub(super) all: Mutex<()>,
    chats: StdMutex<HashMap<Chat, Arc<Mutex<()>>>>,
}

impl Queues {
    /// The queue of a chat. It is there as long as somebody stands in it.
    pub(super) fn chat<'a>(&'a self, chat: &'a Chat) -> Queue<'a> {
        let turn = self.chats().entry(chat.clone()).or_default().clone();
        Queue {
            queues: self,
            chat,
            turn,
        }
    }

    fn chats(&self) -> StdGuard<'_, HashMap<Chat, Arc<Mutex<()>>>> {
        self.chats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.chats().len()
    }
}

/// The queue of a chat.
#[derive(Debug)]
pub(super) struct Queue<'a> {
    queues: &'a Queues,
    chat: &'a Chat,
    pub(super) turn: Arc<Mutex<()>>,
}

impl Drop for Queue<'_> {
    fn drop(&mut self) {
        let mut chats = self.queues.chats();
        // The map's and this one. No more can come while the map is locked.
        if Arc::strong_count(&self.turn) == 2 {
            chats.remove(self.chat);
        }
        // A rush shouldn't cost its memory for ever.
        if chats.capacity() > 1024 && chats.len() < chats.capacity() / 8 {
            let twice = 2 * chats.len();
            chats.shrink_to(twice);
        }
    }
}
