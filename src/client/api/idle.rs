//! A timeout for connections that are idle.

use std::{
    task::{Context, Poll},
    time::Duration,
};

/// Elapses when a connection was idle for between once and twice the limit. Progress is compared only when the timer
/// fires, so that a busy connection doesn't have to reset it.
#[derive(Debug, Default)]
pub(super) struct IdleTimeout {
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    limit: Option<Duration>,
    #[cfg(feature = "tokio")]
    timer: Option<Timer>,
}

#[cfg(feature = "tokio")]
#[derive(Debug)]
struct Timer {
    sleep: std::pin::Pin<Box<tokio::time::Sleep>>,
    moved: u64,
}

impl IdleTimeout {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            #[cfg(feature = "tokio")]
            timer: None,
        }
    }

    /// `moved` is a number that grows with every byte that is sent or received.
    #[cfg(feature = "tokio")]
    pub(super) fn poll_stalled(&mut self, moved: u64, cx: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = self.limit else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Timer {
            sleep: Box::pin(tokio::time::sleep(limit)),
            moved,
        });
        while timer.sleep.as_mut().poll(cx).is_ready() {
            if timer.moved == moved {
                return Poll::Ready(());
            }
            timer.moved = moved;
            // An instant that can't be represented never comes.
            let Some(next) = tokio::time::Instant::now().checked_add(limit) else {
                return Poll::Pending;
            };
            timer.sleep.as_mut().reset(next);
        }
        Poll::Pending
    }

    /// Without tokio there is no timer.
    #[cfg(not(feature = "tokio"))]
    #[allow(clippy::unused_self)]
    pub(super) fn poll_stalled(&mut self, _: u64, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use std::future::poll_fn;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_an_idle_connection_times_out() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let mut idle = IdleTimeout::new(Some(10 * second));
        let mut moved = 0;
        poll_fn(|cx| {
            // There is progress in the first 25 seconds, at every poll.
            moved += u64::from(start.elapsed() < 25 * second);
            idle.poll_stalled(moved, cx)
        })
        .await;
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}
