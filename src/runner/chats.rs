//! Attempts for many chats at the same time, and for the updates of each in order.

use std::{
    collections::{BTreeMap, HashMap, VecDeque, vec_deque},
    future::{self, Future},
    hash::Hash,
    time::Duration,
};

use tokio::{
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::{Instant, sleep_until, timeout_at},
};

/// The pause after an attempt that panicked outside its handler, in a destructor for example.
const PANIC_PAUSE: Duration = Duration::from_secs(1);

/// Starts attempts at jobs: those with the same key one after the other, in the order in which they were added.
///
/// A key is a chat's in practice; the jobs of a chat are its updates, of which only the first is ever tried. The
/// owner adds jobs by [`push`](Self::push), and calls [`start`](Self::start) and [`next`](Self::next) in turns.
///
/// When it is dropped, it cuts off the attempts that run.
pub(crate) struct Runner<K, J> {
    /// The chats that have jobs, and no others.
    chats: HashMap<K, ChatJobs<J>>,
    /// Chats whose first job can begin. One may have been removed since.
    ready: VecDeque<K>,
    /// Chats whose first job is tried again later, by time; the number tells those of the same time apart.
    resting: BTreeMap<(Instant, u64), K>,
    /// How many pauses there were.
    rests: u64,
    running: JoinSet<AttemptEnd>,
    /// The chats of the running attempts.
    keys: HashMap<Id, K>,
    /// The most attempts at the same time.
    concurrency: usize,
}

struct ChatJobs<J> {
    /// The first is the one that is tried. There is always at least one.
    jobs: VecDeque<J>,
    /// Those of the first job.
    tries: Tries,
    /// The attempt at the first job.
    running: Option<AbortHandle>,
    /// No further attempt is started.
    is_retired: bool,
}

/// How often a job was tried before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tries {
    /// Attempts whose handler failed.
    pub(crate) failed: u32,
    /// Attempts that say nothing about the update.
    pub(crate) deferred: u32,
}

/// The state of a job after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptEnd {
    /// It is done or abandoned.
    Done,
    /// It is tried again after a pause.
    Again { after: Duration, has_failed: bool },
    /// Another runner has it now.
    #[cfg_attr(not(feature = "queue"), allow(dead_code))]
    Lost,
}

/// An event for the owner of a runner.
#[derive(Debug)]
pub(crate) enum RunnerEvent<K, J> {
    /// This job is done, and the chat's next can begin.
    Done(K, J),
    /// Another runner has a job of this chat now. The chat is removed.
    Lost(K),
    /// A job is to be tried again, now or after a pause.
    Waiting,
}

/// An update that a runner has handled.
pub(crate) trait RunnerJob {
    /// Logs that an attempt at it panicked outside its handler.
    fn log_panic(&self);
}

impl<K, J> Runner<K, J>
where
    K: Clone + Eq + Hash,
    J: RunnerJob,
{
    /// At most so many jobs run at the same time; 0 counts as 1.
    pub(crate) fn new(concurrency: usize) -> Self {
        Self {
            chats: HashMap::new(),
            ready: VecDeque::new(),
            resting: BTreeMap::new(),
            rests: 0,
            running: JoinSet::new(),
            keys: HashMap::new(),
            concurrency: concurrency.max(1),
        }
    }

    /// Adds a job behind all others of its chat.
    pub(crate) fn push(&mut self, key: K, job: J) {
        if let Some(chat) = self.chats.get_mut(&key) {
            chat.jobs.push_back(job);
            return;
        }
        let chat = ChatJobs {
            jobs: VecDeque::from([job]),
            tries: Tries::default(),
            running: None,
            is_retired: false,
        };
        self.chats.insert(key.clone(), chat);
        self.ready.push_back(key);
    }

    /// Starts attempts up to the limit.
    pub(crate) fn start<F>(&mut self, attempt: impl Fn(&K, &J, Tries) -> F)
    where
        F: Future<Output = AttemptEnd> + Send + 'static,
    {
        self.start_in_row(|key, job, _, tries| attempt(key, job, tries));
    }

    /// Starts attempts up to the limit. `attempt` gets the job, and those that follow it in its chat.
    pub(crate) fn start_in_row<F>(
        &mut self,
        attempt: impl Fn(&K, &J, vec_deque::Iter<'_, J>, Tries) -> F,
    ) where
        F: Future<Output = AttemptEnd> + Send + 'static,
    {
        while self.running.len() < self.concurrency
            && let Some(key) = self.ready.pop_front()
        {
            let Some(chat) = self.chats.get_mut(&key) else {
                continue;
            };
            let mut following = chat.jobs.iter();
            let Some(job) = following.next() else {
                continue;
            };
            let attempt = attempt(&key, job, following, chat.tries);
            let running = self.running.spawn(attempt);
            self.keys.insert(running.id(), key);
            chat.running = Some(running);
        }
    }

    /// Waits until an attempt or a pause ends; for ever if there is neither. Dropped while it waits, it loses no
    /// event.
    pub(crate) async fn next(&mut self) -> RunnerEvent<K, J> {
        loop {
            let rest = self.resting.first_key_value().map(|(&(until, _), _)| until);
            tokio::select! {
                biased;
                Some(ended) = self.running.join_next_with_id() => {
                    if let Some(event) = self.ended(ended) {
                        return event;
                    }
                }
                () = until(rest) => {
                    if let Some((_, key)) = self.resting.pop_first() {
                        self.ready.push_back(key);
                        return RunnerEvent::Waiting;
                    }
                }
            }
        }
    }

    /// An attempt that has ended already, if there is one.
    #[cfg(feature = "queue")]
    pub(crate) fn try_next(&mut self) -> Option<RunnerEvent<K, J>> {
        loop {
            let ended = self.running.try_join_next_with_id()?;
            let event = self.ended(ended);
            if event.is_some() {
                return event;
            }
        }
    }

    /// Waits until no attempt runs, for at most `limit`. Returns the events of that time.
    pub(crate) async fn settle(&mut self, limit: Duration) -> Vec<RunnerEvent<K, J>> {
        let end = Instant::now() + limit;
        let mut events = Vec::new();
        while !self.keys.is_empty()
            && let Ok(event) = timeout_at(end, self.next()).await
        {
            events.push(event);
        }
        events
    }

    /// `None` for an attempt that was cut off.
    fn ended(&mut self, ended: Result<(Id, AttemptEnd), JoinError>) -> Option<RunnerEvent<K, J>> {
        let (id, end, has_panicked) = match ended {
            Ok((id, end)) => (id, end, false),
            Err(error) => {
                let (after, has_failed) = (PANIC_PAUSE, true);
                let end = AttemptEnd::Again { after, has_failed };
                (error.id(), end, error.is_panic())
            }
        };
        let key = self.keys.remove(&id)?;
        let chat = self.chats.get_mut(&key)?;
        chat.running = None;
        if has_panicked && let Some(job) = chat.jobs.front() {
            job.log_panic();
        }
        match end {
            AttemptEnd::Lost => {
                self.chats.remove(&key);
                Some(RunnerEvent::Lost(key))
            }
            AttemptEnd::Done => {
                chat.tries = Tries::default();
                let job = chat.jobs.pop_front()?;
                if chat.is_retired || chat.jobs.is_empty() {
                    self.chats.remove(&key);
                } else {
                    self.ready.push_back(key.clone());
                }
                Some(RunnerEvent::Done(key, job))
            }
            AttemptEnd::Again { after, has_failed } => {
                let count = if has_failed {
                    &mut chat.tries.failed
                } else {
                    &mut chat.tries.deferred
                };
                *count = count.saturating_add(1);
                if chat.is_retired {
                    self.chats.remove(&key);
                } else {
                    self.rests += 1;
                    let until = Instant::now() + after;
                    self.resting.insert((until, self.rests), key);
                }
                Some(RunnerEvent::Waiting)
            }
        }
    }

    /// How many chats wait to be started.
    #[cfg(feature = "queue")]
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Starts no further attempt in these chats. Running ones go on.
    pub(crate) fn retire(&mut self, of: impl Fn(&K) -> bool) {
        self.resting.retain(|_, key| !of(key));
        self.ready.retain(|key| !of(key));
        self.chats.retain(|key, chat| {
            if of(key) {
                chat.jobs.truncate(1);
                chat.is_retired = true;
            }
            chat.running.is_some() || !chat.is_retired
        });
    }

    /// Starts no other jobs than these. Running ones go on, and are tried again.
    pub(crate) fn retain(&mut self, keep: impl Fn(&J) -> bool) {
        self.chats.retain(|_, chat| {
            let running = chat.running.as_ref().and_then(|_| chat.jobs.pop_front());
            chat.jobs.retain(&keep);
            if let Some(running) = running {
                chat.jobs.push_front(running);
            }
            !chat.jobs.is_empty()
        });
    }

    /// The jobs whose attempt runs, in no order.
    pub(crate) fn running(&self) -> impl Iterator<Item = &J> {
        let running = self.chats.values().filter(|chat| chat.running.is_some());
        running.filter_map(|chat| chat.jobs.front())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chats.is_empty()
    }

    /// Removes these chats and cuts off their attempts. Returns the jobs that were cut off.
    pub(crate) fn cut_off(&mut self, of: impl Fn(&K) -> bool) -> Vec<(K, J)> {
        self.retire(&of);
        let keys = self.chats.keys().filter(|&key| of(key)).cloned();
        let keys: Vec<_> = keys.collect();
        let mut jobs = Vec::new();
        for key in keys {
            let Some(mut chat) = self.chats.remove(&key) else {
                continue;
            };
            if let Some(running) = chat.running {
                running.abort();
                // If it ends nevertheless, that is too late.
                self.keys.remove(&running.id());
            }
            jobs.extend(chat.jobs.pop_front().map(|job| (key, job)));
        }
        jobs
    }

    /// Cuts off all attempts, and waits until their futures are dropped.
    pub(crate) async fn shutdown(&mut self) -> Vec<(K, J)> {
        let jobs = self.cut_off(|_| true);
        self.running.shutdown().await;
        jobs
    }

    /// Whether an attempt runs in one of these chats.
    #[cfg_attr(not(feature = "queue"), allow(dead_code))]
    pub(crate) fn is_running(&self, of: impl Fn(&K) -> bool) -> bool {
        self.keys.values().any(of)
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    type Log = Arc<Mutex<Vec<String>>>;

    /// A job fails so often, then takes so many seconds.
    type Job = (&'static str, u32, u64);

    impl RunnerJob for Job {
        fn log_panic(&self) {}
    }

    impl RunnerJob for u32 {
        fn log_panic(&self) {}
    }

    fn attempt(log: &Log, job: Job, tries: Tries) -> impl Future<Output = AttemptEnd> + use<> {
        let log = Arc::clone(log);
        async move {
            let (name, failures, seconds) = job;
            log.lock().unwrap().push(format!("{name} begins"));
            if tries.failed < failures {
                let (after, has_failed) = (SECOND, true);
                return AttemptEnd::Again { after, has_failed };
            }
            tokio::time::sleep(SECOND * u32::try_from(seconds).unwrap()).await;
            log.lock().unwrap().push(format!("{name} ends"));
            AttemptEnd::Done
        }
    }

    /// Runs until so many jobs are done.
    async fn run(runner: &mut Runner<u32, Job>, log: &Log, jobs: usize) {
        let mut done = 0;
        while done < jobs {
            runner.start(|_, &job, tries| attempt(log, job, tries));
            if let RunnerEvent::Done(..) = runner.next().await {
                done += 1;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn h1_a_chat_that_rests_or_is_slow_holds_up_itself_alone() {
        let (mut runner, log) = (Runner::new(9), Log::default());
        runner.push(1, ("fails", 2, 0));
        runner.push(1, ("next", 0, 0));
        runner.push(2, ("slow", 0, 9));
        runner.push(3, ("other", 0, 0));
        run(&mut runner, &log, 4).await;
        assert_eq!(
            *log.lock().unwrap(),
            [
                "fails begins",
                "slow begins",
                "other begins",
                "other ends",
                "fails begins",
                "fails begins",
                "fails ends",
                "next begins",
                "next ends",
                "slow ends",
            ]
        );
        assert!(runner.chats.is_empty() && runner.ready.is_empty());
        assert!(runner.keys.is_empty() && runner.resting.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_run_at_once_than_are_to() {
        let (mut runner, log) = (Runner::new(2), Log::default());
        for chat in 0..5 {
            runner.push(chat, ("x", 0, 1));
        }
        let started = Instant::now();
        run(&mut runner, &log, 5).await;
        assert_eq!(started.elapsed(), SECOND * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_chat_that_is_retired_ends_what_runs_and_begins_nothing() {
        let (mut runner, log) = (Runner::new(9), Log::default());
        runner.push(1, ("runs", 0, 1));
        runner.push(1, ("waits", 0, 0));
        runner.push(2, ("fails", 1, 0));
        runner.push(3, ("stays", 0, 2));
        runner.start(|_, &job, tries| attempt(&log, job, tries));
        runner.next().await;
        runner.retire(|&key| key < 3);
        assert!(runner.is_running(|&key| key == 1));
        run(&mut runner, &log, 2).await;
        assert!(!runner.is_running(|_| true));
        let log = log.lock().unwrap();
        assert!(!log.contains(&"waits begins".to_owned()), "{log:?}");
        assert_eq!(log.iter().filter(|what| *what == "fails begins").count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn only_jobs_that_are_kept_begin() {
        let (mut runner, log) = (Runner::new(9), Log::default());
        for job in [("runs", 0, 1), ("kept", 0, 0), ("gone", 0, 0)] {
            runner.push(1, job);
        }
        runner.push(2, ("gone too", 1, 0));
        runner.push(3, ("kept too", 1, 0));
        runner.start(|_, &job, tries| attempt(&log, job, tries));
        for _ in 0..2 {
            assert!(matches!(runner.next().await, RunnerEvent::Waiting));
        }
        assert_eq!(runner.running().collect::<Vec<_>>(), [&("runs", 0, 1)]);
        runner.retain(|(name, ..)| name.starts_with("kept"));
        run(&mut runner, &log, 3).await;
        assert!(runner.is_empty());
        let log = log.lock().unwrap();
        let begun = |name: &str| {
            log.iter()
                .filter(|what| *what == &format!("{name} begins"))
                .count()
        };
        let names = ["runs", "kept", "gone", "gone too", "kept too"];
        assert_eq!(names.map(begun), [1, 1, 0, 1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn settling_ends_with_the_last_attempt_or_its_time() {
        for (limit, expected) in [(3, 1), (9, 2)] {
            let (mut runner, log) = (Runner::new(9), Log::default());
            runner.push(1, ("short", 0, 1));
            runner.push(2, ("long", 0, 5));
            runner.start(|_, &job, tries| attempt(&log, job, tries));
            let began = Instant::now();
            let events = runner.settle(SECOND * limit).await;
            assert_eq!(events.len(), expected, "{events:?}");
            assert_eq!(began.elapsed(), SECOND * limit.min(5));
            assert_eq!(runner.is_running(|_| true), expected == 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_cut_off_is_named_and_never_ends() {
        let (mut runner, log) = (Runner::new(9), Log::default());
        runner.push(1, ("runs", 0, 1));
        runner.push(1, ("waits", 0, 0));
        runner.push(2, ("stays", 0, 2));
        runner.start(|_, &job, tries| attempt(&log, job, tries));
        tokio::task::yield_now().await;
        let cut_off = runner.cut_off(|&key| key == 1);
        assert_eq!(cut_off, [(1, ("runs", 0, 1))]);
        run(&mut runner, &log, 1).await;
        assert_eq!(
            *log.lock().unwrap(),
            ["runs begins", "stays begins", "stays ends"]
        );
        assert!(runner.shutdown().await.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_panics_has_failed_and_its_chat_goes_on() {
        let mut runner: Runner<u32, u32> = Runner::new(9);
        runner.push(1, 1);
        runner.push(1, 2);
        let mut done = Vec::new();
        while done.len() < 2 {
            runner.start(|_, &job, tries| async move {
                if job == 1 && tries.failed < 2 {
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
                AttemptEnd::Done
            });
            if let RunnerEvent::Done(_, job) = runner.next().await {
                done.push(job);
            }
        }
        assert_eq!(done, [1, 2]);
    }
}
