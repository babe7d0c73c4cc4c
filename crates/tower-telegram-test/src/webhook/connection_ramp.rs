//! The pace at which Telegram opens connections to a webhook.
//!
//! A webhook that responds gets new connections quickly; one that fails gets one every two seconds.

use std::time::Duration;

use tokio::time::Instant;

/// How long after its last success a webhook counts as working.
const TRUST: Duration = Duration::from_secs(10);
/// The time between two connections to a webhook that doesn't work.
const PENDING: Duration = Duration::from_secs(2);
/// The time between two connections to a working one, after the first [`BURST`].
const ACTIVE: Duration = Duration::from_millis(50);
/// How many connections to a working webhook are opened at once.
const BURST: u32 = 10;

/// When connections were opened to one webhook, and when it last succeeded.
#[derive(Debug, Default)]
pub(crate) struct ConnectionRamp {
    last_success: Option<Instant>,
    next_pending: Option<Instant>,
    /// The time at which all connections opened so far have been waited for, at one for each interval.
    paid_at: Option<Instant>,
}

impl ConnectionRamp {
    /// The webhook has responded with a 2xx.
    pub(crate) fn succeeded(&mut self, now: Instant) {
        self.last_success = Some(now);
    }

    /// Whether another connection may be opened now, with the given number of open and wanted ones. If not,
    /// the time to ask again; `None` in it if that depends on the open connections.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        open: usize,
        wanted: usize,
    ) -> Result<(), Option<Instant>> {
        let is_active = self.last_success.is_some_and(|at| now <= at + TRUST);
        if open >= if is_active { wanted } else { 1 } {
            return Err(None);
        }
        if is_active {
            let paid_at = self.paid_at.map_or(now, |at| at.max(now));
            let allowed_at = paid_at - ACTIVE * (BURST - 1);
            if now < allowed_at {
                return Err(Some(allowed_at));
            }
            self.paid_at = Some(paid_at + ACTIVE);
        } else {
            if let Some(at) = self.next_pending.filter(|at| now < *at) {
                return Err(Some(at));
            }
            self.next_pending = Some(now + PENDING);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_without_success_gets_one_connection_and_a_new_one_each_two_seconds() {
        let start = Instant::now();
        let mut ramp = ConnectionRamp::default();
        assert_eq!(ramp.open(start, 0, 40), Ok(()));
        assert_eq!(ramp.open(start, 1, 40), Err(None));
        assert_eq!(ramp.open(start, 0, 40), Err(Some(start + PENDING)));
        assert_eq!(ramp.open(start + PENDING, 0, 40), Ok(()));
    }

    #[test]
    fn one_that_works_gets_ten_at_once_and_then_twenty_a_second() {
        // Some time after the start of the machine's clock.
        let start = Instant::now() + TRUST;
        let mut ramp = ConnectionRamp::default();
        ramp.succeeded(start);
        for open in 0..10 {
            assert_eq!(ramp.open(start, open, 40), Ok(()), "{open}");
        }
        assert_eq!(ramp.open(start, 10, 40), Err(Some(start + ACTIVE)));
        assert_eq!(ramp.open(start + ACTIVE, 10, 40), Ok(()));
        assert_eq!(
            ramp.open(start + ACTIVE, 11, 40),
            Err(Some(start + 2 * ACTIVE))
        );
        assert_eq!(ramp.open(start + 2 * ACTIVE, 11, 11), Err(None));
        let late = start + TRUST + ACTIVE;
        assert_eq!(ramp.open(late, 1, 40), Err(None), "pending again");
    }
}
