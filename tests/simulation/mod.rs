//! D1–D6, D8–D12 by chance: a Telegram that sends again as the real one does, replicas that die and
//! stall, a store that fails, and a book of all that happens.
//!
//! Certain, and asserted of every run:
//!
//! 1. **Nothing is lost.** Each update with a 2xx had been handled to its end, or was taken
//!    by the dead-letter hook. Updates that Telegram drops itself, because they are too old, are counted apart.
//! 2. **Nothing succeeds twice.** No update is recorded as done twice, none is granted while another holds
//!    it or after it was done, and each grant makes one call at most.
//! 3. A handler whose effect came, and whose note didn't, has to run again: at least once is all that
//!    can be had there. Each effect too many has to be put down to a fault that struck that very
//!    claim: its replica was killed **between effect and note**, stalled, or the store failed it. They
//!    are counted by their causes. One that no fault explains fails the run.
//! 4. Attempts are counted right, and only updates that used them up are abandoned.
//! 5. In a queue the order is Telegram's, and in a replica no chat has two handlers at once; with the
//!    same exceptions.
//! 6. No reply is carried out twice, and of an update that only hang-ups and lost answers befell it
//!    is carried out once.
//!
//! `SEED=7` repeats a run, `UPDATES=100000` makes it longer.

pub(crate) mod leased;
mod ledger;
pub(crate) mod mortal;
mod polling;
mod replica;
mod rng;
mod telegram;
mod watched;

use std::{env, sync::Arc, time::Duration};

use self::{leased::SharedLeased, ledger::Sum, replica::World};
use crate::delivery::stores::{Memory, Place};

/// How likely each fault is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chances {
    /// The handler fails.
    pub(crate) error: f64,
    pub(crate) panic: f64,
    /// The update fails however often it is tried.
    pub(crate) poison: f64,
    /// The handler needs longer than there is time.
    pub(crate) slow: f64,
    /// Telegram's connection breaks before the answer.
    pub(crate) hang_up: f64,
    /// The answer is on its way when it does.
    pub(crate) lost: f64,
    /// The same request comes twice at once.
    pub(crate) twice: f64,
    /// It is redelivered though it was answered long ago.
    pub(crate) replay: f64,
    /// A call of the store fails, and has done nothing.
    pub(crate) store_before: f64,
    /// It fails, and has done all.
    pub(crate) store_after: f64,
}

impl Chances {
    /// The faults of one process with a store in its memory.
    const OUTSIDE: Self = Self {
        error: 0.02,
        panic: 0.01,
        poison: 0.001,
        slow: 0.003,
        hang_up: 0.03,
        lost: 0.03,
        twice: 0.03,
        replay: 0.02,
        store_before: 0.0,
        store_after: 0.0,
    };

    pub(crate) const ALL: Self = Self {
        store_before: 0.005,
        store_after: 0.005,
        ..Self::OUTSIDE
    };
}

/// The faults of the replicas, and their average distance in seconds.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_field_names)] // It says what the number is.
pub(crate) struct Blows {
    pub(crate) killed_every: Option<f64>,
    pub(crate) stalled_every: Option<f64>,
    pub(crate) restarted_every: Option<f64>,
    /// All replicas' store is away.
    pub(crate) store_down_every: Option<f64>,
}

impl Blows {
    pub(crate) const ALL: Self = Self {
        killed_every: Some(25.0),
        stalled_every: Some(60.0),
        restarted_every: Some(60.0),
        store_down_every: Some(120.0),
    };
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) updates: u32,
    pub(crate) replicas: usize,
    pub(crate) chances: Chances,
    pub(crate) blows: Blows,
    /// How long a second of Telegram's takes.
    pub(crate) second: Duration,
    /// Whether the bot has a `DeliveryLayer`.
    pub(crate) delivers: bool,
    /// Whether time is only counted, so that nothing is late unless it was made to be.
    pub(crate) is_exact: bool,
}

impl Plan {
    pub(crate) fn new(updates: u32) -> Self {
        Self {
            seed: from_env("SEED").unwrap_or(1),
            updates: from_env("UPDATES").unwrap_or(updates),
            replicas: 3,
            chances: Chances::ALL,
            blows: Blows::ALL,
            second: Duration::from_secs(1),
            delivers: true,
            is_exact: true,
        }
    }

    pub(crate) fn seconds(&self, seconds: f64) -> Duration {
        self.second.mul_f64(seconds)
    }
}

fn from_env<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    let number = text.parse().ok();
    assert!(number.is_some(), "{name} is a number");
    number
}

/// Runs it, prints the results, and fails if there are violations.
pub(crate) async fn run<P: Place + Send + Sync + 'static>(plan: Plan, place: Arc<P>) -> Sum {
    let (seed, updates) = (plan.seed, plan.updates);
    let began = std::time::Instant::now();
    let world = World::start(plan, &place);
    let told = telegram::deliver_all(&world).await;
    world.stop();
    let sum = world.book.sum(told);
    eprintln!(
        "SEED={seed} {updates} updates in {:.1?}\n{sum}",
        began.elapsed()
    );
    assert!(
        sum.violations.is_empty(),
        "SEED={seed}: {} violations\n{}",
        sum.violations.len(),
        sum.violations[..sum.violations.len().min(20)].join("\n")
    );
    assert_eq!(sum.ended(), u64::from(updates), "SEED={seed}: {sum}");
    sum
}

mod simulated_store {
    crate::delivery::stores::suite!(super::SharedLeased);
}

#[tokio::test(start_paused = true)]
async fn d1_to_d12_over_replicas_that_die_nothing_is_lost_and_nothing_succeeds_twice() {
    let plan = Plan::new(20_000);
    let long_enough = plan.updates >= 20_000;
    let sum = run(plan, Arc::new(SharedLeased::default())).await;
    // A run in which nothing goes wrong shows nothing.
    assert!(!long_enough || sum.has_seen_all(), "{sum}");
}

#[tokio::test(start_paused = true)]
async fn d1_to_d9_in_memory_every_effect_comes_once() {
    let mut plan = Plan::new(6_000);
    plan.replicas = 1;
    plan.chances = Chances::OUTSIDE;
    plan.blows = Blows::default();
    let sum = run(plan, Arc::new(Memory)).await;
    assert_eq!(sum.repeated(), 0, "{sum}");
}

/// With nothing that strikes a claim, there is no excuse either.
#[tokio::test(start_paused = true)]
async fn d10_d11_replicas_that_are_only_restarted_repeat_no_effect() {
    let mut plan = Plan::new(6_000);
    plan.chances = Chances {
        // Handlers that still run after the time limit are cut off.
        slow: 0.0,
        ..Chances::OUTSIDE
    };
    plan.blows = Blows {
        restarted_every: Some(40.0),
        ..Blows::default()
    };
    let sum = run(plan, Arc::new(SharedLeased::default())).await;
    assert_eq!(sum.repeated(), 0, "{sum}");
}

/// Or else `SEED` would be of no use. Only one thing isn't the same each time: how long the layer waits before
/// it notes once more what a failing store didn't.
#[tokio::test(start_paused = true)]
async fn a_seed_repeats_a_run() {
    let mut digests = Vec::new();
    for seed in [5, 5, 6] {
        let mut plan = Plan::new(1_000);
        plan.seed = seed;
        plan.chances = Chances::OUTSIDE;
        plan.blows.store_down_every = None;
        digests.push(run(plan, Arc::new(SharedLeased::default())).await.digest());
    }
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
}

/// The controls: the same without what is tested is found out.
#[tokio::test(start_paused = true)]
async fn d1_without_the_layer_effects_are_repeated() {
    let mut plan = Plan::new(3_000);
    plan.delivers = false;
    plan.blows = Blows::default();
    let updates = u64::from(plan.updates);
    let sum = run(plan, Arc::new(Memory)).await;
    assert!(sum.repeated() > updates / 50, "{sum}");
}

#[tokio::test(start_paused = true)]
async fn d1_a_store_that_grants_what_another_holds_is_found_out() {
    let place = Arc::new(SharedLeased::careless());
    let world = World::start(Plan::new(2_000), &place);
    let told = telegram::deliver_all(&world).await;
    world.stop();
    let sum = world.book.sum(told);
    assert!(!sum.violations.is_empty(), "{sum}");
}
