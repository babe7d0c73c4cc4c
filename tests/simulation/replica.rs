//! Replicas of a bot that are killed, stalled and restarted.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use http::{Request, Response, header};
use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{Instant, Sleep, sleep, sleep_until},
};
use tower::{BoxError, ServiceBuilder, ServiceExt as _, service_fn, util::BoxCloneSyncService};
use tower_telegram::{
    Reply,
    webhook::{
        DeliveryLayer, RawUpdate, ReplyBody, SequenceLayer, ServiceBuilderExt as _,
        delivery::DeliveryHandle,
    },
};

use super::{
    Plan,
    ledger::{Book, Fault, ReplicaId},
    rng::{Dice, For},
    telegram::Update,
    watched::Watched,
};
use crate::delivery::stores::Place;

type Bot = BoxCloneSyncService<Request<RawUpdate>, Response<ReplyBody>, BoxError>;

const MAX_ATTEMPTS: u32 = 5;

/// The state that all replicas share.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) plan: Plan,
    pub(crate) book: Book,
    is_store_down: AtomicBool,
}

impl Scene {
    pub(crate) fn is_store_down(&self) -> bool {
        self.is_store_down.load(Ordering::Relaxed)
    }
}

/// A replica's life, from its start to its death. Its tasks take no step while it is
/// stalled, and none ever after it was killed.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) id: ReplicaId,
    is_over: AtomicBool,
    /// Wakes in the order of asking, where a `watch` would in any, so that a seed repeats a run.
    over: Notify,
    stalled_until: Mutex<Option<Instant>>,
}

impl Life {
    fn new(id: ReplicaId) -> Arc<Self> {
        Arc::new(Self {
            id,
            is_over: AtomicBool::new(false),
            over: Notify::new(),
            stalled_until: Mutex::new(None),
        })
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.over.notify_waiters();
    }

    async fn ends(&self) {
        let mut over = pin!(self.over.notified());
        over.as_mut().enable();
        if !self.is_over() {
            over.await;
        }
    }

    fn stalls(&self) -> Option<Instant> {
        let until = *self.stalled_until.lock().expect("nobody panics with it");
        until.filter(|until| *until > Instant::now())
    }

    /// Waits while it is stalled, and for ever when it is over.
    pub(crate) async fn step(&self) {
        while let Some(until) = self.stalls() {
            sleep_until(until).await;
        }
        if self.is_over() {
            std::future::pending::<()>().await;
        }
    }

    /// A future that takes no step but these.
    async fn of<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut waking: Option<Pin<Box<Sleep>>> = None;
        std::future::poll_fn(|cx| {
            if self.is_over() {
                return Poll::Pending;
            }
            while let Some(until) = self.stalls() {
                let waking = waking.insert(Box::pin(sleep_until(until)));
                std::task::ready!(waking.as_mut().poll(cx));
            }
            future.as_mut().poll(cx)
        })
        .await
    }
}

/// A replica that is up.
#[derive(Clone)]
pub(crate) struct Replica {
    bot: Bot,
    life: Arc<Life>,
    handle: Option<DeliveryHandle>,
}

/// The parts of a response that Telegram reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplicaAnswer {
    pub(crate) is_success: bool,
    /// In seconds.
    pub(crate) retry_after: Option<u64>,
    pub(crate) has_reply: bool,
}

impl Replica {
    fn start<P: Place>(scene: &Arc<Scene>, place: &P, id: ReplicaId) -> Self {
        let life = Life::new(id);
        let (handling, of) = (Arc::clone(scene), Arc::clone(&life));
        let handler = service_fn(move |request: Request<RawUpdate>| {
            let (scene, life) = (Arc::clone(&handling), Arc::clone(&of));
            async move { life.of(handle(&scene, &life, &request)).await }
        });
        let sequence = SequenceLayer::new().max_waiting_per_key(3);
        let stack = ServiceBuilder::new().layer(sequence).reply();
        let plan = &scene.plan;
        if !plan.delivers {
            let bot = stack.service(handler).map_err(BoxError::from);
            return Self {
                bot: BoxCloneSyncService::new(bot),
                life,
                handle: None,
            };
        }
        let store = Watched::new(place.store(), Arc::clone(&life), Arc::clone(scene));
        let (book, of) = (Arc::clone(scene), Arc::clone(&life));
        let delivery = DeliveryLayer::with_store(store)
            .max_attempts(MAX_ATTEMPTS)
            .max_running(100)
            .dead_letter(move |letter| {
                let (scene, life) = (Arc::clone(&book), Arc::clone(&of));
                async move {
                    life.step().await;
                    let id = letter.update.update_id();
                    scene.book.abandoned(life.id, id, MAX_ATTEMPTS);
                }
            });
        let handle = delivery.handle();
        let bot = ServiceBuilder::new()
            .deadline(plan.seconds(45.0))
            .layer(delivery)
            .service(stack.service(handler))
            .map_err(BoxError::from);
        Self {
            bot: BoxCloneSyncService::new(bot),
            life,
            handle: Some(handle),
        }
    }

    /// Asks the bot. Nothing comes back of one that is killed meanwhile.
    pub(crate) async fn ask(&self, book: &Book, update: &Update) -> Option<ReplicaAnswer> {
        let mut request = Request::new(update.raw());
        request.extensions_mut().insert(Arc::new(update.clone()));
        let asking = self.bot.clone().oneshot(request);
        let response = tokio::select! {
            biased;
            () = self.life.ends() => return None,
            response = self.life.of(asking) => response,
        };
        let answer = match response {
            Ok(response) => ReplicaAnswer::read(&response),
            Err(_) => ReplicaAnswer::failure(),
        };
        book.answered(update.id, answer.is_success);
        Some(answer)
    }

    /// As `kill -9` would. Its tasks go no further, and are then dropped.
    async fn kill(&self, book: &Book) {
        self.life.end();
        book.struck(self.life.id, Fault::Killed);
        if let Some(handle) = &self.handle {
            handle.shutdown(Duration::ZERO).await;
        }
    }

    /// As a deployment does.
    async fn retire(&self, scene: &Scene) {
        scene.book.retires(self.life.id);
        if let Some(handle) = &self.handle {
            handle.shutdown(scene.plan.seconds(10.0)).await;
        }
        self.kill(&scene.book).await;
    }
}

impl ReplicaAnswer {
    fn failure() -> Self {
        Self {
            is_success: false,
            retry_after: None,
            has_reply: false,
        }
    }

    fn read(response: &Response<ReplyBody>) -> Self {
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let seconds = retry_after.and_then(|value| value.to_str().ok());
        Self {
            is_success: response.status().is_success(),
            retry_after: seconds.map(|seconds| seconds.parse().expect("it is an integer")),
            has_reply: response.body().reply().method().is_some(),
        }
    }
}

/// The bot's handling of an update.
async fn handle(
    scene: &Scene,
    life: &Life,
    request: &Request<RawUpdate>,
) -> Result<Reply, BoxError> {
    let (plan, book) = (&scene.plan, &scene.book);
    let update: &Arc<Update> = request.extensions().get().expect("it came with it");
    let turn = book.called(life.id, update);
    let number = update.id.cast_unsigned();
    let mut once = Dice::new(plan.seed, For::Update, number, 1);
    let mut dice = Dice::new(plan.seed, For::Handler, number, turn);
    let is_poison = once.chance(plan.chances.poison);
    let time = match () {
        () if dice.chance(plan.chances.slow) => dice.between(10.0..90.0),
        () if dice.chance(0.1) => dice.between(0.2..3.0),
        () if dice.chance(0.1) => 0.0,
        () => dice.between(0.0..0.2),
    };
    // Gone with the future, as the chat is free for another then.
    let _returned = Returned { book, life, update };
    if time > 0.0 {
        sleep(plan.seconds(time)).await;
    }
    if is_poison || dice.chance(plan.chances.error) {
        return Err("it fails".into());
    }
    if dice.chance(plan.chances.panic) {
        // Without a word on the terminal.
        std::panic::resume_unwind(Box::new("it panics"));
    }
    let has_reply = once.chance(0.5);
    book.took_effect(life.id, update, has_reply);
    if dice.chance(0.3) {
        // There is a moment in which it is done, and isn't recorded yet.
        sleep(plan.seconds(dice.between(0.0..0.3))).await;
    }
    if !has_reply {
        return Ok(Reply::nothing());
    }
    Ok(Reply::raw(
        "sendMessage",
        &serde_json::json!({"chat_id": update.chat, "text": "x"}),
    )?)
}

struct Returned<'a> {
    book: &'a Book,
    life: &'a Life,
    update: &'a Update,
}

impl Drop for Returned<'_> {
    fn drop(&mut self) {
        self.book.returned(self.life.id, self.update);
    }
}

/// The replicas, and what befalls them.
pub(crate) struct World {
    scene: Arc<Scene>,
    up: Mutex<Vec<Option<Replica>>>,
    fates: Mutex<Vec<AbortHandle>>,
    lives: AtomicU64,
}

impl std::ops::Deref for World {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

/// The next fault of a replica.
#[derive(Clone, Copy, PartialEq)]
enum Blow {
    Killed,
    Stalled,
    Restarted,
}

impl World {
    pub(crate) fn start<P: Place + Send + Sync + 'static>(plan: Plan, place: &Arc<P>) -> Arc<Self> {
        let scene = Arc::new(Scene {
            book: Book::new(plan.delivers, plan.is_exact),
            plan,
            is_store_down: AtomicBool::new(false),
        });
        let world = Arc::new(Self {
            up: Mutex::new(vec![None; scene.plan.replicas]),
            scene,
            fates: Mutex::default(),
            lives: AtomicU64::new(0),
        });
        let mut fates = Vec::new();
        for at in 0..world.scene.plan.replicas {
            world.set(at, Some(world.replica(&**place)));
            let fate = Arc::clone(&world).fate(at, Arc::clone(place));
            fates.push(tokio::spawn(fate).abort_handle());
        }
        fates.push(tokio::spawn(Arc::clone(&world).store_fate()).abort_handle());
        *world.fates.lock().expect("nobody panics with it") = fates;
        world
    }

    /// Nothing befalls anybody any more.
    pub(crate) fn stop(&self) {
        let mut fates = self.fates.lock().expect("nobody panics with it");
        for fate in fates.drain(..) {
            fate.abort();
        }
    }

    fn up(&self) -> MutexGuard<'_, Vec<Option<Replica>>> {
        self.up.lock().expect("nobody panics with it")
    }

    fn set(&self, at: usize, replica: Option<Replica>) -> Option<Replica> {
        std::mem::replace(&mut self.up()[at], replica)
    }

    fn replica<P: Place>(&self, place: &P) -> Replica {
        let id = self.lives.fetch_add(1, Ordering::Relaxed) + 1;
        Replica::start(&self.scene, place, id)
    }

    /// Any that is up, as a load balancer finds one.
    pub(crate) fn any(&self, dice: &mut Dice) -> Option<Replica> {
        let up = self.up();
        let up: Vec<_> = up.iter().flatten().collect();
        let at = (!up.is_empty()).then(|| dice.below(up.len()))?;
        Some(up[at].clone())
    }

    async fn fate<P: Place>(self: Arc<Self>, at: usize, place: Arc<P>) {
        let blows = self.plan.blows;
        let mut dice = Dice::new(self.plan.seed, For::Blows, at as u64, 0);
        loop {
            let next = [
                (Blow::Killed, blows.killed_every),
                (Blow::Stalled, blows.stalled_every),
                (Blow::Restarted, blows.restarted_every),
            ];
            let next = next.into_iter();
            let next = next.filter_map(|(blow, every)| Some((blow, dice.wait(every?))));
            let Some((blow, wait)) = next.min_by(|a, b| a.1.total_cmp(&b.1)) else {
                return;
            };
            sleep(self.plan.seconds(wait)).await;
            self.strike(at, blow, &*place, &mut dice).await;
        }
    }

    async fn strike<P: Place>(&self, at: usize, blow: Blow, place: &P, dice: &mut Dice) {
        match blow {
            Blow::Killed => {
                if let Some(killed) = self.set(at, None) {
                    killed.kill(&self.book).await;
                }
                sleep(self.plan.seconds(dice.between(0.5..10.0))).await;
                self.set(at, Some(self.replica(place)));
            }
            // The new one is up before the old one goes.
            Blow::Restarted => {
                if let Some(old) = self.set(at, Some(self.replica(place))) {
                    old.retire(&self.scene).await;
                }
            }
            Blow::Stalled => {
                // Mostly short, and now and then for longer than anybody waits.
                let time = self.plan.seconds(90.0 * dice.between(0.1..1.0).powi(8));
                if let Some(replica) = &self.up()[at] {
                    let until = Instant::now() + time;
                    let mut stalled = replica.life.stalled_until.lock();
                    *stalled.as_deref_mut().expect("nobody panics with it") = Some(until);
                    self.book.struck(replica.life.id, Fault::Stalled);
                }
                sleep(time).await;
            }
        }
    }

    async fn store_fate(self: Arc<Self>) {
        let Some(every) = self.plan.blows.store_down_every else {
            return;
        };
        let mut dice = Dice::new(self.plan.seed, For::Blows, u64::MAX, 0);
        loop {
            sleep(self.plan.seconds(dice.wait(every))).await;
            self.is_store_down.store(true, Ordering::Relaxed);
            sleep(self.plan.seconds(dice.between(0.5..12.0))).await;
            self.is_store_down.store(false, Ordering::Relaxed);
        }
    }
}
