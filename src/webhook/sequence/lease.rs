//! [`Lease`], the time for which a turn that replicas share is certain.

use std::fmt;

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// The time for which a turn that replicas share is certain. It is in the extensions of a request that has one.
///
/// It is renewed while the handler runs, and lost if that fails for too long, because the store is unreachable or this
/// process was stopped for some time. Then another replica may handle the chat's next update at the same time. A
/// handler that must exclude that can check [`is_held`](Self::is_held) before it writes, or write the
/// [`fencing_token`](Self::fencing_token) along.
///
/// ```
/// use http::Request;
/// use tower_telegram::webhook::{RawUpdate, sequence::Lease};
///
/// fn may_write(request: &Request<RawUpdate>) -> bool {
///     request.extensions().get::<Lease>().is_none_or(Lease::is_held)
/// }
/// ```
#[derive(Clone)]
pub struct Lease {
    fencing_token: u64,
    until: watch::Receiver<Instant>,
}

impl Lease {
    /// A lease until a time, and longer if it is renewed. `fencing_token` must be larger than that of any earlier turn
    /// of the same key.
    pub fn new(fencing_token: u64, until: std::time::Instant) -> (Self, LeaseKeeper) {
        let (sender, until) = watch::channel(until.into());
        (
            Self {
                fencing_token,
                until,
            },
            LeaseKeeper { until: sender },
        )
    }

    /// A number that is larger in each later turn of the same chat. A database can refuse late writes by it: those
    /// with a smaller number than it has seen.
    pub fn fencing_token(&self) -> u64 {
        self.fencing_token
    }

    /// Whether no other replica can have the turn yet. Once `false`, it stays so.
    pub fn is_held(&self) -> bool {
        Instant::now() < *self.until.borrow()
    }

    /// Waits until the lease is lost, or released because the handler has ended.
    pub async fn lost(&self) {
        let mut until = self.until.clone();
        loop {
            let then = *until.borrow_and_update();
            if then <= Instant::now() {
                return;
            }
            // The time may be over although it was renewed since the last look.
            tokio::select! {
                () = sleep_until(then) => {}
                changed = until.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("fencing_token", &self.fencing_token)
            .field("is_held", &self.is_held())
            .finish_non_exhaustive()
    }
}

/// Renews a [`Lease`]. Dropped, it ends it.
#[derive(Debug)]
pub struct LeaseKeeper {
    until: watch::Sender<Instant>,
}

impl LeaseKeeper {
    /// Renews the lease until a time. `false` if it was lost before: it stays lost, because another replica may have
    /// had the turn since.
    pub fn renew(&self, until: std::time::Instant) -> bool {
        self.until.send_if_modified(|ends| {
            let is_held = Instant::now() < *ends;
            if is_held {
                *ends = until.into();
            }
            is_held
        })
    }
}

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        let now = Instant::now();
        self.until.send_if_modified(|ends| {
            let is_held = now < *ends;
            *ends = now.min(*ends);
            is_held
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{advance, timeout};
    use tokio_test::{assert_pending, task::spawn};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn now() -> std::time::Instant {
        Instant::now().into_std()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_held_as_long_as_it_is_renewed_in_time() {
        let (lease, keeper) = Lease::new(7, now() + SECOND);
        let held = lease.clone();
        let mut lost = spawn(held.lost());
        for _ in 0..5 {
            advance(SECOND / 2).await;
            assert!(lease.is_held());
            assert_pending!(lost.poll());
            assert!(keeper.renew(now() + SECOND));
        }
        advance(SECOND).await;
        assert!(!lease.is_held());
        assert!(!keeper.renew(now() + SECOND), "it comes too late");
        assert!(!lease.is_held());
        timeout(SECOND, lost).await.expect("it is notified");
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_its_keeper() {
        let (lease, keeper) = Lease::new(7, now() + SECOND);
        let held = lease.clone();
        let mut lost = spawn(held.lost());
        assert_pending!(lost.poll());
        drop(keeper);
        assert!(!lease.is_held());
        assert!(lost.is_woken());
        assert!(lost.poll().is_ready());
        assert_eq!(lease.fencing_token(), 7);
    }
}
