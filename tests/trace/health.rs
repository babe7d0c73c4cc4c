//! `/livez` and `/readyz`.

use std::{
    convert::Infallible,
    future::{pending, ready},
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::time::timeout;
use tower::{Service, ServiceExt as _, service_fn};
use tower_telegram::{
    BytesBody, Client,
    client::{ApiRequest, ApiResponse},
    health::{Livez, Readyz},
    methods::SetWebhook,
    webhook::registration::WebhookHealth,
};

use super::support::until;

async fn probe<S>(service: S) -> (u16, String)
where
    S: Service<Request<()>, Response = Response<BytesBody>, Error = Infallible>,
{
    let Ok(response) = service.oneshot(Request::new(())).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await;
    let Ok(body) = body;
    (status, String::from_utf8(body.to_bytes().to_vec()).unwrap())
}

#[tokio::test]
async fn l7_a_process_is_ready_from_its_start_until_it_drains() {
    let readyz = Readyz::new();
    let handle = readyz.handle();
    assert_eq!(probe(readyz.clone()).await, (503, "starting\n".to_owned()));
    handle.started();
    assert_eq!(probe(readyz.clone()).await, (200, "ok\n".to_owned()));
    handle.drain();
    handle.started();
    assert_eq!(probe(readyz.clone()).await, (503, "draining\n".to_owned()));
    assert_eq!(
        probe(Livez).await,
        (200, "ok\n".to_owned()),
        "it isn't restarted"
    );
}

#[tokio::test]
async fn l7_a_process_that_is_stopped_before_it_started_is_never_ready() {
    let readyz = Readyz::new();
    readyz.handle().drain();
    readyz.handle().started();
    assert_eq!(probe(readyz).await.0, 503);
}

#[tokio::test(start_paused = true)]
async fn l7_a_check_that_fails_hangs_or_panics_is_named() {
    let readyz = Readyz::new()
        .check("store", || async {
            Err(io::Error::other("connection refused"))
        })
        .check("queue", pending::<io::Result<()>>)
        .check("database", || async { Ok::<_, io::Error>(()) })
        .check("odd", || async { panic!("on purpose") as io::Result<()> });
    readyz.handle().started();
    let began = tokio::time::Instant::now();
    let (status, text) = probe(readyz).await;
    assert_eq!(status, 503);
    assert_eq!(
        text,
        "store: connection refused\nqueue: no answer in time\nodd: the check panicked\n"
    );
    assert_eq!(
        began.elapsed(),
        Duration::from_millis(800),
        "they ran beside one another, and below Kubernetes' own limit of a second"
    );
}

#[tokio::test(start_paused = true)]
async fn l7_a_watch_returns_each_change_until_the_process_drains() {
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let readyz = Readyz::new().check("store", move || {
        let is_down = down.load(Ordering::Relaxed);
        ready(if is_down {
            Err(io::Error::other("connection refused"))
        } else {
            Ok(())
        })
    });
    let handle = readyz.handle();
    let mut watch = readyz.watch(Duration::from_secs(60));
    let began = tokio::time::Instant::now();
    assert_eq!(watch.next().await.unwrap().reasons, ["starting"]);
    // A start is seen at once, a check that fails or recovers at the next interval.
    handle.started();
    assert!(watch.next().await.unwrap().is_ready());
    assert_eq!(began.elapsed(), Duration::ZERO);
    // Readiness that stays the same is no change.
    let unchanged = timeout(Duration::from_secs(150), watch.next());
    unchanged.await.unwrap_err();
    for (down, reasons) in [(true, &["store: connection refused"][..]), (false, &[][..])] {
        is_down.store(down, Ordering::Relaxed);
        assert_eq!(watch.next().await.unwrap().reasons, reasons);
    }
    let looked = tokio::time::Instant::now();
    let (drained, ()) = tokio::join!(watch.next(), async { handle.drain() });
    assert_eq!(drained.unwrap().reasons, ["draining"]);
    assert_eq!(looked.elapsed(), Duration::ZERO);
    assert!(watch.next().await.is_none() && watch.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn l7_the_webhook_and_what_waits_at_telegram_count() {
    let telegram = service_fn(|_: ApiRequest| async {
        Ok::<_, Infallible>(ApiResponse::new(
            r#"{"url":"https://bot.example/x","has_custom_certificate":false,"pending_update_count":7}"#,
        ))
    });
    for (url, max, expected) in [
        ("https://bot.example/x", 7, "ok\n"),
        (
            "https://bot.example/x",
            6,
            "pending: 7 updates wait, over 6\n",
        ),
        (
            "https://bot.example/y",
            7,
            "webhook: the webhook has another url\n",
        ),
    ] {
        let wanted = SetWebhook::new(url);
        let health = WebhookHealth::new(Client::from_service(telegram), &wanted);
        let handle = health.handle();
        let readyz = Readyz::new().webhook(health.handle());
        let readyz = readyz.max_pending(health.handle(), max);
        readyz.handle().started();
        let unknown = "webhook: not looked at yet\npending: not looked at yet\n".to_owned();
        assert_eq!(probe(readyz.clone()).await, (503, unknown));
        let watching = tokio::spawn(health.run());
        until("it was looked at", || handle.latest().health.is_some()).await;
        let (status, text) = probe(readyz).await;
        assert_eq!(text, expected);
        assert_eq!(status, if expected == "ok\n" { 200 } else { 503 });
        watching.abort();
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn l7_probes_are_services_for_axums_routes() {
    let readyz = Readyz::new();
    readyz.handle().started();
    let app: axum::Router = axum::Router::new()
        .route_service("/livez", Livez)
        .route_service("/readyz", readyz);
    for path in ["/livez", "/readyz"] {
        let request = Request::builder().uri(path).body(axum::body::Body::empty());
        let response = app.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], b"ok\n");
    }
}
