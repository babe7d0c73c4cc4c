//! [`Faults`]: random failures between Telegram and the bot, repeatable by their seed.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::bot_api::answer::Answer;

/// The failures between Telegram and the bot, each with a probability from 0 (never) to 1 (always).
/// Default: 0 for all.
///
/// The choices depend only on the [`seed`](Self::seed) and, for an update, on its ID and how often it was
/// sent; for a call, on its method and how many calls of this method there were before. So a test meets the
/// same faults each time.
///
/// ```
/// # use tower_telegram_test::{Error, Faults, Telegram};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let telegram = Telegram::start().await?;
/// telegram.faults(Faults::new().duplicates(0.05).lost_answers(0.01).seed(7));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    seed: u64,
    duplicates: f64,
    reordered: f64,
    lost_answers: f64,
    first_answers_lost: u64,
    slow_requests: (f64, Duration),
    methods: Option<Vec<String>>,
    too_many_requests: (f64, u32),
    server_errors: f64,
    resets: f64,
    truncated_answers: f64,
    slow_answers: (f64, Duration),
}

impl Faults {
    /// No faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The seed of all random choices. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The probability that an update which the bot accepted is sent once more, and that its reply is
    /// executed again.
    pub fn duplicates(mut self, probability: f64) -> Self {
        self.duplicates = probability;
        self
    }

    /// The probability that an update is sent after the next one of its queue.
    pub fn reordered(mut self, probability: f64) -> Self {
        self.reordered = probability;
        self
    }

    /// The probability that the connection breaks after the bot has responded. Telegram then doesn't have
    /// the response: it doesn't execute the reply, and sends the update again.
    pub fn lost_answers(mut self, probability: f64) -> Self {
        self.lost_answers = probability;
        self
    }

    /// Loses the first `times` responses to each update after they were read whole. Telegram doesn't
    /// execute their replies, and sends the update again. Default: 0. It takes as many additional attempts,
    /// see [`TelegramBuilder::max_attempts`](super::TelegramBuilder::max_attempts).
    ///
    /// ```
    /// # use tower_telegram_test::{Error, Faults, Telegram};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let telegram = Telegram::start().await?;
    /// telegram.faults(Faults::new().first_answers_lost(2));
    /// // The bot has to answer each update three times, and the last answer's reply is carried out.
    /// # Ok(())
    /// # }
    /// ```
    pub fn first_answers_lost(mut self, times: u64) -> Self {
        self.first_answers_lost = times;
        self
    }

    /// The probability that a webhook request is sent in eight pieces, with `pause` between them.
    pub fn slow_requests(mut self, probability: f64, pause: Duration) -> Self {
        self.slow_requests = (probability, pause);
        self
    }

    /// Limits the faults of calls to these methods, in any case. Default: all methods.
    pub fn methods<N: Into<String>>(mut self, methods: impl IntoIterator<Item = N>) -> Self {
        self.methods = Some(methods.into_iter().map(Into::into).collect());
        self
    }

    /// The probability that a call is refused with 429 and `retry_after`, in seconds, and isn't executed.
    pub fn too_many_requests(mut self, probability: f64, retry_after: u32) -> Self {
        self.too_many_requests = (probability, retry_after);
        self
    }

    /// The probability that a call gets the 502 page of a proxy, and isn't executed.
    pub fn server_errors(mut self, probability: f64) -> Self {
        self.server_errors = probability;
        self
    }

    /// The probability that a call is executed, and then its connection is reset.
    pub fn resets(mut self, probability: f64) -> Self {
        self.resets = probability;
        self
    }

    /// The probability that a call is executed, and its connection is closed in the middle of the response.
    pub fn truncated_answers(mut self, probability: f64) -> Self {
        self.truncated_answers = probability;
        self
    }

    /// The probability that a call is executed, and its response is delayed by `delay`.
    pub fn slow_answers(mut self, probability: f64, delay: Duration) -> Self {
        self.slow_answers = (probability, delay);
        self
    }

    /// Whether faults apply to that method.
    fn concerns(&self, method: &str) -> bool {
        let is_named =
            |names: &Vec<String>| names.iter().any(|name| name.eq_ignore_ascii_case(method));
        self.methods.as_ref().is_none_or(is_named)
    }

    /// Whether an event of that probability happens. `kind` makes the choices of different faults
    /// independent.
    fn hits(&self, probability: f64, kind: u64, subject: u64, time: u64) -> bool {
        // Exact, because a double has 53 bits.
        #[expect(clippy::cast_precision_loss)]
        let drawn = (mixed(&[self.seed, kind, subject, time]) >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < probability
    }
}

/// Mixes several numbers into one with `SplitMix64`.
fn mixed(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |state, number| {
        let mut z = (state ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// The faults of one webhook request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mishap {
    /// The pause between the request's pieces. `None` if it is sent at once.
    pub(super) pause: Option<Duration>,
    /// Whether the response is read and then lost.
    pub(super) is_answer_lost: bool,
}

/// The fault of one call.
#[derive(Clone, Debug)]
pub(super) enum CallFault {
    /// The answer instead of executing the call.
    Refused(Answer),
    Reset,
    Truncated,
    Slow(Duration),
}

impl CallFault {
    /// The answer to an executed call, changed by the fault.
    pub(super) fn spoil(self, answer: Answer) -> Answer {
        match self {
            Self::Refused(refused) => refused,
            Self::Reset => Answer::reset(),
            Self::Truncated => answer.truncated(),
            Self::Slow(delay) => {
                let delay = delay.saturating_add(answer.delay());
                answer.delayed_by(delay)
            }
        }
    }
}

/// The faults that a test has set, and the counts on which the choices depend.
#[derive(Debug, Default)]
pub(super) struct Chance {
    inner: Mutex<ChanceState>,
}

/// The faults behind the lock.
#[derive(Debug, Default)]
struct ChanceState {
    faults: Faults,
    /// How many calls of each method there were.
    calls: HashMap<String, u64>,
}

impl Chance {
    /// Replaces the faults, and starts to count calls again.
    pub(super) fn set(&self, faults: Faults) {
        *self.lock() = ChanceState {
            faults,
            calls: HashMap::new(),
        };
    }

    /// Whether the update changes places with the next one.
    pub(super) fn is_reordered(&self, update_id: u64) -> bool {
        let faults = &self.lock().faults;
        faults.hits(faults.reordered, 1, update_id, 0)
    }

    /// Whether the accepted update is sent once more.
    pub(super) fn is_duplicated(&self, update_id: u64) -> bool {
        let faults = &self.lock().faults;
        faults.hits(faults.duplicates, 2, update_id, 0)
    }

    /// The faults of the request that sends the update for the `sent`-th time.
    pub(super) fn on_request(&self, update_id: u64, sent: u64) -> Mishap {
        let faults = &self.lock().faults;
        let (probability, pause) = faults.slow_requests;
        let is_slow = faults.hits(probability, 3, update_id, sent);
        Mishap {
            pause: is_slow.then_some(pause),
            is_answer_lost: sent < faults.first_answers_lost
                || faults.hits(faults.lost_answers, 4, update_id, sent),
        }
    }

    /// The fault of the next call of that method.
    pub(super) fn on_call(&self, method: &str) -> Option<CallFault> {
        let mut inner = self.lock();
        let ChanceState { faults, calls } = &mut *inner;
        if !faults.concerns(method) {
            return None;
        }
        let name = method.to_ascii_lowercase();
        let subject = name
            .bytes()
            .fold(0, |hash, byte| mixed(&[hash, byte.into()]));
        let number = calls.entry(name).or_default();
        *number += 1;
        let hits = |probability, kind| faults.hits(probability, kind, subject, *number);
        let (too_many, retry_after) = faults.too_many_requests;
        let (slow, delay) = faults.slow_answers;
        if hits(too_many, 5) {
            Some(CallFault::Refused(Answer::too_many_requests(retry_after)))
        } else if hits(faults.server_errors, 6) {
            let page = "<html><h1>502 Bad Gateway</h1></html>";
            Some(CallFault::Refused(Answer::raw(502, "text/html", page)))
        } else if hits(faults.resets, 7) {
            Some(CallFault::Reset)
        } else if hits(faults.truncated_answers, 8) {
            Some(CallFault::Truncated)
        } else {
            hits(slow, 9).then_some(CallFault::Slow(delay))
        }
    }

    fn lock(&self) -> MutexGuard<'_, ChanceState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duplicated(faults: Faults) -> Vec<u64> {
        let chance = Chance::default();
        chance.set(faults);
        (0..10_000).filter(|id| chance.is_duplicated(*id)).collect()
    }

    #[test]
    fn chance_is_as_asked_for_and_the_same_for_a_seed() {
        let one = duplicated(Faults::new().duplicates(0.05).seed(7));
        assert!((400..600).contains(&one.len()), "{}", one.len());
        assert_eq!(one, duplicated(Faults::new().duplicates(0.05).seed(7)));
        assert_ne!(one, duplicated(Faults::new().duplicates(0.05).seed(8)));
        assert_eq!(duplicated(Faults::new().lost_answers(1.0)).len(), 0);
        assert_eq!(duplicated(Faults::new().duplicates(1.0)).len(), 10_000);
    }

    #[test]
    fn only_the_methods_asked_for_fail() {
        let chance = Chance::default();
        chance.set(Faults::new().resets(1.0).methods(["sendMessage"]));
        assert!(chance.on_call("SENDMESSAGE").is_some());
        assert!(chance.on_call("getMe").is_none());
    }
}
