//! The counts of one process.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    call::CountedCall,
    policy::{CallPool, CallScope, ChatScope, RateLimits},
    rate::Rate,
    window::Window,
};

/// How often the counts of idle chats are removed.
const SWEEP: Duration = Duration::from_secs(60);

/// The longest pause. Telegram refuses the first call after a pause that was too short, with a new wait.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(60 * 60);

/// The messages that were sent, and the limits. Changing a limit keeps the messages.
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
    /// When the idle chats were last removed.
    swept: Option<Instant>,
}

/// The messages to one chat, or to all together.
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

    /// How long a call waits in a scope with `ahead` messages before it.
    pub(super) fn wait(&self, scope: CallScope<'_>, ahead: usize, messages: usize) -> Duration {
        let now = Instant::now();
        self.log().wait(scope, now, ahead, messages)
    }

    /// Counts a call in all of its scopes, or in none of them if one doesn't allow it.
    ///
    /// # Errors
    ///
    /// The wait until all scopes allow it.
    pub(super) fn take(&self, call: &CountedCall) -> Result<(), Duration> {
        self.log().take(call, Instant::now())
    }

    /// Pauses a scope after Telegram refused a call in it.
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
            Some(log) => log.next_slot(now, ahead, messages) - now,
            // Nothing was sent in this scope, but the calls ahead will be.
            None => ScopeLog::new(self.limits.of(scope)).next_slot(now, ahead, messages) - now,
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
            self.scope(scope).record(now, call.messages);
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

    /// Removes the chats without messages that still count.
    fn sweep(&mut self, now: Instant) {
        if now.duration_since(*self.swept.get_or_insert(now)) < SWEEP {
            return;
        }
        self.swept = Some(now);
        self.chats.retain(|_, scope| !scope.is_idle(now));
        // Release the memory of a rush.
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

    /// Keeps the messages of the window with the most of them.
    fn set_rates(&mut self, rates: impl Iterator<Item = Rate>) {
        let longest = self.windows.iter().max_by_key(|window| window.len());
        let windows = rates.map(|rate| match longest {
            Some(window) => window.with_rate(rate),
            None => Window::new(rate),
        });
        self.windows = windows.collect();
    }

    /// From when so many messages are allowed, after those ahead of them.
    fn next_slot(&self, now: Instant, ahead: usize, messages: usize) -> Instant {
        let from = self.paused_until.map_or(now, |until| until.max(now));
        let windows = self.windows.iter();
        let slots = windows.map(|window| window.next_slot(from, ahead, messages));
        slots.max().unwrap_or(from)
    }

    fn record(&mut self, now: Instant, messages: usize) {
        for window in &mut self.windows {
            window.record(now, messages);
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
