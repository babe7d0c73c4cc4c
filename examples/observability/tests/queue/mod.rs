//! A worker of a queue on Redis, in the test's own process, with its metrics at an address of its own.

use std::net::SocketAddr;

use axum::routing::get;
use metrics_exporter_prometheus::PrometheusBuilder;
use redis::aio::ConnectionManagerConfig;
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use tower_telegram::{
    Client,
    redis::RedisQueue,
    trace::describe_metrics,
    types::Update,
    webhook::{RawUpdate, Webhook},
};
use tower_telegram_test::Telegram;

use crate::redis_server::RedisServer;

/// Starts a worker that has three updates of two chats to handle, which take longer than the test. Returns the address
/// of its metrics.
pub(crate) async fn start_worker(redis: &RedisServer, telegram: &Telegram) -> SocketAddr {
    let redis = redis::Client::open(redis.url()).unwrap();
    let connection = redis.get_connection_manager_lazy(ConnectionManagerConfig::new());
    let queue = RedisQueue::new(connection.unwrap(), "bot").partitions(4);
    for (update_id, chat) in [(1, 20), (2, 20), (3, 21)] {
        let message =
            format!(r#"{{"message_id":1,"date":0,"chat":{{"id":{chat},"type":"private"}}}}"#);
        let update = format!(r#"{{"update_id":{update_id},"message":{message}}}"#);
        let request = http::Request::new(RawUpdate::from_bytes(update.into()).unwrap());
        let added = queue.service().oneshot(request).await.unwrap();
        assert_eq!(added.status(), 200);
    }

    let recorder = PrometheusBuilder::new().with_recommended_naming(true);
    let metrics = recorder.install_recorder().unwrap();
    // With its units, which are part of the names.
    describe_metrics();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().route("/metrics", get(async move || metrics.render()));
    tokio::spawn(async move { axum::serve(listener, app).await });

    let token = telegram.token().parse().unwrap();
    let client = Client::with_base_url(&token, telegram.api_url()).unwrap();
    let handler = Webhook::without_secret_token()
        .handler(async |_: Update| std::future::pending::<()>().await);
    let worker = queue.worker(client);
    tokio::spawn(async move { worker.run(handler.into_updates()).await });
    address
}
