//! A Telegram without a wire: its queues, its window, its back-off, its time limits, and how long it keeps
//! an update. Its connections (how fast they are opened, which are closed) aren't simulated.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tower_telegram::webhook::RawUpdate;

use super::{
    Plan,
    replica::{ReplicaAnswer, World},
    rng::{Dice, For},
};

const MAX_CONNECTIONS: usize = 40;
const CHATS: usize = 400;
/// How many updates come in a second.
const RATE: f64 = 40.0;

/// The updates of one are sent one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum QueueId {
    Chat(i64),
    Presses(i64),
    Inline(i64),
}

#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub(crate) id: i64,
    pub(crate) queue: QueueId,
    /// The key by which a `SequenceLayer` orders it.
    pub(crate) chat: i64,
    json: Bytes,
    dies_at: Instant,
    attempts: u64,
    delay: u64,
}

impl Update {
    fn new(plan: &Plan, id: i64, born: Instant) -> Self {
        let mut dice = Dice::new(plan.seed, For::Update, id.cast_unsigned(), 0);
        let chat = i64::try_from(dice.below(CHATS)).expect("a few") + 1;
        let at = format!(r#"{{"message_id":1,"date":1,"chat":{{"id":{chat},"type":"private"}}}}"#);
        let from = format!(r#"{{"id":{chat},"is_bot":false,"first_name":"A"}}"#);
        let (queue, life, payload) = match dice.below(20) {
            0 => {
                let query = format!(r#""inline_query":{{"id":"1","from":{from}}}"#);
                (QueueId::Inline(chat), 30.0, query)
            }
            1..5 => {
                let press = format!(r#""callback_query":{{"from":{from},"message":{at}}}"#);
                (QueueId::Presses(chat), 150.0, press)
            }
            5 => (
                QueueId::Chat(chat),
                86400.0,
                format!(r#""edited_message":{at}"#),
            ),
            _ => (QueueId::Chat(chat), 86400.0, format!(r#""message":{at}"#)),
        };
        Self {
            id,
            queue,
            chat,
            json: format!("{{\"update_id\":{id},\n{payload}}}").into(),
            dies_at: born + plan.seconds(life),
            attempts: 0,
            delay: 1,
        }
    }

    pub(crate) fn raw(&self) -> RawUpdate {
        RawUpdate::from_bytes(self.json.clone()).expect("it is an update")
    }

    /// How long to wait before the next attempt, in seconds: not at all, then 2, 4 … 64, then about 90.
    fn back_off(&mut self, dice: &mut Dice) -> f64 {
        let first = self.attempts == 1;
        self.delay = if first { 1 } else { self.delay * 2 };
        match self.delay {
            _ if first => 0.0,
            seconds @ ..=64 => f64::from(u32::try_from(seconds).unwrap_or(64)),
            _ => {
                self.delay = 64;
                dice.between(60.0..120.0)
            }
        }
    }
}

/// The result of sending it.
#[derive(Clone, Copy, Debug)]
enum Seen {
    Answer(ReplicaAnswer),
    /// Not within 60 seconds.
    Late,
    /// The connection broke.
    Broken,
    /// No replica was there.
    Refused,
}

/// Telegram's own results of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) acked: u64,
    /// Dropped, as their lives were over.
    pub(crate) expired: u64,
    /// Those of them that would have been over by the time the bot asked for.
    pub(crate) expired_by_request: u64,
    pub(crate) attempts: u64,
    pub(crate) failed: u64,
    pub(crate) late: u64,
    pub(crate) broken: u64,
    pub(crate) refused: u64,
    pub(crate) twice: u64,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} acked, {} expired ({} of them as asked for), in {} attempts: {} failed, {} late, {} \
             broken, {} refused; {} doubled on the way",
            self.acked,
            self.expired,
            self.expired_by_request,
            self.attempts,
            self.failed,
            self.late,
            self.broken,
            self.refused,
            self.twice
        )
    }
}

struct Telegram<'a> {
    world: &'a Arc<World>,
    next_id: i64,
    last_id: i64,
    next_at: Instant,
    backlog: VecDeque<Update>,
    queues: BTreeMap<QueueId, VecDeque<Update>>,
    /// The queues that are due, by time.
    ready: BTreeSet<(Instant, i64, QueueId)>,
    under_way: JoinSet<(Update, Seen, bool)>,
    told: Told,
}

/// Sends all of them, until each has been taken or is too old.
pub(crate) async fn deliver_all(world: &Arc<World>) -> Told {
    let mut telegram = Telegram {
        world,
        next_id: 1,
        last_id: world.plan.updates.into(),
        next_at: Instant::now(),
        backlog: VecDeque::new(),
        queues: BTreeMap::new(),
        ready: BTreeSet::new(),
        under_way: JoinSet::new(),
        told: Told::default(),
    };
    while telegram.go_on().await {}
    // Whatever is still on its way arrives.
    sleep(world.plan.seconds(200.0)).await;
    telegram.told
}

impl Telegram<'_> {
    async fn go_on(&mut self) -> bool {
        self.receive();
        self.load();
        self.send();
        let coming = (self.next_id <= self.last_id).then_some(self.next_at);
        let ready = self.ready.first().map(|(at, ..)| *at);
        let ready = ready.filter(|_| self.under_way.len() < MAX_CONNECTIONS);
        let next = coming.into_iter().chain(ready).min();
        if next.is_none() && self.under_way.is_empty() {
            return false;
        }
        tokio::select! {
            biased;
            Some(done) = self.under_way.join_next() => {
                let (update, seen, twice) = done.expect("no attempt panics");
                self.told.twice += u64::from(twice);
                self.judge(update, seen);
            }
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
        true
    }

    fn receive(&mut self) {
        let plan = &self.world.plan;
        while self.next_id <= self.last_id && self.next_at <= Instant::now() {
            let update = Update::new(plan, self.next_id, self.next_at);
            self.backlog.push_back(update);
            let id = self.next_id.cast_unsigned();
            let mut dice = Dice::new(plan.seed, For::Update, id, 2);
            self.next_at += plan.seconds(dice.wait(1.0 / RATE));
            self.next_id += 1;
        }
    }

    /// Up to the first that would be one queue too many.
    fn load(&mut self) {
        while let Some(update) = self.backlog.front() {
            let (queue, id) = (update.queue, update.id);
            if !self.queues.contains_key(&queue) {
                if self.queues.len() >= 2 * MAX_CONNECTIONS {
                    return;
                }
                self.ready.insert((Instant::now(), id, queue));
            }
            let waiting = self.queues.entry(queue).or_default();
            waiting.extend(self.backlog.pop_front());
        }
    }

    fn send(&mut self) {
        let now = Instant::now();
        while self.under_way.len() < MAX_CONNECTIONS
            && self.ready.first().is_some_and(|(at, ..)| *at <= now)
            && let Some((_, _, queue)) = self.ready.pop_first()
            && let Some(mut update) = self.queues.get_mut(&queue).and_then(VecDeque::pop_front)
        {
            if now > update.dies_at {
                self.expire(&update);
                continue;
            }
            update.attempts += 1;
            self.told.attempts += 1;
            self.under_way
                .spawn(attempt(Arc::clone(self.world), update));
        }
    }

    fn expire(&mut self, update: &Update) {
        self.world.book.dropped(update.id);
        self.told.expired += 1;
        self.free(update.queue);
    }

    /// The next of the queue has its turn.
    fn free(&mut self, queue: QueueId) {
        match self.queues.get(&queue).and_then(VecDeque::front) {
            Some(next) => {
                self.ready.insert((Instant::now(), next.id, queue));
            }
            None => {
                self.queues.remove(&queue);
            }
        }
    }

    fn judge(&mut self, mut update: Update, seen: Seen) {
        let plan = &self.world.plan;
        let mut dice = Dice::new(
            plan.seed,
            For::Outcome,
            update.id.cast_unsigned(),
            update.attempts,
        );
        let asked_for = match seen {
            Seen::Answer(answer) if answer.is_success => {
                self.told.acked += 1;
                self.world.book.saw(update.id, answer.has_reply);
                return self.free(update.queue);
            }
            Seen::Answer(answer) => {
                self.told.failed += 1;
                answer.retry_after
            }
            Seen::Late => {
                self.told.late += 1;
                None
            }
            Seen::Broken => {
                self.told.broken += 1;
                None
            }
            Seen::Refused => {
                self.told.refused += 1;
                Some(2)
            }
        };
        let wait = match asked_for {
            Some(seconds) => f64::from(u32::try_from(seconds.min(3600)).expect("an hour")),
            None => update.back_off(&mut dice),
        };
        let at = Instant::now() + plan.seconds(wait);
        if at > update.dies_at {
            self.told.expired_by_request += u64::from(asked_for.is_some());
            return self.expire(&update);
        }
        let queue = update.queue;
        self.ready.insert((at, update.id, queue));
        let waiting = self
            .queues
            .get_mut(&queue)
            .expect("it is there while one is under way");
        waiting.push_front(update);
    }
}

async fn attempt(world: Arc<World>, update: Update) -> (Update, Seen, bool) {
    let (plan, book) = (&world.plan, &world.book);
    let mut dice = Dice::new(
        plan.seed,
        For::Attempt,
        update.id.cast_unsigned(),
        update.attempts,
    );
    let Some(replica) = world.any(&mut dice) else {
        return (update, Seen::Refused, false);
    };
    let doubled = [
        (plan.chances.twice, 0.0..1.0),
        (plan.chances.replay, 1.0..150.0),
    ];
    let mut twice = false;
    for (likely, times) in doubled {
        if dice.chance(likely) {
            twice = true;
            // The reply may go to the double, whose response is never read.
            book.muddled(update.id);
            let wait = plan.seconds(dice.between(times));
            tokio::spawn(repeat_request(Arc::clone(&world), update.clone(), wait));
        }
    }
    let is_lost = dice.chance(plan.chances.lost);
    let limit = if dice.chance(plan.chances.hang_up) {
        dice.between(0.0..0.3)
    } else {
        60.0
    };
    let asking = timeout(plan.seconds(limit), replica.ask(book, &update));
    let seen = match asking.await {
        Err(_) if limit < 60.0 => Seen::Broken,
        Err(_) => Seen::Late,
        Ok(None) => Seen::Broken,
        Ok(Some(_)) if is_lost => Seen::Broken,
        Ok(Some(answer)) => Seen::Answer(answer),
    };
    (update, seen, twice)
}

/// A request that a proxy or a broken connection has sent before is repeated, and its response is never read.
async fn repeat_request(world: Arc<World>, update: Update, wait: Duration) {
    sleep(wait).await;
    let mut dice = Dice::new(
        world.plan.seed,
        For::Attempt,
        update.id.cast_unsigned(),
        u64::MAX - update.attempts,
    );
    if let Some(replica) = world.any(&mut dice) {
        let limit = world.plan.seconds(60.0);
        drop(timeout(limit, replica.ask(&world.book, &update)).await);
    }
}
