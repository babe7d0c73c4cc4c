//! The queues in which calls wait for their turn.

use std::{borrow::Cow, future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout_at},
};
use tower::ServiceExt as _;
use tower_service::Service;

use super::{
    call::CountedCall,
    memory::{LocalStore, MAX_PAUSE},
    policy::{CallPool, CallScope, ChatScope},
    queued::{QueuedKey, QueuedMessages},
    shared::SharedStore,
};
use crate::{
    client::{ApiRequest, ApiResponse, Error, into_error::MapToClientError},
    task::keyed_queue::KeyedQueue,
    telemetry::{
        call_span::CallSpan,
        metric::{self, method_label},
        names,
    },
};

/// Makes calls as soon as the limits allow them.
pub(super) struct Limiter {
    /// The counts of this process, and the pauses that the shared limits asked for.
    here: Arc<LocalStore>,
    shared: Option<SharedStore>,
    chats: Arc<KeyedQueue<ChatScope>>,
    queued: QueuedMessages,
    /// The queues of the calls that are first in the queue of their chat.
    usual: Mutex<()>,
    paid: Mutex<()>,
}

/// The deadline of the call ends before its turn.
struct TooLate;

impl Limiter {
    pub(super) fn new(here: Arc<LocalStore>, shared: Option<SharedStore>) -> Self {
        Self {
            here,
            shared,
            chats: Arc::default(),
            queued: QueuedMessages::default(),
            usual: Mutex::new(()),
            paid: Mutex::new(()),
        }
    }

    /// The number of chats with calls that wait.
    #[cfg(test)]
    pub(super) fn queued_chats(&self) -> usize {
        self.chats.len()
    }

    pub(super) fn here(&self) -> &Arc<LocalStore> {
        &self.here
    }

    pub(super) async fn call<S>(
        &self,
        inner: MapToClientError<S>,
        call: ApiRequest,
        counted: CountedCall,
    ) -> Result<ApiResponse, Error>
    where
        MapToClientError<S>: Service<ApiRequest, Response = ApiResponse, Error = Error> + Clone,
    {
        let method = call.method_name();
        let span = CallSpan::of(call.extensions());
        let asked = Instant::now();
        let start = self.begin(&counted, inner, call);
        let begun = self.in_time(&counted, start).await;
        let waited = asked.elapsed();
        if let Some(span) = span {
            span.limit_waited(waited);
        }
        if metric::IS_ON {
            names::LIMIT_WAIT.record(waited.as_secs_f64(), [method_label(&method)]);
        }
        let answer = begun.map_err(|TooLate| too_late(method))??.await;
        if let Err(error) = &answer
            && error.is_rate_limited()
            && let Some(time) = error.retry_after()
        {
            self.pause(&counted, time).await;
        }
        answer
    }

    /// Waits for the beginning of a call, and no longer than its deadline.
    async fn in_time<T>(
        &self,
        counted: &CountedCall,
        begin: impl Future<Output = Result<T, TooLate>>,
    ) -> Result<T, TooLate> {
        let Some(due) = counted.deadline() else {
            return begin.await;
        };
        if counted.is_late_after(self.least_wait(counted)) {
            return Err(TooLate);
        }
        // A pause, or calls of other chats, may still delay it.
        timeout_at(due.instant(), begin)
            .await
            .unwrap_or(Err(TooLate))
    }

    /// Makes the call when the limits allow it. It is counted at that moment: a call that is dropped before doesn't
    /// count, and calls don't collect below after they were counted, from where they might be sent at once.
    async fn begin<S>(
        &self,
        counted: &CountedCall,
        inner: MapToClientError<S>,
        call: ApiRequest,
    ) -> Result<BegunCall<S>, TooLate>
    where
        MapToClientError<S>: Service<ApiRequest, Response = ApiResponse, Error = Error> + Clone,
    {
        let chat = &counted.chat;
        let join = |key| self.queued.join(key, counted.messages);
        // Calls without a chat aren't ordered.
        let _in_chat = chat.is_chat().then(|| join(QueuedKey::Chat(chat.clone())));
        let _first_in_chat = if chat.is_chat() {
            Some(self.chats.enter(chat.clone()).turn().await)
        } else {
            None
        };
        loop {
            self.room(CallScope::Chat(chat), counted).await?;
            let _in_all = join(QueuedKey::Pool(counted.pool));
            let _first_of_all = self.first_of(counted.pool).lock().await;
            self.room(CallScope::All(counted.pool), counted).await?;
            let mut inner = inner.clone();
            let ready = match inner.ready().await {
                Ok(ready) => ready,
                Err(error) => return Ok(Err(error)),
            };
            // A pause of the chat may have begun in the meantime.
            match self.take(counted).await {
                Ok(()) => return Ok(Ok(ready.call(call))),
                Err(wait) if counted.is_late_after(wait) => return Err(TooLate),
                Err(_) => {}
            }
        }
    }

    fn first_of(&self, pool: CallPool) -> &Mutex<()> {
        match pool {
            CallPool::Usual => &self.usual,
            CallPool::Paid => &self.paid,
        }
    }

    /// Waits until this scope allows the call.
    async fn room(&self, scope: CallScope<'_>, counted: &CountedCall) -> Result<(), TooLate> {
        loop {
            let wait = self.here.wait(scope, 0, counted.messages);
            if wait.is_zero() {
                return Ok(());
            }
            if counted.is_late_after(wait) {
                return Err(TooLate);
            }
            sleep(wait).await;
        }
    }

    /// The shortest wait of a new call: only the calls that wait already are made before it.
    fn least_wait(&self, counted: &CountedCall) -> Duration {
        let wait = |scope, key| {
            let ahead = self.queued.count(&key);
            self.here.wait(scope, ahead, counted.messages)
        };
        let pool = counted.pool;
        let in_all = wait(CallScope::All(pool), QueuedKey::Pool(pool));
        let chat = &counted.chat;
        let in_chat = wait(CallScope::Chat(chat), QueuedKey::Chat(chat.clone()));
        in_all.max(in_chat)
    }

    async fn take(&self, counted: &CountedCall) -> Result<(), Duration> {
        match &self.shared {
            Some(shared) => shared.take(&self.here, counted).await,
            None => self.here.take(counted),
        }
    }

    /// Pauses the chat of a refused call, or the calls of its method that have no chat.
    async fn pause(&self, counted: &CountedCall, time: Duration) {
        let scope = CallScope::Chat(&counted.chat);
        self.here.pause(scope, time);
        if let Some(shared) = &self.shared {
            // Capped as here, so that an absurd wait doesn't silence a chat for all replicas.
            shared.pause(scope, time.min(MAX_PAUSE)).await;
        }
    }
}

/// A call that was made, or the error of an inner service that isn't ready.
type BegunCall<S> = Result<<MapToClientError<S> as Service<ApiRequest>>::Future, Error>;

fn too_late(method: Cow<'static, str>) -> Error {
    Error::deadline_exceeded().with_method(method)
}
