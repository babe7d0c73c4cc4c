//! All connections of a server: how many there are, and which goes when there are too many.

use std::{collections::HashMap, future::Future, io, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep, timeout},
};

use super::{accept::is_of_the_connection, state::ConnectionState};

/// How long to wait after an error of the listener, where no connection could be closed for it.
const ERROR_PAUSE: Duration = Duration::from_millis(200);

/// How often errors of the listener are logged at the most.
const LOG_PAUSE: Duration = Duration::from_secs(1);

/// How often to look for a connection to close where all had a request under way.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Connections {
    max: usize,
    tasks: JoinSet<()>,
    states: HashMap<Id, Arc<ConnectionState>>,
    stop: watch::Sender<bool>,
    logged: Option<Instant>,
}

impl Connections {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            tasks: JoinSet::new(),
            states: HashMap::new(),
            stop: watch::Sender::new(false),
            logged: None,
        }
    }

    /// What says when to stop.
    pub(super) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    pub(super) fn spawn<F>(&mut self, state: Arc<ConnectionState>, connection: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = self.tasks.spawn(connection);
        self.states.insert(task.id(), state);
    }

    /// Waits until there is room for one more, and closes another if there is none.
    pub(super) async fn make_room(&mut self) {
        self.remove_ended();
        while self.states.len() >= self.max {
            self.evict();
            drop(timeout(BUSY_PAUSE, self.end_of_one()).await);
        }
    }

    /// Waits until `accept` may be called again.
    pub(super) async fn recover(&mut self, error: &io::Error) {
        if is_of_the_connection(error) {
            tracing::debug!(%error, "connection failed before it was accepted");
            return;
        }
        if self.may_log() {
            let connections = self.states.len();
            tracing::error!(%error, connections, "accept failed");
        }
        self.remove_ended();
        // What is used up, such as file descriptors, a connection that goes gives back.
        if self.evict() {
            drop(timeout(ERROR_PAUSE, self.end_of_one()).await);
        } else {
            sleep(ERROR_PAUSE).await;
        }
    }

    /// Lets requests finish, and says how many connections were cut off.
    pub(super) async fn shut_down(mut self, patience: Duration) -> usize {
        self.stop.send_replace(true);
        let all = async {
            while !self.states.is_empty() {
                self.end_of_one().await;
            }
        };
        drop(timeout(patience, all).await);
        // What is left ends with the set.
        self.states.len()
    }

    /// Whether it was silent for long enough: a lack of descriptors fails many a time.
    fn may_log(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.logged.is_none_or(|last| now - last >= LOG_PAUSE);
        if is_due {
            self.logged = Some(now);
        }
        is_due
    }

    fn evict(&self) -> bool {
        let ranked = self.states.values();
        let ranked = ranked.filter_map(|state| Some((state.eviction_rank()?, state)));
        let first = ranked.min_by_key(|(rank, _)| *rank);
        first.is_some_and(|(_, state)| state.evict())
    }

    async fn end_of_one(&mut self) {
        if let Some(ended) = self.tasks.join_next_with_id().await {
            self.forget(ended);
        }
    }

    fn remove_ended(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.forget(ended);
        }
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(%error, "connection's task panicked");
                error.id()
            }
        };
        self.states.remove(&id);
    }
}
