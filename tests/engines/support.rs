//! Workers of an engine, and deliveries to it.

use std::{convert::Infallible, future::ready, sync::Arc};

use http::{Request, Response, StatusCode};
use tower::{BoxError, ServiceExt as _, service_fn};
use tower_telegram::{
    Client,
    client::{ApiBody, ApiRequest, BotApi},
    queue::{Enqueue, QueueWriter, Worker},
    webhook::{RawUpdate, ReplyBody},
};

use crate::{
    engine::Engine,
    queue::{AttemptLog, KillableWorker, SECOND, until_count, until_taken},
};

/// The result of a handler.
pub(crate) type Handled = Result<Response<ReplyBody>, BoxError>;

/// A client whose calls all succeed.
pub(crate) fn client() -> Client {
    let http = service_fn(|_: Request<ApiBody>| {
        let answer = r#"{"ok":true,"result":true}"#;
        ready(Ok::<_, Infallible>(Response::new(answer.to_owned())))
    });
    let token = "4839574812:AAFD39kkdpWt3".parse().unwrap();
    let api = BotApi::telegram(http, &token);
    Client::from_service(service_fn(move |call: ApiRequest| {
        api.clone().oneshot(call)
    }))
}

pub(crate) async fn until_updates<E: Engine>(engine: &E, count: usize) {
    until_count(count, || engine.updates()).await;
}

/// The response to Telegram.
pub(crate) async fn deliver(
    queue: &(impl QueueWriter + Clone),
    update: RawUpdate,
) -> Response<ReplyBody> {
    let answer = Enqueue::new(queue.clone())
        .oneshot(Request::new(update))
        .await;
    answer.unwrap_or_else(|never| match never {})
}

/// As often as it takes, and sooner than Telegram would.
pub(crate) async fn deliver_until_taken(queue: &(impl QueueWriter + Clone), update: RawUpdate) {
    until_taken(|| deliver(queue, update.clone())).await;
}

pub(crate) async fn fill(
    queue: &(impl QueueWriter + Clone),
    updates: impl IntoIterator<Item = RawUpdate>,
) {
    for update in updates {
        let status = deliver(queue, update).await.status();
        assert_eq!(status, StatusCode::OK);
    }
}

/// Starts a worker. `handler` gets the number of the update, and how often it has begun.
pub(crate) fn start_worker<E, H, F>(engine: &Arc<E>, log: &AttemptLog, handler: H) -> KillableWorker
where
    E: Engine,
    H: Fn(i64, usize) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Handled> + Send + 'static,
{
    start_worker_with(engine, log, |worker| worker, handler)
}

pub(crate) fn start_worker_with<E, H, F>(
    engine: &Arc<E>,
    log: &AttemptLog,
    set: fn(Worker) -> Worker,
    handler: H,
) -> KillableWorker
where
    E: Engine,
    H: Fn(i64, usize) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Handled> + Send + 'static,
{
    let log = log.clone();
    let service = service_fn(move |request: Request<RawUpdate>| {
        let id = request.body().update_id();
        let (log, handling) = (log.clone(), handler(id, log.begin(id)));
        async move {
            let response = handling.await?;
            if response.status().is_success() {
                log.succeed(id);
            }
            Ok::<_, BoxError>(response)
        }
    });
    let engine = Arc::clone(engine);
    KillableWorker::start(async move |stopped| {
        let worker = set(engine.worker(client()).await.poll_every(SECOND / 200));
        worker
            .run_until(service, async { drop(stopped.await) })
            .await
    })
}
