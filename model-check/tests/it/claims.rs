//! The claims of a `MemoryStore`.

use std::{
    array,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use modelled::{
    Reply,
    webhook::{
        BotId,
        delivery::{Claim, ClaimToken, DeliveryKey, DeliveryStore, MemoryStore},
    },
};
use shuttle::{
    future::block_on,
    rand::{Rng as _, thread_rng},
    thread,
};

use crate::check;

const ORDERS: usize = 1_000;
const KEYS: usize = 2;

/// The state of an update that the test knows. These aren't shuttle's types, so that they are no steps of
/// the model.
#[derive(Debug, Default)]
struct Known {
    is_held: AtomicBool,
    is_done: AtomicBool,
    failures: AtomicU32,
    has_reply: AtomicBool,
}

#[derive(Debug, Default)]
struct World {
    store: MemoryStore,
    known: [Known; KEYS],
}

fn key(at: usize) -> DeliveryKey {
    let update_id = i64::try_from(at).expect("a few");
    let bot = BotId(0);
    DeliveryKey::new(Some(bot), update_id)
}

fn reply() -> Reply {
    Reply::raw("sendMessage", &serde_json::json!({"chat_id": 1})).expect("it is an object")
}

fn claim(store: &MemoryStore, key: DeliveryKey) -> Claim {
    block_on(store.claim(key)).expect("it never fails")
}

fn granted(store: &MemoryStore, key: DeliveryKey) -> ClaimToken {
    match claim(store, key) {
        Claim::Acquired(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

impl World {
    /// A worker that claims an update and ends the claim. An old claim token must have no effect.
    fn ask(&self, at: usize, old: &mut Option<ClaimToken>) {
        let (store, known) = (&self.store, &self.known[at]);
        let was_done = known.is_done.load(Ordering::Relaxed);
        match claim(store, key(at)) {
            Claim::Acquired(ticket) => {
                assert!(!was_done, "it was done");
                self.hold(at, ticket, old.take());
                *old = Some(ticket);
            }
            Claim::Done { reply } => {
                let had_reply = known.has_reply.load(Ordering::Relaxed);
                assert!(reply.is_some() || !had_reply, "its reply was lost");
            }
            Claim::Busy { .. } => assert!(!was_done, "it was done"),
            _ => {}
        }
    }

    fn hold(&self, at: usize, ticket: ClaimToken, old: Option<ClaimToken>) {
        let (store, known) = (&self.store, &self.known[at]);
        assert!(!known.is_held.swap(true, Ordering::Relaxed), "two hold it");
        let failures = known.failures.load(Ordering::Relaxed);
        assert_eq!(ticket.attempt, failures + 1);
        if let Some(old) = old.filter(|old| old.key == ticket.key) {
            assert!(ticket.fencing_token > old.fencing_token);
            assert!(!block_on(store.finish(&old, Some(&reply()))).expect("it never fails"));
            assert!(!block_on(store.fail(&old)).expect("it never fails"));
            assert!(!block_on(store.release(&old)).expect("it never fails"));
        }
        let choice = thread_rng().gen_range(0..4);
        // From the next step on another worker may claim it.
        known.is_held.store(false, Ordering::Relaxed);
        let ended = match choice {
            0 => {
                known.failures.fetch_add(1, Ordering::Relaxed);
                block_on(store.fail(&ticket))
            }
            1 => block_on(store.release(&ticket)),
            2 => {
                let ended = block_on(store.finish(&ticket, Some(&reply())));
                known.has_reply.store(true, Ordering::Relaxed);
                known.is_done.store(true, Ordering::Relaxed);
                ended
            }
            _ => {
                let ended = block_on(store.finish(&ticket, None));
                known.is_done.store(true, Ordering::Relaxed);
                ended
            }
        };
        assert!(ended.expect("it never fails"), "the claim was lost");
    }
}

#[test]
fn d1_d16_no_two_hold_an_update_and_each_who_comes_later_has_its_reply() {
    check(ORDERS, || {
        let world = Arc::new(World::default());
        let asking: [_; 3] = array::from_fn(|_| {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let mut old: [Option<ClaimToken>; KEYS] = [None; KEYS];
                for _ in 0..4 {
                    let at = thread_rng().gen_range(0..KEYS);
                    world.ask(at, &mut old[at]);
                }
            })
        });
        for thread in asking {
            thread.join().expect("no thread panics");
        }
        // Every update that isn't done must be claimable.
        for (at, known) in world.known.iter().enumerate() {
            if known.is_done.load(Ordering::Relaxed) {
                let Claim::Done { reply } = claim(&world.store, key(at)) else {
                    panic!("it was done");
                };
                assert_eq!(reply.is_some(), known.has_reply.load(Ordering::Relaxed));
            } else {
                granted(&world.store, key(at));
            }
        }
    });
}

#[test]
fn d13_one_that_is_handled_is_not_forgotten_for_want_of_room() {
    check(ORDERS, || {
        let store = Arc::new(MemoryStore::with_capacity(1));
        let crowding: [_; 2] = array::from_fn(|thread| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                for update in 0..2 {
                    // Far apart, because consecutive IDs share their memory.
                    let ticket = granted(&store, key(1000 * (1 + 2 * thread + update)));
                    let ended = match update {
                        0 => block_on(store.fail(&ticket)),
                        _ => block_on(store.finish(&ticket, None)),
                    };
                    assert!(ended.expect("it never fails"));
                }
            })
        });
        let first = granted(&store, key(0));
        assert!(block_on(store.fail(&first)).expect("it never fails"));
        // It may have been forgotten, and is then claimed like a new one.
        let held = granted(&store, key(0));
        assert!((1..=2).contains(&held.attempt));
        for thread in crowding {
            thread.join().expect("no thread panics");
        }
        assert!(matches!(claim(&store, key(0)), Claim::Busy { .. }));
        assert!(block_on(store.finish(&held, None)).expect("it never fails"));
        assert!(matches!(claim(&store, key(0)), Claim::Done { .. }));
    });
}
