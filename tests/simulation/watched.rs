//! A store that fails now and then, and a book of what it says.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tower_telegram::{
    Reply,
    webhook::delivery::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
};

use super::{
    ledger::{Fault, lease},
    replica::{Life, Scene},
    rng::{Dice, For},
};

/// One replica's way to a store.
pub(crate) struct Watched<St> {
    inner: St,
    life: Arc<Life>,
    scene: Arc<Scene>,
    calls: AtomicU64,
}

/// The fault that a call will meet.
#[derive(Clone, Copy, PartialEq)]
enum Luck {
    Good,
    FailsBefore,
    FailsAfter,
}

impl<St: DeliveryStore> Watched<St> {
    pub(crate) fn new(inner: St, life: Arc<Life>, scene: Arc<Scene>) -> Self {
        Self {
            inner,
            life,
            scene,
            calls: AtomicU64::new(0),
        }
    }

    /// The way to the store.
    async fn way(&self, key: DeliveryKey) -> Luck {
        let plan = &self.scene.plan;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let turn = key.update_id.cast_unsigned() ^ (call << 32);
        let mut dice = Dice::new(plan.seed, For::Store, self.life.id, turn);
        if plan.is_exact {
            sleep(plan.seconds(dice.between(0.0..0.004))).await;
        }
        self.life.step().await;
        match () {
            () if self.scene.is_store_down() => Luck::FailsBefore,
            () if dice.chance(plan.chances.store_before) => Luck::FailsBefore,
            () if dice.chance(plan.chances.store_after) => Luck::FailsAfter,
            () => Luck::Good,
        }
    }

    /// The way back.
    async fn back<T>(&self, luck: Luck, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.life.step().await;
        match luck {
            Luck::Good => result,
            Luck::FailsBefore | Luck::FailsAfter => Err(StoreError::new("on purpose")),
        }
    }

    fn held_until(&self, asked: Instant) -> Option<Instant> {
        let lease = lease(self.inner.renew_every())?;
        // A store's own clock may count in steps.
        Some(asked + lease - Duration::from_millis(1))
    }

    /// Asks to end a claim.
    async fn end(
        &self,
        ticket: &ClaimToken,
        asking: impl Future<Output = Result<bool, StoreError>>,
        ended: impl FnOnce(),
        luck: Luck,
    ) -> Result<bool, StoreError> {
        let book = &self.scene.book;
        if luck != Luck::Good {
            book.store_failed(ticket);
        }
        if luck == Luck::FailsBefore {
            return self.back(luck, Ok(false)).await;
        }
        book.ending(ticket);
        let result = asking.await;
        match &result {
            Ok(true) => ended(),
            Ok(false) => book.not_ended(ticket),
            Err(_) => book.store_failed(ticket),
        }
        self.back(luck, result).await
    }
}

impl<St: DeliveryStore> DeliveryStore for Watched<St> {
    async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
        let (book, id) = (&self.scene.book, key.update_id);
        let luck = self.way(key).await;
        if luck == Luck::FailsBefore {
            return Err(StoreError::new("on purpose"));
        }
        book.claiming(id);
        let asked = Instant::now();
        let result = self.inner.claim(key).await;
        match &result {
            Ok(Claim::Acquired(ticket)) => {
                let fault = (luck == Luck::FailsAfter).then_some(Fault::Store);
                let fault = fault.or(self.life.is_over().then_some(Fault::Killed));
                book.granted(self.life.id, *ticket, self.held_until(asked), fault);
            }
            Ok(_) => book.not_granted(id),
            Err(_) => book.muddled(id),
        }
        let result = self.back(luck, result).await;
        if let Ok(Claim::Acquired(ticket)) = &result {
            book.is_known(ticket);
        }
        result
    }

    fn renew_every(&self) -> Option<Duration> {
        self.inner.renew_every()
    }

    async fn renew(&self, ticket: &ClaimToken) -> Result<bool, StoreError> {
        let luck = self.way(ticket.key).await;
        if luck != Luck::Good {
            self.scene.book.store_failed(ticket);
        }
        if luck == Luck::FailsBefore {
            return Err(StoreError::new("on purpose"));
        }
        let asked = Instant::now();
        let result = self.inner.renew(ticket).await;
        match &result {
            Ok(true) => self.scene.book.renewed(ticket, self.held_until(asked)),
            Ok(false) => {}
            Err(_) => self.scene.book.store_failed(ticket),
        }
        self.back(luck, result).await
    }

    async fn finish(&self, ticket: &ClaimToken, reply: Option<&Reply>) -> Result<bool, StoreError> {
        let luck = self.way(ticket.key).await;
        let book = &self.scene.book;
        book.asks_to_finish(ticket);
        let asking = self.inner.finish(ticket, reply);
        let finished = || book.finished(ticket);
        self.end(ticket, asking, finished, luck).await
    }

    async fn fail(&self, ticket: &ClaimToken) -> Result<bool, StoreError> {
        let luck = self.way(ticket.key).await;
        let book = &self.scene.book;
        book.asks_to_fail(ticket);
        let asking = self.inner.fail(ticket);
        self.end(ticket, asking, || book.failed(ticket), luck).await
    }

    async fn release(&self, ticket: &ClaimToken) -> Result<bool, StoreError> {
        let luck = self.way(ticket.key).await;
        let book = &self.scene.book;
        book.asks_to_release(ticket);
        let asking = self.inner.release(ticket);
        self.end(ticket, asking, || book.released(ticket), luck)
            .await
    }
}
