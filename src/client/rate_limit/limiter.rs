//! The queues in which calls wait for room.

use std::sync::Arc;

use tokio::{sync::Mutex, time::sleep};
use tower::ServiceExt as _;
use tower_service::Service;

use super::{policy::ChatScope, store::Store};
use crate::{
    client::{ApiRequest, ApiResponse, Error, into_error::MapToClientError},
    task::keyed_queue::KeyedQueue,
};

/// Lets calls go when there is room for them.
pub(super) struct Limiter<T> {
    store: T,
    chats: Arc<KeyedQueue<ChatScope>>,
    /// The queue of those that are first in their chat's.
    all: Mutex<()>,
}

impl<T: Store> Limiter<T> {
    pub(super) fn new(store: T) -> Self {
        Self {
            store,
            chats: Arc::default(),
            all: Mutex::new(()),
        }
    }

    /// In how many chats calls wait or are made.
    #[cfg(test)]
    pub(super) fn queued_chats(&self) -> usize {
        self.chats.len()
    }

    pub(super) fn store(&self) -> &T {
        &self.store
    }

    pub(super) async fn call<S>(
        &self,
        inner: MapToClientError<S>,
        call: ApiRequest,
    ) -> Result<ApiResponse, Error>
    where
        MapToClientError<S>: Service<ApiRequest, Response = ApiResponse, Error = Error> + Clone,
    {
        let chat = ChatScope::of(&call);
        let answer = self.begin(chat.as_ref(), inner, call).await?.await;
        if let Err(error) = &answer
            && error.is_rate_limited()
            && let Some(time) = error.retry_after()
        {
            self.store.pause(chat.as_ref(), time).await;
        }
        answer
    }

    /// Makes the call when there is room for it. Nothing is taken down before, so that who goes
    /// away has used up nothing; and nothing is waited for after, so that calls can't bunch up
    /// below and be sent faster than they were let go.
    async fn begin<S>(
        &self,
        chat: Option<&ChatScope>,
        inner: MapToClientError<S>,
        call: ApiRequest,
    ) -> Result<<MapToClientError<S> as Service<ApiRequest>>::Future, Error>
    where
        MapToClientError<S>: Service<ApiRequest, Response = ApiResponse, Error = Error> + Clone,
    {
        let _first_in_chat = match chat {
            Some(chat) => Some(self.chats.enter(chat.clone()).turn().await),
            None => None,
        };
        loop {
            if chat.is_some() {
                self.room(chat).await;
            }
            let _first_of_all = self.all.lock().await;
            self.room(None).await;
            let mut inner = inner.clone();
            let ready = inner.ready().await?;
            // The chat may have been told to pause in the meantime.
            if self.store.take(chat).await {
                return Ok(ready.call(call));
            }
        }
    }

    /// Waits for room in this scope.
    async fn room(&self, scope: Option<&ChatScope>) {
        while let Some(time) = self.store.shut_for(scope).await {
            sleep(time).await;
        }
    }
}
