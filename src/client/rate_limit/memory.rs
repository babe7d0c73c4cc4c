//! What was sent when, for one process.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    call::CountedCall,
    policy::{CallPool, CallScope, ChatScope, Rate, RateLimits},
    window::Window,
};

/// How often the chats that have been still are given back.
const SWEEP: Duration = Duration::from_secs(60);

/// The longest pause: a call that comes too early after it is told how long the rest is.
const MAX_PAUSE: Duration = Duration::from_secs(60 * 60);

/// What was sent, and under which limits. A limit that is set anew forgets nothing of it.
#[derive(Debug)]
pub(super) struct LocalStore {
    log: Mutex<SentCalls>,
}

#[derive(Debug)]
struct SentCalls {
    limits: RateLimits,
    usual: ScopeLog,
    paid: ScopeLog,
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
            limits,
            usual: ScopeLog::new(limits.of(CallScope::All(CallPool::Usual))),
            paid: ScopeLog::new(limits.of(CallScope::All(CallPool::Paid))),
            chats: HashMap::new(),
            swept: None,
        };
        Self {
            log: Mutex::new(log),
        }
    }

    fn log(&self) -> MutexGuard<'_, SentCalls> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn limits(&self) -> RateLimits {
        self.log().limits
    }

    pub(super) fn change_limits(&self, change: impl FnOnce(&mut RateLimits)) {
        self.log().change_limits(change);
    }

    /// How long this call would wait in a scope where so many messages are ahead of it.
    pub(super) fn wait(&self, scope: CallScope<'_>, ahead: usize, messages: usize) -> Duration {
        let now = Instant::now();
        self.log().wait(scope, now, ahead, messages)
    }

    /// Takes a call down, in its chat's scope and that of all, or in neither where one of them has no
    /// room.
    ///
    /// # Errors
    ///
    /// How long there is no room.
    pub(super) fn take(&self, call: &CountedCall) -> Result<(), Duration> {
        self.log().take(call, Instant::now())
    }

    /// Shuts a scope for some time, as Telegram has refused a call.
    pub(super) fn pause(&self, scope: CallScope<'_>, time: Duration) {
        let until = Instant::now() + time.min(MAX_PAUSE);
        self.log().scope(scope).pause(until);
    }

    #[cfg(test)]
    pub(super) fn chats(&self) -> usize {
        self.log().chats.len()
    }
}

impl SentCalls {
    fn change_limits(&mut self, change: impl FnOnce(&mut RateLimits)) {
        change(&mut self.limits);
        let limits = self.limits;
        self.usual
            .set_rates(limits.of(CallScope::All(CallPool::Usual)));
        self.paid
            .set_rates(limits.of(CallScope::All(CallPool::Paid)));
        for (chat, log) in &mut self.chats {
            log.set_rates(limits.of(CallScope::Chat(chat)));
        }
    }

    fn wait(&self, scope: CallScope<'_>, now: Instant, ahead: usize, messages: usize) -> Duration {
        let log = match scope {
            CallScope::All(CallPool::Usual) => Some(&self.usual),
            CallScope::All(CallPool::Paid) => Some(&self.paid),
            CallScope::Chat(chat) => self.chats.get(chat),
        };
        match log {
            Some(log) => log.opens(now, ahead, messages) - now,
            // One to which nothing was sent, but to which others that wait may send before.
            None => ScopeLog::new(self.limits.of(scope)).opens(now, ahead, messages) - now,
        }
    }

    fn take(&mut self, call: &CountedCall, now: Instant) -> Result<(), Duration> {
        let waits = call
            .scopes()
            .map(|scope| self.wait(scope, now, 0, call.messages));
        let wait = waits.into_iter().max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        for scope in call.scopes() {
            self.scope(scope).stamp(now, call.messages);
        }
        self.sweep(now);
        Ok(())
    }

    fn scope(&mut self, scope: CallScope<'_>) -> &mut ScopeLog {
        match scope {
            CallScope::All(CallPool::Usual) => &mut self.usual,
            CallScope::All(CallPool::Paid) => &mut self.paid,
            CallScope::Chat(chat) => self
                .chats
                .entry(chat.clone())
                .or_insert_with(|| ScopeLog::new(self.limits.of(scope))),
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
    fn new(rates: impl Iterator<Item = Rate>) -> Self {
        Self {
            windows: rates.map(Window::new).collect(),
            paused_until: None,
        }
    }

    /// Of the logs so far, the one that goes back furthest is the one to go on with.
    fn set_rates(&mut self, rates: impl Iterator<Item = Rate>) {
        let longest = self.windows.iter().max_by_key(|window| window.len());
        let windows = rates.map(|rate| match longest {
            Some(window) => window.with_rate(rate),
            None => Window::new(rate),
        });
        self.windows = windows.collect();
    }

    /// When there is room for so many messages, after those ahead of them.
    fn opens(&self, now: Instant, ahead: usize, messages: usize) -> Instant {
        let from = self.paused_until.map_or(now, |until| until.max(now));
        let windows = self.windows.iter();
        let opens = windows.map(|window| window.opens(from, ahead, messages));
        opens.max().unwrap_or(from)
    }

    fn stamp(&mut self, now: Instant, messages: usize) {
        for window in &mut self.windows {
            window.stamp(now, messages);
        }
    }

    fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    fn is_idle(&self, now: Instant) -> bool {
        let paused = self.paused_until.is_some_and(|until| until > now);
        !paused && self.windows.iter().all(|window| window.is_idle(now))
    }
}
