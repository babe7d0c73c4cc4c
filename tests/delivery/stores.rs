//! The tests that each delivery store must pass.

// The suite isn't made of tests before it has a store.
#![allow(clippy::unwrap_used)]

use std::{future::Future, sync::Arc};

use serde_json::json;
use tokio::task::JoinSet;
use tower_telegram::{
    Reply,
    webhook::{
        BotId,
        delivery::{Claim, ClaimToken, DeliveryKey, DeliveryStore, MemoryStore},
    },
};

/// Where stores come from.
pub(crate) trait Place: Sized {
    type Store: DeliveryStore;

    /// `None` where there can't be one here.
    fn find() -> impl Future<Output = Option<Self>>;

    /// All of one place share what they know.
    fn store(&self) -> Self::Store;
}

pub(crate) fn key(update_id: i64) -> DeliveryKey {
    let bot = BotId(1);
    DeliveryKey::new(Some(bot), update_id)
}

pub(crate) async fn granted(store: &impl DeliveryStore, key: DeliveryKey) -> ClaimToken {
    match store.claim(key).await {
        Ok(Claim::Acquired(ticket)) => ticket,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn is_busy(store: &impl DeliveryStore, key: DeliveryKey) -> bool {
    matches!(store.claim(key).await, Ok(Claim::Busy { .. }))
}

/// The text of the reply that it is done with.
pub(crate) async fn done(store: &impl DeliveryStore, key: DeliveryKey) -> Option<String> {
    match store.claim(key).await {
        Ok(Claim::Done { reply }) => reply.as_ref().map(json_of),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn json_of(reply: &Reply) -> String {
    let json = reply.json().expect("it has a method");
    String::from_utf8(json.to_vec()).expect("json is text")
}

pub(crate) fn reply(text: &str) -> Reply {
    Reply::raw("sendMessage", &json!({"chat_id": 1, "text": text})).expect("it is an object")
}

pub(crate) async fn d1_an_update_is_granted_until_it_is_done(store: impl DeliveryStore) {
    let ticket = granted(&store, key(1)).await;
    assert!(is_busy(&store, key(1)).await);
    assert!(store.renew(&ticket).await.unwrap());
    assert!(is_busy(&store, key(1)).await);
    assert!(store.finish(&ticket, None).await.unwrap());
    assert_eq!(done(&store, key(1)).await, None);
    assert!(!store.finish(&ticket, None).await.unwrap(), "it is done");
    assert!(!store.fail(&ticket).await.unwrap(), "it is done");
    assert_eq!(done(&store, key(1)).await, None);
}

pub(crate) async fn d1_of_32_claims_at_once_one_is_acquired(store: impl DeliveryStore) {
    let store = Arc::new(store);
    for update_id in 0..20 {
        let mut asking = JoinSet::new();
        for _ in 0..32 {
            let store = store.clone();
            asking.spawn(async move { store.claim(key(update_id)).await.unwrap() });
        }
        let claims = asking.join_all().await;
        let granted = |claim: &&Claim| matches!(claim, Claim::Acquired(_));
        assert_eq!(claims.iter().filter(granted).count(), 1, "{claims:?}");
    }
}

pub(crate) async fn d4_updates_and_bots_are_apart(store: impl DeliveryStore) {
    let second = granted(&store, key(2)).await;
    assert!(store.finish(&second, None).await.unwrap());
    let first = granted(&store, key(1)).await;
    let other_bot = DeliveryKey::new(Some(BotId(2)), 2);
    assert_eq!(granted(&store, other_bot).await.attempt, 1);
    assert!(store.finish(&first, None).await.unwrap());
}

pub(crate) async fn d5_what_failed_is_granted_again_and_counted(store: impl DeliveryStore) {
    let mut before: Option<ClaimToken> = None;
    for attempt in 1..=4 {
        let ticket = granted(&store, key(1)).await;
        assert_eq!(ticket.attempt, attempt);
        if let Some(before) = before {
            assert!(
                ticket.fencing_token > before.fencing_token,
                "{ticket:?} {before:?}"
            );
        }
        assert!(store.fail(&ticket).await.unwrap());
        assert!(!store.fail(&ticket).await.unwrap(), "it has failed");
        before = Some(ticket);
    }
}

pub(crate) async fn d9_a_released_claim_is_not_counted(store: impl DeliveryStore) {
    for attempt in 1..=2 {
        for _ in 0..2 {
            let ticket = granted(&store, key(1)).await;
            assert_eq!(ticket.attempt, attempt);
            assert!(store.release(&ticket).await.unwrap());
            assert!(!store.release(&ticket).await.unwrap(), "it was released");
            assert!(!store.finish(&ticket, None).await.unwrap());
        }
        let failing = granted(&store, key(1)).await;
        assert!(store.fail(&failing).await.unwrap());
        assert!(!store.release(&failing).await.unwrap(), "it has failed");
    }
}

pub(crate) async fn d11_a_lost_claim_changes_nothing(store: impl DeliveryStore) {
    let lost = granted(&store, key(1)).await;
    assert!(store.fail(&lost).await.unwrap());
    assert!(!store.finish(&lost, None).await.unwrap());
    let held = granted(&store, key(1)).await;
    let reply = reply("lost");
    assert!(!store.finish(&lost, Some(&reply)).await.unwrap());
    assert!(!store.fail(&lost).await.unwrap());
    assert!(is_busy(&store, key(1)).await);
    assert!(store.finish(&held, None).await.unwrap());
    assert_eq!(done(&store, key(1)).await, None, "no reply was recorded");
}

pub(crate) async fn d16_each_redelivery_has_the_reply(store: impl DeliveryStore) {
    let text = "a \"b\"\n✨ \0 ü";
    let ticket = granted(&store, key(1)).await;
    let kept = reply(text);
    assert!(store.finish(&ticket, Some(&kept)).await.unwrap());
    for _ in 0..3 {
        assert_eq!(done(&store, key(1)).await, Some(json_of(&kept)));
    }
    // It is that update's alone.
    let ticket = granted(&store, key(2)).await;
    assert!(store.finish(&ticket, None).await.unwrap());
    assert_eq!(done(&store, key(2)).await, None);
}

pub(crate) async fn d16_all_of_32_redeliveries_get_the_reply(store: impl DeliveryStore) {
    let store = Arc::new(store);
    let ticket = granted(&*store, key(1)).await;
    assert!(store.finish(&ticket, Some(&reply("x"))).await.unwrap());
    let mut asking = JoinSet::new();
    for _ in 0..32 {
        let store = store.clone();
        asking.spawn(async move { done(&*store, key(1)).await });
    }
    let expected = Some(json_of(&reply("x")));
    assert!(asking.join_all().await.iter().all(|had| *had == expected));
}

/// The whole suite, over the stores of a place.
macro_rules! suite {
    ($place:ty: $($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            use crate::delivery::stores::Place;
            if let Some(place) = <$place>::find().await {
                crate::delivery::stores::$name(place.store()).await;
            }
        }
    )*};
    ($place:ty) => {
        crate::delivery::stores::suite! { $place:
            d1_an_update_is_granted_until_it_is_done
            d1_of_32_claims_at_once_one_is_acquired
            d4_updates_and_bots_are_apart
            d5_what_failed_is_granted_again_and_counted
            d9_a_released_claim_is_not_counted
            d11_a_lost_claim_changes_nothing
            d16_each_redelivery_has_the_reply
            d16_all_of_32_redeliveries_get_the_reply
        }
    };
}
pub(crate) use suite;

pub(crate) struct Memory;

impl Place for Memory {
    type Store = MemoryStore;

    async fn find() -> Option<Self> {
        Some(Self)
    }

    fn store(&self) -> MemoryStore {
        MemoryStore::new()
    }
}

mod memory {
    crate::delivery::stores::suite!(super::Memory);
}
