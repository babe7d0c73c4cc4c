//! G13: the smallest and the largest value of each setting of the layers between an update and its handler.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response, StatusCode};
use tokio::time::{sleep, timeout};
use tower::{
    Layer, Service, ServiceExt as _, layer::util::Stack, service_fn, util::BoxCloneSyncService,
};
use tower_telegram::{
    Client,
    types::UpdateType,
    webhook::{
        DeadlineLayer, DeliveryLayer, HandlerTimeoutLayer, RawUpdate, ReplyBody, SequenceLayer,
        delivery::MemoryStore,
    },
};

/// Whatever takes this long hangs.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HANDLER_TIME: Duration = Duration::from_secs(1);
const DURATIONS: [Duration; 2] = [Duration::ZERO, Duration::MAX];

fn update(update_id: i64) -> Request<RawUpdate> {
    let json = format!(r#"{{"update_id":{update_id},"message":{{"chat":{{"id":1}}}}}}"#);
    Request::new(RawUpdate::from_bytes(json.into()).expect("an update"))
}

/// The statuses of an update that is sent until it is handled, six times at most.
async fn statuses<L, S>(layer: L) -> Vec<u16>
where
    L: Layer<Handler, Service = S>,
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>, Error = Infallible> + Clone,
{
    let service = layer.layer(handler());
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let response = timeout(DAY, service.clone().oneshot(update(7))).await;
        let response = response.expect("it doesn't hang").expect("a response");
        statuses.push(response.status().as_u16());
        if response.status() == StatusCode::OK {
            break;
        }
        sleep(HANDLER_TIME).await;
    }
    statuses
}

type Handler = BoxCloneSyncService<Request<RawUpdate>, Response<ReplyBody>, Infallible>;

/// Takes a second.
fn handler() -> Handler {
    Handler::new(service_fn(async |_| {
        sleep(HANDLER_TIME).await;
        Ok(Response::default())
    }))
}

fn client() -> Client {
    let token = "1:token".parse().expect("a token");
    Client::with_base_url(&token, "http://127.0.0.1:9").expect("a url")
}

#[tokio::test(start_paused = true)]
async fn g13_no_setting_of_a_deadline_panics_or_loses_an_update() {
    // After a 503 the redelivery finds the handler at work, or the update handled.
    for (limit, expected) in DURATIONS.into_iter().zip([503, 200]) {
        for deadline in [
            DeadlineLayer::new(limit),
            DeadlineLayer::default().limit_for(UpdateType::Message, limit),
        ] {
            let stack = Stack::new(DeliveryLayer::new(), deadline);
            let statuses = statuses(stack).await;
            assert_eq!(statuses.first(), Some(&expected));
            assert_eq!(statuses.last(), Some(&200));
        }
        let ack = DeadlineLayer::ack_after(limit, client());
        let stack = Stack::new(DeliveryLayer::new(), ack);
        assert_eq!(statuses(stack).await, [200]);
    }
}

#[tokio::test(start_paused = true)]
async fn g13_no_setting_of_deliveries_panics_or_wedges_them() {
    for count in [0, usize::MAX] {
        for age in DURATIONS {
            let store = MemoryStore::with_capacity(count)
                .max_reply_bytes(count)
                .max_reply_age(age);
            let layer = DeliveryLayer::with_store(store).max_running(count);
            for attempts in [0, u32::MAX] {
                let layer = layer.clone().max_attempts(attempts);
                let handle = layer.handle();
                let service = layer.layer(handler());
                for update_id in [7, 8, 7] {
                    let handled = service.clone().oneshot(update(update_id));
                    let handled = timeout(DAY, handled).await.expect("it doesn't hang");
                    assert_eq!(handled.expect("a response").status(), StatusCode::OK);
                }
                assert_eq!(handle.running(), 0);
            }
        }
    }
    for limit in DURATIONS {
        let layer = DeliveryLayer::new();
        let handle = layer.handle();
        let running = tokio::spawn(layer.layer(handler()).oneshot(update(7)));
        while handle.running() == 0 {
            tokio::task::yield_now().await;
        }
        let report = timeout(DAY, handle.shutdown(limit)).await;
        let report = report.expect("it doesn't hang");
        assert_eq!(report.is_clean(), !limit.is_zero());
        assert!(running.await.expect("no panic").is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn g13_no_setting_of_a_sequence_panics_or_wedges_it() {
    for count in [0, usize::MAX] {
        for wait in DURATIONS {
            let layer = SequenceLayer::new()
                .max_waiting(count)
                .max_waiting_per_key(count)
                .max_wait(wait);
            let service = layer.layer(handler());
            // The first is handled at once; the settings decide whether the second can wait.
            let both = tokio::join!(
                service.clone().oneshot(update(7)),
                service.clone().oneshot(update(8)),
            );
            assert_eq!(both.0.expect("a response").status(), StatusCode::OK);
            let waits = count > 0 && !wait.is_zero();
            let expected = if waits { 200 } else { 503 };
            assert_eq!(both.1.expect("a response").status().as_u16(), expected);
            assert_eq!(statuses(layer).await, [200], "it isn't wedged");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g13_no_setting_of_a_handlers_time_panics_or_wedges_it() {
    for (limit, expected) in DURATIONS.into_iter().zip([500, 200]) {
        for layer in [
            HandlerTimeoutLayer::new(limit),
            HandlerTimeoutLayer::new(limit).leave_running(),
        ] {
            let stack = Stack::new(layer, DeliveryLayer::new());
            let statuses = statuses(stack).await;
            assert_eq!(statuses.first(), Some(&expected));
            // Five attempts have failed, and the update is abandoned.
            assert_eq!(statuses.last(), Some(&200));
        }
    }
}
