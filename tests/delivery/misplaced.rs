//! A9: a deadline below the deliveries, which the compiler doesn't reject.

use std::time::Duration;

use http::{Request, StatusCode};
use tokio::time::{Instant, sleep};
use tower::{ServiceBuilder, ServiceExt as _};
use tower_telegram::{
    Client, handler_fn,
    types::Update,
    webhook::{DeadlineLayer, RawUpdate, ServiceBuilderExt as _},
};

use crate::support::log::Log;

const HANDLER_TIME: Duration = Duration::from_secs(40);

fn update(update_id: i64) -> Request<RawUpdate> {
    let json = format!(r#"{{"update_id":{update_id},"poll":{{"id":"1"}}}}"#);
    Request::new(RawUpdate::from_bytes(json.into()).expect("an update"))
}

fn client() -> Client {
    let token = "1:token".parse().expect("a token");
    Client::with_base_url(&token, "http://127.0.0.1:9").expect("a url")
}

#[tokio::test(start_paused = true)]
async fn a9_a_deadline_below_deliveries_has_no_effect_and_is_logged_once() {
    let second = Duration::from_secs(1);
    for deadline in [
        DeadlineLayer::new(second),
        DeadlineLayer::ack_after(second, client()),
    ] {
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(log.clone());
        let service = ServiceBuilder::new()
            .delivery()
            .layer(deadline)
            .parse::<Update>()
            .reply()
            .service(handler_fn(async |_: Update| sleep(HANDLER_TIME).await));
        for update_id in [1, 2] {
            let start = Instant::now();
            let response = service.clone().oneshot(update(update_id)).await;
            assert_eq!(response.expect("a response").status(), StatusCode::OK);
            assert_eq!(start.elapsed(), HANDLER_TIME);
        }
        let text = log.text();
        let logged = "DeadlineLayer has no effect below DeliveryLayer: put it above";
        // An event's message is written as `{:?} {:#?}`.
        assert_eq!(text.matches(logged).count(), 2, "{text}");
        assert!(text.contains("update_id=1"), "{text}");
    }
}

/// As `Webhook` has them.
#[tokio::test(start_paused = true)]
async fn a9_a_deadline_above_deliveries_ends_the_wait() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let service = ServiceBuilder::new()
        .deadline(Duration::from_secs(1))
        .delivery()
        .parse::<Update>()
        .reply()
        .service(handler_fn(async |_: Update| sleep(HANDLER_TIME).await));
    let late = service.clone().oneshot(update(1)).await;
    let late = late.expect("a response");
    assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!log.text().contains("has no effect"), "{}", log.text());
}
