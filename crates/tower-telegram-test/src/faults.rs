//! Faults by chance, which repeat with the same seed.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::answer::Answer;

/// What goes wrong between Telegram and the bot, and how often: each with a probability from 0 (never, unless
/// said) to 1 (always).
///
/// Chance depends on nothing but the [`seed`](Self::seed) and, for updates, their id and how often they were
/// sent; for calls, the method and how many calls of it came before. So the same test meets the same faults.
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
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Other numbers make other choices.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// An update that the bot took is sent once more, and what it replies is carried out again.
    pub fn duplicates(mut self, probability: f64) -> Self {
        self.duplicates = probability;
        self
    }

    /// An update is sent after the one that follows it in its queue.
    pub fn reordered(mut self, probability: f64) -> Self {
        self.reordered = probability;
        self
    }

    /// The connection breaks after the bot has answered: Telegram hasn't got the answer, carries out no reply,
    /// and sends the update again.
    pub fn lost_answers(mut self, probability: f64) -> Self {
        self.lost_answers = probability;
        self
    }

    /// The first `times` answers to each update are read whole and then lost, by no chance: Telegram carries out no reply of
    /// theirs, and sends the update again. 0 by default. As many attempts more are needed, see
    /// [`TelegramBuilder::max_attempts`](super::TelegramBuilder::max_attempts).
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

    /// A request to the webhook comes in eight pieces, with that pause between them.
    pub fn slow_requests(mut self, probability: f64, pause: Duration) -> Self {
        self.slow_requests = (probability, pause);
        self
    }

    /// Only calls of these methods (in any case) fail; all do if this isn't said.
    pub fn methods<N: Into<String>>(mut self, methods: impl IntoIterator<Item = N>) -> Self {
        self.methods = Some(methods.into_iter().map(Into::into).collect());
        self
    }

    /// A call is answered with 429 and that `retry_after`, in seconds, and not carried out.
    pub fn too_many_requests(mut self, probability: f64, retry_after: u32) -> Self {
        self.too_many_requests = (probability, retry_after);
        self
    }

    /// A call is answered with the 502 page of a proxy, and not carried out.
    pub fn server_errors(mut self, probability: f64) -> Self {
        self.server_errors = probability;
        self
    }

    /// A call is carried out, and then its connection reset.
    pub fn resets(mut self, probability: f64) -> Self {
        self.resets = probability;
        self
    }

    /// A call is carried out, and its connection closed in the middle of the answer.
    pub fn truncated_answers(mut self, probability: f64) -> Self {
        self.truncated_answers = probability;
        self
    }

    /// A call is carried out, and answered that much later.
    pub fn slow_answers(mut self, probability: f64, delay: Duration) -> Self {
        self.slow_answers = (probability, delay);
        self
    }

    fn concerns(&self, method: &str) -> bool {
        let is_named =
            |names: &Vec<String>| names.iter().any(|name| name.eq_ignore_ascii_case(method));
        self.methods.as_ref().is_none_or(is_named)
    }

    /// Whether something of that probability happens. `kind` keeps the choices of different faults apart.
    fn hits(&self, probability: f64, kind: u64, subject: u64, time: u64) -> bool {
        // Exact: a double has 53 bits.
        #[expect(clippy::cast_precision_loss)]
        let drawn = (mixed(&[self.seed, kind, subject, time]) >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < probability
    }
}

/// `SplitMix64` over several numbers.
fn mixed(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |state, number| {
        let mut z = (state ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// What happens to one request to the webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mishap {
    /// Between the request's pieces, if it comes in several.
    pub(super) pause: Option<Duration>,
    pub(super) is_answer_lost: bool,
}

/// What happens to one call.
#[derive(Clone, Debug)]
pub(super) enum CallFault {
    /// It is answered so instead of being carried out.
    Refused(Answer),
    Reset,
    Truncated,
    Slow(Duration),
}

impl CallFault {
    /// What becomes of the answer to a call that was carried out.
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

/// The faults that a test has asked for.
#[derive(Debug, Default)]
pub(super) struct Chance {
    inner: Mutex<ChanceState>,
}

#[derive(Debug, Default)]
struct ChanceState {
    faults: Faults,
    /// How many calls there were of each method.
    calls: HashMap<String, u64>,
}

impl Chance {
    pub(super) fn set(&self, faults: Faults) {
        *self.lock() = ChanceState {
            faults,
            calls: HashMap::new(),
        };
    }

    pub(super) fn is_reordered(&self, update_id: u64) -> bool {
        let faults = &self.lock().faults;
        faults.hits(faults.reordered, 1, update_id, 0)
    }

    pub(super) fn is_duplicated(&self, update_id: u64) -> bool {
        let faults = &self.lock().faults;
        faults.hits(faults.duplicates, 2, update_id, 0)
    }

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
