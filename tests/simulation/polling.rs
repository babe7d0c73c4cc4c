//! H1–H5 by chance: a polling bot that is killed and restarted, answers that are lost, conflicts, pages of a proxy,
//! and handlers that fail, panic and are slow.
//!
//! Certain, and asserted of every run:
//!
//! 1. **Nothing is lost**: each update was handled to its end, or was abandoned after five attempts, before it
//!    was confirmed to Telegram.
//! 2. **Nothing is handled twice except by a kill**: without a store in a life that was killed, because it couldn't confirm;
//!    with a store only where the kill came between the handler's effect and the end of its reply's call. A shutdown that
//!    cuts off its handlers counts as a kill where Telegram hadn't received the reply.
//! 3. **Each reply is carried out once**, except by a kill between the call and the record of it. It is lost only where it
//!    was refused, and a stop came before it was sent again.
//! 4. A chat has one handler at a time in a life, and its updates begin in their order.
//!
//! In one of the runs lives overlap, as in a rolling restart: the next process begins while the one before it drains.
//!
//! `SEED=7` repeats a run, `UPDATES=100000` makes it longer.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout},
};
use tower::{BoxError, ServiceExt as _, service_fn};
use tower_telegram::{
    Client,
    client::{ApiRequest, ApiResponse},
    methods::SendMessage,
    polling::Polling,
    types::Update,
    webhook::{DeliveryLayer, Webhook, delivery::DeliveryHandle},
};

use super::{
    from_env,
    leased::{Leased, SharedLeased},
    mortal::MortalStore,
    rng::{Dice, For},
};
use crate::{
    delivery::stores::Place as _,
    support::get_updates::{Mishap, PolledTelegram},
};

const CHATS: usize = 60;
/// How many updates come in a second.
const RATE: f64 = 10.0;
const MAX_ATTEMPTS: usize = 5;

/// After so many refusals in 20 s, with pauses from 1 s doubled, a reply is lost. Its update is done, also if its process
/// is killed after that.
const REFUSALS: u32 = 4;

/// The events of an update.
#[derive(Debug, Default)]
struct Fate {
    chat: i64,
    begun: usize,
    failed: usize,
    /// The lives in which it took effect, and whether the call of its reply ended after that.
    effects: Vec<(usize, bool)>,
    /// The life in which its reply was last refused, and how often in that life.
    refused: Option<(usize, u32)>,
    /// The lives in which Telegram carried its reply out.
    replies: Vec<usize>,
    abandoned: usize,
}

#[derive(Debug, Default)]
struct PollingBook {
    fates: BTreeMap<i64, Fate>,
    /// The last update that a chat's handler began in a life, and whether it still has it.
    busy: BTreeMap<(usize, i64), (i64, bool)>,
    /// Lives whose shutdown has begun. A reply that was refused isn't sent again from then on, and is lost.
    draining: Vec<usize>,
    /// Lives that were killed.
    killed: Vec<usize>,
    /// Lives whose handlers were cut off by a shutdown.
    cut_off: Vec<usize>,
    stopped: usize,
    /// How often a life began while another one drained.
    overlaps: usize,
    violations: Vec<String>,
}

/// The kind of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lives {
    WithoutStore,
    WithStore,
    /// With a store, and the next life may begin before the last one has ended.
    Overlapping,
}

struct PollingWorld {
    seed: u64,
    lives: Lives,
    telegram: PolledTelegram,
    book: Mutex<PollingBook>,
    is_calm: AtomicBool,
    calls: AtomicU64,
}

impl PollingWorld {
    fn book(&self) -> MutexGuard<'_, PollingBook> {
        self.book.lock().expect("nobody panics with it")
    }

    fn dice(&self, what: For, number: i64, turn: usize) -> Dice {
        Dice::new(self.seed, what, number.cast_unsigned(), turn as u64)
    }

    /// A life's client, whose calls meet with accidents.
    fn client(self: &Arc<Self>, life: usize) -> Client {
        let (world, telegram) = (Arc::clone(self), self.telegram.client());
        Client::from_service(service_fn(move |call: ApiRequest| {
            let (world, telegram) = (Arc::clone(&world), telegram.clone());
            async move {
                let number = world.calls.fetch_add(1, Ordering::Relaxed);
                let mut dice = Dice::new(world.seed, For::Attempt, number, 0);
                if call.method() != "getUpdates" {
                    return world.carry_out(life, &telegram, call, dice).await;
                }
                if world.is_calm.load(Ordering::Relaxed) {
                    return telegram.oneshot(call).await.map_err(BoxError::from);
                }
                sleep(Duration::from_secs_f64(dice.between(0.005..0.2))).await;
                match dice.below(100) {
                    0..4 => return Err("never sent".into()),
                    4..6 => {
                        let page = Mishap::Answer(404, "<html>");
                        world.telegram.state().mishaps.push_back(page);
                    }
                    6 => world.telegram.poll_elsewhere(),
                    _ => {}
                }
                let answer = telegram.oneshot(call).await;
                if dice.chance(0.05) {
                    return Err("lost on its way".into());
                }
                answer.map_err(BoxError::from)
            }
        }))
    }

    /// A reply on its way to Telegram and back. It may meet with accidents that leave no doubt about whether it arrived,
    /// and with a lost response, after which it isn't sent again.
    async fn carry_out(
        &self,
        life: usize,
        telegram: &Client,
        call: ApiRequest,
        mut dice: Dice,
    ) -> Result<ApiResponse, BoxError> {
        const FLOOD: &str =
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 2"}"#;
        let arguments: Value = serde_json::from_slice(call.json()).expect("its arguments");
        let number = arguments["text"]
            .as_str()
            .and_then(|text| text.parse().ok());
        let id = number.expect("the text of a reply is its update's number");
        let is_calm = self.is_calm.load(Ordering::Relaxed);
        sleep(Duration::from_secs_f64(dice.between(0.005..0.2))).await;
        let mishap = match dice.below(100) {
            _ if is_calm => None,
            0..4 => Some(Mishap::Unsent),
            4..6 => Some(Mishap::Answer(429, FLOOD)),
            6 => Some(Mishap::Answer(429, "<html>")),
            7..10 => Some(Mishap::Lost),
            _ => None,
        };
        let is_carried_out = matches!(mishap, None | Some(Mishap::Lost));
        let answer = {
            let (telegram, mishaps) = (telegram.clone(), mishap);
            self.telegram.state().other_mishaps.extend(mishaps);
            telegram.oneshot(call).await
        };
        self.with(id, |fate| {
            if is_carried_out {
                fate.replies.push(life);
            } else {
                let earlier = fate.refused.filter(|(refused_in, _)| *refused_in == life);
                fate.refused = Some((life, earlier.map_or(1, |(_, times)| times + 1)));
            }
        });
        sleep(Duration::from_secs_f64(dice.between(0.005..0.2))).await;
        // At the instant of a kill its tasks may still run.
        if self.book().killed.contains(&life) {
            std::future::pending::<()>().await;
        }
        self.with(id, |fate| {
            let effects = fate.effects.iter_mut();
            if let Some(effect) = effects.rev().find(|effect| effect.0 == life) {
                effect.1 = is_carried_out;
            }
        });
        answer.map_err(BoxError::from)
    }

    async fn handle(&self, life: usize, update: &Update) -> Result<SendMessage, BoxError> {
        let id = update.update_id;
        let turn = self.begins(life, id);
        let world = self;
        let _returned = HandlerEnd { world, life, id };
        let mut dice = self.dice(For::Handler, id, turn);
        let seconds = match () {
            () if dice.chance(0.002) => dice.between(5.0..40.0),
            () if dice.chance(0.2) => dice.between(0.1..2.0),
            () => 0.0,
        };
        if seconds > 0.0 {
            self.step(life, seconds).await;
        }
        let is_poison = self.dice(For::Outcome, id, 0).chance(0.002);
        if is_poison || dice.chance(0.01) {
            self.with(id, |fate| fate.failed += 1);
            if dice.chance(0.3) {
                std::panic::resume_unwind(Box::new("it panics"));
            }
            return Err("it fails".into());
        }
        self.with(id, |fate| fate.effects.push((life, false)));
        if dice.chance(0.2) {
            // There is a moment in which it is done, and isn't recorded yet.
            self.step(life, dice.between(0.01..0.5)).await;
        }
        Ok(SendMessage::new(1, id.to_string()))
    }

    /// Sleeps, and never wakes where its process was killed meanwhile.
    async fn step(&self, life: usize, seconds: f64) {
        sleep(Duration::from_secs_f64(seconds)).await;
        if self.book().killed.contains(&life) {
            std::future::pending::<()>().await;
        }
    }

    fn with(&self, id: i64, change: impl FnOnce(&mut Fate)) {
        change(self.book().fates.get_mut(&id).expect("it was sent"));
    }

    /// How often it has begun.
    fn begins(&self, life: usize, id: i64) -> usize {
        let mut book = self.book();
        let fate = book.fates.get_mut(&id).expect("it was sent");
        fate.begun += 1;
        let (turn, chat) = (fate.begun, fate.chat);
        if let Some((other, is_busy)) = book.busy.insert((life, chat), (id, true)) {
            if is_busy {
                let text = format!("{id} begins beside {other} of its chat {chat}");
                book.violations.push(text);
            }
            if other > id {
                let text = format!("{id} begins after {other} of its chat {chat}");
                book.violations.push(text);
            }
        }
        turn
    }

    async fn send_all(self: Arc<Self>, updates: u32) {
        for id in 1..=i64::from(updates) {
            let mut dice = self.dice(For::Update, id, 0);
            sleep(Duration::from_secs_f64(dice.wait(1.0 / RATE))).await;
            let chat = i64::try_from(dice.below(CHATS)).expect("a few") + 1;
            let fate = Fate {
                chat,
                ..Fate::default()
            };
            self.book().fates.insert(id, fate);
            assert_eq!(self.telegram.message(chat, "x"), id);
        }
    }

    /// Lives until all is confirmed.
    async fn live(self: &Arc<Self>, store: &SharedLeased, sent: &JoinHandle<()>) {
        let mut draining = JoinSet::new();
        for life in 0.. {
            let mut dice = self.dice(For::Blows, life, 0);
            let bot = Life::start(self, store, usize::try_from(life).expect("a few"));
            let average = match self.lives {
                Lives::Overlapping => 15.0,
                Lives::WithStore | Lives::WithoutStore => 40.0,
            };
            let mut left = Duration::from_secs_f64(dice.wait(average));
            let is_done = || sent.is_finished() && self.telegram.pending().is_empty();
            while !left.is_zero() && !is_done() {
                let step = left.min(Duration::from_secs(1));
                sleep(step).await;
                left -= step;
            }
            let is_killed = dice.chance(0.5) && !is_done();
            if self.lives == Lives::Overlapping && !is_killed {
                let killed_after = dice.chance(0.2).then(|| dice.between(0.0..5.0));
                draining.spawn(bot.drain(killed_after.map(Duration::from_secs_f64)));
                self.book().overlaps += 1;
                sleep(Duration::from_secs_f64(dice.between(0.0..1.0))).await;
            } else {
                // By the end of a stop its unconfirmed updates are known.
                self.is_calm.store(!is_killed, Ordering::Relaxed);
                if is_killed {
                    bot.kill().await;
                } else {
                    bot.drain(None).await;
                }
                self.is_calm.store(false, Ordering::Relaxed);
            }
            if is_done() {
                draining.join_all().await;
                return;
            }
            if draining.is_empty() {
                sleep(Duration::from_secs_f64(dice.between(0.0..3.0))).await;
            }
            while draining.try_join_next().is_some() {}
        }
    }
}

struct HandlerEnd<'a> {
    world: &'a PollingWorld,
    life: usize,
    id: i64,
}

impl Drop for HandlerEnd<'_> {
    fn drop(&mut self) {
        let mut book = self.world.book();
        let chat = book.fates[&self.id].chat;
        let busy = book.busy.get_mut(&(self.life, chat));
        if let Some(busy) = busy.filter(|busy| busy.0 == self.id) {
            busy.1 = false;
        }
    }
}

/// One process of the bot.
struct Life {
    world: Arc<PollingWorld>,
    number: usize,
    shutdown_timeout: Duration,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
    store: MortalStore<Leased>,
    delivery: Option<DeliveryHandle>,
}

impl Life {
    fn start(world: &Arc<PollingWorld>, store: &SharedLeased, number: usize) -> Self {
        let store = MortalStore::new(store.store());
        let layer = DeliveryLayer::with_store(store.clone());
        let has_store = world.has_store();
        let delivery = has_store.then(|| layer.handle());
        let webhook = Webhook::without_secret_token();
        let webhook = if has_store {
            webhook.delivery(layer)
        } else {
            webhook.without_delivery()
        };
        let handling = Arc::clone(world);
        let service = webhook.handler(move |update: Update| {
            let world = Arc::clone(&handling);
            async move { world.handle(number, &update).await }
        });
        let hook = Arc::clone(world);
        let mut dice = world.dice(For::Blows, i64::try_from(number).expect("a few"), 1);
        let shutdown_timeout = match world.lives {
            Lives::Overlapping => Duration::from_secs_f64(dice.between(0.0..10.0)),
            Lives::WithStore | Lives::WithoutStore => Duration::from_secs(120),
        };
        let polling = Polling::new(world.client(number))
            .shutdown_timeout(shutdown_timeout)
            .dead_letter(move |letter| {
                hook.with(letter.update.update_id(), |fate| fate.abandoned += 1);
                std::future::ready(())
            });
        let (stop, stopped) = oneshot::channel();
        let run = polling.run_until(service.into_updates(), async { drop(stopped.await) });
        let running = tokio::spawn(async move { run.await.expect("nothing refuses it") });
        Self {
            world: Arc::clone(world),
            number,
            shutdown_timeout,
            stop,
            running,
            store,
            delivery,
        }
    }

    /// From now on nothing happens in this life.
    async fn kill(self) {
        self.world.book().killed.push(self.number);
        self.store.die();
        self.running.abort();
        assert!(self.running.await.is_err_and(|error| error.is_cancelled()));
        if let Some(delivery) = self.delivery {
            delivery.shutdown(Duration::ZERO).await;
        }
        // Aborted tasks are gone.
        for _ in 0..9 {
            tokio::task::yield_now().await;
        }
    }

    /// A shutdown, during which it may be killed.
    async fn drain(mut self, killed_after: Option<Duration>) {
        let (stop, _) = oneshot::channel();
        let stop = std::mem::replace(&mut self.stop, stop);
        let began = Instant::now();
        self.world.book().draining.push(self.number);
        stop.send(()).expect("it runs");
        let killed_after = killed_after.unwrap_or(Duration::MAX);
        let Ok(ended) = timeout(killed_after, &mut self.running).await else {
            return self.kill().await;
        };
        ended.expect("it ends well");
        let mut book = self.world.book();
        book.stopped += 1;
        if began.elapsed() >= self.shutdown_timeout {
            book.cut_off.push(self.number);
        }
    }
}

/// The results of a run.
struct PollingSum {
    repeated: usize,
    replies_repeated: usize,
    abandoned: usize,
    killed: usize,
    stopped: usize,
    cut_off: usize,
    overlaps: usize,
    calls: usize,
    violations: Vec<String>,
}

impl PollingWorld {
    fn has_store(&self) -> bool {
        self.lives != Lives::WithoutStore
    }

    fn sum(&self) -> PollingSum {
        let mut book = self.book();
        let mut violations = std::mem::take(&mut book.violations);
        let (mut repeated, mut abandoned, mut replies_repeated) = (0, 0, 0);
        for (id, fate) in &book.fates {
            abandoned += fate.abandoned;
            if fate.effects.is_empty() && fate.abandoned == 0 {
                violations.push(format!("{id} is lost: {fate:?}"));
            }
            let cut_off = fate.begun - fate.failed - fate.effects.len();
            if fate.abandoned > 0 && fate.failed + cut_off < MAX_ATTEMPTS {
                violations.push(format!("{id} is abandoned too soon: {fate:?}"));
            }
            let ends = fate.effects.len() + fate.abandoned;
            repeated += ends.saturating_sub(1);
            let is_refused = fate.refused.is_some_and(|(life, times)| {
                let is_killed = book.killed.contains(&life) && !book.draining.contains(&life);
                !is_killed || times >= REFUSALS
            });
            if fate.replies.is_empty() && fate.abandoned == 0 && !is_refused {
                violations.push(format!("the reply of {id} is lost: {fate:?}"));
            }
            let again = fate.replies.iter().rev().skip(1);
            for life in again {
                replies_repeated += 1;
                if !book.killed.contains(life) {
                    violations.push(format!("the reply of {id} is sent twice: {fate:?}"));
                }
            }
            for (life, is_sent) in fate.effects.iter().rev().skip(1) {
                let is_recorded = self.has_store() && *is_sent;
                let is_sent = fate.replies.contains(life);
                let is_cut_off = book.cut_off.contains(life) && !is_sent;
                if !(book.killed.contains(life) || is_cut_off) || is_recorded {
                    violations.push(format!("{id} is handled twice: {fate:?}"));
                }
            }
        }
        PollingSum {
            repeated,
            replies_repeated,
            abandoned,
            killed: book.killed.len(),
            stopped: book.stopped,
            cut_off: book.cut_off.len(),
            overlaps: book.overlaps,
            calls: self.telegram.state().calls.len(),
            violations,
        }
    }
}

impl fmt::Display for PollingSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            repeated,
            replies_repeated,
            abandoned,
            killed,
            stopped,
            cut_off,
            overlaps,
            calls,
            violations,
        } = self;
        write!(
            f,
            "{killed} kills, {stopped} stops, {cut_off} of them cut off, {overlaps} overlaps, {calls} calls, {abandoned} abandoned, {repeated} repeated by kills and \
             {replies_repeated} replies, {} violations",
            violations.len()
        )
    }
}

async fn run(updates: u32, lives: Lives) -> PollingSum {
    let seed = from_env("SEED").unwrap_or(1);
    let updates = from_env("UPDATES").unwrap_or(updates);
    let began = std::time::Instant::now();
    let world = Arc::new(PollingWorld {
        seed,
        lives,
        telegram: PolledTelegram::default(),
        book: Mutex::default(),
        is_calm: false.into(),
        calls: 0.into(),
    });
    let sent = tokio::spawn(Arc::clone(&world).send_all(updates));
    world.live(&SharedLeased::default(), &sent).await;
    let sum = world.sum();
    let time = began.elapsed();
    eprintln!("SEED={seed} {updates} polled updates in {time:.1?}: {sum}");
    assert!(
        sum.violations.is_empty(),
        "SEED={seed}: {sum}\n{}",
        sum.violations[..sum.violations.len().min(20)].join("\n")
    );
    sum
}

#[tokio::test(start_paused = true)]
async fn h1_to_h5_a_polling_bot_that_is_killed_loses_nothing_and_a_store_remembers_the_rest() {
    let sum = run(3_000, Lives::WithStore).await;
    // A run in which nothing goes wrong shows nothing.
    assert!(
        sum.killed > 0 && sum.stopped > 1 && sum.abandoned > 0,
        "{sum}"
    );
}

#[tokio::test(start_paused = true)]
async fn h1_to_h5_a_rolling_restart_loses_nothing_and_sends_each_reply_once() {
    let sum = run(3_000, Lives::Overlapping).await;
    assert!(
        sum.killed > 0 && sum.overlaps > 1 && sum.cut_off > 0,
        "{sum}"
    );
}

#[tokio::test(start_paused = true)]
async fn h1_to_h5_without_a_store_only_kills_repeat_unconfirmed_updates() {
    let sum = run(3_000, Lives::WithoutStore).await;
    assert!(
        sum.killed > 0 && sum.stopped > 1 && sum.repeated > 0,
        "{sum}"
    );
}
