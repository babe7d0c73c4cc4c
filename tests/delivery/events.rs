//! D8 and D12: each event about an update has its number, and an error is logged with its chain.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response, StatusCode};
use tokio::time::sleep;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_telegram::{
    Reply,
    webhook::{
        DeliveryLayer, RawUpdate, ReplyBody, SequenceLayer,
        delivery::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
        sequence::{LockError, LockGuard, SequenceLock},
    },
};

use crate::support::log::Log;

fn update() -> Request<RawUpdate> {
    let json = r#"{"update_id":7,"message":{"chat":{"id":1}}}"#;
    Request::new(RawUpdate::from_bytes(json.into()).expect("an update"))
}

async fn handle(_: Request<RawUpdate>) -> Result<Response<ReplyBody>, Infallible> {
    Ok(Response::default())
}

struct BrokenLock;
struct NoGuard;

impl LockGuard for NoGuard {
    async fn release(self) {}
}

impl SequenceLock for BrokenLock {
    type Guard = NoGuard;

    async fn acquire(&self, _: &str) -> Result<NoGuard, LockError> {
        Err(LockError::new("connection refused"))
    }
}

#[tokio::test]
async fn d8_a_lock_that_fails_is_logged_with_the_update_and_the_cause() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let layer = SequenceLayer::new().with_lock(BrokenLock);
    let response = layer.layer(service_fn(handle)).oneshot(update()).await;
    let status = response.expect("a response").status();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let text = log.text();
    for part in [
        "sequence lock unavailable",
        "update_id=7",
        "connection refused",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// A store that can't record anything.
struct ReadOnly;

impl DeliveryStore for ReadOnly {
    async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
        Ok(Claim::Acquired(ClaimToken::new(key, 1, 1)))
    }

    async fn finish(&self, _: &ClaimToken, _: Option<&Reply>) -> Result<bool, StoreError> {
        Err(StoreError::new("disk full"))
    }

    async fn fail(&self, _: &ClaimToken) -> Result<bool, StoreError> {
        Err(StoreError::new("disk full"))
    }

    async fn release(&self, _: &ClaimToken) -> Result<bool, StoreError> {
        Err(StoreError::new("disk full"))
    }
}

#[tokio::test(start_paused = true)]
async fn d12_each_failure_to_record_an_update_is_logged_with_its_number() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let layer = DeliveryLayer::with_store(ReadOnly);
    let response = layer.layer(service_fn(handle)).oneshot(update()).await;
    assert_eq!(response.expect("a response").status(), StatusCode::OK);
    sleep(Duration::from_secs(60 * 60)).await;
    let text = log.text();
    for part in [
        "failed to mark update as handled",
        "update_id=7",
        "disk full",
        "retry=10",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// A rejection of a request whose update is known has its number.
#[tokio::test]
async fn d14_an_update_without_room_is_logged_with_its_number() {
    use tower_telegram::webhook::UpdateLayer;

    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let layer = DeliveryLayer::new();
    layer.handle().close();
    let webhook = UpdateLayer::new().layer(layer.layer(service_fn(handle)));
    let request = Request::post("/")
        .header("content-type", "application/json")
        .body(r#"{"update_id":7,"message":{"chat":{"id":1}}}"#.to_owned())
        .expect("a request");
    let response = webhook.oneshot(request).await.expect("a response");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let text = log.text();
    assert!(text.contains("request rejected"), "{text}");
    assert!(text.contains("update_id=7"), "{text}");
}

#[test]
fn b9_an_update_that_does_not_fit_is_logged_with_its_number() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let text = r#"{"message":{"chat":5},"update_id":7}"#;
    let update = tower_telegram::types::Update::from_slice(text.as_bytes());
    assert_eq!(update.expect("an update").update_id, 7);
    let text = log.text();
    assert!(text.contains("doesn't fit its type"), "{text}");
    assert!(text.contains("update_id=7"), "{text}");
}
