//! All connections of a server: their number is limited, and one of them is evicted when there are too many.

use std::{collections::HashMap, future::Future, io, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::timeout,
};

use super::{
    accept::AcceptErrors,
    state::{BUSY_PAUSE, ConnectionState, evict_one},
};

#[derive(Debug)]
pub(super) struct Connections {
    max: usize,
    tasks: JoinSet<()>,
    states: HashMap<Id, Arc<ConnectionState>>,
    stop: watch::Sender<bool>,
    errors: AcceptErrors,
}

impl Connections {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            tasks: JoinSet::new(),
            states: HashMap::new(),
            stop: watch::Sender::new(false),
            errors: AcceptErrors::default(),
        }
    }

    /// Becomes `true` when the server stops.
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
            evict_one(self.states.values());
            drop(timeout(BUSY_PAUSE, self.end_of_one()).await);
        }
    }

    /// Waits until `accept` may be called again.
    pub(super) async fn recover(&mut self, error: &io::Error) {
        self.remove_ended();
        let states = &self.states;
        let evict = || evict_one(states.values());
        let recovery = self.errors.recover(error, states.len(), evict);
        recovery.wait_for(self.end_of_one()).await;
    }

    /// Waits for running requests, and returns how many connections were cut off.
    pub(super) async fn shut_down(mut self, limit: Duration) -> usize {
        self.stop.send_replace(true);
        let all = async {
            while !self.states.is_empty() {
                self.end_of_one().await;
            }
        };
        drop(timeout(limit, all).await);
        // The remaining connections end with the set.
        self.states.len()
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
