//! The deliveries under a model checker: thousands of orders in which threads and tasks can go on, tried by
//! chance and by priorities. A failure prints the schedule that leads to it.
//!
//! Its steps are those between which others can come: the taking of a lock, the steps of a `oneshot`, and
//! each `.await` that waits. Tokio's mutex and `Notify` are one step each.

// What tests share fails them as they would themselves.
#![allow(clippy::expect_used, clippy::panic)]

mod claims;
mod deliveries;
mod sequence;

use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
};

/// Tries so many orders by chance, and as many in which few switches are made at the worst moments.
fn check(orders: usize, model: fn()) {
    run(RandomScheduler::new(orders), model);
    run(PctScheduler::new(3, orders), model);
}

fn run(scheduler: impl Scheduler + 'static, model: fn()) {
    let mut config = Config::new();
    // A panic's report alone takes more than the usual 32 KiB.
    config.stack_size = 256 << 10;
    Runner::new(scheduler, config).run(model);
}
