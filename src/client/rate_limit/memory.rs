//! What was sent when, for one process.

use std::{
    collections::HashMap,
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    policy::{ChatScope, RateLimits},
    store::Store,
    window::Window,
};

/// How often the chats that have been still are given back.
const SWEEP: Duration = Duration::from_secs(60);

/// The longest pause: a call that comes too early after it is told how long the rest is.
const MAX_PAUSE: Duration = Duration::from_secs(60 * 60);

#[derive(Debug)]
pub(super) struct LocalStore {
    limits: RateLimits,
    log: Mutex<SentCalls>,
}

#[derive(Debug)]
struct SentCalls {
    overall: ScopeLog,
    chats: HashMap<ChatScope, ScopeLog>,
    /// When the still ones were last given back.
    swept: Option<Instant>,
}

/// What was sent to a chat, or to all together.
#[derive(Debug)]
struct ScopeLog {
    windows: Box<[Window]>,
    paused_until: Option<Instant>,
}

impl LocalStore {
    pub(super) fn new(limits: RateLimits) -> Self {
        let log = SentCalls {
            overall: ScopeLog::new(&limits, None),
            chats: HashMap::new(),
            swept: None,
        };
        Self {
            limits,
            log: Mutex::new(log),
        }
    }

    fn log(&self) -> MutexGuard<'_, SentCalls> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn chats(&self) -> usize {
        self.log().chats.len()
    }
}

impl Store for LocalStore {
    fn shut_for(&self, scope: Option<&ChatScope>) -> impl Future<Output = Option<Duration>> + Send {
        let now = Instant::now();
        let opens = self.log().opens(scope, now);
        ready(opens.map(|opens| opens - now))
    }

    fn take(&self, chat: Option<&ChatScope>) -> impl Future<Output = bool> + Send {
        ready(self.log().take(&self.limits, chat, Instant::now()))
    }

    fn pause(&self, scope: Option<&ChatScope>, time: Duration) -> impl Future<Output = ()> + Send {
        let until = Instant::now() + time.min(MAX_PAUSE);
        self.log().scope(&self.limits, scope).pause(until);
        ready(())
    }
}

impl SentCalls {
    fn opens(&self, scope: Option<&ChatScope>, now: Instant) -> Option<Instant> {
        match scope {
            None => self.overall.opens(now),
            Some(chat) => self.chats.get(chat)?.opens(now),
        }
    }

    fn take(&mut self, limits: &RateLimits, chat: Option<&ChatScope>, now: Instant) -> bool {
        let shut = |scope| self.opens(scope, now).is_some();
        if shut(None) || (chat.is_some() && shut(chat)) {
            return false;
        }
        self.overall.stamp(now);
        if chat.is_some() {
            self.scope(limits, chat).stamp(now);
        }
        self.sweep(now);
        true
    }

    fn scope(&mut self, limits: &RateLimits, scope: Option<&ChatScope>) -> &mut ScopeLog {
        match scope {
            None => &mut self.overall,
            Some(chat) => self
                .chats
                .entry(chat.clone())
                .or_insert_with(|| ScopeLog::new(limits, scope)),
        }
    }

    /// Gives back the chats whose limits have nothing to remember.
    fn sweep(&mut self, now: Instant) {
        if now.duration_since(*self.swept.get_or_insert(now)) < SWEEP {
            return;
        }
        self.swept = Some(now);
        self.chats.retain(|_, scope| !scope.is_idle(now));
        // A rush shouldn't cost its memory for ever.
        let twice = 2 * self.chats.len();
        self.chats.shrink_to(twice);
    }
}

impl ScopeLog {
    fn new(limits: &RateLimits, scope: Option<&ChatScope>) -> Self {
        Self {
            windows: limits.of(scope).map(Window::new).collect(),
            paused_until: None,
        }
    }

    /// When there is room for the next call, where there is none yet.
    fn opens(&self, now: Instant) -> Option<Instant> {
        let windows = self.windows.iter().filter_map(|window| window.opens(now));
        let paused = self.paused_until.filter(|until| *until > now);
        windows.chain(paused).max()
    }

    fn stamp(&mut self, now: Instant) {
        self.windows.iter_mut().for_each(|window| window.stamp(now));
    }

    fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    fn is_idle(&self, now: Instant) -> bool {
        let paused = self.paused_until.is_some_and(|until| until > now);
        !paused && self.windows.iter().all(|window| window.is_idle(now))
    }
}
