//! The service that follows migrated groups.

use std::{
    error, fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower::ServiceExt as _;
use tower_service::Service;

use super::migrations::{Migrations, group_of};
use crate::client::{
    ApiRequest, ApiResponse, Error,
    into_error::{IntoErrorFuture, MapToClientError},
};

/// The service of [`MigrateChatLayer`](crate::client::MigrateChatLayer).
#[derive(Clone)]
pub struct MigrateChat<S> {
    inner: MapToClientError<S>,
    migrations: Migrations,
}

impl<S> MigrateChat<S> {
    inner_accessors!(inner.inner);

    pub(super) fn new(inner: S, migrations: Migrations) -> Self {
        Self {
            inner: MapToClientError { inner },
            migrations,
        }
    }

    /// The number of migrations that are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.migrations.remembered()
    }
}

impl<S: fmt::Debug> fmt::Debug for MigrateChat<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MigrateChat")
            .field("inner", &self.inner.inner)
            .finish_non_exhaustive()
    }
}

impl<S> Service<ApiRequest> for MigrateChat<S>
where
    S: Service<ApiRequest, Response = ApiResponse> + Clone + Send + 'static,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
    S::Future: Send,
{
    type Response = ApiResponse;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: ApiRequest) -> ResponseFuture<S::Future> {
        let Some(group) = group_of(&call) else {
            let future = self.inner.call(call);
            return State::Passing { future }.into();
        };
        // The service that was polled ready makes the first call, and the clone the second, if any.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone.clone());
        let migrations = self.migrations.clone();
        let first = inner.call(migrations.follow(group, call.clone()));
        let future = Box::pin(async move {
            let error = match first.await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            match migrations.retry(group, &call, &error) {
                Some(call) => clone.oneshot(call).await,
                None => Err(error),
            }
        });
        State::Following { future }.into()
    }
}

type MigrateFuture = Pin<Box<dyn Future<Output = Result<ApiResponse, Error>> + Send>>;

pin_project! {
    /// The response future of [`MigrateChat`].
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Passing { #[pin] future: IntoErrorFuture<F> },
        Following { future: MigrateFuture },
    }
}

impl<F> From<State<F>> for ResponseFuture<F> {
    fn from(state: State<F>) -> Self {
        Self { state }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<ApiResponse, E>>,
    E: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Output = Result<ApiResponse, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Passing { future } => future.poll(cx),
            StateProj::Following { future } => future.as_mut().poll(cx),
        }
    }
}
