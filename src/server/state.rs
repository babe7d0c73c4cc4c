//! The state of a connection, by which its time limits and its eviction are decided.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use http::StatusCode;
use tokio::time::Instant;

/// A shorter limit would close every connection at once.
const MIN_LIMIT: Duration = Duration::from_millis(100);

/// How often to look for a connection to evict while all have a request under way.
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
        self.head = limit.max(MIN_LIMIT);
        self
    }

    pub(super) fn idle(mut self, limit: Duration) -> Self {
        self.idle = limit.max(MIN_LIMIT);
        self
    }
}

/// Evicts the connection with the lowest rank. `false` if none can be evicted.
pub(super) fn evict_one<'a>(states: impl Iterator<Item = &'a Arc<ConnectionState>>) -> bool {
    let ranked = states.filter_map(|state| Some((state.eviction_rank()?, state)));
    let first = ranked.min_by_key(|(rank, _)| *rank);
    first.is_some_and(|(_, state)| state.evict())
}

/// How long a peer may read no byte of a response before its connection can be evicted.
const STALLED: Duration = Duration::from_secs(2);

/// Shared by the connection's task and the code that looks for a connection to evict.
#[derive(Debug)]
pub(super) struct ConnectionState {
    progress: Mutex<RequestProgress>,
    evicted: AtomicWaker,
}

#[derive(Debug)]
struct RequestProgress {
    phase: Phase,
    /// Whether the last response wasn't a 4xx, as most strangers get.
    is_known: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waiting for a request, of whose head a part may have arrived.
    Waiting { since: Instant },
    /// Handling a request, or making the next piece of its response.
    Busy,
    /// Waiting for the peer to read a piece of the response.
    Sending { since: Instant },
    /// Evicted, to make room for another connection.
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

/// The order of eviction: unknown connections first, and of these the oldest.
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

    /// Records that bytes were read or written, for a connection whose requests aren't known.
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

    /// Evicts the connection, unless a request has begun since it was ranked.
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

    /// When the connection has to be closed. `None` while it has no time limit.
    pub(super) fn deadline(&self, limits: TimeLimits) -> Option<Instant> {
        let progress = self.lock();
        let limit = if progress.is_known {
            limits.idle
        } else {
            limits.head
        };
        match progress.phase {
            // A time that the clock can't represent never comes.
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
        // No code panics while it is locked.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
