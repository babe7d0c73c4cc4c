//! What a connection is doing, as far as its time limits and the others that want its place ask.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use http::StatusCode;
use tokio::time::Instant;

/// What is shorter would close every connection at once.
const SHORTEST_LIMIT: Duration = Duration::from_millis(100);

/// How often to look for a connection to close where all had a request under way.
pub(super) const BUSY_PAUSE: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimits {
    pub(super) head: Duration,
    pub(super) idle: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(90),
        }
    }
}

impl TimeLimits {
    pub(super) fn head(mut self, limit: Duration) -> Self {
        self.head = limit.max(SHORTEST_LIMIT);
        self
    }

    pub(super) fn idle(mut self, limit: Duration) -> Self {
        self.idle = limit.max(SHORTEST_LIMIT);
        self
    }
}

/// Closes the connection that goes first, if one can.
pub(super) fn evict_one<'a>(states: impl Iterator<Item = &'a Arc<ConnectionState>>) -> bool {
    let ranked = states.filter_map(|state| Some((state.eviction_rank()?, state)));
    let first = ranked.min_by_key(|(rank, _)| *rank);
    first.is_some_and(|(_, state)| state.evict())
}

/// For how long a peer may take nothing of a response and still keep its place from others.
const STALLED: Duration = Duration::from_secs(2);

/// Shared by the connection's task and those who look for one to close.
#[derive(Debug)]
pub(super) struct ConnectionState {
    progress: Mutex<RequestProgress>,
    evicted: AtomicWaker,
}

#[derive(Debug)]
struct RequestProgress {
    phase: Phase,
    /// Whether the last response was no refusal, as most strangers get.
    is_known: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// For a request, whose head may be half there.
    Waiting { since: Instant },
    /// A request is being handled, or the next piece of its response made.
    Busy,
    /// A piece of the response waits for the peer to take it.
    Sending { since: Instant },
    /// It is to make room for another.
    Evicted,
}

impl RequestProgress {
    fn eviction_rank(&self) -> Option<EvictionRank> {
        match self.phase {
            Phase::Waiting { since } => Some((self.is_known, since)),
            Phase::Sending { since } if since.elapsed() >= STALLED => Some((self.is_known, since)),
            Phase::Busy | Phase::Sending { .. } | Phase::Evicted => None,
        }
    }
}

/// Who goes first: those that are unknown, and of these the oldest.
pub(super) type EvictionRank = (bool, Instant);

impl ConnectionState {
    pub(super) fn new() -> Self {
        Self {
            progress: Mutex::new(RequestProgress {
                phase: Phase::Waiting {
                    since: Instant::now(),
                },
                is_known: false,
            }),
            evicted: AtomicWaker::new(),
        }
    }

    /// Something was read or written, where nothing is known of requests.
    pub(super) fn move_bytes(&self) {
        let mut progress = self.lock();
        progress.is_known = true;
        if progress.phase != Phase::Evicted {
            progress.phase = Phase::Waiting {
                since: Instant::now(),
            };
        }
    }

    pub(super) fn begin_request(&self) {
        self.lock().phase = Phase::Busy;
    }

    pub(super) fn answer(&self, status: StatusCode) {
        self.lock().is_known = !status.is_client_error();
    }

    pub(super) fn begin_piece(&self) {
        self.lock().phase = Phase::Busy;
    }

    pub(super) fn send_piece(&self) {
        self.lock().phase = Phase::Sending {
            since: Instant::now(),
        };
    }

    pub(super) fn end_request(&self) {
        self.lock().phase = Phase::Waiting {
            since: Instant::now(),
        };
    }

    /// `None` where it can't be evicted.
    fn eviction_rank(&self) -> Option<EvictionRank> {
        self.lock().eviction_rank()
    }

    /// Closes the connection, unless a request came in between.
    fn evict(&self) -> bool {
        let mut progress = self.lock();
        let can_go = progress.eviction_rank().is_some();
        if can_go {
            progress.phase = Phase::Evicted;
            drop(progress);
            self.evicted.wake();
        }
        can_go
    }

    /// When it is to be closed; `None` where nothing but its own end closes it.
    pub(super) fn deadline(&self, limits: TimeLimits) -> Option<Instant> {
        let progress = self.lock();
        let limit = if progress.is_known {
            limits.idle
        } else {
            limits.head
        };
        match progress.phase {
            // What doesn't fit a clock never comes.
            Phase::Waiting { since } | Phase::Sending { since } => since.checked_add(limit),
            Phase::Busy | Phase::Evicted => None,
        }
    }

    pub(super) fn poll_evicted(&self, cx: &Context<'_>) -> Poll<()> {
        self.evicted.register(cx.waker());
        if self.lock().phase == Phase::Evicted {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn lock(&self) -> MutexGuard<'_, RequestProgress> {
        // Nothing panics while it is held.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
