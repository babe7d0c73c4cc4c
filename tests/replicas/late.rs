//! A connection to Redis whose first response is read late.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{
    Cmd, Pipeline, RedisFuture, Value,
    aio::{ConnectionLike, ConnectionManager},
};
use tokio::time::sleep;

use super::server::RedisServer;

/// As in a process that is paused after Redis has responded.
#[derive(Clone)]
pub(crate) struct Late {
    connection: ConnectionManager,
    pause: Duration,
    was_paused: Arc<AtomicBool>,
}

impl Late {
    pub(crate) fn first(server: &RedisServer, pause: Duration) -> Self {
        Self {
            connection: server.connection(),
            pause,
            was_paused: Arc::default(),
        }
    }
}

impl ConnectionLike for Late {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let response = self.connection.req_packed_command(cmd).await;
            // A script that Redis doesn't know yet is sent again.
            let is_carried_out = !matches!(response, Ok(Value::ServerError(_)) | Err(_));
            if is_carried_out && !self.was_paused.swap(true, Ordering::Relaxed) {
                sleep(self.pause).await;
            }
            response
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.connection.req_packed_commands(pipeline, offset, count)
    }

    fn get_db(&self) -> i64 {
        self.connection.get_db()
    }
}
