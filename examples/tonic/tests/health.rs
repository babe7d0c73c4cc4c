//! gRPC's health service in step with `/readyz`: its status is that of a watched `Readyz`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{net::SocketAddr, time::Duration};

use tokio::{net::TcpListener, time::timeout};
use tonic::{
    Streaming,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_health::{
    ServingStatus,
    pb::{
        HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus as Status,
        health_client::HealthClient,
    },
    server::{HealthReporter, health_reporter},
};
use tower_telegram::health::Readyz;

const SECOND: Duration = Duration::from_secs(1);

/// Serves gRPC's health protocol, and returns its address.
async fn serve(readyz: &Readyz) -> SocketAddr {
    let (reporter, health) = health_reporter();
    // A reporter starts with `SERVING`.
    reporter
        .set_service_status("", ServingStatus::NotServing)
        .await;
    tokio::spawn(report(readyz.clone(), reporter));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

/// Keeps the status in step until the process drains.
async fn report(readyz: Readyz, reporter: HealthReporter) {
    let mut watch = readyz.watch(SECOND / 20);
    while let Some(readiness) = watch.next().await {
        let status = if readiness.is_ready() {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        reporter.set_service_status("", status).await;
    }
    // Ends the streams of clients that watch the status, because a server waits for them at its shutdown.
    reporter.clone().clear_service_status("").await;
}

async fn connect(address: SocketAddr) -> HealthClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    HealthClient::new(endpoint.connect().await.unwrap())
}

/// The next status of those that a client watches; `None` once there is no more.
async fn next_status(watched: &mut Streaming<HealthCheckResponse>) -> Option<Status> {
    let next = timeout(60 * SECOND, watched.message()).await;
    let next = next.expect("a status, or the end").unwrap()?;
    Some(next.status())
}

#[tokio::test]
async fn l7_grpcs_health_service_serves_from_the_start_until_the_process_drains() {
    let store_is_up = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_up = store_is_up.clone();
    let readyz = Readyz::new().check("store", move || {
        let is_up = is_up.load(std::sync::atomic::Ordering::Relaxed);
        async move { is_up.then_some(()).ok_or("the store is down") }
    });
    let process = readyz.handle();
    let mut health = connect(serve(&readyz).await).await;
    let watched = health.watch(HealthCheckRequest::default()).await;
    let mut watched = watched.unwrap().into_inner();
    assert_eq!(next_status(&mut watched).await, Some(Status::NotServing));

    process.started();
    assert_eq!(next_status(&mut watched).await, Some(Status::Serving));
    store_is_up.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(next_status(&mut watched).await, Some(Status::NotServing));
    let checked = health.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(checked.into_inner().status(), Status::NotServing);
    store_is_up.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(next_status(&mut watched).await, Some(Status::Serving));

    process.drain();
    assert_eq!(next_status(&mut watched).await, Some(Status::NotServing));
    assert_eq!(next_status(&mut watched).await, None);
}
