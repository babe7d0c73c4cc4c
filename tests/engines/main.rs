//! One suite of tests over each engine of the queue: Redis, NATS JetStream, and one in memory that shows what an
//! engine of one's own needs. The servers are real ones, which the tests start.

// Helpers fail a test like the test itself; clippy knows only the latter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod engine;
mod memory;
mod nats;
mod node;
mod process;
#[path = "../support/queue.rs"]
mod queue;
#[path = "../support/recorder.rs"]
#[allow(dead_code)] // The tests of the root crate use all of it.
mod recorder;
mod redis;
mod suite;
mod support;
mod trace;

/// A test of the suite, over each engine.
macro_rules! over_each_engine {
    ($($test:ident)*) => {
        mod on_redis {
            $(
                #[tokio::test]
                async fn $test() {
                    crate::suite::$test::<crate::redis::Redis>().await;
                }
            )*
        }

        mod on_nats {
            $(
                #[tokio::test]
                async fn $test() {
                    crate::suite::$test::<crate::nats::Nats>().await;
                }
            )*
        }

        mod in_memory {
            $(
                #[tokio::test]
                async fn $test() {
                    crate::suite::$test::<crate::memory::Memory>().await;
                }
            )*
        }
    };
}

over_each_engine! {
    d1_an_update_is_in_the_queue_once_also_after_it_was_handled
    d6_an_update_that_fails_again_and_again_is_a_dead_letter_and_its_chat_goes_on
    d6_an_update_that_kills_its_worker_is_abandoned_too
    d6_an_update_behind_others_that_kills_its_worker_is_abandoned_too
    d8_a_chat_waits_for_its_update_that_fails_and_others_go_on
    d8_many_chats_over_workers_that_come_and_go_stay_in_order
    d9_a_full_partition_takes_no_more_and_others_do
    d10_a_shutdown_waits_for_its_handlers_and_others_go_on_at_once
    d11_the_updates_of_a_worker_that_dies_are_handled_by_another
    d14_what_says_nothing_about_an_update_is_never_counted
    d15_a_permanent_failure_is_a_dead_letter_after_one_attempt
    d32_an_update_reaches_a_worker_that_waits
}
