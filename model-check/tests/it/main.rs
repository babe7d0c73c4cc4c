//! The deliveries under a model checker: thousands of orders in which threads and tasks can run, chosen at
//! random and by priorities. A failure prints the schedule that leads to it.
//!
//! Other tasks can run between its steps: taking a lock, the steps of a `oneshot`, and each `.await` that
//! waits. Tokio's mutex and `Notify` are one step each.

// Helpers fail a test like the test itself.
#![allow(clippy::expect_used, clippy::panic)]

mod claims;
mod deliveries;
mod sequence;

use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
};

/// Runs the model in `orders` random orders, and in as many with few switches at the worst moments.
fn check(orders: usize, model: fn()) {
    run(RandomScheduler::new(orders), model);
    run(PctScheduler::new(3, orders), model);
}

fn run(scheduler: impl Scheduler + 'static, model: fn()) {
    let mut config = Config::new();
    // The report of a panic needs more than the default of 32 KiB.
    config.stack_size = 256 << 10;
    Runner::new(scheduler, config).run(model);
}
