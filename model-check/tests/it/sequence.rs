//! The order of updates within a chat.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::Poll,
};

use http::{Request, Response};
use modelled::webhook::{RawUpdate, SequenceLayer};
use shuttle::{
    future::{block_on, spawn, yield_now},
    rand::{Rng as _, thread_rng},
};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::check;

const ORDERS: usize = 1_000;

fn update(id: i64) -> Request<RawUpdate> {
    let json = format!(r#"{{"update_id":{id},"message":{{"chat":{{"id":7}}}}}}"#);
    Request::new(RawUpdate::from_bytes(json.into()).expect("it is an update"))
}

#[test]
fn d8_no_two_of_a_chat_are_inside_and_each_who_stays_has_a_turn() {
    check(ORDERS, || {
        block_on(async {
            let (inside, turns) = (
                Arc::new(AtomicBool::new(false)),
                Arc::new(AtomicU32::new(0)),
            );
            let seen = (Arc::clone(&inside), Arc::clone(&turns));
            let handler = service_fn(move |_: Request<RawUpdate>| {
                let (inside, turns) = seen.clone();
                async move {
                    assert!(!inside.swap(true, Ordering::Relaxed), "two are inside");
                    // Also when the handler's future is dropped.
                    let _out = Out(inside);
                    yield_now().await;
                    turns.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, Infallible>(Response::new(()))
                }
            });
            let service = SequenceLayer::new().layer(handler);
            let mut tasks = Vec::new();
            for id in 0..4 {
                let mut asking = Box::pin(service.clone().oneshot(update(id)));
                tasks.push(spawn(async move {
                    if id < 2 {
                        let Ok(_) = asking.await;
                        return;
                    }
                    for _ in 0..thread_rng().gen_range(0..4) {
                        let mut asking = pin!(&mut asking);
                        let had = poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx).is_ready()));
                        if had.await {
                            return;
                        }
                        yield_now().await;
                    }
                }));
            }
            for task in tasks {
                task.await.expect("no task panics");
            }
            assert!(turns.load(Ordering::Relaxed) >= 2);
            assert!(!inside.load(Ordering::Relaxed));
            let Ok(_) = service.oneshot(update(9)).await;
        });
    });
}

struct Out(Arc<AtomicBool>);

impl Drop for Out {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
